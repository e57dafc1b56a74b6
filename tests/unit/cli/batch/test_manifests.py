"""The objects of a batch, made from the pods that serve."""

from dataclasses import replace
from typing import Any

import pytest

from nemotron_operator.cli.batch.answer_size import ANSWER_BYTES
from nemotron_operator.cli.batch.manifests import Batch, render_job, render_placer, render_pod, render_volume
from nemotron_operator.cli.batch.model import BatchModel
from nemotron_operator.constants import DEPLOYMENT_LABEL, FIELD_MANAGER, MANAGED_BY_LABEL, QUEUE_LABEL
from nemotron_operator.errors import OperatorError
from nemotron_operator.render.manifests import render
from nemotron_operator.units import GIB
from tests.support.fixtures.deployments import DeploymentBuilder, a_deployment
from tests.support.fixtures.plans import CONFIG, plan_cached, render_cached, server_pod_of

Body = dict[str, Any]

SHA256 = "5d" * 32


def a_batch(
    builder: DeploymentBuilder | None = None,
    node: str | None = None,
    unused_claim: str | None = None,
    **fields: Any,  # noqa: ANN401 - of any field
) -> Batch:
    builder = builder or a_deployment()
    model = BatchModel(
        plan=plan_cached(builder),
        uid="uid",
        image=CONFIG.downloader_image,
        system_prompt="",
        template=server_pod_of(render_cached(builder)),
        revision="r",
        node=node,
        unused_claim=unused_claim,
    )
    return Batch(
        model=model,
        **{"requests_sha256": SHA256, "requests": 3, "size_bytes": 1000, "answer_bytes": 3 * ANSWER_BYTES, **fields},
    )


def pod_of(batch: Batch) -> Body:
    pod: Body = render_job(batch)["spec"]["template"]["spec"]
    return pod


def engine_of(pod: Body) -> Body:
    (engine,) = pod["containers"]
    assert isinstance(engine, dict)
    return engine


def test_the_engine_has_the_image_flags_weights_and_gpus_of_the_server_and_nothing_that_serves() -> None:
    batch = a_batch(a_deployment().with_api_key("keys", "api"))
    assert batch.model.template is not None
    (serving,) = batch.model.template["spec"]["containers"]
    engine = engine_of(pod_of(batch))
    assert ["--directory=/batch", "--", *serving["args"]] == engine["args"]
    assert ["python3", "-c"] == engine["command"][:2]
    same = ("image", "name", "resources", "securityContext")
    assert {name: serving[name] for name in same} == {name: engine[name] for name in same}
    assert serving["volumeMounts"] == engine["volumeMounts"][:-1]
    assert "VLLM_API_KEY" in {each["name"] for each in serving["env"]}
    assert [each for each in serving["env"] if each["name"] != "VLLM_API_KEY"] == engine["env"]
    assert set() == {"lifecycle", "livenessProbe", "ports", "readinessProbe", "startupProbe"} & engine.keys()


def test_the_engine_logs_as_the_server_does() -> None:
    """Its configuration is an annotation that a volume shows as a file."""
    batch = a_batch()
    annotations = render_job(batch)["spec"]["template"]["metadata"]["annotations"]
    (logging,) = (each for each in pod_of(batch)["volumes"] if each["name"] == "logging")
    path = logging["downwardAPI"]["items"][0]["fieldRef"]["fieldPath"]
    assert path in {f"metadata.annotations['{name}']" for name in annotations}


def test_kueue_takes_the_pod_for_the_jobs_and_not_for_one_of_the_deployment_that_it_held_back() -> None:
    batch = a_batch()
    template = dict(batch.model.template or {})
    kueues = {"kueue.x-k8s.io/pod-suspending-parent": "deployment", "kueue.x-k8s.io/podset-preferred-topology": "rack"}
    template["metadata"]["annotations"] |= kueues
    annotations = render_job(batch)["spec"]["template"]["metadata"]["annotations"]
    assert set() == kueues.keys() & annotations.keys()
    assert "nemotron.dev/logging" in annotations


def test_what_is_left_is_prepared_before_the_engine_and_no_probe_runs_beside_it() -> None:
    (prepare,) = pod_of(a_batch())["initContainers"]
    assert ("prepare", CONFIG.downloader_image, ["nemotron-batch"]) == (
        prepare["name"],
        prepare["image"],
        prepare["command"],
    )


def test_nothing_loads_adapters_into_an_engine_without_a_server() -> None:
    builder = a_deployment().having("engine.lora", {"loading": "Live"}).with_api_key("the-secret", "api")
    batch = a_batch(builder)
    assert batch.model.template is not None
    serving = {each["name"] for each in batch.model.template["spec"]["initContainers"]}
    assert "adapters" in serving
    pod = pod_of(batch)
    assert ["prepare"] == [each["name"] for each in pod["initContainers"]]
    assert "the-secret" not in str(pod)


