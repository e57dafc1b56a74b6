"""Send step: the requests that are left go to a running server, no faster than its other clients leave room for."""

import json
import logging
import random
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import IO, Any

from nemotron_operator.batch.answers import read_answers
from nemotron_operator.batch.errors import ServerRefusesError, ServerUnavailableError
from nemotron_operator.batch.outcome import Complete
from nemotron_operator.batch.pace import FIRST, choose_limit
from nemotron_operator.batch.place import Place
from nemotron_operator.batch.progress import Progress
from nemotron_operator.batch.requests import Request, read_requests
from nemotron_operator.batch.results import count
from nemotron_operator.batch.server import Reply, Server, UnreachableError

LOOK_SECONDS = 2.0
"""How often the server's load is looked at."""

LONGEST_PAUSE_SECONDS = 30.0
"""How long a request waits at most between two tries."""

LONGEST_WISH_SECONDS = 300.0
"""How long a server may wish to be left alone by one request."""

FAILURES = 3
"""How often a request at which the server fails is sent."""

_BUSY = frozenset(
    {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
)
"""What a server, or a proxy before it, says when it takes nothing for now."""

_NOT_THE_REQUESTS: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "It wants another API key: correct the Secret that spec.apiKeySecretRef names.",
    HTTPStatus.FORBIDDEN: "Something before the model forbids the request: look for a mesh's policy.",
    HTTPStatus.NOT_FOUND: "Nobody serves the model, or the adapter, that a line names: look at the resource's status.",
}
"""Refusals that are not about the request, and what to do about them."""

LONGEST_NOT_FOUND_SECONDS = 600.0
"""How long a model that is not there is waited for: a replica that just started loads its adapters first."""

_NO_ROUTE = "Not Found"
"""What vLLM says where it has no such URL at all, which is about the request; of a model it says more."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sending:
    """What is asked, and with how much patience."""

    place: Place
    server: Server
    most: int
    """How many requests may be under way."""
    patience_seconds: float
    """How long a server that answers nobody is waited for."""
    first_pause_seconds: float = 1.0


@dataclass(slots=True)
class _State:
    """What the threads share."""

    part: IO[bytes]
    progress: Progress
    limit: int
    under_way: int = 0
    last_answer: float = field(default_factory=time.monotonic)
    """When the server last answered, or the first of those under way was sent, in seconds that never go back."""
    failure: Exception | None = None
    changed: threading.Condition = field(default_factory=threading.Condition)


@dataclass(slots=True)
class _Tries:
    """What one request has met so far."""

    longest_not_found_seconds: float
    failures: int = 0
    not_found_since: float | None = None

    def is_last(self, reply: Reply) -> bool:
        """Tell whether what the server said stands, or the request is worth another try."""
        if reply.status == HTTPStatus.NOT_FOUND and not _lacks_route(reply):
            now = time.monotonic()
            self.not_found_since = now if self.not_found_since is None else self.not_found_since
            return now - self.not_found_since > self.longest_not_found_seconds
        self.not_found_since = None
        self.failures += reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        return reply.status < HTTPStatus.INTERNAL_SERVER_ERROR or self.failures >= FAILURES


def send(sending: Sending) -> Complete:
    """Send what is left, and write each answer as it comes.

    Raises
    ------
    BatchError
        The server is away for longer than is waited, or would refuse every request.
    OSError
        The volume takes no more.
    """
    place = sending.place
    place.make()
    place.remove_arriving()
    answers = read_answers(place.list_parts())
    total = settled = 0
    for request in read_requests(place.requests):
        total += 1
        settled += answers.is_settled(request.custom_id)
    left = (request for request in read_requests(place.requests) if not answers.is_settled(request.custom_id))
    with place.name_part(place.count_attempts() + 1).open("ab") as part:
        state = _State(part, Progress(total, settled), min(FIRST, sending.most))
        _send_all(left, sending, state)
        state.progress.tell(state.limit)
    if state.failure is not None:
        raise state.failure
    return count(place, read_answers(place.list_parts()))


def _send_all(left: Iterator[Request], sending: Sending, state: _State) -> None:
    threads: set[threading.Thread] = set()
    is_over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(sending, state, is_over), daemon=True)
    watcher.start()
    for request in left:
        with state.changed:
            state.changed.wait_for(lambda: state.failure is not None or state.under_way < state.limit)
            if state.failure is not None:
                break
            if state.under_way == 0:
                state.last_answer = time.monotonic()  # while nobody asks, nobody is kept waiting
            state.under_way += 1
        thread = threading.Thread(target=_send_one, args=(request, sending, state), daemon=True)
        thread.start()
        threads = {each for each in threads if each.is_alive()} | {thread}
    for thread in threads:
        thread.join()
    is_over.set()
    watcher.join()


def _watch(sending: Sending, state: _State, is_over: threading.Event) -> None:
    """Look at the server's load, and tell how far it is."""
    while not is_over.wait(LOOK_SECONDS):
        load = sending.server.read_load()
        with state.changed:
            state.limit = choose_limit(state.limit, load, sending.most)
            state.changed.notify_all()
        state.progress.tell(state.limit)


