from dataclasses import replace
from typing import Any

from nemotron_operator.downloader.main import parse_arguments as parse_download
from nemotron_operator.plan.rollout import FailedRevision
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.render.manifests import Manifest, render
from nemotron_operator.render.revision_record import begin_rollout
from nemotron_operator.render.server_pod import render_server_pod
from nemotron_operator.verifier.adapters_main import parse_arguments as parse_asking
from nemotron_operator.volume.adapter_list import LISTS_DIRECTORY
from nemotron_operator.volume.main import parse_arguments as parse_telling
from tests.support.fixtures.deployments import DeploymentBuilder, a_deployment
from tests.support.fixtures.plans import plan, plan_cached, server_pod_of
from tests.unit.plan.test_adapters import BESIDE, CHAT, SQL, adapted, facts_with_adapters, live


def plan_whole(deployment: DeploymentBuilder) -> ServingPlan:
    return plan(deployment, facts_with_adapters(deployment))


def engine_of(pod: Manifest) -> Manifest:
    engine: Manifest = pod["spec"]["containers"][0]
    return engine


def sidecars_of(pod: Manifest) -> dict[str, Manifest]:
    return {container["name"]: container for container in pod["spec"]["initContainers"]}


def serving(planned: ServingPlan, revision: str | None = None) -> ServingPlan:
    """Tell the plan that pods of a revision serve; by default of the one that it asks for."""
    assert planned.adapter_list is not None
    seen = revision or begin_rollout(planned).revision
    return replace(planned, adapter_list=replace(planned.adapter_list, serving_revision=seen))


def list_job_of(planned: ServingPlan) -> Manifest:
    job = render(serving(planned)).adapter_list_job
    assert job is not None
    return job


def test_a_resource_without_adapters_is_rendered_as_before_whatever_the_sizes_say() -> None:
    sized = a_deployment().having("engine.lora", {"maxRank": 64, "maxLoaded": 8})
    assert render_server_pod(plan_cached(a_deployment())) == render_server_pod(plan_cached(sized))


def test_adapters_of_the_start_are_the_engines_arguments_before_the_users() -> None:
    deployment = adapted(SQL, BESIDE).having("engine.lora", {"maxRank": 64}).with_extra_args("--seed", "1")
    arguments = engine_of(server_pod_of(render(plan_whole(deployment))))["args"]
    expected = [
        "--enable-lora",
        "--max-loras=4",
        "--max-lora-rank=64",
        "--lora-modules",
        f"sql=/models/{'0' * 40}",
        "beside=/models/loras/beside",
        "--seed",
        "1",
    ]
    assert expected == arguments[-8:]


def test_no_pod_is_rendered_before_every_adapter_is_there() -> None:
    assert render(plan_cached(adapted(SQL))).server is None
    assert render(plan_cached(live(SQL))).server is not None


def test_the_job_of_an_adapter_is_one_that_fetches_and_stays() -> None:
    (job,) = render(plan_cached(adapted(SQL))).adapter_jobs
    assert "adapter" == job["metadata"]["labels"]["nemotron.dev/component"]
    assert "ttlSecondsAfterFinished" not in job["spec"]
    options = parse_download(job["spec"]["template"]["spec"]["containers"][0]["args"])
    assert (True, "my-org/sql-lora", "main") == (options.adapter, options.repository, options.revision)
    model = render(plan(a_deployment())).download_job
    assert model is not None
    assert not parse_download(model["spec"]["template"]["spec"]["containers"][0]["args"]).adapter


def test_an_object_store_and_its_secret_are_the_adapters_own() -> None:
    chat: dict[str, Any] = {
        **CHAT,
        "s3": {"bucket": "models", "prefix": "l", "credentialsSecretRef": {"name": "store"}},
    }
    (job,) = render(plan_cached(adapted(chat))).adapter_jobs
    container = job["spec"]["template"]["spec"]["containers"][0]
    assert "--s3-bucket=models" in container["args"]
    secrets = {v["valueFrom"]["secretKeyRef"]["name"] for v in container["env"] if "valueFrom" in v}
    assert {"store"} == secrets