def test_weights_that_are_verified_before_a_start_are_verified_before_a_batch() -> None:
    names = [
        each["name"] for each in pod_of(a_batch(a_deployment().having("cache.verify", "OnStart")))["initContainers"]
    ]
    assert ["prepare", "verify-weights"] == names


def test_nothing_of_it_is_taken_for_the_operators_own() -> None:
    batch = a_batch()
    job = render_job(batch)
    for labels in (
        job["metadata"]["labels"],
        job["spec"]["template"]["metadata"]["labels"],
        render_volume(batch)["metadata"]["labels"],
        render_pod(batch)["metadata"]["labels"],
    ):
        assert FIELD_MANAGER != labels[MANAGED_BY_LABEL]
        assert DEPLOYMENT_LABEL not in labels
        assert "batch" == labels["nemotron.dev/component"]


def test_labels_of_the_users_stay_for_quotas_and_bills() -> None:
    labels = {"team": "search"}
    template = render_job(a_batch(a_deployment().having("podTemplate.labels", labels)))["spec"]["template"]
    assert labels.items() <= template["metadata"]["labels"].items()


@pytest.mark.parametrize(
    ("field", "value"), [("queueName", "team-queue"), ("podTemplate.labels", {QUEUE_LABEL: "team-queue"})]
)
def test_gpus_are_queued_for_where_the_servers_are(field: str, value: object) -> None:
    builder = a_deployment().having(field, value)
    job, sender = render_job(a_batch(builder)), render_job(a_batch(builder, is_through_server=True))
    assert "team-queue" == job["metadata"]["labels"][QUEUE_LABEL]
    for labels in (
        job["spec"]["template"]["metadata"]["labels"],
        sender["metadata"]["labels"],
        sender["spec"]["template"]["metadata"]["labels"],
    ):
        assert QUEUE_LABEL not in labels


def test_a_pod_that_fails_is_followed_by_another_but_not_where_a_person_has_to_act() -> None:
    spec = render_job(a_batch())["spec"]
    rules = spec["podFailurePolicy"]["rules"]
    assert 0 < spec["backoffLimit"]
    assert ["FailJob", "FailJob", "Ignore"] == [rule["action"] for rule in rules]
    assert [("prepare", [2, 3]), ("vllm", [2])] == [
        (rule["onExitCodes"]["containerName"], rule["onExitCodes"]["values"]) for rule in rules[:2]
    ]
    assert "Never" == spec["template"]["spec"]["restartPolicy"]


def test_pods_look_for_no_other_pod_since_there_may_be_none() -> None:
    builder = a_deployment().having("cache.accessModes", ["ReadWriteOnce"])
    assert {"nodeAffinity"} == pod_of(a_batch(builder)).get("affinity", {}).keys()


def test_all_pods_run_where_the_weights_are_if_only_one_node_has_them() -> None:
    batch = a_batch(node="gpu-7")
    for pod in (pod_of(batch), render_pod(batch)["spec"]):
        terms = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
        assert {"gpu-7"} == {term["matchFields"][0]["values"][0] for term in terms}


def test_the_volume_is_made_where_weights_are_that_no_pod_shows_yet() -> None:
    """The scheduler places what a pod lists; the kubelet mounts, and waits for, what a container mounts."""
    batch = a_batch(unused_claim="weights")
    pod = render_placer(batch, "weights")["spec"]
    assert [batch.name, "weights"] == [each["persistentVolumeClaim"]["claimName"] for each in pod["volumes"]]
    (container,) = pod["containers"]
    assert [] == container["volumeMounts"]
    assert "weights" == batch.unplaced_weights
    for other in (a_batch(), batch.once_placed(), a_batch(unused_claim="weights", is_through_server=True)):
        assert other.unplaced_weights is None
    assert batch.name == batch.once_placed().name


def test_the_pod_that_places_lets_go_of_the_weights_by_itself() -> None:
    """A pod that lists a volume has it attached, and keeps a ReadWriteOncePod one from others, until it has ended."""
    batch = a_batch(unused_claim="weights")
    pod = render_placer(batch, "weights")["spec"]
    (container,) = pod["containers"]
    assert (["true"], "Never") == (container["command"], pod["restartPolicy"])
    assert pod["activeDeadlineSeconds"] <= 600
    assert "weights" not in str(render_pod(batch))


def test_a_volume_that_is_placed_is_looked_for_where_it_is_and_the_engine_stays_with_the_weights() -> None:
    batch = a_batch(node="gpu-7")
    assert "gpu-7" not in str(render_pod(batch.once_placed()))
    assert "gpu-7" in str(render_pod(batch))
    assert "gpu-7" in str(render_job(batch))


