"""A steady load of real questions, each on a connection of its own, and what became of every one of them."""

import json
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

END = b"[DONE]"
"""What an OpenAI stream ends with; a stream without it was cut off."""

TIMEOUT_SECONDS = 300
"""How long a client waits for the next bytes, and so for the whole of an answer that is not streamed: longer than the
240 s that a test lets a pod drain, so that no client gives an answer up for lost which its pod still brings in time."""

PAUSE_SECONDS = 1.5
"""Between two questions of a client: on two cores an engine that is asked without a pause leaves none to one that has
to start."""


@dataclass(frozen=True)
class Question:
    """What a client asks, over and over."""

    max_tokens: int
    """The answer has exactly so many: the end that the model would choose is ignored."""
    is_streamed: bool = False

    def to_body(self, model: str) -> bytes:
        """Write it as a request."""
        body: dict[str, Any] = {
            "model": model,
            "messages": [{"role": "user", "content": "How many r in strawberry?"}],
            "max_tokens": self.max_tokens,
            "ignore_eos": True,
            "stream": self.is_streamed,
        }
        return json.dumps({**body, "stream_options": {"include_usage": True}} if self.is_streamed else body).encode()


MIXED = (Question(64, is_streamed=True), Question(300))
"""One client each: answers that are over at once, and answers that take some seconds."""


@dataclass(frozen=True)
class Outcome:
    """What became of one question."""

    question: Question
    was_accepted: bool
    """Whether the connection was made and the question sent."""
    problem: str
    """Why the answer is not whole; empty where it is."""
    began_at: float
    ended_at: float
    """Both by the monotonic clock."""


@dataclass
class SteadyLoad:
    """Clients that ask one address until the block ends; then each of them is given its last answer."""

    url: str
    model: str
    questions: Sequence[Question] = MIXED
    outcomes: list[Outcome] = field(default_factory=list)
    """In the order in which they ended."""
    accepted: int = 0
    """Questions that were accepted so far, answered or not."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _over: threading.Event = field(default_factory=threading.Event)
    _clients: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Start the clients."""
        self._clients += [threading.Thread(target=self._ask_on, args=(question,)) for question in self.questions]
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Wait for what is still being answered."""
        self.stop_asking()
        for client in self._clients:
            client.join()

    def stop_asking(self) -> None:
        """Ask nothing more."""
        self._over.set()

    def list_lost(self, since: int = 0) -> list[str]:
        """List what was accepted and not answered whole, from one number of outcomes on; nothing is what is wanted."""
        return [_describe(outcome) for outcome in self.outcomes[since:] if outcome.was_accepted and outcome.problem]

    def list_refused(self, since: int = 0) -> list[str]:
        """List what found nobody."""
        return [_describe(outcome) for outcome in self.outcomes[since:] if not outcome.was_accepted]

    def describe(self, since: int = 0) -> str:
        """Count the outcomes."""
        outcomes = self.outcomes[since:]
        tokens = sum(outcome.question.max_tokens for outcome in outcomes if not outcome.problem)
        longest = max((outcome.ended_at - outcome.began_at for outcome in outcomes), default=0)
        counts = Counter(_classify(outcome) for outcome in outcomes)
        said = ", ".join(f"{counts[kind]} {kind}" for kind in ("whole", "lost", "refused"))
        return f"{len(outcomes)} questions: {said}; {tokens} tokens, the longest answer took {longest:.0f} s"

    def _ask_on(self, question: Question) -> None:
        while not self._over.is_set():
            self.outcomes.append(self._ask(question))
            self._over.wait(PAUSE_SECONDS)

    def _ask(self, question: Question) -> Outcome:
        began_at, was_accepted, problem = time.monotonic(), False, ""
        address = urlsplit(self.url)
        connection = HTTPConnection(address.hostname or "", address.port, timeout=TIMEOUT_SECONDS)
        try:
            connection.connect()
            body = question.to_body(self.model)
            connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
            was_accepted = True
            with self._lock:
                self.accepted += 1
            problem = _read_answer(connection.getresponse(), question)
        except (OSError, HTTPException, ValueError, KeyError) as error:
            problem = f"{type(error).__name__}: {error}"
        finally:
            connection.close()
        return Outcome(question, was_accepted, problem, began_at, time.monotonic())


def _read_answer(response: HTTPResponse, question: Question) -> str:
    """Read to the end; say what is wrong, or nothing."""
    content = response.read()
    if response.status != HTTPStatus.OK:
        return f"HTTP {response.status}: {content[:300]!r}"
    parts = _read_stream(content) if question.is_streamed else [json.loads(content)]
    finish_reasons = [choice["finish_reason"] for part in parts for choice in part["choices"]]
    tokens = (parts[-1].get("usage") or {}).get("completion_tokens") if parts else None
    is_whole = finish_reasons[-1:] == ["length"] and tokens == question.max_tokens
    return "" if is_whole else f"{tokens} of {question.max_tokens} tokens, finish_reason {finish_reasons[-1:]}"


def _read_stream(content: bytes) -> list[dict[str, Any]]:
    """Read server-sent events; no event at all where the last one is missing."""
    events = [line.removeprefix(b"data: ") for line in content.splitlines() if line.startswith(b"data: ")]
    return [json.loads(event) for event in events[:-1]] if events[-1:] == [END] else []


def _classify(outcome: Outcome) -> str:
    if not outcome.problem:
        return "whole"
    return "lost" if outcome.was_accepted else "refused"


def _describe(outcome: Outcome) -> str:
    return f"{outcome.question} after {outcome.ended_at - outcome.began_at:.1f} s: {outcome.problem}"
