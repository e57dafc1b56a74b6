from pathlib import Path

import pytest

from nemotron_operator.cli.plan.lines import print_plan_lines
from nemotron_operator.cli.plan.report import BytesRange, NodesReport, PlanReport, PoolReport, SettingReport
from nemotron_operator.cli.plan.table import print_plan_pages
from nemotron_operator.units import GIB
from tests.unit.cli.command import nemoctl, read_words


def a_range(low: float, expected: float, high: float) -> BytesRange:
    return BytesRange(low=int(low * GIB), expected=int(expected * GIB), high=int(high * GIB))


def a_setting(tensor: int, *settings: str) -> SettingReport:
    return SettingReport(
        settings=settings,
        tensor_parallel_size=tensor,
        gpus=2 * tensor,
        max_model_len=4096,
        kv_cache_tokens=40_960,
        max_concurrent_full_length=10,
        cost_per_hour="32.00",
    )


FITTING = PlanReport(
    file="nemo.yaml",
    namespace="team",
    name="nemotron-70b",
    fits=True,
    is_certain=True,
    reason="Fits",
    message="It fits.",
    model="mysticbeing/Llama-3.1-Nemotron-70B-Instruct-HF-FP8-DYNAMIC",
    accelerator="H100-80GB",
    vllm_version="0.33.0",
    tensor_parallel_size=8,
    pipeline_parallel_size=1,
    gpus_per_replica=8,
    gpus=16,
    max_model_len=4096,
    gpu_memory_utilization_percent=90,
    kv_cache_dtype="bfloat16",
    max_num_seqs=1024,
    max_num_batched_tokens=8192,
    gpu_memory_bytes=80 * GIB,
    engine_bytes_per_gpu=72 * GIB,
    weights_bytes_per_gpu=10 * GIB,
    working_bytes_per_gpu=6 * GIB,
    activation_bytes_per_gpu=a_range(2, 2, 3),
    non_torch_bytes_per_gpu=a_range(1, 3, 3),
    cuda_graph_bytes_per_gpu=a_range(0, 1, 2),
    kv_bytes_per_token=327_680,
    state_bytes_per_sequence=0,
    kv_cache_bytes_per_gpu=56 * GIB,
    kv_cache_bytes_per_gpu_range=a_range(54, 56, 59),
    kv_cache_tokens=1_509_392,
    max_concurrent_full_length=368,
    longest_max_model_len=131_072,
    smallest_tensor_parallel_size=2,
    startup_seconds=527,
    startup_budget_seconds=1054,
    nodes=NodesReport(gpus_per_node=8, needed=2),
)
MISFIT = FITTING.model_copy(
    update={
        "fits": False,
        "is_certain": False,
        "reason": "WeightsDoNotFit",
        "message": "On 1 H100-80GB GPU the weights do not fit. What fits: parallelism.tensor: 2, and then 4096 tokens.",
        "tensor_parallel_size": 1,
        "gpus_per_replica": 1,
        "gpus": 1,
        "weights_bytes_per_gpu": 131 * GIB,
        "kv_cache_bytes_per_gpu": 0,
        "kv_cache_bytes_per_gpu_range": a_range(0, 0, 0),
        "kv_cache_tokens": 0,
        "max_concurrent_full_length": 0,
        "longest_max_model_len": 0,
    }
)
REFUSED = PlanReport(
    file="nemo.yaml",
    namespace="team",
    name="nemo",
    fits=False,
    reason="UnknownModel",
    message="spec.model: 'nope' is not in the catalogue.",
    model="nope",
    accelerator="H100-80GB",
)
INVALID = REFUSED.model_copy(update={"reason": "InvalidSpec", "model": None, "accelerator": None})


@pytest.fixture(autouse=True)
def narrow_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def show(capsys: pytest.CaptureFixture[str], **changes: object) -> str:
    """Print the page of a plan that fits, with some of its answers changed."""
    print_plan_pages([FITTING.model_copy(update=changes)])
    return capsys.readouterr().out


