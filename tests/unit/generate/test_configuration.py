from pydantic.alias_generators import to_camel

from generate.configuration import PARTS, render_configuration
from nemotron_operator.config import ConfigModel, OperatorConfig


def test_every_field_of_the_configuration_has_a_row_with_a_meaning() -> None:
    page = render_configuration()
    models: list[type[ConfigModel]] = [OperatorConfig, *(part for _, part in PARTS)]
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
