"""One request and its streamed answer, with the time that the first token and the others took."""

import time
from dataclasses import dataclass, replace
from http import HTTPStatus

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from nemotron_operator.verifier.errors import NoChatTemplateError, RefusedError, UnavailableError, VerificationError
from nemotron_operator.verifier.question import API_KEY_VARIABLE, Question
from nemotron_operator.verifier.stream import Event, quote, read_event, read_words

CONNECT_TIMEOUT_SECONDS = 10
"""How long a connection may take: the server is inside the same cluster."""

_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
"""Refusals that may not be repeated, beside those of 500 and above."""

_NO_CHAT_TEMPLATE = "chat template"
"""What vLLM says when a model brings none, as base models do (vllm/renderers/hf.py)."""

_ADVICE = {
    HTTPStatus.UNAUTHORIZED: f"It wants another API key than {API_KEY_VARIABLE} holds: correct the Secret that "
    "spec.apiKeySecretRef names; pods that serve read it when they start.",
    HTTPStatus.FORBIDDEN: "Something between the Service and the model forbids the request: look for a mesh's policy.",
    HTTPStatus.NOT_FOUND: "The server knows neither the path nor the model by that name: compare /v1/models.",
}
"""What to do about a refusal, by its HTTP status."""


@dataclass(frozen=True)
class Answer:
    """A whole answer, and how long it took."""

    text: str
    """What the model said."""

    tokens: int
    """How many tokens that were, reasoning included."""

    first_token_seconds: float
    """From the request to the first token."""

    further_seconds: float
    """From the first token to the last."""

    @property
    def tokens_per_second(self) -> float | None:
        """The rate after the first token; None when there was no other."""
        return (self.tokens - 1) / self.further_seconds if self.tokens > 1 and self.further_seconds > 0 else None


async def ask(question: Question, timeout_seconds: float) -> Answer:
    """Ask once, and read the answer to its end; a model that cannot chat is asked to go on from the prompt.

    Raises
    ------
    VerificationError
        There was no answer, or not a whole one.
    """
    try:
        return await _ask(question, timeout_seconds)
    except NoChatTemplateError:
        return await _ask(replace(question, is_chat=False), timeout_seconds)


async def _ask(question: Question, timeout_seconds: float) -> Answer:
    """Ask in one way.

    Raises
    ------
    VerificationError
        There was no answer, or not a whole one.
    """
    timeout = aiohttp.ClientTimeout(total=timeout_seconds, connect=CONNECT_TIMEOUT_SECONDS)
    reader = _Reader(time.monotonic())
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(
                question.url,
                json=question.body,
                headers=question.headers,
                allow_redirects=False,
                ssl=question.trust or True,
            ) as response,
        ):
            if response.status != HTTPStatus.OK:
                raise await _explain_refusal(question, response)
            async for line in response.content:
                if reader.read(line.decode(errors="replace").rstrip("\r\n")):
                    break
    except aiohttp.ClientConnectorCertificateError as error:
        raise RefusedError(
            f"{question.url} shows a certificate that is not to be trusted: {error.certificate_error}. It has to be "
            f"for the name {error.host}, be valid now, and be signed by the CA in ca.crt, if the Secret has one."
        ) from error
    except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError) as error:
        raise UnavailableError(
            f"{question.url} cannot be reached: {error}. If it stays so, look for a NetworkPolicy between the pods of "
            "this namespace, and at the Service's endpoints."
        ) from error
    except TimeoutError as error:
        raise UnavailableError(f"{question.url} took more than {timeout_seconds:.0f} s{reader.progress}.") from error
    except (aiohttp.ClientError, HttpProcessingError, OSError, ValueError) as error:
        raise UnavailableError(f"{question.url} broke off{reader.progress}: {_name(error)}.") from error
    return reader.finish(question)


class _Reader:
    """Gathers the events of one answer, and when they came."""

    def __init__(self, started: float) -> None:
        self._started = started
        self._text: list[str] = []
        self._token_events = 0
        self._first: float | None = None
        self._last = started
        self._tokens: int | None = None
        self._finish_reason = ""
        self._is_over = False

    def read(self, line: str) -> bool:
        """Read one line; tell whether it was the last."""
        event = read_event(line) or Event()
        if event.has_token:
            self._last = time.monotonic()
            self._first = self._first or self._last
            self._token_events += 1
            self._text.append(event.text)
        self._tokens = event.completion_tokens or self._tokens
        self._finish_reason = event.finish_reason or self._finish_reason
        self._is_over = self._is_over or event.is_end
        return event.is_end

    @property
    def progress(self) -> str:
        """Say how much had arrived."""
        parts = "1 part" if self._token_events == 1 else f"{self._token_events} parts"
        return f" after {parts} of an answer" if self._token_events else " before the first token"

    def finish(self, question: Question) -> Answer:
        """Give the answer if it is whole and not empty."""
        if not self._is_over:
            raise UnavailableError(f"{question.url} ended its answer in the middle,{self.progress}.")
        text = "".join(self._text)
        if not text.strip() or self._first is None:
            raise RefusedError(
                f"{question.url} answered {quote(question.prompt)} without a word: {self._tokens or 0} tokens, none of "
                f"them of the answer (finish_reason {self._finish_reason or 'none'}). A model that reasons first may "
                "need more tokens or another prompt: spec.verification.prompt."
            )
        return Answer(
            text=text,
            tokens=self._tokens or self._token_events,
            first_token_seconds=self._first - self._started,
            further_seconds=self._last - self._first,
        )


async def _explain_refusal(question: Question, response: aiohttp.ClientResponse) -> VerificationError:
    words = read_words(await response.text(errors="replace"))
    said = f"{question.url} answered {response.status} {response.reason or ''}".rstrip() + f": {words}."
    if response.status == HTTPStatus.BAD_REQUEST and question.is_chat and _NO_CHAT_TEMPLATE in words.casefold():
        return NoChatTemplateError(said)
    if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR or response.status in _PASSING:
        return UnavailableError(said)
    advice = _ADVICE.get(HTTPStatus(response.status)) if response.status in set(HTTPStatus) else None
    return RefusedError(f"{said} {advice}" if advice else said)


def _name(error: BaseException) -> str:
    return f"{type(error).__name__}: {quote(str(error))}"