def test_the_jobs_of_adapters_go_where_the_volume_is() -> None:
    deployment = live(SQL)
    facts = facts_with_adapters(deployment)
    claims = {name: replace(claim, access_modes=("ReadWriteOnce",)) for name, claim in facts.claims.items()}
    manifests = render(serving(plan(deployment, replace(facts, claims=claims))))
    (fetching,), telling, server = manifests.adapter_jobs, manifests.adapter_list_job, manifests.server
    assert telling is not None
    assert server is not None
    for template in (fetching["spec"]["template"], telling["spec"]["template"], server["spec"]["template"]):
        (term,) = template["spec"]["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        selector, labels = term["labelSelector"], template["metadata"]["labels"]
        assert selector["matchLabels"].items() <= labels.items()
        assert labels["nemotron.dev/component"] in selector["matchExpressions"][0]["values"]


def test_live_loading_opens_vllms_paths_and_nothing_else_does() -> None:
    opening = {"name": "VLLM_ALLOW_RUNTIME_LORA_UPDATING", "value": "1"}
    alive, started = render_server_pod(plan_whole(live(SQL))), render_server_pod(plan_whole(adapted(SQL)))
    assert opening in engine_of(dict(alive))["env"]
    assert "VLLM_ALLOW" not in str(started)
    assert "--lora-modules" not in engine_of(dict(alive))["args"]


def test_another_list_makes_no_other_pods_where_it_is_loaded_live() -> None:
    pods = [render_server_pod(plan_whole(live(*adapters))) for adapters in ([], [SQL], [SQL, BESIDE])]
    assert pods[0] == pods[1] == pods[2]


def test_the_sidecar_follows_the_list_that_the_job_writes() -> None:
    planned = plan_whole(live(SQL, BESIDE))
    sidecar = sidecars_of(dict(render_server_pod(planned)))["adapters"]
    job = list_job_of(planned)["spec"]["template"]["spec"]
    telling = parse_telling(job["initContainers"][0]["args"])
    expected = f"--list={telling.destination}/{LISTS_DIRECTORY}/{telling.uid}.json"
    assert expected in sidecar["args"]
    assert [f"sql=/models/{'0' * 40}", "beside=/models/loras/beside"] == telling.adapters
    assert [{"name": "models", "mountPath": "/models", "readOnly": True}] == sidecar["volumeMounts"]
    asking = parse_asking(job["containers"][0]["args"])
    assert (telling.adapters, planned.base_url, 1) == (asking.adapters, asking.base_url, asking.replicas)


def test_pods_are_told_once_they_alone_serve_and_none_in_place_of_what_was_taken_back() -> None:
    planned = plan_whole(live(SQL))
    begun = begin_rollout(planned)
    taken_back = replace(begun, failure=FailedRevision(begun.revision, "RolloutFailed", "It did not start."))
    assert render(planned).adapter_list_job is None
    assert render(serving(planned, "another")).adapter_list_job is None
    assert render(serving(planned), taken_back).adapter_list_job is None
    assert render(serving(planned)).adapter_list_job is not None


def test_what_is_on_its_way_is_to_be_left_as_it_is() -> None:
    job = list_job_of(plan_cached(live(BESIDE, SQL)))["spec"]["template"]["spec"]
    telling = parse_telling(job["initContainers"][0]["args"])
    asking = parse_asking(job["containers"][0]["args"])
    assert (["beside=/models/loras/beside"], ["sql"]) == (telling.adapters, telling.kept)
    assert (telling.adapters, telling.kept) == (asking.adapters, asking.kept)


def test_the_key_is_given_by_reference_to_who_needs_it() -> None:
    planned = plan_whole(live(SQL))
    reference = {"secretKeyRef": {"name": "keys", "key": "api"}}
    sidecar = sidecars_of(dict(render_server_pod(planned)))["adapters"]
    assert {"name": "VLLM_API_KEY", "valueFrom": reference} in sidecar["env"]
    job = list_job_of(planned)["spec"]["template"]["spec"]
    assert [{"name": "OPENAI_API_KEY", "valueFrom": reference}] == job["containers"][0]["env"]
    assert "env" not in job["initContainers"][0]


def test_the_sidecars_port_is_not_the_engines() -> None:
    sidecar = sidecars_of(dict(render_server_pod(plan_whole(live(SQL).having("service.port", 8090)))))["adapters"]
    assert 8091 == sidecar["readinessProbe"]["httpGet"]["port"]


def test_the_sidecar_speaks_as_the_engine_does() -> None:
    encrypted = live(SQL).having("tls", {"secretName": "certificate"})
    assert "--https" in sidecars_of(dict(render_server_pod(plan_whole(encrypted))))["adapters"]["args"]
    job = list_job_of(plan_whole(encrypted))["spec"]["template"]["spec"]
    assert "--trusted-certificates=/tls" in job["containers"][0]["args"]
    assert {"models", "tls"} == {volume["name"] for volume in job["volumes"]}
