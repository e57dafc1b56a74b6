"""What has to hold for every model of the catalogue and every setting; the answers are confirmed by brute force."""

from hypothesis import assume, given
from hypothesis import strategies as st

from nemotron_operator.plan.alternatives import Alternative, find_cheaper, find_faster, find_nearest_fitting
from nemotron_operator.plan.memory.parallelism import Parallelism
from nemotron_operator.plan.request import PlanRequest
from nemotron_operator.plan.sizing import (
    CONTEXT_STEP_TOKENS,
    SHORTEST_AUTOMATIC_CONTEXT_TOKENS,
    Sizing,
    choose_sizing,
    find_longest_context,
    list_parallelisms,
    size_replica,
)
from tests.support.fixtures.deployments import DeploymentBuilder, a_deployment
from tests.support.fixtures.plans import CATALOG, CONFIG, resolve

contexts = st.integers(min_value=256, max_value=131_072)
percents = st.integers(min_value=50, max_value=98)
sequences = st.integers(min_value=1, max_value=2048)


MODELS = sorted(CATALOG.entries)

LARGE_MODELS = [name for name in MODELS if (CATALOG.entries[name].published_parameters or "") in {"70B", "253.401B"}]


@st.composite
def deployments(draw: st.DrawFn, models: list[str] = MODELS) -> DeploymentBuilder:
    """Draw a model of the catalogue on a shipped accelerator, with any of the settings that decide about memory."""
    deployment = a_deployment().with_model(draw(st.sampled_from(models)))
    deployment = deployment.with_accelerator(draw(st.sampled_from(sorted(CONFIG.accelerators))))
    optional = {
        "engine.gpuMemoryUtilizationPercent": percents,
        "engine.kvCacheDtype": st.sampled_from(["auto", "bfloat16", "fp8"]),
        "engine.maxNumSeqs": sequences,
        "engine.maxNumBatchedTokens": st.integers(min_value=2048, max_value=32_768),
        "engine.extraArgs": st.sampled_from([[], ["--enforce-eager"], ["--no-enable-prefix-caching"]]),
        "engine.image": st.sampled_from([f"vllm/vllm-openai:v0.{minor}.0" for minor in (11, 18, 23, 33)]),
    }
    for path, values in optional.items():
        if draw(st.booleans()):
            deployment = deployment.having(path, draw(values))
    return deployment


def draw_parallelism(data: st.DataObject, request: PlanRequest) -> Parallelism:
    return data.draw(st.sampled_from(list_parallelisms(request)))


def limit_of(request: PlanRequest) -> int:
    return request.known_entry.context.max_model_len


@given(deployments())
def test_a_larger_group_never_has_more_weights_on_a_gpu(deployment: DeploymentBuilder) -> None:
    request = resolve(deployment)
    weights = [size_replica(request, each, 4096).memory.weights_bytes for each in list_parallelisms(request)]
    assert weights == sorted(weights, reverse=True)


@given(deployments(), contexts)
def test_what_fits_a_group_fits_a_larger_one(deployment: DeploymentBuilder, context: int) -> None:
    request = resolve(deployment)
    fits = [size_replica(request, each, context).fits for each in list_parallelisms(request)]
    assert fits == sorted(fits)


