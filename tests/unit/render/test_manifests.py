from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemotron_operator.api.quantity import parse_quantity
from nemotron_operator.constants import GPU_RESOURCE
from nemotron_operator.plan.startup import (
    SCHEDULING_ALLOWANCE_SECONDS,
    SHORTEST_STARTUP_BUDGET_SECONDS,
    STARTUP_SAFETY_FACTOR,
)
from nemotron_operator.render.jobs import PROGRESS_PORT, PROGRESS_PORT_NAME, TERMINAL_EXIT_CODES
from nemotron_operator.render.manifests import Manifest, Manifests, render
from nemotron_operator.render.metadata import CACHED_MODEL_ANNOTATION, INTENT_ANNOTATION, REVISION_LABEL, hash_manifest
from nemotron_operator.render.server_pod import ENDPOINT_REMOVAL_SECONDS
from nemotron_operator.status.compute import tell_plan
from tests.support.fixtures.deployments import REMOVED, DeploymentBuilder, a_deployment
from tests.support.fixtures.plans import (
    COMMIT,
    CONFIG,
    facts_when_cached,
    facts_when_recorded,
    job_of,
    plan,
    plan_cached,
    render_cached,
    render_serving,
    server_of,
    server_pod_of,
)
from tests.support.fixtures.specs import NASTY, deployments, texts
from tests.support.kubernetes_rules import is_dns_label, is_dns_subdomain, is_label_key, is_label_value, walk

KINDS = {
    "claim": ("v1", "PersistentVolumeClaim"),
    "service_account": ("v1", "ServiceAccount"),
    "service": ("v1", "Service"),
    "disruption_budget": ("policy/v1", "PodDisruptionBudget"),
    "download_job": ("batch/v1", "Job"),
    "server": ("apps/v1", "Deployment"),
    "verify_job": ("batch/v1", "Job"),
}


def container_of(pod: Manifest) -> dict[str, Any]:
    (container,) = pod["spec"]["containers"]
    assert isinstance(container, dict)
    return container


def option(pod: Manifest, name: str) -> str:
    (value,) = [argument.partition("=")[2] for argument in container_of(pod)["args"] if argument.startswith(f"{name}=")]
    return str(value)


def pods_of(manifests: Manifests) -> list[Manifest]:
    owners = (manifests.download_job, manifests.server, manifests.verify_job)
    return [manifest["spec"]["template"] for manifest in owners if manifest is not None]


def test_every_object_has_its_kind_in_the_order_of_need() -> None:
    manifests = render_serving(a_deployment().with_replicas(2))
    kinds = [(manifest["apiVersion"], manifest["kind"]) for manifest in manifests]
    assert list(KINDS.values()) == kinds


def test_no_gpu_waits_for_a_download() -> None:
    manifests = render(plan(a_deployment()))
    assert manifests.server is None
    assert manifests.revision is None
    assert manifests.download_job is not None


def test_a_volume_of_the_users_is_not_made() -> None:
    assert render_cached(a_deployment().with_existing_claim("mine")).claim is None
    provided = render_cached(a_deployment().with_provided_weights("mine", "a"))
    assert provided.claim is provided.download_job is None
    assert server_of(provided)


def test_a_volume_that_says_what_is_on_it_needs_no_job() -> None:
    manifests = render(plan(a_deployment(), facts_when_recorded(a_deployment())))
    assert manifests.download_job is None
    assert render_cached(a_deployment()).revision == manifests.revision


def test_a_finished_job_goes_by_itself_unless_it_alone_knows_what_it_did() -> None:
    """A volume of the user's is not ours to write on: there the Job carries the record."""
    assert "ttlSecondsAfterFinished" in job_of(render_cached(a_deployment()))["spec"]
    assert "ttlSecondsAfterFinished" not in job_of(render_cached(a_deployment().with_existing_claim("mine")))["spec"]


@pytest.mark.parametrize(("replicas", "is_there"), [(0, False), (1, False), (2, True), (9, True)])
def test_a_disruption_budget_needs_more_than_one_replica(replicas: int, is_there: bool) -> None:  # noqa: FBT001 - a column
    manifests = render_cached(a_deployment().with_replicas(replicas))
    assert is_there == (manifests.disruption_budget is not None)


