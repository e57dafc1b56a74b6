"""How much room is counted for answers."""

import json
from pathlib import Path

import pytest

from nemotron_operator.cli.batch.answer_size import (
    ANSWER_BYTES,
    MOST_CHOICES,
    TOKEN_BYTES,
    UNSAID_TOKENS,
    count_answer_bytes,
)
from nemotron_operator.cli.batch.prepared import prepared
from tests.unit.cli.batch.test_lines import RULES

Body = dict[str, object]

LONGEST = 131_072


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        ({"max_tokens": 32_768}, 32_768),
        ({"max_tokens": 1024, "max_completion_tokens": 32_768}, 32_768),
        ({"max_tokens": 16_384, "n": 4}, 65_536),
        ({"max_tokens": 1024, "n": MOST_CHOICES}, 1024 * MOST_CHOICES),
        ({"max_tokens": 1_000_000}, LONGEST),
        ({"max_tokens": None}, UNSAID_TOKENS),
        ({"max_tokens": "many", "n": "several"}, UNSAID_TOKENS),
        ({}, UNSAID_TOKENS),
    ],
)
def test_an_answer_is_as_long_as_the_line_asks_for_and_the_model_allows(body: Body, tokens: int) -> None:
    assert tokens * TOKEN_BYTES == count_answer_bytes(json.dumps({"body": body}).encode(), LONGEST)


def test_a_short_answer_has_room_for_all_that_stands_around_it() -> None:
    assert ANSWER_BYTES == count_answer_bytes(b'{"body": {"max_tokens": 1}}', LONGEST)


@pytest.mark.parametrize("choices", [MOST_CHOICES + 1, 1_000_000_000])
def test_a_line_that_asks_for_more_choices_than_vllm_gives_is_refused_whole_and_makes_no_room(choices: int) -> None:
    line = json.dumps({"body": {"max_tokens": LONGEST, "n": choices}}).encode()
    assert ANSWER_BYTES == count_answer_bytes(line, LONGEST)


def test_the_answers_of_all_lines_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text('{"prompt": "a", "max_tokens": 4096}\n{"prompt": "b", "max_tokens": 1}\n')
    with prepared(path, RULES) as requests:
        assert 4096 * TOKEN_BYTES + ANSWER_BYTES == requests.answer_bytes
