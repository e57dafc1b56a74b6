from bisect import bisect_left
from decimal import Decimal

import pytest
from hypothesis import given

from nemotron_operator.api.conditions import Reason
from nemotron_operator.api.quantity import parse_quantity
from nemotron_operator.plan.serving_plan import CostPlan, Rejection, ServingPlan
from nemotron_operator.units import GIB
from tests.support.fixtures.deployments import (
    BASE,
    BF16,
    FP8,
    NANO,
    NANO_9B,
    DeploymentBuilder,
    a_deployment,
)
from tests.support.fixtures.plans import (
    CATALOG,
    CONFIG,
    config_with_default_profile,
    config_with_model,
    plan,
    plan_or_refuse,
    refuse,
)
from tests.support.fixtures.requests import sizing_requests


def test_a_model_and_nothing_else_is_planned() -> None:
    planned = plan(a_deployment())
    assert (FP8, "H100-80GB", 1, 2) == (planned.model_name, planned.accelerator, planned.replicas, planned.gpus)
    assert (FP8,) == planned.engine.served_names
    assert CONFIG.engine_image == planned.engine.image
    assert planned.warning is None


def test_an_accelerator_brings_its_own_image_arguments_and_variables_and_the_user_wins() -> None:
    config = config_with_default_profile(
        engine_image="cpu:1", engine_args=("--enforce-eager",), engine_env={"A": "1", "B": "2"}
    )
    planned = plan(a_deployment().with_extra_args("--enable-prefix-caching").with_env(B="3"), config=config)
    assert ("cpu:1", ("--enforce-eager", "--enable-prefix-caching")) == (
        planned.engine.image,
        planned.engine.extra_args,
    )
    assert [("A", "1"), ("B", "3")] == [(variable.name, variable.value) for variable in planned.engine.env]


def test_the_users_image_wins_over_that_of_the_accelerator() -> None:
    named = a_deployment().having("engine.image", "vllm/vllm-openai:nightly")
    assert (
        "vllm/vllm-openai:nightly" == plan(named, config=config_with_default_profile(engine_image="cpu:1")).engine.image
    )


def test_the_card_is_planned_as_written() -> None:
    planned = plan(a_deployment().with_tensor(8).with_max_model_len(4096).having("engine.sampling.maxTokens", 1024))
    assert (8, 4096) == (planned.engine.tensor_parallel_size, planned.engine.max_model_len)
    sampling = planned.engine.sampling
    assert (0.7, 0.9, 1024) == (sampling.temperature, sampling.top_p, sampling.max_tokens)


def test_what_the_user_says_wins() -> None:
    planned = plan(
        a_deployment()
        .having("engine.sampling", {"temperature": "0", "topP": "1.0", "maxTokens": 7})
        .having("model.servedNames", ["a", "b"])
        .having("engine.image", "vllm/vllm-openai:nightly")
        .having("service.port", 9000)
    )
    assert (0.0, 1.0, 7) == (
        planned.engine.sampling.temperature,
        planned.engine.sampling.top_p,
        planned.engine.sampling.max_tokens,
    )
    assert (("a", "b"), "vllm/vllm-openai:nightly", 9000) == (
        planned.engine.served_names,
        planned.engine.image,
        planned.engine.port,
    )


@pytest.mark.parametrize(("context", "answer"), [(131_072, 4096), (4096, 4096), (2048, 2048)])
def test_the_longest_answer_is_the_models_within_the_context(context: int, answer: int) -> None:
    assert answer == plan(a_deployment().with_max_model_len(context)).engine.sampling.max_tokens


@given(sizing_requests())
def test_one_number_drives_flag_request_and_shared_memory(deployment: DeploymentBuilder) -> None:
    planned = plan_or_refuse(deployment.that_only_warns())
    assert isinstance(planned, ServingPlan)
    size = planned.engine.tensor_parallel_size * planned.engine.pipeline_parallel_size
    assert size == planned.pod.gpus
    assert 2 * size * GIB == planned.pod.shared_memory_bytes
    assert planned.replicas * size == planned.gpus
    assert parse_quantity(planned.pod.memory) > planned.pod.shared_memory_bytes
    assert planned.engine.max_num_batched_tokens >= planned.engine.max_num_seqs