@given(st.data(), deployments(), contexts)
def test_what_fits_a_context_fits_a_shorter_one_as_often(
    data: st.DataObject, deployment: DeploymentBuilder, context: int
) -> None:
    request = resolve(deployment)
    parallelism = draw_parallelism(data, request)
    longer, shorter = (size_replica(request, parallelism, tokens) for tokens in (context, context // 2))
    assert shorter.fits or not longer.fits
    assert shorter.memory.count_concurrent(context // 2) >= longer.memory.count_concurrent(context)


@given(st.data(), deployments(), contexts, percents)
def test_a_larger_share_of_the_memory_holds_more(
    data: st.DataObject, deployment: DeploymentBuilder, context: int, percent: int
) -> None:
    parallelism = draw_parallelism(data, resolve(deployment))
    less, more = (
        size_replica(
            resolve(deployment.having("engine.gpuMemoryUtilizationPercent", share).having("engine.maxNumSeqs", 64)),
            parallelism,
            context,
        )
        for share in (percent, percent + 1)
    )
    assert more.fits or not less.fits
    assert more.memory.kv_cache_bytes > less.memory.kv_cache_bytes
    assert more.memory.count_tokens(context) >= less.memory.count_tokens(context)


@given(st.data(), deployments(), contexts, sequences)
def test_a_smaller_batch_holds_more(
    data: st.DataObject, deployment: DeploymentBuilder, context: int, count: int
) -> None:
    parallelism = draw_parallelism(data, resolve(deployment))
    large, small = (
        size_replica(resolve(deployment.having("engine.maxNumSeqs", number)), parallelism, context)
        for number in (count, max(1, count // 2))
    )
    assert small.fits or not large.fits
    assert small.memory.kv_cache_bytes >= large.memory.kv_cache_bytes
    assert small.memory.count_tokens(context) >= large.memory.count_tokens(context)


@given(st.data(), deployments())
def test_the_range_holds_what_is_expected(data: st.DataObject, deployment: DeploymentBuilder) -> None:
    request = resolve(deployment)
    memory = size_replica(request, draw_parallelism(data, request), 4096).memory
    low, high = memory.kv_cache_bytes_range
    assert low <= memory.kv_cache_bytes <= high


@given(st.data(), deployments(), contexts)
def test_what_is_certain_fits(data: st.DataObject, deployment: DeploymentBuilder, context: int) -> None:
    request = resolve(deployment)
    sizing = size_replica(request, draw_parallelism(data, request), context)
    assert sizing.fits or not sizing.is_certain


@given(st.data(), deployments(), contexts)
def test_a_model_with_states_fits_only_with_a_block_for_each_sequence(
    data: st.DataObject, deployment: DeploymentBuilder, context: int
) -> None:
    request = resolve(deployment)
    assume(bool(request.architecture.find_states()) and "--enforce-eager" not in request.extra_args)
    sizing = size_replica(request, draw_parallelism(data, request), context)
    assert sizing.memory.count_blocks() >= sizing.shape.batch.max_num_seqs or not sizing.fits


@given(st.data(), deployments(), contexts)
def test_a_batch_that_nobody_asked_for_is_no_smaller_than_it_must_be(
    data: st.DataObject, deployment: DeploymentBuilder, context: int
) -> None:
    """Twice as many would not do: for certain, where the chosen one is certain, else as expected."""
    request = resolve(deployment)
    assume(request.spec.engine.max_num_seqs is None)
    parallelism = draw_parallelism(data, request)
    sizing = size_replica(request, parallelism, context)
    chosen, default = sizing.shape.batch.max_num_seqs, min(1024, sizing.shape.batch.max_num_batched_tokens)
    assert chosen in {default >> halvings for halvings in range(11)}
    if chosen < default:
        twice = size_replica(resolve(deployment.having("engine.maxNumSeqs", 2 * chosen)), parallelism, context)
        assert not twice.has_state_blocks(is_worst=sizing.has_state_blocks(is_worst=True))


@given(deployments(), contexts)
def test_the_chosen_parallelism_is_the_smallest_of_all_that_fit(deployment: DeploymentBuilder, context: int) -> None:
    request = resolve(deployment.with_max_model_len(context))
    legal = list_parallelisms(request)
    fitting = [each for each in legal if size_replica(request, each, context).fits]
    chosen = choose_sizing(request)
    assert (fitting or legal[-1:])[0] == chosen.shape.parallelism
    assert (bool(fitting), context) == (chosen.fits, chosen.max_model_len)


def find_longest_one_by_one(request: PlanRequest, sizing: Sizing) -> int:
    """Find the longest context around the answer by trying each, and far from it by halving."""
    low, high = 0, limit_of(request)
    while high - low > 64:
        middle = (low + high) // 2
        low, high = (middle, high) if sizing.memory.holds(middle) else (low, middle)
    return max((tokens for tokens in range(low, high + 1) if tokens and sizing.memory.holds(tokens)), default=0)


@given(st.data(), deployments())
def test_the_longest_context_fits_and_the_next_token_does_not(
    data: st.DataObject, deployment: DeploymentBuilder
) -> None:
    request = resolve(deployment)
    sizing = size_replica(request, draw_parallelism(data, request), 4096)
    longest = find_longest_one_by_one(request, sizing)
    assert longest == sizing.memory.find_longest(limit_of(request))
    in_steps = longest if longest == limit_of(request) else longest // CONTEXT_STEP_TOKENS * CONTEXT_STEP_TOKENS
    assert in_steps == find_longest_context(request, sizing)


@given(deployments())
def test_an_automatic_context_is_the_longest_that_is_certain_on_the_fewest_gpus(deployment: DeploymentBuilder) -> None:
    request = resolve(deployment.with_max_model_len("auto"))
    shortest = min(limit_of(request), SHORTEST_AUTOMATIC_CONTEXT_TOKENS)
    certain = [each for each in list_parallelisms(request) if size_replica(request, each, shortest).is_certain]
    assume(certain)
    chosen = choose_sizing(request)
    assert (True, certain[0]) == (chosen.is_certain, chosen.shape.parallelism)
    longer = chosen.max_model_len + CONTEXT_STEP_TOKENS
    assert chosen.max_model_len == limit_of(request) or not chosen.memory.holds(longer, is_worst=True)


def is_possible(request: PlanRequest, deployment: DeploymentBuilder, parallelism: Parallelism, context: int) -> bool:
    """Try all that a cheaper choice may give up: bytes of the KV cache, and the context step by step."""
    halved = resolve(deployment.having("engine.kvCacheDtype", "fp8"))
    return (
        size_replica(request, parallelism, context).fits
        or size_replica(halved, parallelism, context).fits
        or any(
            size_replica(request, parallelism, tokens).fits
            for tokens in range(CONTEXT_STEP_TOKENS, context, CONTEXT_STEP_TOKENS)
        )
    )


def apply(deployment: DeploymentBuilder, alternative: Alternative) -> DeploymentBuilder:
    """Write the fields of an alternative into a resource, as a person would."""
    for setting in alternative.settings:
        path, _, text = setting.partition(": ")
        deployment = deployment.having(path, int(text) if text.isdigit() else text)
    return deployment


@given(deployments(), contexts)
def test_the_next_cheaper_choice_fits_and_nothing_lies_between(deployment: DeploymentBuilder, context: int) -> None:
    deployment = deployment.with_max_model_len(context)
    request = resolve(deployment)
    assume(context <= limit_of(request))
    sizing = choose_sizing(request)
    fewer = [each for each in list_parallelisms(request) if each.gpus < sizing.gpus]
    possible = [each for each in fewer if is_possible(request, deployment, each, context)]
    cheaper = find_cheaper(request, sizing)
    assert (possible[-1] if possible else None) == (cheaper.sizing.shape.parallelism if cheaper else None)
    if cheaper is not None:
        taken = choose_sizing(resolve(apply(deployment, cheaper)))
        assert taken.fits
        assert (cheaper.sizing.gpus, cheaper.sizing.max_model_len) == (taken.gpus, taken.max_model_len)


@given(deployments(), contexts)
def test_the_next_faster_choice_fits_and_nothing_lies_between(deployment: DeploymentBuilder, context: int) -> None:
    request = resolve(deployment.with_max_model_len(context))
    sizing = choose_sizing(request)
    more = [each for each in list_parallelisms(request) if each.gpus > sizing.gpus]
    fitting = [each for each in more if size_replica(request, each, context).fits]
    faster = find_faster(request, sizing)
    assert (fitting[0] if fitting else None) == (faster.sizing.shape.parallelism if faster else None)
    assert faster is None or faster.sizing.fits


@given(st.data(), deployments(LARGE_MODELS))
def test_every_suggestion_of_a_refusal_works(data: st.DataObject, deployment: DeploymentBuilder) -> None:
    request = resolve(deployment)
    size = data.draw(st.sampled_from([each for each in list_parallelisms(request) if each.tensor <= 4]))
    longest, limit = size_replica(request, size, 256).memory.find_longest(limit_of(request)), limit_of(request)
    context = data.draw(st.integers(min(max(longest + 1, 256), limit), limit))
    deployment = deployment.with_max_model_len(context).with_tensor(size.tensor)
    failed = choose_sizing(resolve(deployment))
    assume(not failed.fits)
    for suggestion in find_nearest_fitting(resolve(deployment), failed):
        fields = tuple(suggestion.split(" with "))
        changed = apply(deployment, Alternative(failed, fields))
        assert choose_sizing(resolve(changed)).fits, suggestion
