import json

import pytest
from hypothesis import given

from nemotron_operator.render.engine import COMPILED_DIRECTORY, render_arguments, render_environment
from nemotron_operator.render.pods import render_affinity, render_tolerations
from nemotron_operator.volume.place import COMPILED_DIRECTORY as MADE_BY_PUBLISHING
from tests.support.fixtures.deployments import BASE, FP8, NANO, DeploymentBuilder, a_deployment
from tests.support.fixtures.plans import CATALOG, COMMIT, CONFIG, config_with_profile, plan, plan_cached
from tests.support.fixtures.specs import deployments
from tests.support.vllm_options import OPTIONS

CARD = a_deployment().with_tensor(8).with_max_model_len(4096).having("engine.sampling.maxTokens", 1024)


def test_the_card_becomes_these_arguments() -> None:
    assert [
        f"/models/{COMMIT}",
        "--served-model-name",
        FP8,
        "--port=8000",
        "--tensor-parallel-size=8",
        "--max-model-len=4096",
        "--gpu-memory-utilization=0.92",
        "--max-num-seqs=1024",
        "--max-num-batched-tokens=8192",
        "--kv-cache-dtype=auto",
        '--override-generation-config={"temperature":0.7,"top_p":0.9,"max_new_tokens":1024}',
        "--shutdown-timeout=120",
        "--distributed-executor-backend=mp",
    ] == render_arguments(plan_cached(CARD))


def test_stages_become_a_pipeline_of_worker_processes() -> None:
    arguments = render_arguments(plan_cached(a_deployment().with_tensor(1).with_pipeline(2)))
    assert arguments.index("--pipeline-parallel-size=2") == arguments.index("--tensor-parallel-size=1") + 1
    assert "--distributed-executor-backend=mp" in arguments
    assert not any("pipeline" in argument for argument in render_arguments(plan_cached(a_deployment())))


@pytest.mark.parametrize("dtype", ["auto", "bfloat16", "fp8"])
def test_the_format_of_the_kv_cache_is_vllms_own_word(dtype: str) -> None:
    arguments = render_arguments(plan_cached(a_deployment().having("engine.kvCacheDtype", dtype)))
    assert f"--kv-cache-dtype={dtype}" in arguments


def test_an_automatic_context_is_a_number_by_then() -> None:
    planned = plan_cached(a_deployment().with_max_model_len("auto"))
    assert f"--max-model-len={planned.longest_max_model_len}" in render_arguments(planned)


def test_the_catalogues_parsers_become_arguments_before_the_users() -> None:
    arguments = render_arguments(plan_cached(a_deployment().with_model(NANO).with_extra_args("--seed=1")))
    assert [
        "--enable-auto-tool-choice",
        "--tool-call-parser=qwen3_coder",
        "--reasoning-parser=nemotron_v3",
        "--seed=1",
    ] == arguments[-4:]


@pytest.mark.parametrize(
    "users", ["--tool-call-parser=hermes", "--reasoning-parser=other", "--tool_call_parser=hermes"]
)
def test_a_parser_that_the_user_chose_stands_alone(users: str) -> None:
    arguments = render_arguments(plan_cached(a_deployment().with_model(NANO).with_extra_args(users)))
    name = users.partition("=")[0].replace("_", "-")
    assert [users] == [argument for argument in arguments if argument.replace("_", "-").startswith(name)]


def test_a_model_without_parsers_gets_none() -> None:
    arguments = render_arguments(plan_cached(a_deployment()))
    assert not any("parser" in argument or "tool-choice" in argument for argument in arguments)


def test_sampling_that_nobody_documented_is_not_said() -> None:
    (text,) = [a for a in render_arguments(plan_cached(a_deployment().with_model(BASE))) if "generation-config" in a]
    assert '--override-generation-config={"max_new_tokens":8192}' == text


@given(deployments())
def test_every_option_that_is_rendered_is_one_of_vllm(deployment: DeploymentBuilder) -> None:
    arguments = render_arguments(plan_cached(deployment.having("engine.extraArgs", [])))
    options = [argument.partition("=")[0] for argument in arguments if argument.startswith("--")]
    assert set(options) <= set(OPTIONS)
    assert len(options) == len(set(options))


def test_a_single_gpu_needs_no_executor() -> None:
    arguments = render_arguments(plan_cached(a_deployment().with_accelerator("H200").with_tensor(1)))
    assert not any("executor" in argument for argument in arguments)


def test_every_name_is_served_and_the_first_leads() -> None:
    arguments = render_arguments(plan_cached(a_deployment().having("model.servedNames", ["a", "b", "c"])))
    assert ["--served-model-name", "a", "b", "c", "--port=8000"] == arguments[1:6]


def test_the_users_arguments_come_last_in_their_order() -> None:
    arguments = render_arguments(plan_cached(a_deployment().with_extra_args("--seed", "1", "--enable-lora")))
    assert ["--seed", "1", "--enable-lora"] == arguments[-3:]


