from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from nemotron_operator.yaml_text import dump_yaml

texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(texts, parts, max_size=4),
    max_leaves=12,
)


@given(documents)
def test_what_is_written_reads_back_the_same(document: object) -> None:
    assert document == yaml.safe_load(dump_yaml(document))


@given(texts)
def test_text_stays_text_as_value_and_as_key(text: str) -> None:
    assert {text: text} == yaml.safe_load(dump_yaml({text: text}))


@pytest.mark.parametrize(
    "text",
    [
        *("y", "n", "yes", "No", "ON", "off", "true", "False", "null", "NULL", "~", ""),
        *("1", "-1", "+1", "1.5", "1e3", "1E-3", "07", "0o17", "0x1F", "0b11", "1_000", "1:30", "2026-11-24", ".5"),
        *(".inf", "-.INF", ".nan", "=", "<<", "1234567e8", "123e45678"),
    ],
)
def test_text_that_another_reader_takes_for_something_else_is_quoted(text: str) -> None:
    """Kubernetes reads YAML with Go: `y` is true there, `0o17` is 15."""
    assert f'a: "{text}"\n' == dump_yaml({"a": text})


@pytest.mark.parametrize("text", ["-.5", "-.5e3"])
def test_a_negative_fraction_without_a_leading_zero_is_quoted(text: str) -> None:
    assert f'a: "{text}"\n' == dump_yaml({"a": text})


@pytest.mark.parametrize("text", ["nvidia/Llama-3.1", "A sentence with words.", "kubectl get nemo", "v0.33.0", "_a"])
def test_ordinary_text_is_not_quoted(text: str) -> None:
    assert f"a: {text}\n" == dump_yaml({"a": text})


def test_keys_keep_their_order_and_nothing_is_aliased() -> None:
    shared = {"b": 1, "a": 2}
    text = dump_yaml({"z": shared, "y": shared})
    assert "z:\n  b: 1\n  a: 2\n'y':" in text or 'z:\n  b: 1\n  a: 2\n"y":' in text
    assert "&" not in text


def test_lines_of_a_text_stay_lines() -> None:
    assert "a: |\n  one\n  two\n" == dump_yaml({"a": "one\ntwo\n"})


def test_the_width_is_kept_where_text_can_be_folded() -> None:
    document: dict[str, Any] = {"a": "word " * 60}
    assert max(map(len, dump_yaml(document, width=80).splitlines())) <= 85
    assert document == yaml.safe_load(dump_yaml(document, width=80))
