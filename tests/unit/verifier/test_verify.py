from types import SimpleNamespace

import pytest

from nemotron_operator.verifier.errors import RefusedError, UnavailableError, UnexpectedAnswerError
from nemotron_operator.verifier.question import Question
from nemotron_operator.verifier.verify import Patience, verify
from tests.unit.verifier.chat_server import chat_server, refuse, say, stream

PATIENCE = Patience(answer_seconds=20, retry_seconds=10)


def a_question(base_url: str, expect: str = "3") -> Question:
    return Question(base_url=base_url, model="nemotron", prompt="How many r in strawberry?", expect=expect)


async def test_a_model_that_comes_after_a_moment_is_waited_for() -> None:
    async with chat_server(refuse(503, "starting"), stream(b"", breaks_off=True), say("3")) as server:
        answer = await verify(a_question(server.base_url), PATIENCE)
    assert ("3", 3) == (answer.text, len(server.bodies))


async def test_a_model_that_does_not_come_is_given_up_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(monotonic=iter([0.0, 0.0, 1.0]).__next__)
    monkeypatch.setattr("nemotron_operator.verifier.verify.time", clock)
    async with chat_server(refuse(503, "starting")) as server:
        with pytest.raises(UnavailableError, match="503"):
            await verify(a_question(server.base_url), Patience(answer_seconds=20, retry_seconds=0.8))
    assert 2 == len(server.bodies)


async def test_a_refusal_is_final() -> None:
    async with chat_server(refuse(401), say("3")) as server:
        with pytest.raises(RefusedError):
            await verify(a_question(server.base_url), PATIENCE)
    assert 1 == len(server.bodies)


@pytest.mark.parametrize(
    ("expect", "said"),
    [("3", "There are 3 r."), ("THREE", "three"), ("", "Anything."), ("straße", "Die STRASSE."), ("b c", "a b c d")],
)
async def test_an_answer_that_holds_the_expected_text_is_good(expect: str, said: str) -> None:
    async with chat_server(say(said)) as server:
        assert said == (await verify(a_question(server.base_url, expect), PATIENCE)).text


async def test_an_answer_that_lacks_the_expected_text_is_told_in_the_models_own_words() -> None:
    async with chat_server(say("There are ", "two.")) as server:
        with pytest.raises(UnexpectedAnswerError) as caught:
            await verify(a_question(server.base_url), PATIENCE)
    assert not caught.value.retryable
    for words in ("Asked 'How many r in strawberry?'", "answered 'There are two.'", "lacks '3'", "verification.expect"):
        assert words in caught.value.message
    assert 1 == len(server.bodies)