@given(sizing_requests())
def test_what_is_planned_without_a_warning_fits(deployment: DeploymentBuilder) -> None:
    planned = plan_or_refuse(deployment)
    if isinstance(planned, ServingPlan):
        assert planned.kv_cache_tokens >= planned.engine.max_model_len
        assert planned.max_concurrent_full_length >= 1
        assert planned.warning is None


@given(sizing_requests())
def test_warn_plans_what_enforce_refuses_and_says_the_same(deployment: DeploymentBuilder) -> None:
    enforced, warned = plan_or_refuse(deployment), plan_or_refuse(deployment.that_only_warns())
    assert isinstance(warned, ServingPlan)
    assert (enforced.message if isinstance(enforced, Rejection) else None) == warned.warning


def test_warn_does_not_plan_what_cannot_work_at_all() -> None:
    for deployment in (a_deployment().with_tensor(3), a_deployment().with_model("x"), a_deployment().with_tensor(16)):
        assert refuse(deployment).reason == refuse(deployment.that_only_warns()).reason


def test_no_replica_is_planned_while_suspended() -> None:
    planned = plan(a_deployment().with_replicas(3).suspended())
    assert (0, 0, 2) == (planned.replicas, planned.gpus, planned.pod.gpus)


def test_a_drain_lasts_as_long_as_the_longest_answer() -> None:
    assert 4096 / 34 <= plan(a_deployment()).pod.drain_seconds + 1


@pytest.mark.parametrize(
    ("path", "value", "cpu", "memory"),
    [
        ("podTemplate", {}, "6", "36Gi"),
        ("podTemplate.cpu", "32", "32", "36Gi"),
        ("podTemplate.memory", "256Gi", "6", "256Gi"),
        ("podTemplate.memory", "262144Mi", "6", "256Gi"),
    ],
)
def test_a_pod_requests_what_the_user_says_or_what_its_gpus_need(
    path: str, value: object, cpu: str, memory: str
) -> None:
    pod = plan(a_deployment().having(path, value)).pod
    assert (cpu, memory) == (pod.cpu, pod.memory)


@pytest.mark.parametrize(
    ("cpu", "stored"), [("1000m", "1"), ("1.5", "1500m"), ("0.5", "500m"), ("32", "32"), ("0.0005", "1m")]
)
def test_cores_are_written_as_the_api_server_would(cpu: str, stored: str) -> None:
    assert stored == plan(a_deployment().having("podTemplate.cpu", cpu)).pod.cpu


def test_the_pod_goes_where_the_accelerator_is() -> None:
    pod = plan(a_deployment().with_accelerator("H200")).pod
    assert ((("nvidia.com/gpu.product", ("NVIDIA-H200",)),)) == pod.node_labels
    assert ["nvidia.com/gpu"] == [toleration.key for toleration in pod.profile_tolerations]
    assert "nvidia.com/gpu" == pod.gpu_resource


@pytest.mark.parametrize("model", [FP8, BF16, NANO])
def test_the_longest_context_that_is_named_fits_and_the_next_step_does_not(model: str) -> None:
    pinned = a_deployment().with_model(model).with_tensor(2)
    longest, limit = plan(pinned).longest_max_model_len, CATALOG.entries[model].context.max_model_len
    assert longest == plan(pinned.with_max_model_len(longest)).engine.max_model_len
    assert longest == limit or Reason.CONTEXT_DOES_NOT_FIT == refuse(pinned.with_max_model_len(longest + 1024)).reason


@pytest.mark.parametrize(
    ("deployment", "tensor"),
    [
        (a_deployment().with_max_model_len("auto"), 2),
        (a_deployment().with_max_model_len("auto").with_tensor(2), 2),
        (a_deployment().with_max_model_len("auto").with_model(NANO), 1),
    ],
)
def test_an_automatic_context_is_the_longest_that_the_fewest_gpus_are_certain_to_hold(
    deployment: DeploymentBuilder, tensor: int
) -> None:
    planned = plan(deployment)
    assert (tensor, 0) == (planned.engine.tensor_parallel_size, planned.missing_at_worst_bytes)
    assert planned.longest_max_model_len >= planned.engine.max_model_len
    assert planned.kv_cache_tokens >= planned.engine.max_model_len


