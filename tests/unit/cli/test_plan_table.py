from pathlib import Path

import pytest

from nemotron_operator.cli.plan_report import PlanReport
from nemotron_operator.cli.plan_table import print_plan_lines, print_plan_pages
from nemotron_operator.plan.memory import GIB
from tests.unit.cli.command import nemoctl, read_words

FITTING = PlanReport(
    file="nemo.yaml",
    namespace="team",
    name="nemotron-70b",
    fits=True,
    reason="Fits",
    message="It fits.",
    model="mysticbeing/Llama-3.1-Nemotron-70B-Instruct-HF-FP8-DYNAMIC",
    accelerator="H100-80GB",
    tensor_parallel_size=8,
    gpus_per_replica=8,
    gpus=16,
    max_model_len=4096,
    gpu_memory_bytes=80 * GIB,
    engine_bytes_per_gpu=72 * GIB,
    weights_bytes_per_gpu=10 * GIB,
    working_bytes_per_gpu=1 * GIB,
    kv_bytes_per_token=327_680,
    kv_cache_bytes_per_gpu=61 * GIB,
    kv_cache_tokens=1_509_392,
    max_concurrent_full_length=368,
    startup_seconds=527,
    startup_budget_seconds=1054,
)
MISFIT = FITTING.model_copy(
    update={
        "fits": False,
        "reason": "WeightsDoNotFit",
        "message": "On 1 H100-80GB GPU the weights do not fit. What fits: parallelism.tensor: 2, and then 4096 tokens.",
        "tensor_parallel_size": 1,
        "gpus_per_replica": 1,
        "gpus": 1,
        "weights_bytes_per_gpu": 131 * GIB,
        "kv_cache_bytes_per_gpu": 0,
        "kv_cache_tokens": 0,
        "max_concurrent_full_length": 0,
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


def test_a_page_tells_the_plan(capsys: pytest.CaptureFixture[str]) -> None:
    print_plan_pages([FITTING])
    expected = """\
team/nemotron-70b (nemo.yaml) fits
  Model       mysticbeing/Llama-3.1-Nemotron-70B-Instruct-HF-FP8-DYNAMIC
  GPUs        8 x H100-80GB (tensor parallel size 8), 2 replicas: 16 GPUs
  One GPU     80.00 GiB  in all              ████████████████████████████████
              72.00 GiB  engine share, 90 %  █████████████████████████████
              10.00 GiB  weights             ████
               1.00 GiB  working memory      █
              61.00 GiB  KV cache            ████████████████████████
  Context     4,096 tokens
  KV cache    1,509,392 tokens per replica
  Concurrent  368 sequences of full length
  Start-up    about 8 min 47 s; counts as failed after 17 min 34 s
"""
    assert expected == capsys.readouterr().out


def test_a_page_tells_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    print_plan_pages([MISFIT])
    expected = """\
team/nemotron-70b (nemo.yaml) does not fit: WeightsDoNotFit
  On 1 H100-80GB GPU the weights do not fit. What fits: parallelism.tensor: 2,
  and then 4096 tokens.

  Model       mysticbeing/Llama-3.1-Nemotron-70B-Instruct-HF-FP8-DYNAMIC
  GPUs        1 x H100-80GB (tensor parallel size 1), 1 replica: 1 GPU
  One GPU      80.00 GiB  in all              ████████████████████████████████
               72.00 GiB  engine share, 90 %  █████████████████████████████
              131.00 GiB  weights             ████████████████████████████████ >
                1.00 GiB  working memory      █
               60.00 GiB  missing             ████████████████████████
"""
    assert expected in capsys.readouterr().out


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


def test_what_only_warns_says_that_it_would_be_started(capsys: pytest.CaptureFixture[str]) -> None:
    print_plan_pages([MISFIT.model_copy(update={"reason": "DoesNotFitNotEnforced"})])
    title = capsys.readouterr().out.splitlines()[0]
    assert "team/nemotron-70b (nemo.yaml) does not fit, and would be started all the same" == title


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
    assert read_words(header).startswith("NAME FITS REASON MODEL ACCELERATOR TP GPUS CONTEXT TOTAL ENGINE WEIGHTS ")
    expected = (
        f"team/nemotron-70b yes Fits {FITTING.model} H100-80GB 8 16 4096 "
        "80.00GiB 72.00GiB 10.00GiB 1.00GiB 61.00GiB 1509392 368 527s 1054s"
    )
    assert expected == read_words(lines[0])
    assert lines[1].endswith(MISFIT.message)
    assert read_words(lines[2]).startswith(
        "team/nemo no UnknownModel nope H100-80GB - - - - - - - - - - - - spec.model:"
    )
    assert 3 == len(lines)


def test_the_pages_of_the_examples_hold_at_80_columns() -> None:
    answer = nemoctl("plan", *sorted(Path("examples").glob("*.yaml")), COLUMNS="80")
    assert max(map(len, answer.out.splitlines())) <= 80