def test_a_page_tells_the_plan_and_bars_begin_where_the_one_before_ends(capsys: pytest.CaptureFixture[str]) -> None:
    expected = """\
team/nemotron-70b (nemo.yaml) fits
  Model       mysticbeing/Llama-3.1-Nemotron-70B-Instruct-HF-FP8-DYNAMIC
  GPUs        8 x H100-80GB (tensor parallel size 8), 2 replicas: 16 GPUs
  One GPU     80.00 GiB  in all                  █████████████████████████████
              10.00 GiB  weights                 ████
               2.00 GiB  activations                 █
               3.00 GiB  CUDA, communication         █
               1.00 GiB  CUDA graphs                  █
              56.00 GiB  KV cache                      ████████████████████
               8.00 GiB  not the engine's, 10 %                            ███
  Context     4,096 tokens; these GPUs hold up to 131,072
  KV cache    1,509,392 tokens per replica (bfloat16, 320 KiB a token), 54.0 to
              59.0 GiB on each GPU
  Concurrent  368 sequences of full length; a batch takes 1,024 at most
  Start-up    about 8 min 47 s; counts as failed after 17 min 34 s
"""
    assert expected == show(capsys)


def test_a_page_tells_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    print_plan_pages([MISFIT])
    expected = """\
team/nemotron-70b (nemo.yaml) does not fit: WeightsDoNotFit
  On 1 H100-80GB GPU the weights do not fit. What fits: parallelism.tensor: 2,
  and then 4096 tokens.

  Model       mysticbeing/Llama-3.1-Nemotron-70B-Instruct-HF-FP8-DYNAMIC
  GPUs        1 x H100-80GB (tensor parallel size 1), 1 replica: 1 GPU
  One GPU      80.00 GiB  in all                  ████████████████████████████
              131.00 GiB  weights                 ████████████████████████████ >
                2.00 GiB  activations                                        █ >
                3.00 GiB  CUDA, communication                                █ >
                1.00 GiB  CUDA graphs                                        █ >
               65.00 GiB  missing                                          ███ >
                8.00 GiB  not the engine's, 10 %                           ███
"""
    out = capsys.readouterr().out
    assert expected in out
    assert "  Smallest    tensor parallel size 2 holds this context\n" in out


def test_a_refusal_tells_reason_and_message(capsys: pytest.CaptureFixture[str]) -> None:
    print_plan_pages([REFUSED])
    expected = """\
team/nemo (nemo.yaml) refused: UnknownModel
  spec.model: 'nope' is not in the catalogue.

  Model        nope
  Accelerator  H100-80GB
"""
    assert expected == capsys.readouterr().out