def test_an_automatic_context_that_nothing_holds_is_refused() -> None:
    config = config_with_default_profile(gpus_per_node=1)
    assert (
        Reason.WEIGHTS_DO_NOT_FIT
        == refuse(a_deployment().with_model(BF16).with_max_model_len("auto"), config=config).reason
    )


def test_an_fp8_kv_cache_halves_a_token() -> None:
    two_bytes, one_byte = (
        plan(a_deployment().having("engine.kvCacheDtype", dtype)).memory.kv_bytes_per_token
        for dtype in ("bfloat16", "fp8")
    )
    assert (327_680, 163_840) == (two_bytes, one_byte)
    assert two_bytes == plan(a_deployment()).memory.kv_bytes_per_token


def test_a_checkpoint_that_asks_for_an_fp8_kv_cache_gets_it_unless_the_user_says_otherwise() -> None:
    of_checkpoint, of_user = (
        plan(a_deployment().with_model(NANO)),
        plan(a_deployment().with_model(NANO).having("engine.kvCacheDtype", "bfloat16")),
    )
    assert 2 * of_checkpoint.memory.kv_bytes_per_token == of_user.memory.kv_bytes_per_token
    assert ("auto", "bfloat16") == (of_checkpoint.engine.kv_cache_dtype, of_user.engine.kv_cache_dtype)


def test_a_pipeline_spreads_weights_without_a_tensor_parallel_group() -> None:
    planned = plan(a_deployment().with_pipeline(2))
    assert (1, 2, 2) == (planned.engine.tensor_parallel_size, planned.engine.pipeline_parallel_size, planned.pod.gpus)
    assert 4 * GIB == planned.pod.shared_memory_bytes


@given(sizing_requests())
def test_what_is_missing_at_worst_is_what_stands_between_the_plan_and_certainty(deployment: DeploymentBuilder) -> None:
    planned = plan_or_refuse(deployment)
    if isinstance(planned, ServingPlan):
        memory, needs_states = planned.memory, planned.memory.state_bytes_per_sequence > 0
        holds_states = not needs_states or memory.count_blocks(is_worst=True) >= planned.engine.max_num_seqs
        is_certain = memory.holds(planned.engine.max_model_len, is_worst=True) and holds_states
        assert is_certain == (planned.missing_at_worst_bytes == 0)


def test_the_block_of_one_sequences_states_may_be_what_is_missing() -> None:
    """One sequence more in a batch than surely has a block for its states."""
    deployment = a_deployment().with_model(NANO).having("engine.gpuMemoryUtilizationPercent", 50)
    planned = plan(deployment.having("engine.maxNumSeqs", 390))
    assert 389 == planned.memory.count_blocks(is_worst=True)
    assert 0 < planned.missing_at_worst_bytes <= planned.memory.layout.block_bytes
    assert 0 == plan(deployment.having("engine.maxNumSeqs", 389)).missing_at_worst_bytes


def test_the_block_that_vllm_holds_back_may_be_what_is_missing() -> None:
    """One token more than surely fits needs a block more."""
    deployment = a_deployment().with_model(BF16).with_tensor(2)
    sure = find_longest_sure_context(deployment)
    assert [0, True] == [
        plan(deployment.with_max_model_len(sure)).missing_at_worst_bytes,
        0 < plan(deployment.with_max_model_len(sure + 1)).missing_at_worst_bytes,
    ]


def find_longest_sure_context(deployment: DeploymentBuilder) -> int:
    memory = plan(deployment.with_max_model_len(1024)).memory
    return memory.find_longest(131_072, is_worst=True)


def test_states_count_among_what_may_be_missing() -> None:
    """The largest batch that fits as expected has a state too many where less memory is left."""
    deployment = a_deployment().with_model(NANO).with_tensor(1)
    largest = bisect_left(
        range(8192),
        x=True,
        key=lambda more: isinstance(plan_or_refuse(deployment.having("engine.maxNumSeqs", 1 + more)), Rejection),
    )
    assert plan(deployment.having("engine.maxNumSeqs", largest)).missing_at_worst_bytes > 0
    assert 0 == plan(deployment.having("engine.maxNumSeqs", 64)).missing_at_worst_bytes


