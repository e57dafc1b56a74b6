import ast
from typing import Any

import pytest
from hypothesis import given

from nemotron_operator.api.quantity import parse_quantity
from nemotron_operator.plan.probe import LONGEST_BACK_OFF_SECONDS
from nemotron_operator.render.manifests import Manifest
from nemotron_operator.render.server_pod import ENDPOINT_REMOVAL_SECONDS, HUNG_GRACE_SECONDS
from tests.support.fixtures.deployments import DeploymentBuilder, a_deployment
from tests.support.fixtures.plans import plan_cached, render_cached, server_pod_of
from tests.support.fixtures.specs import deployments
from tests.support.kubernetes_rules import walk

LONGEST_ARGUMENT_BYTES = 131_072
"""Linux takes no longer one (MAX_ARG_STRLEN)."""


def pod_of(deployment: DeploymentBuilder) -> Manifest:
    return server_pod_of(render_cached(deployment))


def probe_of(deployment: DeploymentBuilder) -> dict[str, Any]:
    (probe,) = [each for each in pod_of(deployment)["spec"]["initContainers"] if each["name"] == "probe"]
    assert isinstance(probe, dict)
    return probe


def engine_of(deployment: DeploymentBuilder) -> dict[str, Any]:
    (engine,) = pod_of(deployment)["spec"]["containers"]
    assert isinstance(engine, dict)
    return engine


def option_of(deployment: DeploymentBuilder, name: str) -> str:
    (value,) = [each.partition("=")[2] for each in probe_of(deployment)["args"] if each.startswith(f"--{name}=")]
    return str(value)


@given(deployments())
def test_the_sidecar_is_the_engines_image_and_ends_after_it(deployment: DeploymentBuilder) -> None:
    """A native sidecar: it is started first, holds nothing up, and is stopped when the engine has ended."""
    probe, engine = probe_of(deployment), engine_of(deployment)
    assert engine["image"] == probe["image"]
    assert "Always" == probe["restartPolicy"]
    assert not {"startupProbe", "readinessProbe", "livenessProbe", "lifecycle"} & set(probe)
    assert engine["securityContext"] == probe["securityContext"]
    assert "volumeMounts" not in probe


def test_the_program_is_text_that_python_reads() -> None:
    python, flag, text = probe_of(a_deployment())["command"]
    assert ("python3", "-c") == (python, flag)
    ast.parse(text.replace("$$", "$"), feature_version=(3, 10))
    assert len(text.encode()) < LONGEST_ARGUMENT_BYTES
    assert "$(" not in text.replace("$$", "")


@given(deployments())
def test_it_asks_the_engines_port_for_the_first_name(deployment: DeploymentBuilder) -> None:
    names = engine_of(deployment)["args"]
    assert names[names.index("--served-model-name") + 1] == option_of(deployment, "model")
    assert f"--port={option_of(deployment, 'engine-port')}" in names


@pytest.mark.parametrize(("service_port", "port"), [(8000, 8088), (8088, 8089), (8089, 8088)])
def test_it_listens_where_the_engine_does_not(service_port: int, port: int) -> None:
    deployment = a_deployment().having("service.port", service_port)
    assert str(port) == option_of(deployment, "port")
    engine = engine_of(deployment)
    probes = [engine[name]["httpGet"] for name in ("startupProbe", "readinessProbe", "livenessProbe")]
    assert [{"path": path, "port": port} for path in ("/started", "/ready", "/live")] == probes


def test_it_presents_the_key_that_clients_need() -> None:
    key = {"name": "VLLM_API_KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "api"}}}
    assert key in probe_of(a_deployment().with_api_key("keys", "api"))["env"]
    assert [] == [each for each in probe_of(a_deployment())["env"] if "valueFrom" in each]


def test_it_requests_little_and_sees_no_gpu() -> None:
    probe = probe_of(a_deployment())
    assert {"requests"} == set(probe["resources"])
    assert {"cpu", "memory"} == set(probe["resources"]["requests"])
    assert parse_quantity(probe["resources"]["requests"]["cpu"]) <= parse_quantity("10m")
    assert {"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"} in probe["env"]


def test_it_starts_after_the_weights_were_verified() -> None:
    pod = pod_of(a_deployment().having("cache.verify", "OnStart"))
    assert ["verify-weights", "probe"] == [each["name"] for each in pod["spec"]["initContainers"]]


@given(deployments())
def test_a_sidecar_that_waits_to_be_started_again_never_costs_the_engine_its_life(
    deployment: DeploymentBuilder,
) -> None:
    liveness = engine_of(deployment)["livenessProbe"]
    assert liveness["periodSeconds"] * liveness["failureThreshold"] > LONGEST_BACK_OFF_SECONDS


@pytest.mark.parametrize(
    ("env", "longest_step_seconds"), [({}, 300), ({"VLLM_EXECUTE_MODEL_TIMEOUT_SECONDS": "1800"}, 1800)]
)
def test_the_kubelet_is_more_patient_than_vllm_itself(env: dict[str, str], longest_step_seconds: int) -> None:
    """An engine that ends itself says why; one that is killed does not."""
    deployment = a_deployment().with_env(**env)
    liveness = engine_of(deployment)["livenessProbe"]
    patience_seconds = liveness["periodSeconds"] * liveness["failureThreshold"]
    assert int(option_of(deployment, "hang-seconds")) + patience_seconds > longest_step_seconds
    assert int(option_of(deployment, "stall-seconds")) <= int(option_of(deployment, "hang-seconds"))


@given(deployments())
def test_an_engine_that_hangs_is_not_given_the_whole_drain(deployment: DeploymentBuilder) -> None:
    spec, engine = pod_of(deployment)["spec"], engine_of(deployment)
    graces = [engine[name]["terminationGracePeriodSeconds"] for name in ("startupProbe", "livenessProbe")]
    assert [HUNG_GRACE_SECONDS] * 2 == graces
    assert ENDPOINT_REMOVAL_SECONDS < HUNG_GRACE_SECONDS < spec["terminationGracePeriodSeconds"]
    assert "terminationGracePeriodSeconds" not in engine["readinessProbe"]


@pytest.mark.parametrize("drain_seconds", [0, 1, 3600])
def test_the_kubelet_ends_what_a_drain_does_not(drain_seconds: int) -> None:
    """With a drain of 0 vLLM drops the engine at once, and its HTTP server waits for clients without a limit."""
    deployment = a_deployment().having("rollout.drainSeconds", drain_seconds)
    assert f"--shutdown-timeout={drain_seconds}" in engine_of(deployment)["args"]
    assert 15 + drain_seconds + 30 == pod_of(deployment)["spec"]["terminationGracePeriodSeconds"]
    assert {"sleep": {"seconds": 15}} == engine_of(deployment)["lifecycle"]["preStop"]


@given(deployments())
def test_ports_in_a_pod_differ(deployment: DeploymentBuilder) -> None:
    ports = [value for path, value in walk(pod_of(deployment)) if path.endswith(".containerPort")]
    assert [plan_cached(deployment).engine.port] == ports
    assert plan_cached(deployment).probe.port not in ports


def test_kubectl_shows_the_engines_log_without_being_told() -> None:
    assert "vllm" == pod_of(a_deployment())["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"]
