import time

import pytest

from nemotron_operator.verifier import conversation
from nemotron_operator.verifier.conversation import ask
from nemotron_operator.verifier.errors import RefusedError, UnavailableError
from nemotron_operator.verifier.question import Question
from tests.unit.verifier.chat_server import (
    NO_CHAT_TEMPLATE,
    Reply,
    chat_server,
    chunk,
    event,
    go_on,
    refuse,
    say,
    stream,
    usage,
)

PATIENCE_SECONDS = 20


def a_question(base_url: str, system_prompt: str = "", api_key: str | None = None) -> Question:
    prompt = "How many r in strawberry?"
    return Question(base_url=base_url, model="nemotron", prompt=prompt, system_prompt=system_prompt, api_key=api_key)


async def test_a_good_answer_is_read_with_its_tokens() -> None:
    async with chat_server(say("There ", "are ", "3", ".")) as server:
        answer = await ask(a_question(server.base_url), PATIENCE_SECONDS)
    assert ("There are 3.", 4) == (answer.text, answer.tokens)


async def test_the_question_is_put_as_the_card_puts_it_and_without_luck() -> None:
    async with chat_server(say("3")) as server:
        question = a_question(server.base_url + "/", system_prompt="You are a helpful assistant.", api_key="sk-1")
        await ask(question, PATIENCE_SECONDS)
    (body,) = server.bodies
    assert [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "How many r in strawberry?"},
    ] == body["messages"]
    assert ("nemotron", 256, 0, True) == (body["model"], body["max_tokens"], body["temperature"], body["stream"])
    assert {"include_usage": True} == body["stream_options"]
    assert "Bearer sk-1" == server.headers[0]["Authorization"]


async def test_without_key_and_system_prompt_neither_is_sent() -> None:
    async with chat_server(say("3")) as server:
        await ask(a_question(server.base_url), PATIENCE_SECONDS)
    assert ["user"] == [message["role"] for message in server.bodies[0]["messages"]]
    assert "Authorization" not in server.headers[0]


async def test_a_slow_answer_is_timed_from_the_request_and_from_its_first_token() -> None:
    async with chat_server(say(*["x"] * 5, first_seconds=0.3, pause_seconds=0.05)) as server:
        started = time.monotonic()
        answer = await ask(a_question(server.base_url), PATIENCE_SECONDS)
        took = time.monotonic() - started
    assert 0.3 <= answer.first_token_seconds < took
    assert 0.15 <= answer.further_seconds < took  # the first of four pauses may begin before its token is read
    assert answer.tokens_per_second is not None
    assert 4 / answer.further_seconds == answer.tokens_per_second <= 4 / 0.15


async def test_an_answer_of_one_token_has_no_rate() -> None:
    async with chat_server(say("3")) as server:
        answer = await ask(a_question(server.base_url), PATIENCE_SECONDS)
    assert (1, None) == (answer.tokens, answer.tokens_per_second)


