"""What `nemoctl batch` reads of a model before it makes anything."""

import asyncio

import pytest

from nemotron_operator.cli.batch.model import BatchModel, read_model
from nemotron_operator.cli.offline import Offline
from nemotron_operator.cluster.kinds import CLAIM, DEPLOYMENT, NEMOTRON, POD
from nemotron_operator.errors import OperatorError
from tests.support.fixtures.deployments import DeploymentBuilder, a_deployment
from tests.support.fixtures.live_objects import JSON, a_live_object, condition
from tests.support.fixtures.plans import CATALOG, CONFIG, render_cached, server_of
from tests.support.memory_gateway import MemoryGateway

OPEN = a_deployment()
ENCRYPTED = OPEN.having("tls", {"secretName": "our-tls"})


def read(
    asked: DeploymentBuilder, served: DeploymentBuilder | None, mode: str = "ReadWriteMany", user: JSON | None = None
) -> BatchModel:
    """Read what is asked for, where pods of another spec serve, or a pod has the weights."""
    gateway = MemoryGateway()
    if user is not None:
        gateway.put(POD, user)
    gateway.put(NEMOTRON, asked.body)
    if served is not None:
        manifests = render_cached(served)
        gateway.put(DEPLOYMENT, server_of(manifests))
        assert manifests.claim is not None
        access = {"accessModes": [mode]}
        gateway.put(CLAIM, a_live_object("PersistentVolumeClaim", manifests.claim["metadata"]["name"], spec=access))
    return asyncio.run(read_model(gateway, "team", "nemotron", Offline(CONFIG, CATALOG)))


@pytest.mark.parametrize(
    ("asked", "served", "scheme"),
    [
        (ENCRYPTED, None, "https"),
        (ENCRYPTED, ENCRYPTED, "https"),
        (ENCRYPTED, OPEN, "http"),
        (OPEN, ENCRYPTED, "https"),
    ],
    ids=["nothing serves", "it serves", "HTTP serves still", "HTTPS serves still"],
)
def test_what_serves_is_reached_as_it_serves(
    asked: DeploymentBuilder, served: DeploymentBuilder | None, scheme: str
) -> None:
    plan = read(asked, served).plan
    assert f"{scheme}://nemotron.team.svc:8000/v1" == plan.base_url
    trusted = None if plan.network.serving_tls is None else plan.network.serving_tls.secret_name
    assert ("our-tls" if scheme == "https" else None) == trusted


def find_claim_name() -> str:
    manifests = render_cached(OPEN)
    assert manifests.claim is not None
    name: str = manifests.claim["metadata"]["name"]
    return name


def a_user(**containers: list[JSON]) -> JSON:
    """Make a pod that lists the weights as its volume `v`."""
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": find_claim_name()}}]
    spec = {"nodeName": "gpu-7", "volumes": volumes, **containers}
    return a_live_object("Pod", "serving", spec=spec, status={"phase": "Running"})


MOUNTS: JSON = {"name": "vllm", "volumeMounts": [{"name": "v", "mountPath": "/models"}]}


def test_weights_for_one_node_that_no_pod_has_are_named_and_place_nothing() -> None:
    claim_name, user = find_claim_name(), a_user(containers=[MOUNTS])
    unused, used = (read(OPEN, OPEN, mode="ReadWriteOnce", user=each) for each in (None, user))
    assert (None, claim_name) == (unused.node, unused.unused_claim)
    assert ("gpu-7", None) == (used.node, used.unused_claim)
    everywhere = read(OPEN, OPEN)
    assert (None, None) == (everywhere.node, everywhere.unused_claim)


@pytest.mark.parametrize(
    "containers",
    [
        {"containers": [{"name": "beside"}, MOUNTS]},
        {"containers": [{"name": "beside"}], "initContainers": [MOUNTS]},
        {"containers": [{"name": "vllm", "volumeDevices": [{"name": "v", "devicePath": "/dev/models"}]}]},
    ],
    ids=["a container", "a container before", "a device"],
)
def test_a_pod_has_the_weights_if_one_of_its_containers_mounts_them(containers: dict[str, list[JSON]]) -> None:
    assert "gpu-7" == read(OPEN, OPEN, mode="ReadWriteOnce", user=a_user(**containers)).node
    with pytest.raises(OperatorError, match=r"The pod 'serving' has the volume .*`nemoctl suspend nemotron -n team`"):
        read(OPEN, OPEN, mode="ReadWriteOncePod", user=a_user(**containers))


@pytest.mark.parametrize("mode", ["ReadWriteOnce", "ReadWriteOncePod"])
def test_a_pod_that_lists_the_weights_and_mounts_something_else_has_them_not(mode: str) -> None:
    """Such a pod is nemoctl's own, left by one that was killed: it would refuse the same command, or tie it down."""
    mounts = [{"name": "batch", "mountPath": "/batch"}]
    read_so = read(OPEN, OPEN, mode=mode, user=a_user(containers=[{"name": "receive", "volumeMounts": mounts}]))
    assert (None, find_claim_name()) == (read_so.node, read_so.unused_claim)


def test_weights_that_are_gone_are_told_with_where_they_are_looked_for() -> None:
    gateway = MemoryGateway()
    gateway.put(NEMOTRON, OPEN.body)
    gateway.put(DEPLOYMENT, server_of(render_cached(OPEN)))
    with pytest.raises(OperatorError) as raised:
        asyncio.run(read_model(gateway, "team", "nemotron", Offline(CONFIG, CATALOG)))
    assert (
        f"There is no claim {find_claim_name()!r} in namespace 'team': the weights are gone. `nemoctl status nemotron "
        "-n team` says when they are fetched again."
    ) == str(raised.value)


SINCE = {"observedGeneration": 3, "lastTransitionTime": "2026-11-27T02:00:00Z"}

KEDA = OPEN.having("autoscaling", {"by": "KEDA", "maxReplicas": 3}).with_replicas(0)


def test_a_scaler_that_only_the_operators_configuration_knows_is_none_of_the_batchs_business() -> None:
    assert CONFIG.prometheus_url is None
    assert 3 == read(KEDA, OPEN).plan.most_replicas


def test_what_cannot_be_planned_may_be_for_want_of_the_operators_own_configuration() -> None:
    with pytest.raises(OperatorError, match=r"'nemotron' cannot be planned: .*--operator-config"):
        read(OPEN.with_accelerator("Unheard-Of"), None)


@pytest.mark.parametrize(
    ("reason", "is_at_zero"), [("ScaledToZero", True), ("Serving", False)], ids=["at zero", "serves"]
)
def test_a_model_at_zero_is_known_by_its_status(reason: str, is_at_zero: bool) -> None:  # noqa: FBT001 - a case
    status = {"conditions": [condition("Available", "False" if is_at_zero else "True", reason) | SINCE]}
    assert is_at_zero == read(KEDA.with_status(status), OPEN).is_scaled_to_zero
