"""Running `nemoctl` as a shell would, and files for it to read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from typer.testing import CliRunner

from nemotron_operator.cli.main import app


@dataclass(frozen=True)
class Answer:
    """What a run left."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:  # noqa: ANN401 - any JSON
        """The output, read back as YAML, which JSON is too."""
        return yaml.safe_load(self.out)

    @property
    def documents(self) -> list[Any]:
        return list(yaml.safe_load_all(self.out))


def nemoctl(*arguments: str | Path, text: str = "", **environment: str | None) -> Answer:
    """Run a command line; a mistake in the program raises, so that a test shows where."""
    variables = {
        "NEMOCTL_TRACEBACK": "1",
        "NEMOTRON_OPERATOR_CONFIG": None,
        "NO_COLOR": None,
        "FORCE_COLOR": None,
        "COLUMNS": None,
        **environment,
    }
    result = CliRunner().invoke(
        app, [str(argument) for argument in arguments], input=text, env=variables, catch_exceptions=False
    )
    return Answer(result.exit_code, result.stdout, result.stderr)


def read_words(line: str) -> str:
    """Read a line of a table with one blank between its words."""
    return " ".join(line.split())


def write_yaml(path: Path, *bodies: object) -> Path:
    """Write documents to a file."""
    path.write_text(yaml.safe_dump_all(bodies))
    return path
