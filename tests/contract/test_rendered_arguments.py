"""What the operator renders is what vLLM takes, and vLLM makes of it what was planned."""

from pathlib import Path

import pytest

from nemotron_operator.catalog.entry import CatalogEntry
from nemotron_operator.plan.memory.parallelism import explain_illegal_size, list_stages
from nemotron_operator.render.engine import render_environment
from tests.contract.argument_lists import ENTRIES, LEADER_ADDRESS, SOURCES, ArgumentList, list_all
from tests.contract.model_directory import CHECKPOINTS_SAMPLING
from tests.contract.vllm_process import Configured, RefusedByVllmError, VllmProcess
from tests.support.fixtures.deployments import a_deployment
from tests.support.fixtures.plans import CATALOG, CONFIG, plan_cached

LISTS = list_all()

OF_SEVERAL_NODES = [rendered for rendered in LISTS if rendered.plan.nodes > 1]


def find_kind(entry: CatalogEntry) -> object:
    """Tell models apart that vLLM cuts by rules of their own."""
    architecture = entry.architecture
    return architecture and (architecture.name, {bool(block.experts) for block in architecture.blocks} == {True, False})


ONE_OF_EACH_KIND = {repr(find_kind(entry)): name for name, entry in CATALOG.entries.items() if entry.config}
"""One model of each architecture, with and without experts."""


def configure(vllm: VllmProcess, rendered: ArgumentList, models: dict[str, Path]) -> Configured:
    """Let vLLM configure itself; where it does not, say for which list, and in its own words."""
    try:
        return vllm.configure(rendered.arguments, models[rendered.plan.model_name])
    except RefusedByVllmError as error:
        pytest.fail(f"{rendered.name}: {error}\n{' '.join(rendered.arguments)}", pytrace=False)


def test_the_lists_come_from_everywhere() -> None:
    for source in SOURCES:
        found = {rendered.arguments for rendered in source()}
        assert found
        assert found <= {rendered.arguments for rendered in LISTS}


@pytest.mark.parametrize("rendered", LISTS, ids=lambda rendered: rendered.name)
def test_vllm_takes_a_list_and_means_what_was_planned(
    vllm: VllmProcess, models: dict[str, Path], rendered: ArgumentList
) -> None:
    answer, engine = configure(vllm, rendered, models), rendered.plan.engine
    values = {
        "temperature": engine.sampling.temperature,
        "top_p": engine.sampling.top_p,
        "max_new_tokens": engine.sampling.max_tokens,
    }
    sampling = {name: value for name, value in values.items() if value is not None}
    parsed = {
        "gpu_memory_utilization": engine.gpu_memory_utilization_percent / 100,
        "kv_cache_dtype": engine.kv_cache_dtype,
        "max_model_len": engine.max_model_len,
        "max_num_batched_tokens": engine.max_num_batched_tokens,
        "max_num_seqs": engine.max_num_seqs,
        "model_tag": rendered.arguments[0],
        "override_generation_config": sampling,
        "pipeline_parallel_size": engine.pipeline_parallel_size,
        "port": engine.port,
        "reasoning_parser": engine.reasoning_parser or "",
        "served_model_name": list(engine.served_names),
        "shutdown_timeout": rendered.plan.pod.drain_seconds,
        "tensor_parallel_size": engine.tensor_parallel_size,
        "tool_call_parser": engine.tool_call_parser,
        "trust_remote_code": engine.trust_remote_code,
    }
    assert parsed == {name: answer.parsed[name] for name in parsed}
    configured = {
        "gpu_memory_utilization": engine.gpu_memory_utilization_percent / 100,
        "max_model_len": engine.max_model_len,
        "max_num_batched_tokens": engine.max_num_batched_tokens,
        "max_num_seqs": engine.max_num_seqs,
        "tensor_parallel_size": engine.tensor_parallel_size,
        "trust_remote_code": engine.trust_remote_code,
    }
    assert configured == {name: answer.config[name] for name in configured}