async def test_without_usage_the_parts_are_counted() -> None:
    parts = [event(part) for part in (chunk("a"), chunk("b"), chunk("", "stop"), "[DONE]")]
    async with chat_server(stream(b": a comment\n\n", *parts)) as server:
        answer = await ask(a_question(server.base_url), PATIENCE_SECONDS)
    assert ("ab", 2) == (answer.text, answer.tokens)


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
async def test_reasoning_is_timed_and_is_no_part_of_the_answer(name: str) -> None:
    thought = chunk(None, **{name: "Let me count."})
    parts = [event(part) for part in (thought, thought, chunk("3"), chunk("", "stop"), usage(7), "[DONE]")]
    async with chat_server(stream(*parts, pauses=(0.1, 0.1))) as server:
        answer = await ask(a_question(server.base_url), PATIENCE_SECONDS)
    assert ("3", 7) == (answer.text, answer.tokens)
    assert 0.1 <= answer.further_seconds  # both pauses come after the first thought


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (refuse(401, '{"error": "Unauthorized"}'), "401 Unauthorized: 'Unauthorized'. It wants another API key"),
        (refuse(403, "RBAC: access denied"), "403 Forbidden: 'RBAC: access denied'."),
        (refuse(404, '{"error": {"message": "The model `x` does not exist."}}'), "'The model `x` does not exist.'"),
        (refuse(400, '{"message": "max_tokens is too large."}'), "400 Bad Request: 'max_tokens is too large.'"),
        (refuse(302, "", Location="http://127.0.0.1:1/"), "302 Found"),
        (refuse(499, '{"detail": []}'), "499"),
        (stream(event(chunk("", "length")), event(usage(256)), event("[DONE]")), "256 tokens, none of them of the"),
        (stream(event(chunk(" \n", "stop")), event("[DONE]")), "finish_reason stop"),
        (stream(event("[DONE]")), "finish_reason none"),
    ],
)
async def test_what_would_be_said_again_is_not_retried(reply: Reply, words: str) -> None:
    async with chat_server(reply) as server:
        with pytest.raises(RefusedError) as caught:
            await ask(a_question(server.base_url), PATIENCE_SECONDS)
    assert words in caught.value.message
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (
            refuse(503, "<html>no healthy upstream</html>"),
            "503 Service Unavailable: '<html>no healthy upstream</html>'",
        ),
        (refuse(500), "500 Internal Server Error: ''."),
        (refuse(429, "Slow down."), "429 Too Many Requests: 'Slow down.'"),
        (
            stream(event(chunk("There ")), event(chunk("are"))),
            "ended its answer in the middle, after 2 parts of an answer.",
        ),
        (stream(event(chunk("There ")), breaks_off=True), "broke off after 1 part of an answer"),
        (stream(event(chunk("a")), event({"error": {"message": "EngineDeadError"}})), "'EngineDeadError'"),
        (stream(event("{not json")), "no part of a chat completion: '{not json'"),
        (stream(event({"choices": "none"})), "no part of a chat completion"),
        (stream(event("[]")), "no part of a chat completion"),
        (stream(b""), "ended its answer in the middle, before the first token"),
        (stream(event("x" * 1_000_000)), "broke off"),
    ],
)
async def test_what_may_pass_is_retried(reply: Reply, words: str) -> None:
    async with chat_server(reply) as server:
        with pytest.raises(UnavailableError) as caught:
            await ask(a_question(server.base_url), PATIENCE_SECONDS)
    assert words in caught.value.message
    assert len(caught.value.message) < 600


async def test_an_answer_that_never_ends_is_given_up() -> None:
    async with chat_server(say("a", "b", "c", pause_seconds=60)) as server:
        with pytest.raises(UnavailableError, match=r"took more than 2 s after 1 part of an answer"):
            await ask(a_question(server.base_url), 2)


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:1/v1", "http://nobody.invalid:8000/v1"])
async def test_a_server_that_is_not_there_is_waited_for(base_url: str) -> None:
    with pytest.raises(UnavailableError, match=r"cannot be reached: .*NetworkPolicy"):
        await ask(a_question(base_url), PATIENCE_SECONDS)


async def test_a_server_that_never_accepts_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """The backlog of a socket that nobody accepts from is full after two connections."""
    import socket

    monkeypatch.setattr(conversation, "CONNECT_TIMEOUT_SECONDS", 0.3)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        callers = [socket.socket() for _ in range(2)]
        for caller in callers:
            caller.settimeout(0)
            caller.connect_ex(deaf.getsockname())
        with pytest.raises(UnavailableError, match="cannot be reached"):
            await ask(a_question(f"http://127.0.0.1:{deaf.getsockname()[1]}/v1"), PATIENCE_SECONDS)
        for caller in callers:
            caller.close()


async def test_a_model_that_cannot_chat_goes_on_from_the_prompt() -> None:
    async with chat_server(NO_CHAT_TEMPLATE, go_on(" two", " three")) as server:
        answer = await ask(a_question(server.base_url, system_prompt="Be kind.", api_key="sk-1"), PATIENCE_SECONDS)
    assert (" two three", 2) == (answer.text, answer.tokens)
    assert ["/v1/chat/completions", "/v1/completions"] == server.paths
    chat, completion = server.bodies
    assert {**{name: chat[name] for name in chat if name != "messages"}, "prompt": "How many r in strawberry?"} == (
        completion
    )
    assert "Bearer sk-1" == server.headers[1]["Authorization"]


async def test_a_model_that_can_neither_chat_nor_go_on_is_refused() -> None:
    async with chat_server(NO_CHAT_TEMPLATE) as server:
        with pytest.raises(RefusedError, match="chat template"):
            await ask(a_question(server.base_url), PATIENCE_SECONDS)
    assert 2 == len(server.bodies)


@pytest.mark.parametrize("reply", [refuse(400, "prompt too long"), refuse(404, "no chat template here")])
async def test_another_refusal_is_no_reason_to_ask_in_another_way(reply: Reply) -> None:
    async with chat_server(reply) as server:
        with pytest.raises(RefusedError):
            await ask(a_question(server.base_url), PATIENCE_SECONDS)
    assert ["/v1/chat/completions"] == server.paths
