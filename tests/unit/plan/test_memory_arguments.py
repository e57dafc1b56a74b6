"""Extra arguments that change the engine's memory: what is counted, and what is only named."""

import pytest

from nemotron_operator.catalog.engine_options import load_engine_options
from nemotron_operator.plan.memory.kv_cache import count_state_bytes
from nemotron_operator.plan.memory_arguments import (
    UNACCOUNTED,
    MemoryArguments,
    list_unaccounted,
    read_memory_arguments,
)
from nemotron_operator.plan.serving_plan import ServingPlan
from tests.support.fixtures.deployments import NANO_9B, a_deployment
from tests.support.fixtures.plans import plan, resolve

NOTHING_SAID = MemoryArguments(
    is_eager=False,
    has_prefix_caching=True,
    block_tokens=None,
    conv_element_bytes=None,
    ssm_element_bytes=None,
)


def plan_hybrid(*arguments: str) -> ServingPlan:
    return plan(a_deployment().with_model(NANO_9B).with_extra_args(*arguments))


def test_nothing_said_is_what_vllm_does_by_itself() -> None:
    assert NOTHING_SAID == read_memory_arguments([]) == read_memory_arguments(["--seed=1"])


@pytest.mark.parametrize(
    ("arguments", "eager_and_prefix_caching"),
    [
        (["--enforce-eager"], (True, True)),
        (["--enforce_eager"], (True, True)),
        (["--enforce-eager", "--no-enforce-eager"], (False, True)),
        (["--no-enable-prefix-caching"], (False, False)),
        (["--disable-prefix-caching"], (False, False)),
        (["--no-enable-prefix-caching", "--enable-prefix-caching"], (False, True)),
    ],
)
def test_the_last_switch_counts(arguments: list[str], eager_and_prefix_caching: tuple[bool, bool]) -> None:
    told = read_memory_arguments(arguments)
    assert eager_and_prefix_caching == (told.is_eager, told.has_prefix_caching)


@pytest.mark.parametrize(
    ("arguments", "tokens"),
    [
        (["--block-size", "32"], 32),
        (["--block_size=64"], 64),
        (["--block-size=32", "--block-size", "128"], 128),
        (["--block-size=many"], None),
        (["--block-size=0"], None),
        (["--block-size"], None),
    ],
)
def test_the_size_of_a_block_is_read_where_it_is_one(arguments: list[str], tokens: int | None) -> None:
    assert tokens == read_memory_arguments(arguments).block_tokens


def test_a_block_that_is_asked_for_is_planned() -> None:
    layout, usual = (plan(a_deployment().with_extra_args(*each)).memory.layout for each in (["--block-size=32"], []))
    assert (32, 2 * usual.block_bytes) == (layout.block_tokens, layout.block_bytes)


def test_each_part_of_a_mamba_state_has_the_format_that_is_asked_for() -> None:
    usual, ssm, conv, auto = (
        resolve(a_deployment().with_model(NANO_9B).with_extra_args(*arguments)).architecture.find_states()[0]
        for arguments in (
            [],
            ["--mamba-ssm-cache-dtype", "bfloat16"],
            ["--mamba-cache-dtype=float32"],
            ["--mamba-ssm-cache-dtype=auto"],
        )
    )
    assert [(4, 2), (2, 2), (4, 4), (4, 2)] == [
        (state.ssm_element_bytes, state.conv_element_bytes) for state in (usual, ssm, conv, auto)
    ]
    assert 128 * 80 * 128 * 2 == count_state_bytes(usual, 1) - count_state_bytes(ssm, 1)


def test_a_smaller_state_leaves_room_for_more_sequences() -> None:
    usual, smaller = plan_hybrid(), plan_hybrid("--mamba-ssm-cache-dtype=float16")
    assert smaller.memory.state_bytes_per_sequence < usual.memory.state_bytes_per_sequence
    assert smaller.max_concurrent_full_length > usual.max_concurrent_full_length
    assert smaller.memory.weights_bytes == usual.memory.weights_bytes


def test_the_same_formats_are_the_same_architecture_by_which_accounts_are_remembered() -> None:
    wanted = a_deployment().with_model(NANO_9B).with_extra_args("--mamba-ssm-cache-dtype=float16")
    assert resolve(wanted).architecture is resolve(wanted).architecture


def test_what_is_not_counted_is_named_once_and_in_order() -> None:
    arguments = ["--max_loras=4", "--seed", "1", "--enable-lora", "--compilation-config.mode=3", "--max-loras", "8"]
    assert ("--max-loras", "--enable-lora", "--compilation-config") == list_unaccounted(arguments)
    assert () == list_unaccounted(["--block-size=32", "--enforce-eager", "--no-enable-lora"])


def test_every_argument_that_is_not_counted_is_one_of_vllms() -> None:
    options = load_engine_options()
    assert sorted(UNACCOUNTED) == sorted(
        name for name in UNACCOUNTED if any(version.find(name) for version in options.values())
    )
