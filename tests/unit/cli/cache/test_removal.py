from pathlib import Path

import pytest

from nemotron_operator.cluster.kinds import CLAIM, NEMOTRON, POD
from tests.unit.cli.cache.cluster_api import NO_RIGHT, Body, ClusterApi
from tests.unit.cli.cache.volumes import COMMIT, a_claim, a_pod, a_user
from tests.unit.cli.command import nemoctl

Login = tuple[str, Path]

VOLUME = f"the volume 'model-a' in namespace 'team' (acme/llama-70b at {COMMIT[:12]}, 68.00 GiB)"


def test_a_volume_that_nobody_uses_is_deleted(cluster: ClusterApi, login: Login) -> None:
    cluster.put(CLAIM, a_claim())
    answer = nemoctl("cache", "rm", "model-a", "--yes", *login)
    assert (0, f"Deleted {VOLUME}.\n", "") == (answer.code, answer.out, answer.err)
    assert [("DELETE", CLAIM.path("team", "model-a"))] == cluster.writes


def test_a_dry_run_deletes_nothing(cluster: ClusterApi, login: Login) -> None:
    cluster.put(CLAIM, a_claim())
    answer = nemoctl("cache", "rm", "model-a", "--dry-run", *login)
    assert (0, f"Would delete {VOLUME}.\n") == (answer.code, answer.out)
    assert [] == cluster.writes


def test_where_nobody_can_be_asked_yes_is_needed(cluster: ClusterApi, login: Login) -> None:
    cluster.put(CLAIM, a_claim())
    answer = nemoctl("cache", "rm", "model-a", *login)
    assert (1, "", []) == (answer.code, answer.out, cluster.writes)
    assert f"nemoctl: T{VOLUME[1:]} would be deleted. Give --yes, since nobody is here to be asked.\n" == answer.err


@pytest.mark.parametrize(("said", "code"), [("y\n", 0), ("n\n", 1), ("\n", 1)])
def test_a_person_is_asked(
    cluster: ClusterApi, login: Login, monkeypatch: pytest.MonkeyPatch, said: str, code: int
) -> None:
    cluster.put(CLAIM, a_claim())
    monkeypatch.setattr("nemotron_operator.cli.cache.removal.is_somebody_there", lambda: True)
    answer = nemoctl("cache", "rm", "model-a", *login, text=said)
    assert f"Delete {VOLUME}? It would have to be fetched again. [y/N]:" in answer.err
    assert (code, 1 - code) == (answer.code, len(cluster.writes))


def refuses(cluster: ClusterApi, login: Login) -> str:
    """Run `rm`, which has to refuse with one line even if it is confirmed, and give the line."""
    answer = nemoctl("cache", "rm", "model-a", "--yes", *login)
    assert (1, "", 1, []) == (answer.code, answer.out, answer.err.count("\n"), cluster.writes)
    return answer.err.removeprefix("nemoctl: ").rstrip("\n")


def test_a_volume_that_a_deployment_uses_is_refused(cluster: ClusterApi, login: Login) -> None:
    cluster.put(CLAIM, a_claim())
    cluster.put(NEMOTRON, a_user("b"))
    expected = (
        "1 NemotronDeployment names the claim 'model-a': b. `kubectl delete nemotrondeployment b -n team` deletes it "
        "first."
    )
    assert expected == refuses(cluster, login)
    cluster.put(NEMOTRON, a_user("a"))
    assert refuses(cluster, login).startswith("2 NemotronDeployments name the claim 'model-a': a, b. ")


@pytest.mark.parametrize(
    "spec",
    [
        {"model": {"name": "m"}, "cache": {"existingClaim": "model-a"}},
        {"model": {"source": {"persistentVolumeClaim": {"claimName": "model-a", "path": "x"}}}},
    ],
)
def test_a_deployment_that_the_operator_has_not_seen_yet_counts(cluster: ClusterApi, login: Login, spec: Body) -> None:
    cluster.put(CLAIM, a_claim())
    cluster.put(NEMOTRON, {"metadata": {"name": "new"}, "spec": spec})
    assert refuses(cluster, login).startswith("1 NemotronDeployment names the claim 'model-a': new. ")


def test_a_volume_that_a_pod_mounts_is_refused(cluster: ClusterApi, login: Login) -> None:
    cluster.put(CLAIM, a_claim())
    cluster.put(POD, a_pod("ended", phase="Succeeded"))
    cluster.put(POD, a_pod("elsewhere", claim="other"))
    cluster.put(POD, a_pod("busy"))
    expected = "1 pod mounts the claim 'model-a': busy. Wait until it ends: `kubectl get pod busy -n team`."
    assert expected == refuses(cluster, login)


def test_pods_that_ended_or_mount_other_volumes_hold_nothing(cluster: ClusterApi, login: Login) -> None:
    cluster.put(CLAIM, a_claim())
    cluster.put(POD, a_pod("ended", phase="Succeeded"))
    cluster.put(POD, a_pod("failed", phase="Failed"))
    cluster.put(POD, a_pod("elsewhere", claim="other"))
    assert 0 == nemoctl("cache", "rm", "model-a", "--yes", *login).code


@pytest.mark.parametrize(
    ("labels", "maker"),
    [({}, "no label says who"), ({"app.kubernetes.io/managed-by": "Helm"}, "Helm")],
)
def test_a_claim_of_somebody_else_is_refused(
    cluster: ClusterApi, login: Login, labels: dict[str, str], maker: str
) -> None:
    claim = a_claim()
    claim["metadata"]["labels"] = labels
    cluster.put(CLAIM, claim)
    expected = (
        f"The claim 'model-a' was not made by nemotron-operator ({maker}), and stays. `nemoctl cache ls -n team` lists "
        "those that it made."
    )
    assert expected == refuses(cluster, login)


def test_a_volume_that_is_not_there_is_told_with_what_there_is(cluster: ClusterApi, login: Login) -> None:
    cluster.put(CLAIM, a_claim("model-b"))
    answer = nemoctl("cache", "rm", "model-a", "--yes", *login)
    assert "nemoctl: There is no volume 'model-a' in namespace 'team'. There is: model-b.\n" == answer.err
    assert 2 == answer.code


def test_a_volume_without_a_finished_download_can_be_deleted(cluster: ClusterApi, login: Login) -> None:
    cluster.put(CLAIM, a_claim(cached=None))
    answer = nemoctl("cache", "rm", "model-a", "--yes", *login)
    assert "Deleted the volume 'model-a' in namespace 'team' (nothing complete on it).\n" == answer.out


def test_a_missing_permission_says_how_to_check_it(cluster: ClusterApi, login: Login) -> None:
    cluster.put(CLAIM, a_claim())
    cluster.refusals["DELETE", "persistentvolumeclaims"] = NO_RIGHT
    answer = nemoctl("cache", "rm", "model-a", "--yes", *login)
    assert "Your credentials may not delete persistentvolumeclaims in namespace 'team'. " in answer.err
    assert "`kubectl auth can-i delete persistentvolumeclaims -n team`" in answer.err
