import time
from itertools import pairwise
from pathlib import Path

import pytest

from nemotron_operator.catalog.catalog import load_catalog, make_catalog
from nemotron_operator.catalog.entry import CatalogEntry
from nemotron_operator.cli.matrix.cells import compact, describe_remarks, format_cell
from nemotron_operator.cli.matrix.command import make_matrix, print_matrix
from nemotron_operator.cli.matrix.report import UNKNOWN_GEOMETRY, MatrixReport
from nemotron_operator.cli.offline import Offline, read_offline
from nemotron_operator.cli.output import OutputFormat
from nemotron_operator.cli.tables import format_tokens
from nemotron_operator.config import load_config
from nemotron_operator.plan.memory.account import GpuMemory
from tests.support.fixtures.deployments import BF16, FP8
from tests.unit.cli.command import nemoctl, read_words

OFFLINE = read_offline(None)
REPORTS = make_matrix(OFFLINE)
TOO_LARGE = "nvidia/NVIDIA-Nemotron-3-Ultra-550B-A55B-BF16"


def choose(model: str, accelerator: str, reports: list[MatrixReport] | None = None) -> list[MatrixReport]:
    return [each for each in reports or REPORTS if (each.model, each.accelerator) == (model, accelerator)]


def a_report(tensor: int, tokens: int | None, *, fits: bool = False, is_certain: bool = False) -> MatrixReport:
    return MatrixReport(
        model="m",
        accelerator="a",
        tensor_parallel_size=tensor,
        fits=fits,
        model_context=131_072,
        max_model_len=tokens,
        is_certain=is_certain,
    )


def with_models(*names: str, **changes: object) -> Offline:
    """Plan a few models only, each changed."""
    entries = [load_catalog().entries[name] for name in names]
    # A changed copy must not keep the architecture that the original has already read.
    changed = [CatalogEntry.model_validate({**each.model_dump(), **changes}) for each in entries]
    return Offline(load_config(), make_catalog(changed))


def test_every_model_is_sized_on_every_accelerator() -> None:
    expected = [(model, name) for model in OFFLINE.catalog.entries for name in OFFLINE.config.accelerators]
    assert expected == list(dict.fromkeys((report.model, report.accelerator) for report in REPORTS))


def test_every_legal_size_has_a_report() -> None:
    assert [1, 2, 4, 8] == [report.tensor_parallel_size for report in choose(FP8, "H100-80GB")]


def test_the_smallest_size_for_the_full_context_is_what_the_plan_chooses() -> None:
    for accelerator in OFFLINE.config.accelerators:
        for model in (FP8, BF16):
            smallest = next(each for each in choose(model, accelerator) if each.fits)
            answer = nemoctl("plan", "--model", model, "--accelerator", accelerator, "-o", "json").document
            expected = (
                answer["tensorParallelSize"],
                answer["maxModelLen"],
                answer["kvCacheTokens"],
                answer["maxConcurrentFullLength"],
                answer["weightsBytesPerGpu"],
                answer["isCertain"],
            )
            assert expected == (
                smallest.tensor_parallel_size,
                smallest.max_model_len,
                smallest.kv_cache_tokens,
                smallest.max_concurrent_full_length,
                smallest.weights_bytes_per_gpu,
                smallest.is_certain,
            )


def test_a_shorter_context_is_the_longest_that_the_plan_would_start() -> None:
    held = choose(FP8, "H100-80GB")[0].max_model_len
    assert held is not None
    asked = ["plan", "--model", FP8, "--tensor-parallel-size", "1", "-o", "json", "--max-model-len"]
    assert nemoctl(*asked, str(held)).document["fits"]
    assert not nemoctl(*asked, str(held + 1024)).document["fits"]


def test_more_gpus_never_hold_less() -> None:
    for before, after in pairwise(REPORTS):
        if (before.model, before.accelerator) == (after.model, after.accelerator):
            assert (before.max_model_len or 0) <= (after.max_model_len or 0)
            assert before.fits <= after.fits


def test_what_holds_nothing_has_its_weights_and_no_other_number() -> None:
    report = choose(BF16, "H100-80GB")[0]
    numbers = (report.max_model_len, report.kv_cache_tokens, report.max_concurrent_full_length)
    assert (None, None, None, False, False) == (*numbers, report.fits, report.is_certain)
    assert report.weights_bytes_per_gpu is not None


def test_what_one_node_does_not_hold_says_how_many_gpus_would() -> None:
    expected = "needs more than one node: 16 GPUs hold the full context (tensor 8, pipeline 2)"
    assert {expected} == {report.remark for report in choose(TOO_LARGE, "H200")}


def test_a_model_of_unknown_geometry_says_so() -> None:
    reports = make_matrix(with_models(FP8, config=None))
    assert [(None, False, UNKNOWN_GEOMETRY)] * 4 == [
        (report.tensor_parallel_size, report.fits, report.remark) for report in reports
    ]
    assert {("geometry not known",)} == {row.cells for row in compact(reports).rows}
    assert [] == describe_remarks(reports)