def test_a_suspended_resource_keeps_its_deployment_without_replicas() -> None:
    manifests = render_cached(a_deployment().with_replicas(2).suspended())
    assert 0 == server_of(manifests)["spec"]["replicas"]
    assert manifests.disruption_budget is None
    assert render_cached(a_deployment().with_replicas(2)).revision == manifests.revision


@given(deployments())
def test_whatever_the_schema_lets_in_is_rendered_the_same_each_time(deployment: DeploymentBuilder) -> None:
    one, two = render_cached(deployment), render_cached(deployment)
    assert list(one) == list(two)
    assert one.revision == two.revision


@given(deployments())
def test_names_labels_and_owners_are_valid(deployment: DeploymentBuilder) -> None:
    manifests = render_serving(deployment)
    for manifest in manifests:
        metadata = manifest["metadata"]
        assert is_dns_label(metadata["name"])
        assert deployment.parsed.identity.namespace == metadata["namespace"]
        is_owned = manifest["kind"] != "PersistentVolumeClaim"
        assert is_owned == ("ownerReferences" in metadata)
        for path, value in walk(manifest):
            if path.endswith((".labels", "Labels", ".selector", ".nodeSelector")) and "matchLabels" not in value:
                assert all(is_label_key(key) and is_label_value(text) for key, text in value.items()), path
            if path.endswith(".annotations"):
                assert all(is_label_key(key) and isinstance(text, str) for key, text in value.items()), path


@given(deployments())
def test_selectors_find_the_pods_and_nothing_else(deployment: DeploymentBuilder) -> None:
    manifests = render_serving(deployment)
    server, service = server_of(manifests), manifests.service
    selector = server["spec"]["selector"]["matchLabels"].items()
    assert selector <= server_pod_of(manifests)["metadata"]["labels"].items()
    assert selector == service["spec"]["selector"].items()
    for job in (manifests.download_job, manifests.verify_job):
        assert job is None or not selector <= job["spec"]["template"]["metadata"]["labels"].items()


@given(deployments())
def test_one_number_is_flags_request_limit_and_shared_memory(deployment: DeploymentBuilder) -> None:
    pod = server_pod_of(render_cached(deployment))
    stages = option(pod, "--pipeline-parallel-size") if "--pipeline-parallel-size" in str(pod) else "1"
    gpus = int(option(pod, "--tensor-parallel-size")) * int(stages)
    resources = container_of(pod)["resources"]
    assert str(gpus) == resources["requests"][GPU_RESOURCE] == resources["limits"][GPU_RESOURCE]
    (shm,) = [volume["emptyDir"] for volume in pod["spec"]["volumes"] if volume["name"] == "shm"]
    assert gpus * 2 * 1024**3 == parse_quantity(shm["sizeLimit"])
    assert "Memory" == shm["medium"]
    assert (gpus > 1) == ("--distributed-executor-backend=mp" in container_of(pod)["args"])


