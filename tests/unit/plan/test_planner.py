import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemotron_operator.api.quantity import parse_quantity
from nemotron_operator.config import OperatorConfig
from nemotron_operator.plan.memory import GIB, count_repository_bytes
from nemotron_operator.plan.planner import SHORTEST_STARTUP_BUDGET_SECONDS
from nemotron_operator.plan.serving_plan import Rejection, ServingPlan
from tests.support.fixtures.deployments import BF16, FP8, DeploymentBuilder, a_deployment
from tests.support.fixtures.plans import CATALOG, CONFIG, plan, plan_or_refuse, refuse
from tests.support.fixtures.requests import sizing_requests


def test_a_model_and_nothing_else_is_planned() -> None:
    planned = plan(a_deployment())
    assert (FP8, "H100-80GB", 1, 2) == (planned.model_name, planned.accelerator, planned.replicas, planned.gpus)
    assert (FP8,) == planned.engine.served_names
    assert CONFIG.engine_image == planned.engine.image
    assert planned.warning is None


def test_an_accelerator_brings_its_own_image_arguments_and_variables_and_the_user_wins() -> None:
    config = with_profile(engine_image="cpu:1", engine_args=("--enforce-eager",), engine_env={"A": "1", "B": "2"})
    planned = plan(a_deployment().with_extra_args("--enable-prefix-caching").with_env(B="3"), config=config)
    assert ("cpu:1", ("--enforce-eager", "--enable-prefix-caching")) == (
        planned.engine.image,
        planned.engine.extra_args,
    )
    assert [("A", "1"), ("B", "3")] == [(variable.name, variable.value) for variable in planned.engine.env]


def test_the_users_image_wins_over_that_of_the_accelerator() -> None:
    named = a_deployment().having("engine.image", "vllm/vllm-openai:nightly")
    assert "vllm/vllm-openai:nightly" == plan(named, config=with_profile(engine_image="cpu:1")).engine.image


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
    size = planned.engine.tensor_parallel_size
    assert size == planned.pod.gpus
    assert 2 * size * GIB == planned.pod.shared_memory_bytes
    assert planned.replicas * size == planned.gpus
    assert parse_quantity(planned.pod.memory) > planned.pod.shared_memory_bytes
    assert planned.engine.max_num_batched_tokens >= planned.engine.max_num_seqs


@given(sizing_requests())
def test_what_is_planned_without_a_warning_fits(deployment: DeploymentBuilder) -> None:
    planned = plan_or_refuse(deployment)
    if isinstance(planned, ServingPlan):
        assert planned.memory.kv_cache_tokens >= planned.engine.max_model_len
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


@pytest.mark.parametrize(("model", "estimate"), [(FP8, 180 + 347), (BF16, 180 + 673)])
def test_a_start_is_given_twice_what_reading_and_compiling_take(model: str, estimate: int) -> None:
    startup = plan(a_deployment().with_model(model)).startup
    assert (estimate, 2 * estimate) == (startup.estimate_seconds, startup.budget_seconds)
    assert startup.progress_deadline_seconds >= startup.budget_seconds + 600


@given(st.integers(min_value=1, max_value=100_000))
def test_no_start_is_given_less_than_vllm_itself_waits(mib_per_second: int) -> None:
    config = CONFIG.model_copy(update={"assumed_read_mib_per_second": mib_per_second})
    startup = plan(a_deployment(), config=config).startup
    read_seconds = count_repository_bytes(CATALOG.entries[FP8]) / (mib_per_second * 1024**2)
    assert startup.budget_seconds >= max(SHORTEST_STARTUP_BUDGET_SECONDS, 2 * read_seconds)


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


def with_profile(**changes: object) -> OperatorConfig:
    """Change the shipped default accelerator."""
    profile = CONFIG.accelerators[CONFIG.default_accelerator].model_copy(update=changes)
    return CONFIG.model_copy(update={"accelerators": {**CONFIG.accelerators, CONFIG.default_accelerator: profile}})
