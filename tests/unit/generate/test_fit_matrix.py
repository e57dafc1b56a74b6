from pathlib import PurePosixPath

import pytest

from generate.__main__ import main
from generate.files import ROOT, render_files
from generate.fit_matrix import (
    REPRESENTATIVE_ACCELERATORS,
    REPRESENTATIVES,
    render_fit_matrix,
    render_representatives,
)
from nemotron_operator.catalog.catalog import load_catalog
from nemotron_operator.config import load_config


def list_rows(markdown: str) -> list[list[str]]:
    """List the cells of a table's rows, without its header."""
    rows = [line.strip("| ").split(" | ") for line in markdown.splitlines() if line.startswith("| ")]
    return rows[1:]


def test_the_page_has_a_row_for_each_model_of_the_catalogue() -> None:
    assert list(load_catalog().entries) == [row[0] for row in list_rows(render_fit_matrix())]


def test_the_page_names_each_accelerator_of_the_shipped_configuration() -> None:
    header = next(line for line in render_fit_matrix().splitlines() if line.startswith("| model"))
    assert [name for name in load_config().accelerators if name not in header] == []


def test_the_page_says_for_which_engine_and_that_it_is_not_measured() -> None:
    config, page = load_config(), render_fit_matrix()
    assert f"for vLLM {config.engine_version}, {config.gpu_memory_utilization_percent} %" in page
    assert "computed, not measured" in page


def test_the_page_says_which_model_needs_more_than_one_node() -> None:
    page = render_fit_matrix()
    assert "- nvidia/NVIDIA-Nemotron-3-Ultra-550B-A55B-BF16 on H100-80GB, " in page
    assert "needs more than one node: 16 GPUs hold the full context (tensor 8, pipeline 2)." in page


def test_the_block_of_the_readme_has_the_representatives_in_their_order() -> None:
    block = render_representatives()
    assert list(REPRESENTATIVES) == [row[0] for row in list_rows(block)]
    assert f"| model | context | {' | '.join(REPRESENTATIVE_ACCELERATORS)} |" in block.splitlines()


def test_the_representatives_are_in_the_catalogue() -> None:
    assert set() == set(REPRESENTATIVES) - set(load_catalog().entries)


def test_the_block_agrees_with_the_page() -> None:
    rows = {row[0].removeprefix("[").partition("]")[0]: row[1:] for row in list_rows(render_fit_matrix())}
    for model, context, *cells in list_rows(render_representatives()):
        assert context == rows[model][0]
        assert cells == [rows[model][1], rows[model][-1]]


def test_what_is_committed_is_what_is_generated() -> None:
    for path in ("README.md", "docs/reference/fit-matrix.md"):
        assert render_files()[PurePosixPath(path)] == (ROOT / path).read_text(), "run `make generate`"


def test_a_check_names_a_file_that_drifted_and_leaves_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = PurePosixPath("docs/reference/fit-matrix.md")
    before = (ROOT / page).read_text()
    monkeypatch.setattr("generate.__main__.render_files", lambda: {page: before + "\nanother line\n"})
    assert main(["--check"]) == 1
    assert f"{page}: differs from the code\nRun `make generate` and commit the result.\n" == capsys.readouterr().out
    assert before == (ROOT / page).read_text()