@pytest.mark.parametrize("rendered", OF_SEVERAL_NODES, ids=lambda rendered: rendered.name)
def test_each_node_of_a_replica_knows_its_place_and_its_gpus(
    vllm: VllmProcess, models: dict[str, Path], rendered: ArgumentList
) -> None:
    answer, plan = configure(vllm, rendered, models), rendered.plan
    is_led = rendered.name.endswith(", led")
    assert (is_led, LEADER_ADDRESS) == (answer.parsed["headless"], answer.parsed["master_addr"])
    place = (answer.config["nodes"], answer.config["node_rank"], answer.config["local_world_size"])
    assert (plan.nodes, int(is_led), plan.pod.gpus) == place


@pytest.mark.parametrize("rendered", LISTS, ids=lambda rendered: rendered.name)
def test_vllms_view_of_the_model_is_ours(vllm: VllmProcess, models: dict[str, Path], rendered: ArgumentList) -> None:
    config, plan = configure(vllm, rendered, models).config, rendered.plan
    entry, size = ENTRIES[plan.model_name], plan.engine.tensor_parallel_size
    assert entry.architecture is not None
    assert entry.config is not None
    attention = max(entry.architecture.find_key_values(), key=lambda each: each.kv_heads)
    first_stage = list_stages(entry.architecture, plan.engine.pipeline_parallel_size)[0]
    assert {
        "architectures": [entry.architecture.name],
        "attention_heads_per_gpu": attention.heads // size,
        "dtype": "torch.bfloat16",
        "head_size": attention.head_dim,
        "kv_heads_per_gpu": max(1, attention.kv_heads // size),
        "layers": len(first_stage.blocks),
        "vocab_size": entry.architecture.vocab_size,
    }.items() <= config.items()
    method = entry.config.get("quantization_config", {}).get("quant_method")
    assert (config["quantization"] or "None").startswith(str(method))


@pytest.mark.parametrize("rendered", LISTS, ids=lambda rendered: rendered.name)
def test_a_request_without_sampling_values_gets_the_plans(
    vllm: VllmProcess, models: dict[str, Path], rendered: ArgumentList
) -> None:
    sampling = rendered.plan.engine.sampling
    repository = CHECKPOINTS_SAMPLING
    assert {
        "temperature": repository["temperature"] if sampling.temperature is None else sampling.temperature,
        "top_p": repository["top_p"] if sampling.top_p is None else sampling.top_p,
        "max_tokens": sampling.max_tokens,
    } == configure(vllm, rendered, models).config["default_sampling"]


@pytest.mark.parametrize("name", ONE_OF_EACH_KIND.values())
@pytest.mark.parametrize("size", range(1, 17))
def test_a_parallel_size_that_we_call_legal_is_taken_and_one_that_vllm_refuses_is_not_legal(
    vllm: VllmProcess, models: dict[str, Path], name: str, size: int
) -> None:
    arguments = ["m", f"--tensor-parallel-size={size}", "--distributed-executor-backend=mp", "--max-model-len=4096"]
    architecture = CATALOG.entries[name].architecture
    assert architecture is not None
    try:
        vllm.configure(arguments, models[name])
    except RefusedByVllmError:
        assert explain_illegal_size(architecture, size) is not None


def test_the_share_of_memory_that_nobody_asked_for_is_vllms_own(vllm: VllmProcess) -> None:
    assert CONFIG.gpu_memory_utilization_percent / 100 == vllm.parse(["m"])["gpu_memory_utilization"]


def test_the_variables_that_are_rendered_are_vllms(vllm: VllmProcess) -> None:
    known = vllm.describe()["variables"]
    deployment = a_deployment().with_api_key("keys", "api")
    names = [variable["name"] for variable in render_environment(plan_cached(deployment))]
    ours = {name for name in names if name.startswith("VLLM_")}
    assert "VLLM_API_KEY" in ours
    assert set() == ours - set(known)


def test_a_flag_of_another_version_fails_with_its_name(vllm: VllmProcess, models: dict[str, Path]) -> None:
    rendered = LISTS[0]
    arguments = [*rendered.arguments, "--flag-of-yesterday=1"]
    with pytest.raises(RefusedByVllmError, match=r"unrecognized arguments: --flag-of-yesterday=1"):
        vllm.configure(arguments, models[rendered.plan.model_name])
