from pathlib import Path
from typing import Any

import pytest

from nemotron_operator.cli.bundle.claim import render_claim
from nemotron_operator.cli.bundle.loader import LABELS, describe_waiting, is_running, render_loader
from nemotron_operator.cli.bundle.resource import PlannedBundle, plan_body, with_cache
from nemotron_operator.cli.offline import read_offline
from nemotron_operator.constants import DEPLOYMENT_LABEL
from nemotron_operator.errors import OperatorError
from nemotron_operator.plan.names import name_shared_claim
from nemotron_operator.render.manifests import render
from tests.support.kubernetes_rules import is_dns_label, is_label_key, is_label_value, walk
from tests.unit.cli.bundle.bundles import CONFIG, REPOSITORY, RESOURCE


def plan(config: Path | None = CONFIG, **spec: object) -> PlannedBundle:
    body = {**RESOURCE, "metadata": {"name": "tiny", "namespace": "team"}, "spec": {**RESOURCE["spec"], **spec}}
    return plan_body(body, read_offline(config))


def container_of(pod: dict[str, Any]) -> dict[str, Any]:
    (container,) = pod["spec"]["containers"]
    return dict(container)


def test_the_pod_keeps_the_restricted_pod_security_standard() -> None:
    pod = render_loader(plan())
    spec, container = pod["spec"], container_of(pod)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert 0 < spec["securityContext"]["runAsUser"]
    assert {"type": "RuntimeDefault"} == spec["securityContext"]["seccompProfile"]
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers", "serviceAccountName"} & set(spec)
    assert (False, False) == (spec["automountServiceAccountToken"], spec["enableServiceLinks"])
    security = container["securityContext"]
    assert (False, True) == (security["allowPrivilegeEscalation"], security["readOnlyRootFilesystem"])
    assert {"drop": ["ALL"]} == security["capabilities"]
    assert all(set(volume) <= {"name", "persistentVolumeClaim", "emptyDir"} for volume in spec["volumes"])
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in spec["volumes"]}


def test_the_pod_is_placed_as_the_cache_job_and_writes_as_its_user() -> None:
    """So the volume is made where the GPUs are, and what is written can be read there."""
    planned = plan(podTemplate={"tolerations": [{"key": "team", "operator": "Exists"}], "imagePullSecrets": ["pull"]})
    job = render(planned.plan).download_job
    assert job is not None
    expected, found = job["spec"]["template"]["spec"], render_loader(planned)["spec"]
    for field in ("affinity", "tolerations", "imagePullSecrets", "securityContext"):
        assert expected[field] == found[field], field
    assert container_of(job["spec"]["template"])["image"] == container_of(render_loader(planned))["image"]
    claims = [volume.get("persistentVolumeClaim") for volume in (expected["volumes"][0], found["volumes"][0])]
    assert claims[0] == claims[1]


def test_the_operator_does_not_take_the_pod_for_its_own() -> None:
    labels = render_loader(plan(podTemplate={"labels": {"team": "a"}}))["metadata"]["labels"]
    assert {**LABELS, "team": "a"} == labels
    assert DEPLOYMENT_LABEL not in labels


def test_every_name_and_label_is_one_that_the_api_server_takes() -> None:
    pod = render_loader(plan())
    assert is_dns_label(pod["metadata"]["name"])
    assert all(is_label_key(key) and is_label_value(value) for key, value in pod["metadata"]["labels"].items())
    assert all(is_label_key(key) and isinstance(value, str) for key, value in pod["metadata"]["annotations"].items())
    assert all(value is not None for _, value in walk(pod))


def test_the_claim_is_the_operators_own_to_the_last_annotation() -> None:
    planned = plan()
    assert render(planned.plan).claim == render_claim(planned)
    claim = render_claim(planned)
    assert name_shared_claim(REPOSITORY, "main") == claim["metadata"]["name"] == planned.claim_name
    assert "nemotron.dev/intent" in claim["metadata"]["annotations"]
    assert "nemotron.dev/cached-model" not in claim["metadata"]["annotations"]


def test_the_command_line_chooses_class_size_and_modes() -> None:
    body = with_cache(plan().body, storageClassName="fast", size="2Gi", accessModes=["ReadWriteMany"])
    spec = render_claim(plan_body(body, read_offline(CONFIG)))["spec"]
    assert ("fast", "2Gi", ["ReadWriteMany"]) == (
        spec["storageClassName"],
        spec["resources"]["requests"]["storage"],
        spec["accessModes"],
    )
    assert plan().body == with_cache(plan().body, storageClassName=None, size=None, accessModes=[])


def test_a_volume_that_is_too_small_is_refused_before_anything_is_made() -> None:
    with pytest.raises(OperatorError, match="tiny: CacheTooSmall: "):
        plan_body(with_cache(plan().body, size="1Ki"), read_offline(CONFIG))


def a_pod(**status: object) -> dict[str, Any]:
    return {"metadata": {"name": "import-a"}, "status": status}


def a_waiting_pod(reason: str) -> dict[str, Any]:
    waiting = {"reason": reason, "message": "pulling failed."}
    return a_pod(containerStatuses=[{"name": "receive", "image": "op:1", "state": {"waiting": waiting}}])


def test_what_a_pod_waits_for_is_told() -> None:
    unschedulable = {"type": "PodScheduled", "reason": "Unschedulable", "message": "0/3 nodes are available."}
    assert "it is not scheduled yet." == describe_waiting({"metadata": {"name": "a"}})
    assert "0/3 nodes are available." == describe_waiting(a_pod(conditions=[unschedulable]))
    assert "ContainerCreating." == describe_waiting(a_waiting_pod("ContainerCreating"))


def test_a_pod_that_runs_is_told_from_one_that_does_not() -> None:
    assert is_running(a_pod(containerStatuses=[{"name": "receive", "state": {"running": {}}}]))
    assert not is_running(a_waiting_pod("ContainerCreating"))
    assert not is_running(a_pod(containerStatuses=[{"name": "mesh", "state": {"running": {}}}]))


def test_an_image_that_the_cluster_has_not_is_first_looked_for_in_the_operators_configuration() -> None:
    """A cluster with a registry of its own has the image: only this nemoctl does not know under which name."""
    with pytest.raises(OperatorError) as raised:
        describe_waiting(a_waiting_pod("ImagePullBackOff"))
    assert (
        "The pod 'import-a' cannot run the image op:1: ImagePullBackOff: pulling failed. Give the operator's "
        "configuration with --operator-config or NEMOTRON_OPERATOR_CONFIG: its downloaderImage is the one that the "
        "cluster has. Where that is the image already, carry it into the cluster's registry."
    ) == str(raised.value)


def test_a_pod_that_cannot_run_ends_the_wait() -> None:
    with pytest.raises(OperatorError, match=r"cannot run the image op:1: ImagePullBackOff: pulling failed\. Give the"):
        describe_waiting(a_waiting_pod("ImagePullBackOff"))
    with pytest.raises(OperatorError, match=r"^The pod 'import-a' ended before anything was sent: Evicted\.$"):
        describe_waiting(a_pod(phase="Failed", reason="Evicted"))