@pytest.mark.parametrize(("percent", "share"), [(92, "0.92"), (90, "0.90"), (99, "0.99"), (55, "0.55")])
def test_a_percentage_becomes_a_share_without_rounding(percent: int, share: str) -> None:
    deployment = a_deployment().with_accelerator("H200").having("engine.gpuMemoryUtilizationPercent", percent)
    assert f"--gpu-memory-utilization={share}" in render_arguments(plan_cached(deployment.with_tensor(8)))


def test_remote_code_is_said_only_when_asked_for() -> None:
    config = CONFIG.model_copy(update={"allow_trust_remote_code": True})
    asked = a_deployment().having("model.trustRemoteCode", value=True)
    assert "--trust-remote-code" in render_arguments(plan(asked, config=config))
    assert "--trust-remote-code" not in render_arguments(plan_cached(a_deployment()))


@given(deployments())
def test_sampling_is_json_that_vllm_reads(deployment: DeploymentBuilder) -> None:
    planned = plan_cached(deployment)
    (text,) = [a for a in render_arguments(planned) if a.startswith("--override-generation-config=")]
    config = json.loads(text.partition("=")[2])
    assert {"temperature", "top_p", "max_new_tokens"} == set(config)
    assert config["max_new_tokens"] <= planned.engine.max_model_len


@given(deployments())
def test_the_environment_is_sorted_so_that_its_hash_is_stable(deployment: DeploymentBuilder) -> None:
    reordered = deployment.having(
        "engine.env", list(reversed(deployment.body["spec"].get("engine", {}).get("env", [])))
    )
    assert render_environment(plan_cached(deployment)) == render_environment(plan_cached(reordered))


def test_everything_that_the_engine_writes_goes_to_writable_volumes() -> None:
    values = {variable["name"]: variable["value"] for variable in render_environment(plan_cached(a_deployment()))}
    read = {"VLLM_LOGGING_CONFIG_PATH"}
    paths = [value for name, value in values.items() if value.startswith("/") and name not in read]
    assert len(paths) > 5
    assert all(path.startswith(("/compiled", "/scratch", "/tmp")) for path in paths)  # noqa: S108 - mounts of the pod


def _compiled_paths(deployment: DeploymentBuilder) -> set[str]:
    values = [variable.get("value", "") for variable in render_environment(plan_cached(deployment))]
    return {value.removeprefix("/compiled/").split("/")[0] for value in values if value.startswith("/compiled")}


def test_what_is_compiled_is_kept_on_the_volume_by_all_that_it_was_compiled_for() -> None:
    deployment = a_deployment().with_tensor(2).having("planPolicy", "Warn")
    others = [
        deployment.having("parallelism.tensor", 4),
        deployment.having("parallelism.pipeline", 2),
        deployment.having("accelerator", "H200"),
        deployment.having("engine.image", "vllm/vllm-openai:v0.32.0"),
    ]
    keys = [_compiled_paths(one) for one in (deployment, *others)]
    assert [1] * 5 == [len(key) for key in keys]
    assert 5 == len(set.union(*keys))
    assert keys[0] == _compiled_paths(deployment.having("replicas", 2).having("engine.maxModelLen", 2048))


def test_on_a_volume_of_the_users_nothing_is_compiled() -> None:
    source = {"persistentVolumeClaim": {"claimName": "team-models", "path": "nemotron"}}
    assert set() == _compiled_paths(a_deployment().having("model.source", source))


def test_the_api_key_is_a_reference_and_never_an_argument() -> None:
    planned = plan_cached(a_deployment().with_api_key("keys", "api"))
    reference = {"name": "VLLM_API_KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "api"}}}
    assert reference in render_environment(planned)
    assert not any("api-key" in argument for argument in render_arguments(planned))


def test_any_value_of_a_node_label_will_do_and_all_labels_must_match() -> None:
    profile = CONFIG.accelerators["H200"].model_copy(update={"node_labels": {"b": ("1", "2"), "a": ("x",)}})
    affinity = render_affinity(plan(a_deployment(), config=config_with_profile(profile)))
    (term,) = affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert [
        {"key": "a", "operator": "In", "values": ["x"]},
        {"key": "b", "operator": "In", "values": ["1", "2"]},
    ] == term["matchExpressions"]


def test_a_profile_without_labels_asks_for_no_affinity() -> None:
    profile = CONFIG.accelerators["H200"].model_copy(update={"node_labels": {}})
    assert {} == render_affinity(plan(a_deployment(), config=config_with_profile(profile)))


def test_the_taints_of_the_profile_come_before_the_users() -> None:
    deployment = a_deployment().having("podTemplate.tolerations", [{"key": "dedicated", "value": "x"}])
    assert [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "dedicated", "operator": "Equal", "value": "x"},
    ] == render_tolerations(plan(deployment))


def test_every_shipped_model_has_a_name_that_vllm_can_serve() -> None:
    for name in CATALOG.entries:
        assert not name.startswith("-")


def test_the_directory_for_compiled_code_is_the_one_that_publishing_makes() -> None:
    assert MADE_BY_PUBLISHING == COMPILED_DIRECTORY
