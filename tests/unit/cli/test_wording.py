"""Answers to a question in options name options, never fields that nobody wrote."""

import json
from pathlib import Path
from typing import Any

import pytest

from nemotron_operator.cli.plan.wording import name_options
from tests.support.fixtures.deployments import FP8
from tests.unit.cli.command import nemoctl, read_words


def ask(*arguments: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(nemoctl("plan", "--model", FP8, *arguments, "-o", "json").out)
    return report


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("spec.parallelism.tensor: 3 does not divide", "--tensor-parallel-size: 3 does not divide"),
        ("What fits: parallelism.tensor: 4.", "What fits: --tensor-parallel-size 4."),
        (
            "What fits: accelerator: H200 with parallelism.tensor: 4.",
            "What fits: --accelerator H200 with --tensor-parallel-size 4.",
        ),
        (
            "spec.parallelism: tensor 8 x pipeline 2 = 16 GPUs",
            "--tensor-parallel-size 8 x --pipeline-parallel-size 2 = 16 GPUs",
        ),
        (
            "spec.engine: 9 sequences (maxNumSeqs) are more than the 8 tokens of one step (maxNumBatchedTokens)",
            "9 sequences (--max-num-seqs) are more than the 8 tokens of one step (--max-num-batched-tokens)",
        ),
        ("spec.engine.maxNumSeqs: 9 sequences", "--max-num-seqs: 9 sequences"),
        ("Set maxNumSeqs to 8 or less, or remove it.", "Set --max-num-seqs to 8 or less, or remove it."),
        ("planPolicy: Warn tries it.", "planPolicy: Warn tries it."),
    ],
)
def test_a_field_becomes_the_option(message: str, expected: str) -> None:
    assert expected == name_options(message)


@pytest.mark.parametrize(
    "arguments",
    [
        ["-tp", "8", "-pp", "2"],
        ["-tp", "3"],
        ["-tp", "1", "--max-model-len", "8192"],
        ["--max-num-seqs", "1024", "--max-num-batched-tokens", "512"],
        ["--max-num-batched-tokens", "1048576"],
        ["--gpu-memory-utilization", "10"],
    ],
    ids=" ".join,
)
def test_a_refusal_names_no_field(arguments: list[str]) -> None:
    report = ask(*arguments)
    told = " ".join([report["message"], *report["fittingSettings"]])
    assert report["fits"] is False
    assert [] == [word for word in ("spec.", "engine.", "parallelism.", "maxNum", "maxModel") if word in told]


def test_the_next_settings_are_options_that_fit_when_they_are_followed() -> None:
    report = ask("-tp", "2")
    for setting in (report["nextCheaper"], report["nextFaster"]):
        arguments = [word for each in setting["settings"] for word in each.split()]
        followed = ask(*arguments)
        assert followed["fits"]
        assert [setting[key] for key in ("gpus", "maxModelLen", "kvCacheTokens")] == [
            followed[key] for key in ("gpus", "maxModelLen", "kvCacheTokens")
        ]


def test_a_model_for_which_one_node_is_too_small_says_what_it_takes() -> None:
    answer = nemoctl("plan", "--model", "nvidia/NVIDIA-Nemotron-3-Ultra-550B-A55B-BF16", "-o", "json")
    expected = "The model needs more than one node: 16 GPUs hold the full context (tensor 8, pipeline 2)."
    assert expected in answer.document["remarks"]
    assert [] == answer.document["fittingSettings"]


def test_the_page_with_pictures_names_options_too(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    nemoctl("plan", "--model", FP8, "-tp", "1", "--max-model-len", "8192", "--html", page)
    assert "What fits: --tensor-parallel-size 2, or --max-model-len 6144." in page.read_text()


def test_a_page_that_has_no_node_says_so_before_all_else() -> None:
    answer = nemoctl("plan", "--model", FP8, "--nodes", "0", COLUMNS="120")
    assert 1 == answer.code
    assert answer.out.splitlines()[0].endswith("(catalogue) fits its GPUs, but the nodes have no room for it")
    assert "Nodes 0 replicas of 1 find a node among 0 empty nodes" in read_words(answer.out)
