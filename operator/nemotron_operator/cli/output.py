"""The output formats, and the two that programs read."""

import json
from enum import StrEnum
from typing import Any

import typer


class OutputFormat(StrEnum):
    """How the commands that answer a question answer it."""

    TABLE = "table"
    """A page to read, folded to the terminal."""
    WIDE = "wide"
    """A line for each thing, never folded: for comparing, and for `grep`."""
    JSON = "json"
    YAML = "yaml"

    @property
    def is_for_programs(self) -> bool:
        """Whether it is one document, rather than something to read."""
        return self in {OutputFormat.JSON, OutputFormat.YAML}


class ManifestFormat(StrEnum):
    """How objects are written."""

    YAML = "yaml"
    """One document for each object."""
    JSON = "json"
    """One `v1` List."""


def write_document(document: Any, output: OutputFormat | ManifestFormat) -> None:  # noqa: ANN401 - any JSON
    """Write one document to standard output, as JSON or YAML."""
    if output.value == OutputFormat.JSON.value:
        typer.echo(json.dumps(document, indent=2))
        return
    from nemotron_operator.yaml_text import dump_yaml

    typer.echo(dump_yaml(document), nl=False)
