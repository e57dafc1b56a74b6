from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nemotron_operator.cli.cache.verification import verify_model
from nemotron_operator.cli.cluster_access import ClusterTarget
from nemotron_operator.cluster.kinds import NEMOTRON
from nemotron_operator.render.metadata import CHECK_REQUEST_ANNOTATION
from tests.unit.cli.cache.cluster_api import Body, ClusterApi
from tests.unit.cli.cache.volumes import COMMIT, a_user
from tests.unit.cli.command import nemoctl

Login = tuple[str, Path]

BEFORE, NOW, AFTER = "2026-11-24T08:00:00Z", "2026-11-26T12:00:00Z", "2026-11-26T12:03:00Z"


def a_cached(verified_at: str = BEFORE, reason: str = "Cached", message: str = "It is there.") -> Body:
    body = a_user(commit=COMMIT, bytes=68 << 30, files=26, verifiedAt=verified_at)
    condition = {
        "type": "ModelCached",
        "status": "False" if reason == "Damaged" else "True",
        "reason": reason,
        "message": message,
        "observedGeneration": 1,
        "lastTransitionTime": BEFORE,
    }
    body["status"]["conditions"] = [condition]
    return body


def verify(cluster: ClusterApi, tmp_path: Path, timeout_seconds: int | None = 30) -> int:
    """Ask at a known time, and look at the status all the time."""
    target = ClusterTarget(kubeconfig=cluster.write_kubeconfig(tmp_path / "k.yaml"))
    now = datetime(2026, 11, 26, 12, 0, 0, 999, tzinfo=UTC)
    return verify_model("nemotron", target, timeout_seconds, now=lambda: now, poll_seconds=0.01)


def answering(body: Body) -> Callable[[ClusterApi, str, Body], None]:
    """Make a cluster whose operator answers a request with a status."""

    def answer(api: ClusterApi, path: str, written: Body) -> None:
        del path
        if CHECK_REQUEST_ANNOTATION in written["metadata"].get("annotations", {}):
            api.put(NEMOTRON, {**written, "status": body["status"]})

    return answer


def test_a_verification_is_asked_for_by_an_annotation_and_waited_for(
    cluster: ClusterApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.put(NEMOTRON, a_cached())
    cluster.after_write = answering(a_cached(AFTER))
    assert 0 == verify(cluster, tmp_path)
    body = cluster.get(NEMOTRON, "nemotron")
    assert body is not None
    assert {CHECK_REQUEST_ANNOTATION: NOW} == body["metadata"]["annotations"]
    assert [
        "nemoctl: Waiting for the verification of 'nemotron'.",
        "nemoctl: All 26 files of 'nemotron' (68.00 GiB) are what was downloaded.",
    ] == capsys.readouterr().err.splitlines()


def test_damage_is_told_and_is_no_success(
    cluster: ClusterApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.put(NEMOTRON, a_cached())
    damaged = a_cached(reason="Damaged", message="a.safetensors differs.")
    cluster.after_write = answering(damaged)
    assert 1 == verify(cluster, tmp_path)
    assert "nemoctl: 'nemotron' is damaged: a.safetensors differs." == capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("verified_at", [BEFORE, "2026-11-26T11:59:59Z"])
def test_an_earlier_verification_is_no_answer(
    cluster: ClusterApi, tmp_path: Path, capsys: pytest.CaptureFixture[str], verified_at: str
) -> None:
    cluster.put(NEMOTRON, a_cached())
    cluster.after_write = answering(a_cached(verified_at))
    assert 1 == verify(cluster, tmp_path, timeout_seconds=1)
    assert (
        "nemoctl: No result within 1 s; the verification goes on in the cluster. "
        "`nemoctl status nemotron -n team` shows it."
    ) == capsys.readouterr().err.splitlines()[-1]


def test_progress_is_told_once_each(cluster: ClusterApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.put(NEMOTRON, a_cached())
    cluster.after_write = answering(a_cached(message="A Job reads 26 files."))
    assert 1 == verify(cluster, tmp_path, timeout_seconds=1)
    assert 1 == capsys.readouterr().err.count("A Job reads 26 files.")


def test_without_waiting_it_is_only_asked_for(cluster: ClusterApi, login: Login) -> None:
    cluster.put(NEMOTRON, a_cached())
    answer = nemoctl("cache", "verify", "nemotron", "--no-wait", *login)
    expected = (
        "nemoctl: The verification of 'nemotron' is asked for. `nemoctl status nemotron -n team` shows what it finds.\n"
    )
    assert (0, "", expected) == (answer.code, answer.out, answer.err)
    assert [("PATCH", NEMOTRON.path("team", "nemotron"))] == cluster.writes


def test_what_is_not_downloaded_cannot_be_verified(cluster: ClusterApi, login: Login) -> None:
    body = a_cached(reason="Downloading", message="12 % of 68 GiB.")
    del body["status"]["cache"]["commit"]
    cluster.put(NEMOTRON, body)
    answer = nemoctl("cache", "verify", "nemotron", *login)
    expected = (
        "nemoctl: 'nemotron' has no downloaded model that could be verified. ModelCached is True: 12 % of 68 GiB. "
        "`nemoctl status nemotron -n team` shows how far it is.\n"
    )
    assert (2, "", expected, []) == (answer.code, answer.out, answer.err, cluster.writes)


def test_a_missing_deployment_is_told_with_what_there_is(cluster: ClusterApi, login: Login) -> None:
    cluster.put(NEMOTRON, a_cached())
    answer = nemoctl("cache", "verify", "nemotro", *login)
    expected = "nemoctl: There is no NemotronDeployment 'nemotro' in namespace 'team'. There is: nemotron.\n"
    assert (2, expected) == (answer.code, answer.err)
