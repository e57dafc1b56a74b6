import jinja2
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from nemotron_operator.render.templating import _load_environment, render_template, to_yaml_scalar
from tests.support.fixtures.specs import NASTY, texts

values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(texts, parts, max_size=4),
    max_leaves=10,
)


@given(values)
def test_every_value_reads_back_the_same(value: object) -> None:
    assert value == yaml.safe_load(to_yaml_scalar(value))


@given(texts, texts)
def test_no_text_changes_the_structure_of_a_document(key: str, value: str) -> None:
    template = _load_environment().from_string(
        "first: 1\nmap:\n  {{ key }}: {{ value }}\nlist: [{{ value }}]\nlast: 2\n"
    )
    expected = {"first": 1, "map": {key: value}, "list": [value], "last": 2}
    assert expected == yaml.safe_load(template.render(key=key, value=value))


@pytest.mark.parametrize("text", NASTY)
def test_text_that_trips_yaml_or_jinja_stays_as_it_is(text: str) -> None:
    assert text == yaml.safe_load(to_yaml_scalar(text))
    assert {text: [text]} == yaml.safe_load(to_yaml_scalar({text: [text]}))


def test_types_survive() -> None:
    template = _load_environment().from_string(
        "a: {{ 1 }}\nb: {{ '1' }}\nc: {{ true }}\nd: {{ none }}\ne: {{ (1, 2) }}\n"
    )
    assert {"a": 1, "b": "1", "c": True, "d": None, "e": [1, 2]} == yaml.safe_load(template.render())


@pytest.mark.parametrize("source", ["{{ missing }}", "{{ plan.missing }}", "{% if missing %}x{% endif %}"])
def test_what_a_template_lacks_is_an_error_that_names_it(source: str) -> None:
    with pytest.raises(jinja2.UndefinedError, match="missing"):
        _load_environment().from_string(source).render(plan={})


@pytest.mark.parametrize("name", ["claim", "disruption_budget", "download_job", "server", "server_pod", "service"])
def test_a_template_without_its_values_is_an_error(name: str) -> None:
    with pytest.raises(jinja2.UndefinedError):
        render_template(name)


def test_the_longest_key_that_the_schema_lets_in_reads_back_the_same() -> None:
    """YAML ends a key of a flow mapping after 1024 characters."""
    mapping = {"a" * 253 + "/" + "b" * 63: "x"}
    assert mapping == yaml.safe_load(to_yaml_scalar(mapping))
