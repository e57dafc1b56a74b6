"""Whatever a config.json holds, a person gets an answer or one line; never a traceback."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nemotron_operator.catalog.catalog import load_catalog
from tests.unit.cli.command import nemoctl

CONFIGS = [dict(entry.config) for entry in load_catalog().entries.values() if entry.config is not None]

values = (
    st.none()
    | st.booleans()
    | st.integers(-2, 300)
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.lists(st.none() | st.integers() | st.text(max_size=3), max_size=3)
    | st.dictionaries(st.text(max_size=3), st.none() | st.integers(), max_size=3)
)


@st.composite
def configs(draw: st.DrawFn) -> dict[str, Any]:
    """Take the config.json of a model, and write something else into a few of its fields."""
    config: dict[str, Any] = deepcopy(draw(st.sampled_from(CONFIGS)))
    for _ in range(draw(st.integers(1, 3))):
        part = config
        field = draw(st.sampled_from(sorted(part)))
        while isinstance(part[field], dict) and part[field] and draw(st.booleans()):
            part = part[field]
            field = draw(st.sampled_from(sorted(part)))
        part[field] = draw(values)
    return config


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("any") / "config.json"


def check(file: Path) -> None:
    answer = nemoctl("plan", "--config", file, "-o", "json")
    assert answer.code in {0, 1, 2}
    if answer.code == 2:
        assert (answer.out, 1) == ("", answer.err.count("\n"))
        assert answer.err.startswith(f"nemoctl: --config: {file}: "), answer.err
    else:
        assert answer.document["fits"] == (answer.code == 0)


@given(config=configs())
@example(config={"architectures": ["NemotronHForCausalLM"], "layers_block_type": [None]})
def test_any_value_of_a_field(file: Path, config: dict[str, Any]) -> None:
    file.write_text(json.dumps(config))
    check(file)


@given(content=st.binary(max_size=100) | st.text(max_size=100).map(str.encode))
def test_any_bytes(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    check(file)