def test_doubt_is_told_by_the_worst_estimates(monkeypatch: pytest.MonkeyPatch) -> None:
    # With the estimates at their worst nothing is left for the KV cache.
    nothing_at_worst = property(lambda memory: (0, memory.kv_cache_bytes))
    monkeypatch.setattr(GpuMemory, "kv_cache_bytes_range", nothing_at_worst)
    assert not any(report.is_certain for report in make_matrix(with_models(FP8)))


def test_a_cell_ends_with_the_smallest_size_that_holds_the_full_context() -> None:
    sizes = [a_report(1, None), a_report(2, 31_744), a_report(4, 131_072, fits=True, is_certain=True)]
    assert "2: 31k, 4: 131k" == format_cell([*sizes, a_report(8, 131_072, fits=True, is_certain=True)])


def test_a_cell_marks_a_full_context_that_is_not_certain() -> None:
    assert "1: 131k?" == format_cell([a_report(1, 131_072, fits=True)])


def test_a_cell_without_a_full_context_has_what_there_is() -> None:
    assert "1: 7k, 2: 31k" == format_cell([a_report(1, 7168), a_report(2, 31_744)])
    assert "more than one node" == format_cell([a_report(1, None), a_report(2, None)])


def test_tokens_are_written_as_contexts_are_named() -> None:
    assert ["512", "8k", "131k", "262k", "1.05M"] == [
        format_tokens(tokens) for tokens in (512, 8192, 131_072, 262_144, 1_048_576)
    ]


def test_accelerators_that_answer_the_same_share_a_column() -> None:
    columns = compact(REPORTS).columns
    assert ("H100-80GB", "H100-PCIe-80GB") == columns[0]
    assert list(OFFLINE.config.accelerators) == [name for names in columns for name in names]


def test_json_is_a_list_of_the_documented_objects() -> None:
    document = nemoctl("plan", "--all", "-o", "json").document
    assert [report.model_dump(mode="json", by_alias=True) for report in REPORTS] == document
    assert {
        *("model", "accelerator", "tensorParallelSize", "fits", "maxModelLen", "kvCacheTokens"),
        *("maxConcurrentFullLength", "weightsBytesPerGpu", "isCertain", "modelContext", "remark"),
    } == set(document[0])


def test_yaml_says_the_same_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    offline = with_models(FP8)
    print_matrix(offline, OutputFormat.JSON)
    print_matrix(offline, OutputFormat.YAML)
    both = capsys.readouterr().out
    assert both.count("tensorParallelSize") == 2 * len(make_matrix(offline))
    assert "- model: mysticbeing/" in both


def test_every_key_is_documented() -> None:
    assert [] == [name for name, field in MatrixReport.model_fields.items() if not field.description]


def test_wide_is_a_line_for_each_size() -> None:
    header, *lines = nemoctl("plan", "--all", "-o", "wide", COLUMNS="40").out.splitlines()
    assert "MODEL ACCELERATOR TP FITS CERTAIN CONTEXT KV-TOKENS SEQUENCES WEIGHTS REMARK" == read_words(header)
    assert len(REPORTS) == len(lines)
    assert f"{BF16} H100-80GB 1 no no - - - 131.42GiB" in map(read_words, lines)


@pytest.mark.parametrize("columns", [60, 80, 120, 160])
def test_the_page_holds_in_the_terminal_and_names_every_model(columns: int) -> None:
    answer = nemoctl("plan", "--all", COLUMNS=str(columns))
    assert (0, "") == (answer.code, answer.err)
    assert max(map(len, answer.out.splitlines())) <= columns
    assert not [name for name in OFFLINE.catalog.entries if name.partition("/")[2][:30] not in answer.out]


def test_the_page_is_a_table_where_there_is_room_and_blocks_where_there_is_not() -> None:
    cell = format_cell(choose(BF16, "H100-80GB"))
    assert f"  H100-80GB, H100-PCIe-80GB  {cell}" in nemoctl("plan", "--all", COLUMNS="80").out
    wide = map(read_words, nemoctl("plan", "--all", COLUMNS="160").out.splitlines())
    assert any(line.startswith(f"Llama-3.1-Nemotron-70B-Instruct-HF 131k {cell} ") for line in wide)


def test_an_accelerator_of_a_configuration_of_ones_own_has_its_column(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("accelerators: {Own: {nodeLabels: {gpu: [own]}, usableMemoryMib: 40000, gpusPerNode: 2}}\n")
    document = nemoctl("plan", "--all", "-o", "json", "--operator-config", config).document
    assert {1, 2} == {report["tensorParallelSize"] for report in document if report["accelerator"] == "Own"}


def test_the_whole_matrix_takes_less_than_three_seconds() -> None:
    started = time.process_time()
    make_matrix(read_offline(None))
    assert time.process_time() - started < 3
