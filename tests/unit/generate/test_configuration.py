from typing import Any, get_args

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from generate.configuration import PARTS, render_configuration
from nemotron_operator.config import OperatorConfig


def test_every_field_of_the_configuration_has_a_row_with_a_meaning() -> None:
    page = render_configuration()
    models: list[type[BaseModel]] = [OperatorConfig, *(part for _, part in PARTS)]
    names = {to_camel(name) for model in models for name in model.model_fields}
    rows = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    assert names == rows.keys()
    assert [] == [line for line in rows.values() if line.endswith("|  |")]


def test_a_field_shows_what_it_is_where_nobody_sets_it() -> None:
    page = render_configuration()
    assert "| `hubEndpoint` | none | Base URL of a mirror" in page
    assert "| `showDownloadProgress` | `true` | " in page
    assert "| `allowedImagePrefixes` | `vllm/vllm-openai` | " in page
    assert "| `nodeLabels` | required | " in page


def list_models(annotation: Any) -> set[type[BaseModel]]:  # noqa: ANN401 - whatever a field is annotated with
    """List the objects that a field holds, and what they hold themselves."""
    inside = {found for part in get_args(annotation) for found in list_models(part)}
    if not isinstance(annotation, type) or not issubclass(annotation, BaseModel):
        return inside
    fields = annotation.model_fields.values()
    return {annotation, *inside, *(found for field in fields for found in list_models(field.annotation))}


def test_every_object_of_the_configuration_has_a_table() -> None:
    assert list_models(OperatorConfig) == {OperatorConfig, *(part for _, part in PARTS)}
    page = render_configuration()
    assert "## `models[]`\n" in page
    assert "## `networkPolicy.gateways[]` and `networkPolicy.monitoring[]`\n" in page


def test_the_page_says_that_a_profile_replaces_the_shipped_one_of_its_name() -> None:
    page = " ".join(render_configuration().split())
    assert "replaces the shipped one of its name as a whole" in page
    assert "merged" not in page


def test_no_field_refers_to_a_row_elsewhere() -> None:
    assert "in the same way" not in render_configuration()
