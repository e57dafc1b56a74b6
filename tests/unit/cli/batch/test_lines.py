"""What a person writes, and what the model is asked."""

import json
from pathlib import Path
from typing import Any

import pytest

from nemotron_operator.cli.batch.lines import RUN_BATCH_URLS, SERVER_URLS, InvalidLineError, Rules, convert_lines

RULES = Rules(
    source="prompts.jsonl",
    served_names=("nemotron-70b", "nvidia/nemotron", "an-adapter"),
    urls=RUN_BATCH_URLS,
    system_prompt="You are a helpful assistant.",
    sampling={"temperature": 0.7, "top_p": 0.9},
    longest_tokens=4096,
)

EXAMPLE = Path("examples/batch/prompts.jsonl")

SYSTEM = {"role": "system", "content": "You are a helpful assistant."}

QUESTION = {"role": "user", "content": "How many r in strawberry?"}


def convert(*lines: object, rules: Rules = RULES) -> list[dict[str, Any]]:
    written = [line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines]
    converted = list(convert_lines(written, rules))
    assert all(line.endswith(b"\n") for line in converted)
    return [json.loads(line) for line in converted]


def refuse(*lines: object, rules: Rules = RULES) -> str:
    with pytest.raises(InvalidLineError) as raised:
        convert(*lines, rules=rules)
    return str(raised.value)


def test_a_prompt_is_asked_as_the_card_does() -> None:
    (request,) = convert({"prompt": "How many r in strawberry?"})
    assert {
        "custom_id": "line-1",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "nemotron-70b", "messages": [SYSTEM, QUESTION], "temperature": 0.7, "top_p": 0.9},
    } == request


def test_the_example_asks_the_cards_question_with_the_cards_values() -> None:
    first, *_ = convert(*EXAMPLE.read_bytes().splitlines(keepends=True))
    values = {"temperature": 0.7, "top_p": 0.9, "max_tokens": 1024}
    assert {"model": "nemotron-70b", "messages": [SYSTEM, QUESTION], **values} == first["body"]


def test_what_a_plain_line_says_beside_its_prompt_goes_along_and_wins() -> None:
    (request,) = convert(
        {"prompt": "Hi", "max_tokens": 5, "temperature": 0, "custom_id": "mine", "model": "an-adapter"}
    )
    body = request["body"]
    assert ("mine", 5, 0, 0.9, "an-adapter") == (
        request["custom_id"],
        body["max_tokens"],
        body["temperature"],
        body["top_p"],
        body["model"],
    )


def test_messages_keep_their_own_system_prompt() -> None:
    own = {"role": "system", "content": "Be brief."}
    first, second = convert({"messages": [own, QUESTION]}, {"messages": [QUESTION]})
    assert [own, QUESTION] == first["body"]["messages"]
    assert [SYSTEM, QUESTION] == second["body"]["messages"]


def test_no_system_prompt_is_put_before_anything_where_none_is_wanted() -> None:
    rules = Rules("f", ("m",), RUN_BATCH_URLS, "", {}, 4096)
    (request,) = convert({"prompt": "Hi"}, rules=rules)
    assert {"model": "m", "messages": [{"role": "user", "content": "Hi"}]} == request["body"]


def test_a_line_of_the_batch_format_stays_as_it_is_but_for_a_model_that_it_does_not_name() -> None:
    line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"messages": [QUESTION]}}
    assert [{**line, "body": {"messages": [QUESTION], "model": "nemotron-70b"}}] == convert(line)
    named = {**line, "body": {"messages": [QUESTION], "model": "nvidia/nemotron", "temperature": 0}}
    assert [named] == convert(named)


def test_empty_lines_count_for_the_numbers_and_for_nothing_else() -> None:
    first, second = convert({"prompt": "a"}, b"\n", b"  \n", {"prompt": "b"})
    assert ("line-1", "line-4") == (first["custom_id"], second["custom_id"])


