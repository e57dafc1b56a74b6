import json
from pathlib import Path

import pytest

from nemotron_operator.cli.cluster_access import ClusterTarget
from nemotron_operator.cli.life.suspension import resume_model, suspend_model
from nemotron_operator.cli.life.waiting import Wait
from nemotron_operator.cluster.kinds import NEMOTRON, POD
from tests.unit.cli.cache.cluster_api import NO_RIGHT, Body, ClusterApi
from tests.unit.cli.command import nemoctl
from tests.unit.cli.life.models import NAME, a_spec, a_status, a_template, not_ready, put_pod, serve, spec_of

Login = tuple[str, Path]

SERVING = a_status(a_template())
SUSPENDED = a_spec(suspend=True)
PATCHED = [("PATCH", NEMOTRON.path("team", NAME))]


def a_target(cluster: ClusterApi, tmp_path: Path) -> ClusterTarget:
    return ClusterTarget(kubeconfig=cluster.write_kubeconfig(tmp_path / "k.yaml"))


def test_suspend_sets_the_field_under_its_own_name(cluster: ClusterApi, login: Login) -> None:
    serve(cluster, a_spec(), SERVING)
    answer = nemoctl("suspend", NAME, *login)
    expected = (
        "nemoctl: 'nemotron' is suspended: requests in flight end, then its pods go. Weights and settings stay. "
        "`nemoctl resume nemotron -n team` lets it serve again.\n"
    )
    assert (0, "", expected) == (answer.code, answer.out, answer.err)
    assert (SUSPENDED, PATCHED, ["nemoctl"]) == (spec_of(cluster), cluster.writes, cluster.managers)


def test_suspending_again_writes_nothing(cluster: ClusterApi, login: Login) -> None:
    serve(cluster, SUSPENDED, SERVING)
    answer = nemoctl("suspend", NAME, *login)
    assert (0, "nemoctl: 'nemotron' is suspended already.\n", []) == (answer.code, answer.err, cluster.writes)


def test_resume_takes_it_back(cluster: ClusterApi, login: Login) -> None:
    serve(cluster, SUSPENDED, SERVING)
    answer = nemoctl("resume", NAME, *login)
    expected = "nemoctl: 'nemotron' is resumed. `nemoctl status nemotron -n team` shows when 1 replica serves.\n"
    assert (0, expected) == (answer.code, answer.err)
    assert (a_spec(), PATCHED) == (spec_of(cluster), cluster.writes)


def test_resuming_what_is_not_suspended_writes_nothing(cluster: ClusterApi, login: Login) -> None:
    serve(cluster, a_spec(replicas=2), SERVING)
    answer = nemoctl("resume", NAME, *login)
    expected = "nemoctl: 'nemotron' is not suspended. `nemoctl status nemotron -n team` shows when 2 replicas serve.\n"
    assert (0, expected, []) == (answer.code, answer.err, cluster.writes)


def test_resume_tells_the_least_number_of_a_scaler(cluster: ClusterApi, login: Login) -> None:
    serve(cluster, a_spec(suspend=True, replicas=0, autoscaling={"minReplicas": 2, "maxReplicas": 4}), SERVING)
    expected = "nemoctl: 'nemotron' is resumed. `nemoctl status nemotron -n team` shows when 2 replicas serve.\n"
    assert expected == nemoctl("resume", NAME, *login).err


def test_resume_tells_that_no_replica_is_asked_for(cluster: ClusterApi, login: Login) -> None:
    serve(cluster, a_spec(suspend=True, replicas=0), SERVING)
    expected = (
        "nemoctl: 'nemotron' is resumed. But spec.replicas is 0, so nothing starts: "
        "`kubectl scale nemotrondeployment nemotron -n team --replicas=1`.\n"
    )
    assert expected == nemoctl("resume", NAME, *login).err