def test_no_cost_is_told_where_nobody_knows_the_price() -> None:
    assert plan(a_deployment()).cost is None


@pytest.mark.parametrize(("replicas", "cost"), [(0, "0.00"), (1, "5.98"), (3, "17.94")])
def test_all_replicas_cost_their_gpus(replicas: int, cost: str) -> None:
    config = config_with_default_profile(gpu_price_per_hour="2.99").model_copy(update={"currency": "EUR"})
    deployment = a_deployment().with_replicas(replicas).having("cache.accessModes", ["ReadWriteMany"])
    assert CostPlan(Decimal(cost), "EUR") == plan(deployment, config=config).cost


@pytest.mark.parametrize("direction", ["next_cheaper", "next_faster"])
@pytest.mark.parametrize("model", [FP8, BF16, NANO])
def test_the_next_choices_are_fields_that_work(direction: str, model: str) -> None:
    deployment = a_deployment().with_model(model).with_tensor(4)
    settings = getattr(plan(deployment), direction)
    assert settings
    for setting in settings:
        path, value = setting.split(": ")
        deployment = deployment.having(path, int(value) if value.isdigit() else value)
    gpus = plan(deployment).pod.gpus
    assert gpus < 4 if direction == "next_cheaper" else gpus > 4


def test_the_largest_group_of_a_node_has_nothing_faster() -> None:
    assert () == plan(a_deployment().with_tensor(8)).next_faster


@pytest.mark.parametrize(
    ("model", "arguments", "parsers"),
    [
        (FP8, (), (None, None)),
        (NANO, (), ("qwen3_coder", "nemotron_v3")),
        (NANO, ("--tool-call-parser=hermes",), (None, "nemotron_v3")),
        (NANO, ("--no-enable-auto-tool-choice",), (None, "nemotron_v3")),
        (NANO, ("--enable_auto_tool_choice", "--reasoning_parser", "x"), (None, None)),
        (NANO_9B, (), (None, None)),  # its parser is a file of the repository
    ],
)
def test_the_catalogues_parsers_are_planned_unless_they_are_code_or_the_user_chose(
    model: str, arguments: tuple[str, ...], parsers: tuple[str | None, str | None]
) -> None:
    engine = plan(a_deployment().with_model(model).with_extra_args(*arguments)).engine
    assert parsers == (engine.tool_call_parser, engine.reasoning_parser)


def test_a_reasoning_parser_that_is_code_is_left_out() -> None:
    flags = CATALOG.entries[NANO].flags.model_copy(update={"reasoning_parser_plugin": "parser.py"})
    engine = plan(a_deployment().with_model(NANO), config=config_with_model(NANO, flags=flags)).engine
    assert ("qwen3_coder", None) == (engine.tool_call_parser, engine.reasoning_parser)


def test_sampling_that_nobody_documented_is_left_to_the_model() -> None:
    planned = plan(a_deployment().with_model(BASE))
    sampling = planned.engine.sampling
    assert (None, None, 8192) == (sampling.temperature, sampling.top_p, sampling.max_tokens)
    asked = plan(a_deployment().with_model(BASE).having("engine.sampling.temperature", "0")).engine.sampling
    assert (0.0, None) == (asked.temperature, asked.top_p)


@pytest.mark.parametrize(
    ("image", "version", "are_options_known"),
    [
        ("vllm/vllm-openai:v0.33.0", "0.33.0", True),
        ("vllm/vllm-openai:v0.20.0", "0.20.0", False),
        ("vllm/vllm-openai:nightly", None, False),
    ],
)
def test_a_plan_says_how_well_it_knows_its_engine(
    image: str,
    version: str | None,
    are_options_known: bool,  # noqa: FBT001 - a column
) -> None:
    engine = plan(a_deployment().having("engine.image", image)).engine
    assert (version, are_options_known) == (engine.version, engine.are_options_known)
