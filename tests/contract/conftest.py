"""The contract tier: what vLLM itself takes, allocates and plans, on this machine's CPU, for every known version."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.vllm_env import VERSIONS, prepare, why_no_vllm
from tests.contract.argument_lists import ENTRIES
from tests.contract.model_directory import write_model
from tests.contract.vllm_process import VllmProcess


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-options", action="store_true", help="write the files of vLLM's options anew")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder."""
    for item in items:
        if "tests/contract" in str(item.path):
            item.add_marker(pytest.mark.contract)


@pytest.fixture(scope="session")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, VllmProcess]]:
    """Every version of vLLM, all started at once: each is busy with its imports for ten seconds."""
    if reason := why_no_vllm():
        pytest.skip(f"no vLLM here: {reason}")
    pythons = [prepare(version, lambda text: print(f"  {text}", file=sys.stderr)) for version in VERSIONS]
    started = {python.version: VllmProcess(python, tmp_path_factory.mktemp("vllm")) for python in pythons}
    yield started
    for process in started.values():
        process.stop()


@pytest.fixture(scope="session", params=VERSIONS)
def vllm(request: pytest.FixtureRequest, processes: dict[str, VllmProcess]) -> VllmProcess:
    """A running vLLM; all tests of one version come before those of the next."""
    return processes[request.param]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The directory of each model, without weights; what a catalogue entry leaves out does not decide about memory."""
    folder = tmp_path_factory.mktemp("models")
    return {
        name: write_model(
            folder / str(index),
            {"model_type": "llama", "max_position_embeddings": entry.context.max_model_len, **entry.config},
        )
        for index, (name, entry) in enumerate(ENTRIES.items())
        if entry.config is not None
    }