def test_suspend_is_waited_for_until_the_last_pod_is_gone(
    cluster: ClusterApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(cluster, a_spec(), SERVING)
    put_pod(cluster)

    def stop(api: ClusterApi, path: str, body: Body) -> None:
        del path
        stopped = {"observedGeneration": body["metadata"]["generation"], "replicas": 0}
        api.put(NEMOTRON, {**body, "status": stopped})

    cluster.after_write = stop
    assert 1 == suspend_model(NAME, a_target(cluster, tmp_path), Wait(1, poll_seconds=0.01))
    said = capsys.readouterr().err.splitlines()
    assert "nemoctl: 1 pod of 'nemotron' still ends." == said[1]
    assert said[2].startswith("nemoctl: Not within 1 s; it goes on in the cluster, and `nemoctl status nemotron")

    del cluster.objects[POD.path("team", "nemotron-1")]
    assert 0 == suspend_model(NAME, a_target(cluster, tmp_path), Wait(30, poll_seconds=0.01))
    expected = "nemoctl: No pod of 'nemotron' is left; its GPUs are free."
    assert expected == capsys.readouterr().err.splitlines()[-1]


def test_without_the_right_to_list_pods_the_status_has_to_do(
    cluster: ClusterApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(cluster, SUSPENDED, {**SERVING, "replicas": 0})
    cluster.refusals["GET", "pods"] = NO_RIGHT
    assert 0 == suspend_model(NAME, a_target(cluster, tmp_path), Wait(30, poll_seconds=0.01))
    assert "No pod of 'nemotron' is left" in capsys.readouterr().err


def test_resume_is_waited_for_and_tells_what_is_missing(
    cluster: ClusterApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(cluster, SUSPENDED, SERVING)

    def start(api: ClusterApi, path: str, body: Body) -> None:
        del path
        waiting = not_ready("WaitingForGPU", "needs 8 free H100-80GB on one node; the best node, h100-0, has 6.")
        api.put(NEMOTRON, {**body, "status": {"observedGeneration": 2, "conditions": waiting}})

    cluster.after_write = start
    assert 1 == resume_model(NAME, a_target(cluster, tmp_path), Wait(1, poll_seconds=0.01))
    assert 1 == capsys.readouterr().err.count("nemoctl: needs 8 free H100-80GB on one node")


def test_an_operator_that_is_away_is_told_as_such(
    cluster: ClusterApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(cluster, SUSPENDED, SERVING)
    assert 1 == resume_model(NAME, a_target(cluster, tmp_path), Wait(1, poll_seconds=0.01))
    assert "Not within 1 s; the operator has not taken it up." in capsys.readouterr().err


def test_a_missing_right_is_told(cluster: ClusterApi, login: Login) -> None:
    serve(cluster, a_spec(), SERVING)
    cluster.refusals["PATCH", "nemotrondeployments"] = NO_RIGHT
    answer = nemoctl("suspend", NAME, *login)
    expected = (
        "nemoctl: Your credentials may not patch nemotrondeployments.nemotron.dev in namespace 'team'. Check with "
        "`kubectl auth can-i patch nemotrondeployments -n team`, and have the platform team bind a role that may.\n"
    )
    assert (2, expected) == (answer.code, answer.err)


def test_a_resource_that_was_made_anew_meanwhile_is_left_alone(cluster: ClusterApi, login: Login) -> None:
    serve(cluster, a_spec(), SERVING)

    def make_anew(api: ClusterApi, path: str) -> None:
        del path
        serve(api, a_spec(), SERVING, uid="another")

    cluster.before_patch = make_anew
    answer = nemoctl("suspend", NAME, *login)
    assert (2, a_spec()) == (answer.code, spec_of(cluster))
    assert answer.err.startswith("nemoctl: 'nemotron' is not what it was a moment ago; nothing was changed.")


@pytest.mark.parametrize("command", ["suspend", "resume", "restart", "adopt", "history", "rollback"])
def test_a_missing_deployment_is_told_with_what_there_is(cluster: ClusterApi, login: Login, command: str) -> None:
    serve(cluster, a_spec(), SERVING)
    answer = nemoctl(command, "nemotro", *login)
    expected = "nemoctl: There is no NemotronDeployment 'nemotro' in namespace 'team'. There is: nemotron.\n"
    assert (2, "", expected) == (answer.code, answer.out, answer.err)


def a_flux_entry(**spec: object) -> Body:
    return {"manager": "kustomize-controller", "operation": "Apply", "fieldsV1": {"f:spec": {"f:model": {}, **spec}}}


FLUX = "nemoctl: Flux brings this resource, and puts its own spec back within its interval: change it in git, too.\n"


@pytest.mark.parametrize(("fields", "warning"), [({"f:suspend": {}}, FLUX), ({}, "")])
def test_a_gitops_tool_is_warned_of_only_where_it_names_the_field(
    cluster: ClusterApi, login: Login, fields: Body, warning: str
) -> None:
    serve(cluster, a_spec(), SERVING, managedFields=[a_flux_entry(**fields)])
    assert nemoctl("suspend", NAME, *login).err.endswith(f"lets it serve again.\n{warning}")


@pytest.mark.parametrize(("spec", "warnings"), [({"suspend": False}, 1), ({}, 0)])
def test_a_file_is_warned_of_only_where_it_names_the_field(
    cluster: ClusterApi, login: Login, spec: Body, warnings: int
) -> None:
    applied = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps({"spec": spec})}
    serve(cluster, a_spec(), SERVING, annotations=applied)
    assert warnings == nemoctl("suspend", NAME, *login).err.count("the next `kubectl apply`")
