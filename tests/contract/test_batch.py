"""What the engine of a batch makes of the server's arguments: the same, but for what is about HTTP."""

from pathlib import Path

import pytest

import nemotron_operator
from tests.contract.argument_lists import ArgumentList
from tests.contract.test_rendered_arguments import LISTS
from tests.contract.vllm_process import VllmProcess

PROGRAM = Path(nemotron_operator.__file__).parent / "batch_engine" / "engine_batch.py"

ABOUT_HTTP = frozenset({"port"})
"""Values of the server's that `run-batch` has under the same name for something else: its metrics."""


@pytest.mark.parametrize("rendered", LISTS, ids=lambda rendered: rendered.name)
def test_an_engine_of_a_batch_is_that_of_the_server(vllm: VllmProcess, rendered: ArgumentList) -> None:
    served, batch = vllm.parse(rendered.arguments), vllm.parse_batch(rendered.arguments, PROGRAM)
    assert (served["model_tag"], "requests", "answers") == (batch["model"], batch["input_file"], batch["output_file"])
    common = served.keys() & batch.keys() - ABOUT_HTTP - {"model"}
    assert {name: served[name] for name in common} == {name: batch[name] for name in common}
    engine = {"max_model_len", "max_num_seqs", "override_generation_config", "served_model_name", "tool_call_parser"}
    assert engine <= common
