"""What the examples say of Secrets: they can be applied as they are, once these are there."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.yaml"))


def list_secrets(value: Any, field: str = "") -> Iterator[str]:  # noqa: ANN401 - any JSON
    """List the names of the Secrets that have to be there before."""
    if field == "imagePullSecrets":
        yield from value
    elif field.endswith("SecretRef"):
        yield value["name"]
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from list_secrets(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from list_secrets(inner)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_says_how_to_make_the_secrets_that_it_names(example: Path) -> None:
    text = example.read_text()
    made = re.findall(r"^#   kubectl create secret (?:generic|docker-registry) (\S+)", text, re.MULTILINE)
    named = {name for document in yaml.safe_load_all(text) for name in list_secrets(document)}
    assert sorted(named) == sorted(made)