@given(deployments())
def test_the_token_is_seen_by_the_job_alone(deployment: DeploymentBuilder) -> None:
    deployment = deployment.with_private_repository("org/copy", "hub-secret", "hub-key")
    manifests = render_cached(deployment)
    token = {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hub-secret", "key": "hub-key"}}}
    assert token in container_of(job_of(manifests)["spec"]["template"])["env"]
    assert "hub-secret" not in str(server_of(manifests))
    assert "HF_TOKEN" not in str(server_of(manifests))


@given(deployments())
def test_every_pod_is_restricted(deployment: DeploymentBuilder) -> None:
    """Pod Security Standard `restricted`, and nothing of the node is reachable."""
    for pod in pods_of(render_serving(deployment)):
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert 0 < spec["securityContext"]["runAsUser"]
        assert {"type": "RuntimeDefault"} == spec["securityContext"]["seccompProfile"]
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
        for security in [each["securityContext"] for each in (container_of(pod), *spec.get("initContainers", []))]:
            assert security["allowPrivilegeEscalation"] is False
            assert {"drop": ["ALL"]} == security["capabilities"]
            assert security["readOnlyRootFilesystem"] is True
        kinds = {"persistentVolumeClaim", "emptyDir", "configMap", "downwardAPI", "secret"}
        volumes = spec.get("volumes", [])
        assert all(set(volume) <= {"name", *kinds} for volume in volumes)
        mounted = {mount["name"] for mount in container_of(pod).get("volumeMounts", [])}
        assert mounted == {volume["name"] for volume in volumes}


@given(deployments())
def test_the_server_is_offline_and_only_reads_the_weights(deployment: DeploymentBuilder) -> None:
    pod = server_pod_of(render_cached(deployment))
    environment = {variable["name"]: variable.get("value") for variable in container_of(pod)["env"]}
    assert ("1", "1", "1") == (
        environment["HF_HUB_OFFLINE"],
        environment["TRANSFORMERS_OFFLINE"],
        environment["VLLM_NO_USAGE_STATS"],
    )
    mounts = [mount for mount in container_of(pod)["volumeMounts"] if mount["name"] == "models"]
    (models,) = [mount for mount in mounts if "subPath" not in mount]
    assert models["readOnly"] is True
    assert container_of(pod)["args"][0].startswith(models["mountPath"] + "/")
    assert {".compiled"} >= {mount["subPath"] for mount in mounts if mount is not models}


@given(deployments())
def test_probes_and_deadlines_leave_a_start_its_budget(deployment: DeploymentBuilder) -> None:
    budget = plan_cached(deployment).startup.budget_seconds
    manifests = render_cached(deployment)
    pod = server_pod_of(manifests)
    probe = container_of(pod)["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= budget
    assert server_of(manifests)["spec"]["progressDeadlineSeconds"] > budget
    environment = {variable["name"]: variable.get("value") for variable in container_of(pod)["env"]}
    assert str(budget) == environment["VLLM_ENGINE_READY_TIMEOUT_S"]


@pytest.mark.parametrize("mib_per_second", [1, 50, 200, 5000])
def test_one_number_drives_probe_deadline_engine_and_status(mib_per_second: int) -> None:
    config = CONFIG.model_copy(update={"assumed_read_mib_per_second": mib_per_second})
    planned = plan(a_deployment(), facts_when_cached(a_deployment()), config)
    manifests, told = render(planned), tell_plan(planned)
    server, container = server_of(manifests), container_of(server_pod_of(manifests))
    (timeout,) = [each["value"] for each in container["env"] if each["name"] == "VLLM_ENGINE_READY_TIMEOUT_S"]
    budget = told.startup_budget_seconds
    assert [budget, budget, budget] == [
        container["startupProbe"]["periodSeconds"] * container["startupProbe"]["failureThreshold"],
        int(timeout),
        server["spec"]["progressDeadlineSeconds"] - SCHEDULING_ALLOWANCE_SECONDS,
    ]
    assert budget == max(SHORTEST_STARTUP_BUDGET_SECONDS, STARTUP_SAFETY_FACTOR * told.startup_seconds)


@given(deployments())
def test_a_drain_ends_before_the_kubelet_kills(deployment: DeploymentBuilder) -> None:
    pod = server_pod_of(render_cached(deployment))
    sleep = container_of(pod)["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert ENDPOINT_REMOVAL_SECONDS == sleep
    assert pod["spec"]["terminationGracePeriodSeconds"] > sleep + int(option(pod, "--shutdown-timeout"))


@given(deployments())
def test_no_name_stands_twice_in_a_list_that_is_merged_by_name(deployment: DeploymentBuilder) -> None:
    """Server-side apply refuses an object with duplicate keys in such a list."""
    for manifest in render_cached(deployment):
        for path, value in walk(manifest):
            if path.rsplit(".", 1)[-1] in {"env", "volumes", "ports", "imagePullSecrets", "containers"}:
                # Those of a NetworkPolicy have no names, and are merged by none.
                names = [item["name"] for item in value if manifest["kind"] != "NetworkPolicy"]
                assert len(set(names)) == len(names), path


@given(deployments())
def test_every_value_of_the_pod_template_arrives_as_it_is(deployment: DeploymentBuilder) -> None:
    manifests = render_serving(deployment)
    template = deployment.body["spec"].get("podTemplate", {})
    for pod in pods_of(manifests):
        assert template.get("annotations", {}).items() <= pod["metadata"]["annotations"].items()
        own = pod["metadata"]["labels"]
        assert {key: own[key] for key in template.get("labels", {})} == template.get("labels", {})
        wanted = [{"operator": "Equal", **toleration} for toleration in template.get("tolerations", [])]
        assert wanted == pod["spec"]["tolerations"][1:]
        secrets = [{"name": name} for name in template.get("imagePullSecrets", [])]
        assert secrets == pod["spec"].get("imagePullSecrets", [])
    spec = server_pod_of(manifests)["spec"]
    for field in ("priorityClassName", "runtimeClassName"):
        assert template.get(field) == spec.get(field)
    assert template.get("nodeSelector", {}) == spec.get("nodeSelector", {})


@given(deployments())
def test_every_value_of_engine_and_model_arrives_as_it_is(deployment: DeploymentBuilder) -> None:
    spec = deployment.body["spec"]
    pod = server_pod_of(render_cached(deployment))
    container, engine = container_of(pod), spec.get("engine", {})
    extra = engine.get("extraArgs", [])
    assert extra == container["args"][len(container["args"]) - len(extra) :]
    rendered = {variable["name"]: variable for variable in container["env"]}
    for variable in engine.get("env", []):
        expected = (
            variable
            if "value" in variable
            else {"name": variable["name"], "valueFrom": {"secretKeyRef": variable["secretKeyRef"]}}
        )
        assert expected == rendered[variable["name"]]
    names = spec["model"].get("servedNames", [])
    assert names == container["args"][2 : 2 + len(names)]
    if "image" in engine:
        assert engine["image"] == container["image"]
    if "apiKeySecretRef" in spec:
        assert {"secretKeyRef": spec["apiKeySecretRef"]} == rendered["VLLM_API_KEY"]["valueFrom"]


@pytest.mark.parametrize("text", NASTY)
def test_text_that_trips_yaml_or_jinja_arrives_as_it_is(text: str) -> None:
    deployment = (
        a_deployment()
        .with_env(X=text)
        .having("podTemplate.annotations", {"x": text})
        .with_extra_args(f"--response-role=x{text}")
    )
    pod = server_pod_of(render_cached(deployment))
    assert {"name": "X", "value": text} in container_of(pod)["env"]
    assert text == pod["metadata"]["annotations"]["x"]
    assert f"--response-role=x{text}" == container_of(pod)["args"][-1]


@given(st.lists(texts, max_size=3))
def test_no_text_adds_or_removes_an_object_or_a_field(values: list[str]) -> None:
    def shape(deployment: DeploymentBuilder) -> list[str]:
        return [path for manifest in render_cached(deployment) for path, _ in walk(manifest)]

    def with_values(made: list[str]) -> DeploymentBuilder:
        return a_deployment().with_env(**{f"X_{index}": value for index, value in enumerate(made)})

    assert shape(with_values(["plain"] * len(values))) == shape(with_values(values))


def test_the_intent_is_the_hash_of_what_is_applied() -> None:
    for manifest in render_cached(a_deployment().with_replicas(2)):
        annotations = dict(manifest["metadata"]["annotations"])
        intent = annotations.pop(INTENT_ANNOTATION)
        metadata = {key: value for key, value in manifest["metadata"].items() if key != "annotations"}
        bare = {**manifest, "metadata": {**metadata, **({"annotations": annotations} if annotations else {})}}
        assert hash_manifest(bare) == intent


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("podTemplate.priorityClassName", "production"),
        ("podTemplate.nodeSelector", {"zone": "a"}),
        ("podTemplate.labels", {"team": "search"}),
        ("engine.env", [{"name": "X", "value": "1"}]),
        ("engine.extraArgs", ["--seed=1"]),
        ("apiKeySecretRef", {"name": "a", "key": "b"}),
    ],
)
def test_a_dropped_field_changes_intent_and_revision(path: str, value: object) -> None:
    whole = a_deployment().having(path, value)
    before, after = render_cached(whole), render_cached(whole.having(path, REMOVED))
    assert before.revision != after.revision
    intents = [server_of(manifests)["metadata"]["annotations"][INTENT_ANNOTATION] for manifests in (before, after)]
    assert intents[0] != intents[1]
    assert after.revision == render_cached(a_deployment()).revision


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("replicas", 2),
        ("suspend", True),
        ("planPolicy", "Warn"),
        ("cache.size", "200Gi"),
        ("verification", {"prompt": "Are you there?"}),
    ],
)
def test_what_does_not_concern_a_pod_does_not_restart_it(path: str, value: object) -> None:
    assert render_cached(a_deployment()).revision == render_cached(a_deployment().having(path, value)).revision