def test_a_byte_order_mark_and_a_missing_line_end_are_no_mistake() -> None:
    assert 2 == len(convert(b'\xef\xbb\xbf{"prompt": "a"}\r\n', b'{"prompt": "b"}'))


def test_half_a_character_is_for_the_model_to_refuse() -> None:
    (request,) = convert(b'{"prompt": "\\ud83c"}')
    assert "\ud83c" == request["body"]["messages"][-1]["content"]


def test_completions_need_a_server() -> None:
    line = {"custom_id": "a", "url": "/v1/completions", "body": {"prompt": "Once"}}
    assert "url '/v1/completions' is not supported. Supported: /rerank" in refuse(line)
    assert refuse(line).endswith("/v2/rerank; with --through-server also /v1/completions.")
    rules = Rules("f", ("m",), SERVER_URLS, "", {}, 4096)
    assert "POST" == convert(line, rules=rules)[0]["method"]
    assert refuse({**line, "url": "/v1/images"}, rules=rules).endswith("/v1/score, /v2/rerank.")


BATCH_LINE = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"messages": [QUESTION]}}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            b"{prompt\n",
            "is not JSON: Expecting property name enclosed in double quotes at column 2. Each line is one JSON object.",
        ),
        (b'{"prompt": "Hi"\n', "is not JSON: Expecting ',' delimiter at column 16. Each line is one JSON object."),
        (b'{"prompt": "\xff"}\n', "is not UTF-8. Save the file as UTF-8."),
        ([1], "is [1], and not a JSON object. A line is"),
        ("Hi", "is 'Hi', and not a JSON object. A line is"),
        (None, "is null, and not a JSON object. A line is"),
        ({"text": "Hi"}, "has neither prompt nor messages. A line is"),
        ({"prompt": "Hi", "messages": [QUESTION]}, "has both prompt and messages."),
        ({"prompt": ""}, "prompt is ''. Give a text that is not empty, or leave out the line."),
        ({"prompt": ["a"]}, 'prompt is ["a"]. Give a text that is not empty'),
        ({"messages": []}, 'messages is []. Give a list of objects such as {"role": "user", "content": "..."}, one'),
        ({"messages": ["Hi" * 99]}, f'messages is ["{"Hi" * 39}.... Give a list of objects such as'),
        ({"prompt": "Hi", "custom_id": 7}, "custom_id is 7. Give a text that no other line has, such as 'line-2'."),
        ({"prompt": "Hi", "custom_id": None}, "custom_id is null. Give a text that no other line has"),
        ({"prompt": "Hi", "custom_id": "line-1"}, "custom_id 'line-1' is that of line 1 too."),
        ({"prompt": "Hi", "stream": True}, "stream is true, and a batch does not stream."),
        ({"prompt": "Hi", "model": "gpt"}, "model 'gpt' is none of this resource. It serves: nemotron-70b, "),
        (
            {"prompt": "Hi", "model": 1},
            "model 1 is none of this resource. It serves: nemotron-70b, nvidia/nemotron, an",
        ),
        ({**BATCH_LINE, "method": "GET"}, "method is 'GET'. Only POST is supported: leave method out."),
        ({**BATCH_LINE, "url": "/v1/images"}, "url '/v1/images' is not supported. Supported: "),
        ({**BATCH_LINE, "url": None}, "url null is not supported. Supported: "),
        ({**BATCH_LINE, "body": "Hi"}, "body is 'Hi', and not a JSON object."),
        ({"url": "/v1/embeddings", "body": {}}, "has no custom_id. A line is"),
    ],
)
def test_a_line_that_cannot_be_asked_is_named_with_the_way_out(line: object, said: str) -> None:
    assert refuse({"prompt": "fine"}, line).startswith(f"prompts.jsonl: line 2: {said}")


def test_a_file_without_lines_is_no_batch() -> None:
    assert refuse(b"\n").startswith("prompts.jsonl: has no line. A line is")
