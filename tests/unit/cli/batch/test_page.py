"""What docs/batch.md says of `nemoctl batch`."""

from pathlib import Path

import pytest
import typer

from nemotron_operator.cli.main import app

PAGE = (Path(__file__).parents[4] / "docs" / "batch.md").read_text()

OF_EVERY_COMMAND = {"--help", "--namespace", "--kubeconfig", "--context"}

OPTIONS = sorted(
    option
    for parameter in getattr(typer.main.get_command(app), "commands", {})["batch"].params
    for option in parameter.opts
    if option.startswith("--") and option not in OF_EVERY_COMMAND
)


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_is_on_the_page(option: str) -> None:
    assert option in PAGE


def test_the_operators_configuration_comes_before_the_first_batch() -> None:
    """With the shipped one the batch's pod asks for an image that a cluster with a registry of its own has not."""
    before, found, _ = PAGE.partition("$ nemoctl batch")
    assert found
    assert "get configmap nemotron-operator -o go-template='{{index .data \"config.yaml\"}}' > config.yaml" in before
    assert "$ export NEMOTRON_OPERATOR_CONFIG=$PWD/config.yaml" in before