def test_the_revision_is_a_label_of_the_pod_and_of_nothing_that_selects() -> None:
    manifests = render_cached(a_deployment())
    assert manifests.revision == server_pod_of(manifests)["metadata"]["labels"][REVISION_LABEL]
    assert REVISION_LABEL not in server_of(manifests)["spec"]["selector"]["matchLabels"]


def test_a_user_cannot_take_over_labels_of_the_operator() -> None:
    labels = {"nemotron.dev/component": "cache", "nemotron.dev/deployment": "other", REVISION_LABEL: "mine"}
    manifests = render_cached(a_deployment().having("podTemplate.labels", labels))
    own = server_pod_of(manifests)["metadata"]["labels"]
    assert ("server", "nemotron") == (own["nemotron.dev/component"], own["nemotron.dev/deployment"])
    assert manifests.revision == own[REVISION_LABEL]


def test_labels_and_annotations_of_the_resource_are_never_copied() -> None:
    """Argo CD and Flux track by them: their pruner would delete a volume that is to be kept."""
    body = a_deployment().body
    metadata = {**body["metadata"], "labels": {"argocd.argoproj.io/instance": "x"}, "annotations": {"flux": "x"}}
    manifests = render_cached(DeploymentBuilder({**body, "metadata": metadata}))
    assert list(render_cached(a_deployment())) == list(manifests)