def test_an_invalid_resource_has_nothing_but_its_message(capsys: pytest.CaptureFixture[str]) -> None:
    print_plan_pages([INVALID])
    expected = """\
team/nemo (nemo.yaml) refused: InvalidSpec
  spec.model: 'nope' is not in the catalogue.
"""
    assert expected == capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"fits": False, "reason": "DoesNotFitNotEnforced"}, "does not fit, and would be started all the same"),
        ({"is_certain": False}, "fits, unless the estimates are too low"),
        ({"fits": None, "reason": "GeometryUnknown"}, "nobody can tell: GeometryUnknown"),
    ],
)
def test_the_title_gives_the_verdict(
    changes: dict[str, object], verdict: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"team/nemotron-70b (nemo.yaml) {verdict}" == show(capsys, **changes).splitlines()[0]


def test_cost_and_other_settings_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    out = show(
        capsys,
        cost_per_hour="64.00",
        currency="EUR",
        next_cheaper=a_setting(4, "parallelism.tensor: 4", "engine.kvCacheDtype: fp8"),
        next_faster=a_setting(8, "parallelism.tensor: 8"),
    )
    lines = read_words(out)
    assert "Cost 64.00 EUR per hour" in lines
    assert (
        "Cheaper parallelism.tensor: 4, engine.kvCacheDtype: fp8 (8 GPUs, 4,096 tokens, 10 sequences of full length, "
        "32.00 EUR per hour)"
    ) in lines
    assert "Faster parallelism.tensor: 8 (16 GPUs, " in lines


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        (
            {"source": "empty nodes", "nodes": 2, "holds_all": True, "replicas": 2, "missing": None},
            "Nodes 2 replicas of 2 find a node among 2 empty nodes",
        ),
        (
            {"source": "cluster", "nodes": 1, "holds_all": False, "replicas": 0, "missing": "needs 8 more"},
            "Nodes 0 replicas of 2 find a node among 1 node with 6 free GPUs (1 if they were empty); needs 8 more",
        ),
    ],
)
def test_the_node_pool_is_told(pool: dict[str, object], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = PoolReport.model_validate({"free_gpus": 6, "largest_free_gpus": 6, "replicas_when_empty": 1, **pool})
    out = show(capsys, nodes=NodesReport(gpus_per_node=8, needed=2, pool=told))
    assert expected in read_words(out)


def test_states_of_a_hybrid_and_pipeline_stages_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    out = read_words(show(capsys, state_bytes_per_sequence=143_589_376, pipeline_parallel_size=2))
    assert "(bfloat16, 320 KiB a token and 136.9 MiB a sequence)" in out
    assert "(tensor parallel size 8, pipeline 2)" in out


def test_graphs_that_take_nothing_have_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert "CUDA graphs" not in show(capsys, cuda_graph_bytes_per_gpu=a_range(0, 0, 0))


def test_assumptions_and_remarks_end_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    out = show(capsys, assumptions=("a claim exists",), remarks=("one", "two"))
    assert out.endswith("  Assumed     a claim exists\n  Note        one\n  Note        two\n")


def test_several_pages_end_with_their_sum(capsys: pytest.CaptureFixture[str]) -> None:
    print_plan_pages([FITTING, REFUSED])
    assert capsys.readouterr().out.endswith("\n\n1 of 2 deployments fit.\n")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_page(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    print_plan_pages([FITTING, MISFIT, REFUSED])
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= width
    assert "131.00 GiB" in out


def test_a_pipe_without_a_width_gets_a_page_of_120(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLUMNS")
    print_plan_pages([MISFIT])
    assert f"  {MISFIT.message}\n" in capsys.readouterr().out


def test_what_could_steer_a_terminal_is_printed_as_a_question_mark(capsys: pytest.CaptureFixture[str]) -> None:
    print_plan_pages([REFUSED.model_copy(update={"model": "\x1b[31mred\x1b[0m", "message": "a\x07b"})])
    out = capsys.readouterr().out
    assert "?[31mred?[0m" in out
    assert "a?b" in out


def test_brackets_of_a_user_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    print_plan_pages([REFUSED.model_copy(update={"message": "[bold]spec[/bold] :smile:"})])
    assert "  [bold]spec[/bold] :smile:\n" in capsys.readouterr().out


def test_wide_is_a_line_for_each_however_narrow_the_terminal_is(capsys: pytest.CaptureFixture[str]) -> None:
    print_plan_lines([FITTING, MISFIT, REFUSED])
    header, *lines = capsys.readouterr().out.splitlines()
    assert (
        "NAME FITS REASON MODEL ACCELERATOR TP PP GPUS CONTEXT LONGEST TOTAL ENGINE WEIGHTS WORKING KV-CACHE KV-TOKENS "
        "SEQUENCES START-UP BUDGET COST/H CHEAPER FASTER NODES MESSAGE"
    ) == read_words(header)
    expected = (
        f"team/nemotron-70b yes Fits {FITTING.model} H100-80GB 8 1 16 4096 131072 "
        "80.00GiB 72.00GiB 10.00GiB 6.00GiB 56.00GiB 1509392 368 527s 1054s - - - 2"
    )
    assert expected == read_words(lines[0])
    assert lines[1].endswith(MISFIT.message)
    assert read_words(lines[2]).startswith(f"team/nemo no UnknownModel nope H100-80GB {'- ' * 18}spec.model:")
    assert 3 == len(lines)


@pytest.mark.parametrize(
    ("changes", "expected"), [({"is_certain": False}, "likely"), ({"fits": None}, "unknown"), ({}, "yes")]
)
def test_a_line_tells_how_sure_it_is(
    changes: dict[str, object], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_plan_lines([FITTING.model_copy(update=changes)])
    assert expected == capsys.readouterr().out.splitlines()[1].split()[1]


def test_a_line_tells_cost_and_other_settings(capsys: pytest.CaptureFixture[str]) -> None:
    changes = {"cost_per_hour": "64.00", "currency": "EUR", "next_cheaper": a_setting(4, "parallelism.tensor: 4")}
    print_plan_lines([FITTING.model_copy(update=changes)])
    assert read_words(capsys.readouterr().out.splitlines()[1]).endswith("1054s 64.00EUR tp4:4096 - 2")


def test_the_pages_of_the_examples_hold_at_80_columns() -> None:
    answer = nemoctl("plan", *sorted(Path("examples").glob("*.yaml")), COLUMNS="80")
    assert max(map(len, answer.out.splitlines())) <= 80