def _send_one(request: Request, sending: Sending, state: _State) -> None:
    try:
        line = _ask_patiently(request, sending, state)
        with state.changed:
            if line is not None:
                state.part.write(line)
                state.part.flush()
                state.progress.done += 1
    except Exception as error:  # noqa: BLE001 - a thread that ends in silence would leave its request out
        with state.changed:
            state.failure = state.failure or error
    finally:
        with state.changed:
            state.under_way -= 1
            state.changed.notify_all()


def _ask_patiently(request: Request, sending: Sending, state: _State) -> bytes | None:
    """Ask until there is an answer that counts; None where another request found that there is no use."""
    tries = _Tries(min(sending.patience_seconds, LONGEST_NOT_FOUND_SECONDS))
    pause_seconds = sending.first_pause_seconds
    while state.failure is None:
        wanted_seconds = None
        try:
            reply = sending.server.ask(request.url, request.body)
        except UnreachableError as error:
            said = str(error)
        else:
            said, wanted_seconds = f"HTTP {reply.status}: {_quote(reply.body)}", reply.retry_after_seconds
            if reply.status not in _BUSY:
                state.last_answer = time.monotonic()
                if tries.is_last(reply):
                    return _render(request, reply)
        silent_seconds = time.monotonic() - state.last_answer
        if silent_seconds > sending.patience_seconds:
            raise ServerUnavailableError(
                f"{sending.server.base_url} has answered nobody for {silent_seconds:.0f} s: {said}. What was answered "
                "is kept; the next attempt goes on."
            )
        logger.warning("%s: %s. Asking again.", request.custom_id, said)
        time.sleep(min(wanted_seconds or 0, LONGEST_WISH_SECONDS) or pause_seconds * random.uniform(0.5, 1.5))  # noqa: S311 - spreads tries, no secret
        pause_seconds = min(LONGEST_PAUSE_SECONDS, pause_seconds * 2)
    return None


def _render(request: Request, reply: Reply) -> bytes:
    """Render a line as vLLM's `run-batch` writes it.

    Raises
    ------
    ServerRefusesError
        Every other request would be refused too.
    """
    advice = _NOT_THE_REQUESTS.get(reply.status)
    if advice is not None and not _lacks_route(reply):
        raise ServerRefusesError(f"The server answered {reply.status}: {_quote(reply.body)}. {advice}")
    is_answer = reply.status < HTTPStatus.BAD_REQUEST
    name = uuid.uuid4().hex
    response = {
        "status_code": reply.status,
        "request_id": f"nemotron-batch-{name}",
        "body": reply.body if is_answer else None,
    }
    line = {
        "id": f"nemotron-{name}",
        "custom_id": request.custom_id,
        "response": response,
        "error": None if is_answer else reply.body,
    }
    return json.dumps(line).encode() + b"\n"


def _lacks_route(reply: Reply) -> bool:
    return reply.status == HTTPStatus.NOT_FOUND and _quote(reply.body) == _NO_ROUTE


def _quote(body: dict[str, Any]) -> str:
    error = body.get("error")
    said = error.get("message") if isinstance(error, dict) else error or body.get("message") or body.get("detail")
    return " ".join(str(said or body).split())[:300]
