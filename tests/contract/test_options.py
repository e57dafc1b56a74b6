"""What the operator knows of vLLM's options is what vLLM's own parser says."""

import json
from pathlib import Path

import pytest

from nemotron_operator.catalog.engine_options import EngineOptions, load_engine_options
from nemotron_operator.plan.arguments import (
    OPERATOR_ARGUMENTS,
    OPERATOR_VARIABLES,
    TYPED_ARGUMENTS,
    UNSAFE_ARGUMENTS,
    UNSAFE_VARIABLES,
)
from nemotron_operator.plan.extra_arguments import find_refused_argument
from tests.contract.vllm_process import RefusedByVllmError, VllmProcess
from tests.support.extra_arguments import ACCEPTED, ONLY_THE_OPERATOR_REFUSES, REFUSED
from tests.support.vllm_options import write_out

FILES = Path(__file__).parents[2] / "operator" / "nemotron_operator" / "catalog" / "vllm_options"
MODEL = "m"


def render_file(vllm: VllmProcess) -> str:
    """Write the data file of one version, one option a line, so that a difference reads well."""
    options = ",\n".join(f"  {json.dumps(option)}" for option in vllm.describe()["options"])
    return f'{{"version": "{vllm.version}", "options": [\n{options}\n]}}\n'


def options_of(vllm: VllmProcess) -> EngineOptions:
    """Give what the operator knows of this version."""
    return load_engine_options()[vllm.version]


def test_the_file_of_options_is_what_the_parser_says(vllm: VllmProcess, pytestconfig: pytest.Config) -> None:
    path, text = FILES / f"{vllm.version}.json", render_file(vllm)
    if pytestconfig.getoption("--update-options"):
        path.write_text(text)
    assert path.read_text() == text, "write it with: pytest tests/contract --update-options"


def test_every_option_that_the_operator_passes_on_is_one_that_vllm_takes(vllm: VllmProcess) -> None:
    options = options_of(vllm)
    passed_on = [
        written
        for option in {id(option): option for option in options.by_name.values()}.values()
        for name in option.names
        if name.startswith("--")
        if find_refused_argument(written := write_out(name, option), options) is None
    ]
    assert len(passed_on) > 300
    vllm.parse([MODEL, *(item for written in passed_on for item in written)])


@pytest.mark.parametrize("arguments", ACCEPTED, ids=" ".join)
def test_what_the_operator_passes_on_vllm_takes(vllm: VllmProcess, arguments: tuple[str, ...]) -> None:
    assert find_refused_argument(arguments, options_of(vllm)) is None
    vllm.parse([MODEL, *arguments])


@pytest.mark.parametrize("arguments", [case[0] for case in REFUSED], ids=" ".join)
def test_what_vllm_does_not_take_the_operator_refuses(vllm: VllmProcess, arguments: tuple[str, ...]) -> None:
    assert find_refused_argument(arguments, options_of(vllm)) is not None
    with pytest.raises(RefusedByVllmError):
        vllm.parse([MODEL, *arguments])


@pytest.mark.parametrize("arguments", [case[0] for case in ONLY_THE_OPERATOR_REFUSES], ids=" ".join)
def test_vllms_parser_takes_what_only_the_operator_refuses(vllm: VllmProcess, arguments: tuple[str, ...]) -> None:
    """Otherwise the rule would have no reason."""
    vllm.parse([MODEL, *arguments])


def test_variables_of_vllm_that_are_refused_exist(vllm: VllmProcess) -> None:
    refused = {name for name in (*OPERATOR_VARIABLES, *UNSAFE_VARIABLES) if name.startswith("VLLM_")}
    assert set() == refused - set(vllm.describe()["variables"])


def test_arguments_that_are_refused_exist(vllm: VllmProcess) -> None:
    """A rule about an argument that vLLM renamed guards nothing."""
    refused = {*TYPED_ARGUMENTS, *OPERATOR_ARGUMENTS, *UNSAFE_ARGUMENTS}
    assert set() == refused - set(options_of(vllm).by_name)
