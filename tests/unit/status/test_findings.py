from dataclasses import replace

import pytest

from nemotron_operator.api.status import EngineStatus
from nemotron_operator.status.findings import find_model_cached
from nemotron_operator.status.observation import Observation
from nemotron_operator.status.planned import describe_plan, find_planned
from tests.support.fixtures.deployments import BF16, DeploymentBuilder, a_deployment
from tests.support.fixtures.plans import plan, plan_cached


def test_sizes_of_the_first_model_are_told_in_gigabytes() -> None:
    planned = plan_cached(a_deployment())
    left = f"{planned.memory.kv_cache_bytes / 1024**3:.1f} GiB"
    assert f"weights 33.8 GiB and KV cache {left} on each" in describe_plan(planned)
    assert "26 files, 72.7 GB of mysticbeing/" in find_model_cached(planned, Observation()).finding.message


def test_sizes_of_a_tiny_model_are_told_in_megabytes() -> None:
    planned = plan_cached(a_deployment())
    tiny = replace(planned, memory=replace(planned.memory, weights_bytes=593_152))
    assert "weights 0.6 MiB and KV cache" in describe_plan(tiny)
    cached = planned.cache.cached
    assert cached is not None
    small = replace(planned, cache=replace(planned.cache, cached=replace(cached, size_bytes=572_244)))
    assert "26 files, 0.6 MB of mysticbeing/" in find_model_cached(small, Observation()).finding.message


def say_planned(deployment: DeploymentBuilder) -> str:
    return find_planned(plan(deployment), None).finding.message


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--enable-lora", "--max-loras=4"], "the extra arguments --enable-lora, --max-loras may change"),
        (["--enable-expert-parallel"], "the extra argument --enable-expert-parallel may change"),
        (["--block-size=32"], None),
    ],
)
def test_what_an_argument_changes_and_the_account_does_not_have_is_said(
    arguments: list[str], words: str | None
) -> None:
    message = say_planned(a_deployment().with_extra_args(*arguments))
    assert (words is not None) == ("Not in this account" in message)
    assert (words or "") in message


def test_what_the_engine_reports_stands_beside_a_plan_that_is_only_warned_of() -> None:
    warned = plan(a_deployment().with_model(BF16).with_tensor(1).that_only_warns())
    reported = EngineStatus(revision="r", kv_cache_tokens=4096, max_concurrency=None, read_at="2026-11-24T08:00:00Z")
    assert 0 == warned.kv_cache_tokens
    message = find_planned(warned, reported).finding.message
    assert message.endswith(" The engine itself reports 4096 tokens of KV cache.")


TIGHT = a_deployment().with_model(BF16).with_tensor(2)


def test_a_plan_that_fits_for_certain_has_no_doubts() -> None:
    assert say_planned(a_deployment()) == describe_plan(plan(a_deployment()))


def test_a_plan_that_rests_on_estimates_says_how_much_may_be_missing() -> None:
    message = say_planned(TIGHT)
    missing = plan(TIGHT).missing_at_worst_bytes / 1024**3
    assert message.endswith(f" It is tight: with the estimates at their worst {missing:.1f} GiB would be missing.")
    assert len(message) < 400


def test_a_misfit_that_is_only_warned_of_is_not_called_tight() -> None:
    message = say_planned(TIGHT.with_max_model_len(131_072).that_only_warns())
    assert message.startswith("planPolicy is Warn")
    assert "tight" not in message


@pytest.mark.parametrize(
    ("image", "arguments", "words"),
    [
        ("vllm/vllm-openai:v0.33.0", ["--seed=1"], ""),
        ("vllm/vllm-openai:nightly", [], "The vLLM version in 'vllm/vllm-openai:nightly' is not known: arguments"),
        ("vllm/vllm-openai:v0.20.0", ["--seed=1"], "The arguments of vLLM 0.20.0 are not known here: unchecked."),
        ("vllm/vllm-openai:v0.20.0", [], ""),
    ],
)
def test_an_engine_that_is_not_known_is_said_to_be_unchecked(image: str, arguments: list[str], words: str) -> None:
    message = say_planned(a_deployment().having("engine.image", image).with_extra_args(*arguments))
    assert words in message
    assert ("not known" in message) == bool(words)
