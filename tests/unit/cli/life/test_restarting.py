from datetime import UTC, datetime
from pathlib import Path

import pytest

from nemotron_operator.cli.cluster_access import ClusterTarget
from nemotron_operator.cli.life.restarting import restart_model
from nemotron_operator.cli.life.waiting import Wait
from nemotron_operator.cluster.kinds import NEMOTRON
from tests.unit.cli.cache.cluster_api import Body, ClusterApi
from tests.unit.cli.command import nemoctl
from tests.unit.cli.life.models import (
    NAME,
    NOW,
    a_spec,
    a_status,
    a_template,
    not_ready,
    restart_of,
    serve,
    spec_of,
)

Login = tuple[str, Path]

SERVING = a_status(a_template())
RESTARTED = a_status(a_template(), restarted_at=NOW)


def restart(cluster: ClusterApi, tmp_path: Path, wait: Wait | None = None) -> int:
    """Restart at a known time."""
    target = ClusterTarget(kubeconfig=cluster.write_kubeconfig(tmp_path / "k.yaml"))
    return restart_model(NAME, target, wait, now=lambda: datetime(2026, 11, 26, 12, tzinfo=UTC))


def test_a_restart_is_asked_for_by_an_annotation(
    cluster: ClusterApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(cluster, a_spec(), SERVING)
    assert 0 == restart(cluster, tmp_path)
    assert (NOW, a_spec(), ["nemoctl"]) == (restart_of(cluster), spec_of(cluster), cluster.managers)
    expected = (
        "nemoctl: 'nemotron' is restarted: its pods are replaced by the rollout strategy. "
        "`nemoctl status nemotron -n team` shows it.\n"
    )
    assert expected == capsys.readouterr().err


@pytest.mark.parametrize(
    ("spec", "status", "reason"),
    [
        (
            a_spec(suspend=True),
            SERVING,
            "'nemotron' is suspended, so nothing runs. `nemoctl resume nemotron -n team` starts it.",
        ),
        (
            a_spec(replicas=0),
            SERVING,
            (
                "spec.replicas of 'nemotron' is 0, so nothing runs. "
                "`kubectl scale nemotrondeployment nemotron -n team --replicas=1` starts one."
            ),
        ),
        (
            a_spec(),
            a_status(None, conditions=not_ready("Downloading", "12 % of 68 GiB.")),
            "There are no pods of the spec of 'nemotron' that could be restarted. Ready is False: 12 % of 68 GiB.",
        ),
        (
            a_spec(),
            {},
            "There are no pods of the spec of 'nemotron' that could be restarted. The operator has not seen it yet.",
        ),
    ],
)
def test_where_nothing_runs_nothing_is_restarted(
    cluster: ClusterApi, login: Login, spec: Body, status: Body, reason: str
) -> None:
    serve(cluster, spec, status)
    answer = nemoctl("restart", NAME, *login)
    assert (1, "", f"nemoctl: {reason}\n", []) == (answer.code, answer.out, answer.err, cluster.writes)


def answer_with(cluster: ClusterApi, status: Body) -> None:
    """Have the operator answer a restart with a status."""

    def answer(api: ClusterApi, path: str, body: Body) -> None:
        del path
        api.put(NEMOTRON, {**body, "status": status})

    cluster.after_write = answer


def test_pods_from_before_the_restart_are_no_success(
    cluster: ClusterApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(cluster, a_spec(), SERVING)
    assert 1 == restart(cluster, tmp_path, Wait(1, poll_seconds=0.01))
    assert "'nemotron' is ready" not in capsys.readouterr().err


def test_a_restart_is_waited_for_until_the_new_pods_serve(
    cluster: ClusterApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(cluster, a_spec(), SERVING)
    answer_with(cluster, RESTARTED)
    assert 0 == restart(cluster, tmp_path, Wait(30, poll_seconds=0.01))
    assert "nemoctl: 'nemotron' is ready: 1 of 1 replicas serve." == capsys.readouterr().err.splitlines()[-1]


def test_a_restart_that_needs_somebody_to_act_is_the_end(
    cluster: ClusterApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(cluster, a_spec(), SERVING)
    answer_with(cluster, {**RESTARTED, "conditions": not_ready("CrashLoop", "Out of memory.", is_stalled=True)})
    assert 1 == restart(cluster, tmp_path, Wait(30, poll_seconds=0.01))
    expected = "nemoctl: 'nemotron' does not come to serve (CrashLoop): Out of memory."
    assert expected == capsys.readouterr().err.splitlines()[-1]
