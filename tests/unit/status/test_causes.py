"""Every row of the table against words that were really said: by vLLM 0.32 here, or in the issue that is named."""

from pathlib import Path

import pytest
import yaml

from nemotron_operator.api.conditions import Reason
from nemotron_operator.status.causes import WORD_LENGTH
from nemotron_operator.status.engine_words import CAUSES, choose_last_words, find_cause
from nemotron_operator.status.gpu_causes import GPU_CAUSES
from nemotron_operator.status.start_causes import START_CAUSES

WORDS = Path(__file__).parent / "last_words"

PLACES = {"pod": "nemotron-x", "namespace": "team", "deployment": "nemotron"}

REAL = {
    "kv-cache-too-small": (Reason.KV_CACHE_TOO_SMALL, "4096 tokens needs 0.0 GiB", "engine.maxModelLen: 384,"),
    "weights-cut-short": (Reason.WEIGHTS_UNREADABLE, "incomplete metadata, file not", "nemoctl cache verify nemotron"),
    "weights-absent": (Reason.WEIGHTS_UNREADABLE, "no weights in /models/noweights.", "-n team"),
    "weights-of-another-size": (Reason.WEIGHTS_UNREADABLE, "The size of tensor a (256) must match", "cache verify"),
    "weights-of-another-model": (Reason.WEIGHTS_UNREADABLE, "'layers.0.extra', which LlamaModel", "cache verify"),
    "port-in-use": (Reason.PORT_IN_USE, "listens on the engine's port", "service.port"),
    "unknown-argument": (Reason.ARGUMENT_REJECTED, "unrecognized arguments: --no-such-argument.", "engine.extraArgs"),
    "unknown-value": (Reason.ARGUMENT_REJECTED, "argument --kv-cache-dtype: invalid choice: 'nosuch'", "extraArgs"),
    "unknown-parser": (Reason.ARGUMENT_REJECTED, "no tool call parser nosuch. It has: apertus,", "engine.image"),
    "unknown-reasoning-parser": (
        Reason.ARGUMENT_REJECTED,
        "no reasoning parser no-such-parser. It has:",
        "engine.image",
    ),
    "rule-of-the-configuration": (
        Reason.ARGUMENT_REJECTED,
        "refuses its SchedulerConfig: max_num_batched_tokens (2) is smaller than max_model_len (1024).",
        "Correct the field",
    ),
    "context-too-long": (
        Reason.CONTEXT_EXCEEDS_MODEL,
        "400000 tokens are longer than the model was made for (max_position_embeddings=4096.0",
        "Lower engine.maxModelLen.",
    ),
    "unknown-architecture": (Reason.MODEL_NOT_SUPPORTED, "does not know the model's architecture.", "engine.image"),
    "unknown-architecture-whole": (
        Reason.MODEL_NOT_SUPPORTED,
        "does not know the architecture ['NemotronUltraForCausalLM'].",
        "engine.image",
    ),
    "remote-code": (Reason.REMOTE_CODE_NEEDED, "without the code of its repository", "model.trustRemoteCode: true"),
    "no-tokenizer": (Reason.TOKENIZER_MISSING, "tokenizer's files are missing", "cache verify"),
}
"""Last words of a vLLM 0.32 that was made to fail: as much as a pod keeps of them."""

TEXTS = [
    *[((WORDS / f"{name}.txt").read_text(), *expected) for name, expected in REAL.items()],
    *[
        (row["said"], Reason(row["reason"]), row["told"], row["nextStep"])
        for row in yaml.safe_load((WORDS / "quoted.yaml").read_text())
    ],
]
"""Words, their reason, and what has to be told of them."""


@pytest.mark.parametrize(("text", "reason", "words", "next_step"), TEXTS)
def test_a_cause_is_told_with_its_numbers_and_the_next_step(
    text: str, reason: Reason, words: str, next_step: str
) -> None:
    found = find_cause(text)
    assert found is not None
    row, said = found
    told = row.explanation.tell({**PLACES, **said})
    assert reason is row.explanation.reason
    assert words in told
    assert next_step in told
    assert ". ." not in told
    assert "  " not in told


@pytest.mark.parametrize("text", [text for text, *_ in TEXTS])
def test_what_one_row_knows_no_other_specific_row_claims(text: str) -> None:
    found = find_cause(text)
    assert found is not None
    claims = {row.explanation.reason for row in (*GPU_CAUSES, *START_CAUSES) if row.read(text) is not None}
    assert claims <= {found[0].explanation.reason}


def test_every_row_is_tried() -> None:
    tried = {id(found[0]) for text, *_ in TEXTS if (found := find_cause(text)) is not None}
    assert [] == [row.pattern.pattern for row in CAUSES if id(row) not in tried]


def test_an_error_that_points_to_another_is_no_cause() -> None:
    outer = (WORDS / "wrapper-alone.txt").read_text()
    assert "Engine core initialization failed. See root cause above." in outer
    assert find_cause(outer) is None


def test_of_an_unknown_failure_the_error_above_those_that_point_to_it_is_told() -> None:
    root = "Traceback (most recent call last):\nZeroDivisionError: division by zero\nEngineCore failed to start.\n"
    outer = "Exception: WorkerProc initialization failed due to an exception in a background process."
    said = f"{root}Traceback (most recent call last):\n{outer} See stack trace for root cause."
    assert "ZeroDivisionError: division by zero" == choose_last_words(said)


def test_what_the_engine_said_is_repeated_in_one_line_of_limited_length() -> None:
    found = find_cause("SafetensorError: " + "x" * 5000)
    assert found is not None
    assert len("x...") + WORD_LENGTH - 1 == len(found[1]["said"])
    assert found[1]["said"].endswith("x...")
