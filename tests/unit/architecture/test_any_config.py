"""Whatever somebody calls a config.json is read, or refused in words."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemotron_operator.architecture.errors import ArchitectureError
from nemotron_operator.architecture.model import Architecture
from nemotron_operator.architecture.reader import read_architecture
from nemotron_operator.plan.memory.engine_memory import ENGINES
from nemotron_operator.plan.memory.kv_cache import lay_out
from nemotron_operator.plan.memory.parallelism import (
    Parallelism,
    explain_illegal_pipeline,
    list_legal_tensor_parallel_sizes,
)
from nemotron_operator.plan.memory.weights import count_parameters, count_repository_bytes, count_weights_bytes
from tests.unit.architecture.configs import FAMILIES, Config, make_compressed

QUANTIZATIONS: list[Config] = [
    make_compressed(type="float", num_bits=8, strategy="block", block_structure=[16, 16]),
    {"quant_method": "modelopt", "quant_algo": "NVFP4", "ignore": ["lm_head"]},
    {"quant_method": "modelopt", "quantized_layers": {"a": {"quant_algo": "FP8"}}},
    {"quant_method": "fp8", "weight_block_size": [8, 8]},
    {"quant_method": "gptq", "bits": 4, "group_size": 32},
]

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 8)
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "M*E-", "moe", "fp8", "modelopt", "re:(", "float", "block", "NVFP4"])
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


def list_paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:  # noqa: ANN401 - JSON
    """List where something stands in a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, inner in items for found in list_paths(inner, (*path, key)))]


def put(value: Any, path: tuple[str | int, ...], new: object) -> Any:  # noqa: ANN401 - JSON
    """Copy a JSON value with something else at one place."""
    if not path:
        return new
    copy = json.loads(json.dumps(value))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return copy


@st.composite
def spoil_config(draw: st.DrawFn) -> Any:  # noqa: ANN401 - JSON
    """Put something wrong into up to three places of a right config.json."""
    config: Any = {**draw(st.sampled_from(list(FAMILIES.values())))}
    if draw(st.booleans()):
        config["quantization_config"] = draw(st.sampled_from(QUANTIZATIONS))
    for _ in range(draw(st.integers(1, 3))):
        paths = [path for path in list_paths(config) if path]
        config = put(config, draw(st.sampled_from(paths)), draw(JSON))
    return config


def account(architecture: Architecture) -> int:
    """Count everything that a plan counts."""
    total = count_parameters(architecture) + count_repository_bytes(architecture)
    for tensor in list_legal_tensor_parallel_sizes(architecture, 4):
        parallelism = Parallelism(tensor, 2 if explain_illegal_pipeline(architecture, 2) is None else 1)
        total += count_weights_bytes(architecture, parallelism)
        layout = lay_out(architecture, parallelism, 0, 2, 2048, ENGINES[-1])
        total += layout.count_tokens(10**9, 4096) + layout.find_longest(10**9, 4096)
    return total


def read_or_explain(config: Config) -> Architecture | str:
    """Read a config.json, or tell why it is refused."""
    try:
        return read_architecture(config)
    except ArchitectureError as error:
        return str(error)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # Python's words about an expression that will mean something else
@settings(max_examples=300, deadline=None)
@given(config=spoil_config())
def test_a_spoilt_config_is_read_or_refused_in_words(config: Config) -> None:
    outcome = read_or_explain(config)
    if isinstance(outcome, str):
        assert outcome.startswith("config.json: ")
        assert 600 > len(outcome)
    else:
        assert account(outcome) > 0


@settings(max_examples=100, deadline=None)
@given(config=st.dictionaries(st.sampled_from(["architectures", "hidden_size", "x"]), JSON))
def test_anything_else_is_refused_in_words(config: Config) -> None:
    with pytest.raises(ArchitectureError, match=r"^config\.json: "):
        read_architecture(config)


def test_every_leaf_of_every_family_may_be_wrong() -> None:
    """Not by chance: each place once, with each kind of value."""
    refused = 0
    for config in FAMILIES.values():
        for path in list_paths(config)[1:]:
            for value in (None, True, -1, 0, 10**30, 1.5, "x", [], ["x"], {}, {"x": 1}):
                outcome = read_or_explain(put(config, path, value))
                if isinstance(outcome, str):
                    refused += 1
                else:
                    assert account(outcome) > 0, (path, value)
    assert refused > 500