def test_the_name_is_that_of_the_model_the_requests_and_the_way() -> None:
    names = [a_batch().name, a_batch(requests_sha256="6e" * 32).name, a_batch(is_through_server=True).name]
    assert 3 == len(set(names))
    assert a_batch().name == a_batch(concurrency=7).name
    longest = a_batch(a_deployment().named("n" * 48))
    assert 63 == len(longest.name)  # the longest value of a label, which Kubernetes makes of a Job's name


@pytest.mark.parametrize(
    ("answer_bytes", "size_bytes", "said"),
    [(3 * ANSWER_BYTES, 1000, 1), (100_000 * ANSWER_BYTES, 50_000_000, 2), (100 * GIB, 4 * GIB, 112)],
)
def test_the_volume_holds_requests_and_answers(answer_bytes: int, size_bytes: int, said: int) -> None:
    claim = render_volume(a_batch(answer_bytes=answer_bytes, size_bytes=size_bytes))
    assert f"{said}Gi" == claim["spec"]["resources"]["requests"]["storage"]


def test_the_volume_is_what_a_person_says() -> None:
    spec = render_volume(a_batch(volume_bytes=5 * GIB, storage_class="fast"))["spec"]
    assert ("5Gi", "fast") == (spec["resources"]["requests"]["storage"], spec["storageClassName"])


def test_through_the_server_takes_no_gpu_and_asks_with_the_key() -> None:
    pod = pod_of(a_batch(a_deployment().with_api_key("keys", "api"), is_through_server=True, concurrency=7))
    (sender,) = pod["containers"]
    assert ["nemotron-batch"] == sender["command"]
    assert {"--base-url=http://nemotron.team.svc:8000/v1", "--concurrency=7"} <= set(sender["args"])
    key = {"name": "OPENAI_API_KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "api"}}}
    assert [key] == sender["env"]
    assert "limits" not in sender["resources"]


def test_through_the_server_is_let_in_by_the_resources_network_policy() -> None:
    builder = a_deployment().having("networkPolicy", {})
    batch = a_batch(builder, is_through_server=True)
    policy = render(batch.plan).network_policy
    assert policy is not None
    peers = [peer["podSelector"] for rule in policy["spec"]["ingress"] for peer in rule.get("from", [])]
    labels = render_job(batch)["spec"]["template"]["metadata"]["labels"]
    assert any(selects(peer, labels) for peer in peers)


def selects(selector: Body, labels: Body) -> bool:
    """Tell whether a selector that names labels means these."""
    wanted = selector.get("matchLabels", {}).items() <= labels.items()
    return (
        bool(selector)
        and wanted
        and all(labels.get(each["key"]) in each["values"] for each in selector.get("matchExpressions", []))
    )


def test_through_the_server_trusts_the_certificate_of_the_resource() -> None:
    pod = pod_of(a_batch(a_deployment().having("tls", {"secretName": "our-tls"}), is_through_server=True))
    (sender,) = pod["containers"]
    assert "--trusted-certificates=/tls" in sender["args"]
    assert "--base-url=https://nemotron.team.svc:8000/v1" in sender["args"]
    assert {"name": "tls", "mountPath": "/tls", "readOnly": True} in sender["volumeMounts"]
    assert ["our-tls"] == [each["secret"]["secretName"] for each in pod["volumes"] if each["name"] == "tls"]


def test_adapters_that_the_engine_starts_with_may_be_asked_for() -> None:
    batch = a_batch()
    engine = engine_of(dict(batch.model.template or {})["spec"])
    engine["args"] = [*engine["args"], "--lora-modules", "law=/models/a", "sql=/models/b", "--enforce-eager"]
    names = batch.model.make_rules("f", None, is_through_server=False).served_names
    assert ("law", "sql") == names[-2:]


def test_a_replica_over_several_nodes_is_no_batch() -> None:
    batch = a_batch()
    spread = replace(batch.model, plan=replace(batch.plan, nodes=2))
    with pytest.raises(OperatorError, match=r"spread over 2 nodes.*Use --through-server"):
        render_job(replace(batch, model=spread))


def test_a_suspended_model_has_no_server() -> None:
    with pytest.raises(OperatorError, match=r"is suspended.*nemoctl resume nemotron -n team"):
        render_job(a_batch(a_deployment().suspended(), is_through_server=True))
    assert render_job(a_batch(a_deployment().suspended()))


def test_a_model_that_keda_took_to_zero_has_no_server_until_its_gateway_is_asked() -> None:
    batch = a_batch(is_through_server=True)
    asleep = replace(batch, model=replace(batch.model, is_scaled_to_zero=True))
    with pytest.raises(OperatorError) as caught:
        render_job(asleep)
    said = str(caught.value)
    assert "KEDA took the last replica of 'nemotron' in namespace 'team' away" in said
    assert "kubectl wait --for=condition=Available nemo/nemotron -n team" in said
    assert "leave out --through-server" in said
    assert render_job(replace(asleep, is_through_server=False))
