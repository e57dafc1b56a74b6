"""The operator's own command line, as far as no cluster is asked."""

import pytest
from typer.testing import CliRunner

from nemotron_operator.__main__ import app


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize("command", [[], ["run"]], ids=["program", "run"])
def test_help_has_a_short_name_too(command: list[str], option: str) -> None:
    answer = CliRunner().invoke(app, [*command, option])
    assert 0 == answer.exit_code
    assert " ".join(["Usage: nemotron-operator", *command]) in answer.output.replace("root", "nemotron-operator")
