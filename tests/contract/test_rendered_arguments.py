"""What the operator renders is what vLLM takes, and vLLM makes of it what was planned."""

from pathlib import Path

import pytest

from nemotron_operator.plan.memory import count_kv_bytes_per_token
from nemotron_operator.plan.sizing import explain_illegal_size
from nemotron_operator.render.engine import render_environment
from tests.contract.argument_lists import ENTRIES, SOURCES, ArgumentList, list_all
from tests.contract.vllm_process import Configured, RefusedByVllmError, VllmProcess
from tests.support.fixtures.deployments import a_deployment
from tests.support.fixtures.plans import CATALOG, CONFIG, plan_cached

LISTS = list_all()


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
    sampling = {
        "temperature": engine.sampling.temperature,
        "top_p": engine.sampling.top_p,
        "max_new_tokens": engine.sampling.max_tokens,
    }
    parsed = {
        "gpu_memory_utilization": engine.gpu_memory_utilization_percent / 100,
        "kv_cache_dtype": engine.kv_cache_dtype,
        "max_model_len": engine.max_model_len,
        "max_num_batched_tokens": engine.max_num_batched_tokens,
        "max_num_seqs": engine.max_num_seqs,
        "model_tag": rendered.arguments[0],
        "override_generation_config": sampling,
        "port": engine.port,
        "served_model_name": list(engine.served_names),
        "shutdown_timeout": rendered.plan.pod.drain_seconds,
        "tensor_parallel_size": engine.tensor_parallel_size,
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


@pytest.mark.parametrize("rendered", LISTS, ids=lambda rendered: rendered.name)
def test_vllms_view_of_the_model_is_ours(vllm: VllmProcess, models: dict[str, Path], rendered: ArgumentList) -> None:
    config, plan = configure(vllm, rendered, models).config, rendered.plan
    entry = ENTRIES[plan.model_name]
    geometry, size = entry.geometry, plan.engine.tensor_parallel_size
    assert {
        "architectures": [entry.architecture],
        "attention_heads_per_gpu": geometry.attention_heads // size,
        "dtype": "torch.bfloat16",
        "head_size": geometry.head_dim,
        "layers": geometry.layers,
        "quantization": None if entry.quantization.method == "none" else entry.quantization.method,
        "vocab_size": geometry.vocab_size,
    }.items() <= config.items()
    two_bytes = 2 * config["layers"] * config["kv_heads_per_gpu"] * config["head_size"] * 2
    assert count_kv_bytes_per_token(geometry, size, kv_element_bytes=2) == two_bytes


@pytest.mark.parametrize("rendered", LISTS, ids=lambda rendered: rendered.name)
def test_a_request_without_sampling_values_gets_the_plans(
    vllm: VllmProcess, models: dict[str, Path], rendered: ArgumentList
) -> None:
    sampling = rendered.plan.engine.sampling
    assert {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
    } == configure(vllm, rendered, models).config["default_sampling"]


@pytest.mark.parametrize("name", CATALOG.entries)
@pytest.mark.parametrize("size", range(1, 17))
def test_a_parallel_size_that_we_call_legal_is_taken_and_one_that_vllm_refuses_is_not_legal(
    vllm: VllmProcess, models: dict[str, Path], name: str, size: int
) -> None:
    arguments = ["m", f"--tensor-parallel-size={size}", "--distributed-executor-backend=mp", "--max-model-len=4096"]
    try:
        vllm.configure(arguments, models[name])
    except RefusedByVllmError:
        assert explain_illegal_size(CATALOG.entries[name].geometry, size) is not None


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