def test_the_volume_is_never_owned_by_the_resource() -> None:
    claim = render_cached(a_deployment()).claim
    assert claim is not None
    assert "ownerReferences" not in claim["metadata"]
    assert "nemotron.dev/deployment" not in claim["metadata"]["labels"]


def test_what_was_downloaded_is_recorded_on_the_volume() -> None:
    fresh, filled = render(plan(a_deployment())).claim, render_cached(a_deployment()).claim
    assert fresh is not None
    assert filled is not None
    assert CACHED_MODEL_ANNOTATION not in fresh["metadata"]["annotations"]
    assert COMMIT in filled["metadata"]["annotations"][CACHED_MODEL_ANNOTATION]


@pytest.mark.parametrize("name", ["a", "a-1", "a" * 48])
def test_children_of_any_name_have_names_that_the_api_server_takes(name: str) -> None:
    for manifest in render_serving(a_deployment().named(name).with_replicas(2)):
        assert is_dns_subdomain(manifest["metadata"]["name"])
        assert len(manifest["metadata"]["name"]) <= 63


def test_the_deployment_replaces_pods_in_place() -> None:
    strategy = server_of(render_cached(a_deployment()))["spec"]["strategy"]
    assert {"maxSurge": 0, "maxUnavailable": 1} == strategy["rollingUpdate"]


def test_the_job_gives_up_where_the_downloader_says_so() -> None:
    from nemotron_operator.termination.outcome import EXIT_RETRYABLE, EXIT_TERMINAL

    job = job_of(render(plan(a_deployment())))
    fail = job["spec"]["podFailurePolicy"]["rules"][0]
    assert "FailJob" == fail["action"]
    assert list(TERMINAL_EXIT_CODES) == fail["onExitCodes"]["values"]
    assert EXIT_TERMINAL in TERMINAL_EXIT_CODES
    assert EXIT_RETRYABLE not in TERMINAL_EXIT_CODES
    assert fail["onExitCodes"]["containerName"] == container_of(job["spec"]["template"])["name"]


def test_the_downloader_understands_its_arguments() -> None:
    from nemotron_operator.downloader.main import parse_arguments

    deployment = a_deployment().with_private_repository("org/copy", "hub", "token")
    container = container_of(job_of(render(plan(deployment)))["spec"]["template"])
    options = parse_arguments(container["args"])
    assert ("org/copy", "main", "/models") == (options.repository, options.revision, str(options.destination))
    (models,) = [mount for mount in container["volumeMounts"] if mount["name"] == "models"]
    assert str(options.destination) == models["mountPath"]
    assert "readOnly" not in models


def test_the_downloader_tells_its_progress_where_its_pod_offers_it() -> None:
    container = container_of(job_of(render(plan(a_deployment())))["spec"]["template"])
    (port,) = container["ports"]
    assert {"name": PROGRESS_PORT_NAME, "containerPort": PROGRESS_PORT} == port
    assert f"--progress-port={port['containerPort']}" in container["args"]


def test_a_pull_secret_that_is_named_twice_stands_once_in_a_pod() -> None:
    manifests = render_cached(a_deployment().having("podTemplate.imagePullSecrets", ["a", "b", "a"]))
    assert [{"name": "a"}, {"name": "b"}] == server_pod_of(manifests)["spec"]["imagePullSecrets"]
