from typing import Any

import pytest
from hypothesis import given

from nemotron_operator.render.manifests import Manifest, Manifests, render
from nemotron_operator.termination.outcome import EXIT_RETRYABLE, EXIT_TERMINAL
from nemotron_operator.volume.main import parse_arguments
from tests.support.fixtures.deployments import DeploymentBuilder, a_deployment
from tests.support.fixtures.plans import CONFIG, facts_when_cached, plan, render_cached, server_of, server_pod_of
from tests.support.fixtures.specs import deployments

IMAGE = "registry.example.com/models/nemotron:1"
WITH_IMAGES = CONFIG.model_copy(update={"allowed_model_image_prefixes": ("registry.example.com/models/",)})
PROVIDED = a_deployment().with_provided_weights("mine", "a/b")
WITH_MANIFEST = PROVIDED.having("model.source.persistentVolumeClaim.manifest", value=True)


def job_of(manifests: Manifests) -> Manifest:
    assert manifests.inspect_job is not None
    return manifests.inspect_job


def container_of(manifests: Manifests) -> dict[str, Any]:
    (container,) = job_of(manifests)["spec"]["template"]["spec"]["containers"]
    assert isinstance(container, dict)
    return container


def render_in_image(path: str | None = None) -> Manifests:
    return render(plan(a_deployment().with_weights_in_image(IMAGE, path), config=WITH_IMAGES))


def test_no_gpu_is_taken_before_somebody_looked() -> None:
    facts = facts_when_cached(PROVIDED)
    manifests = render(plan(PROVIDED, type(facts)(claims=facts.claims)))
    assert (None, None) == (manifests.server, manifests.download_job)
    assert manifests.inspect_job is not None


def test_the_job_stays_as_the_record_of_what_it_found() -> None:
    manifests = render_cached(PROVIDED)
    assert "ttlSecondsAfterFinished" not in job_of(manifests)["spec"]
    assert "/models/a/b" == server_pod_of(manifests)["spec"]["containers"][0]["args"][0]


@pytest.mark.parametrize(("deployment", "writes"), [(PROVIDED, False), (WITH_MANIFEST, True)])
def test_the_volume_can_be_written_only_for_a_manifest(deployment: DeploymentBuilder, *, writes: bool) -> None:
    container = container_of(render_cached(deployment))
    (mount,) = [mount for mount in container["volumeMounts"] if mount["name"] == "models"]
    assert writes != mount.get("readOnly", False)
    assert writes == ("--write-manifest" in container["args"])


@given(deployments())
def test_the_program_understands_its_arguments(deployment: DeploymentBuilder) -> None:
    manifests = render_cached(deployment)
    if manifests.inspect_job is None:
        return
    container = container_of(manifests)
    assert ["nemotron-volume"] == container["command"]
    parse_arguments(container["args"])


def test_a_terminal_failure_ends_the_job_and_a_passing_one_does_not() -> None:
    rule = job_of(render_cached(PROVIDED))["spec"]["podFailurePolicy"]["rules"][0]
    assert "inspect" == rule["onExitCodes"]["containerName"]
    assert EXIT_TERMINAL in rule["onExitCodes"]["values"]
    assert EXIT_RETRYABLE not in rule["onExitCodes"]["values"]


def test_nothing_else_has_such_a_job() -> None:
    assert render_cached(a_deployment()).inspect_job is None
    assert render_in_image().inspect_job is None


def test_an_image_is_mounted_in_place_of_a_volume_and_pulled_once() -> None:
    spec = server_pod_of(render_in_image())["spec"]
    (volume,) = [volume for volume in spec["volumes"] if volume["name"] == "models"]
    assert {"name": "models", "image": {"reference": IMAGE, "pullPolicy": "IfNotPresent"}} == volume
    (mount,) = [mount for mount in spec["containers"][0]["volumeMounts"] if mount["name"] == "models"]
    assert {"name": "models", "mountPath": "/models", "readOnly": True} == mount


@pytest.mark.parametrize(("path", "expected"), [(None, "/models"), ("model/fp8", "/models/model/fp8")])
def test_the_engine_reads_the_directory_inside_the_image(path: str | None, expected: str) -> None:
    assert expected == server_pod_of(render_in_image(path))["spec"]["containers"][0]["args"][0]


def test_weights_in_an_image_need_three_objects() -> None:
    kinds = [manifest["kind"] for manifest in render_in_image()]
    assert ["ServiceAccount", "Service", "Deployment"] == kinds


@pytest.mark.parametrize(("mode", "is_bound_to_one"), [("ReadWriteOnce", True), ("ReadWriteMany", False)])
def test_pods_that_share_a_volume_of_one_node_run_on_it(mode: str, *, is_bound_to_one: bool) -> None:
    manifests = render(plan(a_deployment().having("cache.accessModes", [mode])))
    assert manifests.server is None
    deployment = a_deployment().having("cache.accessModes", [mode])
    facts = facts_when_cached(deployment)
    claims = {name: type(claim)(claim.size_bytes, None, (mode,)) for name, claim in facts.claims.items()}
    cached = type(facts)(claims=claims, cached_models=facts.cached_models)
    affinity = server_of(render(plan(deployment, cached)))["spec"]["template"]["spec"]["affinity"]
    assert is_bound_to_one == ("podAffinity" in affinity)
