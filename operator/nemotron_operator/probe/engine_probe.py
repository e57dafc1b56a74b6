"""Answer the kubelet's probes for the vLLM engine beside it: ready means answered, and busy is not hung.

`/started` is 200 once the engine's /health is; `/ready` after a completion was answered, until the engine dies or
stalls; `/live` until it hangs; `/report` is the state in JSON. The engine is looked at only when one of them is asked.
Runs as text, `python3 -c`, with Python 3.10 or newer. Environment: VLLM_API_KEY, if the engine wants one.

It ends when an engine that was started again does not take that key any more: the kubelet then starts it again too,
with what the Secret holds by then. Wherever that would not help it stays, not ready, and says why.

vLLM reports its work after each step, so a hung engine goes on showing what it showed before: a request that came to an
idle one is in no number. What shows it is a completion of our own, the canary, that is not answered.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import signal
import socket
import socketserver
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from enum import Enum
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import NamedTuple, NoReturn

LOOK_SECONDS = 1.0
"""A look serves every probe that arrives this long after it."""

ANSWER_SECONDS = 0.7
"""How long a probe waits for a new look; then it is told what was known. The kubelet's shortest timeout is 1 s."""

ENGINE_SECONDS = 10.0
"""How long the engine may take for one page of a look: an event loop that is busy answers late."""

MOST_DOUBLINGS = 16
"""How often the pause after a failed completion doubles, at most: a float holds no more than 1023 of them."""

API_KEY_VARIABLE = "VLLM_API_KEY"
"""The server's API key."""

GROUP_VARIABLE = "LWS_LEADER_ADDRESS"
"""LeaderWorkerSet gives it to every container of a group's pods, also to init containers. When one of them is started
again, it makes all pods of the group anew, and the engine loads its weights again."""

PARTING_SECONDS = 20.0
"""How long it answers on before it ends: two periods of the liveness probe (render/server_pod.py). The kubelet's
patience with nobody who answers then begins at an answer."""

PAGE_BYTES = 8 * 2**20
"""How much of a page is read: /metrics has 50 kB, more with many adapters."""

NAMES = (
    "num_requests_running",
    "num_requests_waiting",
    "iteration_tokens_total_count",
    "iteration_tokens_total_sum",
    "kv_cache_usage_perc",
)
NUMBERS = re.compile(rf"^vllm:({'|'.join(NAMES)})(?:{{.*}})? (\S+)", re.MULTILINE)
METRICS = ("/metrics/?" + "&".join(f"name%5B%5D=vllm:{name}" for name in NAMES), "/metrics")
"""First these numbers alone, in 1 ms instead of 7 of vLLM; an engine of several API servers shows none there."""


class State(Enum):
    """Where the engine is in its life; the first word of every answer."""

    LOADING = "loading"  # it has not been healthy yet
    FIRST_ANSWER = "first-answer"  # it is healthy, and has a first completion to answer
    FAILING = "failing"  # it is healthy, and the last completion failed
    READY = "ready"  # it has answered, and is idle or moves
    STALLED = "stalled"  # it has work and does not move, or does not answer: beyond the stall budget
    HUNG = "hung"  # the same, beyond the hang budget
    UNHEALTHY = "unhealthy"  # its /health says so: to vLLM, the engine's process is dead
    GONE = "gone"  # it was healthy, and now refuses connections


class Work(NamedTuple):
    """What vLLM reports after each step of its engine process, summed over engines; every change is a step."""

    requests: int
    """Running and waiting."""
    steps: int
    """Steps that gave tokens."""
    tokens: float
    kv_usage: float
    """Moves also while a long prompt is read and no token comes yet."""


class Look(NamedTuple):
    """What one look at the engine showed."""

    health: int | None = None
    """The HTTP status of /health; None if nothing came in time."""
    work: Work | None = None
    """None if /metrics did not come, or does not tell (--disable-log-stats)."""
    is_refused: bool = False
    """Nobody listens on the port."""


class Judge:
    """Judges looks and completions. Knows no clock: times are given, in seconds of a monotonic one."""

    def __init__(self, stall_seconds: float, hang_seconds: float, canary_seconds: float) -> None:
        self._stall_seconds, self._hang_seconds, self._canary_seconds = stall_seconds, hang_seconds, canary_seconds
        self._look, self._looked_at = Look(), 0.0
        self._silent_since: float | None = None
        """The first of the latest looks in a row that showed no life."""
        self._had_started = self._is_asking = False
        self._life = 0
        self._begin_life()

    def _begin_life(self) -> None:
        """Forget what an earlier process of the engine has shown."""
        self._life += 1
        self.is_started = self._has_answered = False
        self._work: Work | None = None
        self._moved_at = self._asked_at = self._next_ask_at = 0.0
        self._failure, self._failures = "", 0

    def see(self, look: Look, now: float) -> None:
        """Take in a look."""
        if (self.is_started and look.is_refused) or _has_fallen(self._work, look.work):
            self._begin_life()
        self.is_started |= look.health == HTTPStatus.OK
        self._had_started |= self.is_started
        has_moved = look.work is not None and look.work != self._work
        has_work = self._is_asking or (look.work is not None and look.work.requests > 0)
        is_alive = look.health == HTTPStatus.OK and (has_moved or not has_work)
        if is_alive or not self._had_started:
            self._silent_since = None
        elif self._silent_since is None:
            self._silent_since = now
        self._moved_at = now if has_moved else self._moved_at
        self._look, self._looked_at, self._work = look, now, look.work or self._work

    def wants_completion(self, now: float) -> bool:
        """Tell whether to ask for one: the first, another after a failure, or the canary of an idle engine."""
        if self._is_asking or self._look.health != HTTPStatus.OK or now < self._next_ask_at:
            return False
        work = self._look.work
        is_quiet = work is not None and work.requests == 0 and now - self._moved_at >= self._canary_seconds
        return is_quiet or not self._has_answered

    def ask(self, now: float) -> int:
        """Take in that a completion is asked; return which life of the engine has to answer it."""
        self._is_asking, self._asked_at = True, now
        return self._life

    def hear(self, life: int, failure: str, now: float) -> None:
        """Take in how it ended; without a failure it was answered."""
        self._is_asking = False
        if life == self._life:
            self._has_answered, self._failure = not failure, failure
            pause_seconds = 2.0 ** min(self._failures, MOST_DOUBLINGS) if failure else self._canary_seconds
            self._next_ask_at = now + min(pause_seconds, self._canary_seconds)
            self._failures = self._failures + 1 if failure else 0

    @property
    def is_engine_newer(self) -> bool:
        """Tell whether an engine went and another came while it was looked at: that one read the Secret later."""
        return self._life > 1

    @property
    def _silent_seconds(self) -> float:
        """To the latest look and not to now: while nobody asks, nobody looks, and that is no silence."""
        return 0.0 if self._silent_since is None else self._looked_at - self._silent_since

    @property
    def state(self) -> State:
        """Name the state."""
        if not self.is_started:
            return State.GONE if self._had_started else State.LOADING
        if not self.is_live:
            return State.HUNG
        if self._look.health not in {HTTPStatus.OK, None}:
            return State.UNHEALTHY
        if not self._has_answered:
            return State.FAILING if self._failure else State.FIRST_ANSWER
        return State.STALLED if self._silent_seconds > self._stall_seconds else State.READY

    @property
    def is_ready(self) -> bool:
        """Tell whether to send it requests."""
        return self.state is State.READY

    @property
    def is_live(self) -> bool:
        """Tell whether not to restart it. The kubelet does not ask while a container starts, however long it takes."""
        return self._silent_seconds <= self._hang_seconds

    def explain(self, now: float) -> str:
        """Say why, in one line."""
        symptom, seconds = self._symptom(), f"{self._silent_seconds:.0f} s"
        asked = f"was asked {now - self._asked_at:.0f} s ago" if self._is_asking else "comes next"
        return {
            State.LOADING: symptom,
            State.FIRST_ANSWER: f"/health answers 200; a first completion {asked}",
            State.FAILING: f"{self._failure} ({self._failures} in a row; another {asked})",
            State.READY: self._requests(),
            State.STALLED: f"{symptom} for {seconds}; not ready after {self._stall_seconds:.0f} s",
            State.HUNG: f"{symptom} for {seconds}; not live after {self._hang_seconds:.0f} s",
            State.UNHEALTHY: f"{symptom} for {seconds}",
            State.GONE: f"{symptom} for {seconds}, though it had started: it starts again, or has ended",
        }[self.state]

    def _symptom(self) -> str:
        if self._look.is_refused:
            return "no connection to the engine"
        if self._look.health != HTTPStatus.OK:
            return f"{self._look.health or 'no answer'} from /health"
        return f"{self._requests()}, and no step of the engine"

    def _requests(self) -> str:
        work, own = self._look.work, ", the probe's own unanswered" if self._is_asking else ""
        if work is None:
            return f"/metrics does not tell busy from hung, so /health and the first answer alone are judged{own}"
        return f"{work.requests} request{'s' * (work.requests != 1)} running or waiting{own}"


def _has_fallen(before: Work | None, after: Work | None) -> bool:
    """Tell whether a counter was set back, as by another process."""
    return bool(before and after and (after.steps < before.steps or after.tokens < before.tokens))


def read_work(page: str) -> Work | None:
    """Read the numbers of /metrics; None if they are not there."""
    totals: dict[str, float] = {}
    for name, value in NUMBERS.findall(page):
        totals[name] = totals.get(name, 0.0) + float(value)
    try:
        return Work(
            requests=int(totals["num_requests_running"] + totals["num_requests_waiting"]),
            steps=int(totals["iteration_tokens_total_count"]),
            tokens=totals["iteration_tokens_total_sum"],
            kv_usage=totals.get("kv_cache_usage_perc", 0.0),
        )
    except KeyError:
        return None


class KeyRefusedError(Exception):
    """The engine answers 401 to the API key: it has another one."""


class Engine(NamedTuple):
    """The engine's HTTP server in the same pod."""

    port: int
    model: str
    api_key: str | None
    """None where none is asked for."""
    flaw: str = ""
    """Why that is no key, and is not sent."""

    def look(self) -> Look:
        """Look at /health and /metrics, over one connection."""
        look = Look()
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=ENGINE_SECONDS)) as connection:
                look = Look(_exchange(connection, "GET", "/health")[0])
                pages = (_exchange(connection, "GET", path) for path in METRICS)
                works = (read_work(page) for status, page in pages if status == HTTPStatus.OK)
                return Look(look.health, next(filter(None, works), None))
        except ConnectionRefusedError:
            return Look(is_refused=True)
        except (OSError, http.client.HTTPException, ValueError):
            return look  # what came before it is what there was to see

    def complete(self) -> str:
        """Ask for one token, and wait as long as it takes; return why there was none, or nothing.

        There is no deadline: a first request may compile for minutes, and an answer that never comes is a stall.

        Raises
        ------
        KeyRefusedError
            It does not take the key.
        """
        if self.flaw:
            return self.flaw
        body = json.dumps({"model": self.model, "prompt": "Hi", "max_tokens": 1, "temperature": 0})
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", self.port)) as connection:
                status, page = _exchange(connection, "POST", "/v1/completions", body, self.api_key)
            if status == HTTPStatus.OK and json.loads(page)["choices"]:
                return ""
        except (OSError, http.client.HTTPException, LookupError, TypeError) as error:
            return f"a completion of {self.model} broke off: {type(error).__name__}: {error}"
        except ValueError as error:
            # http.client quotes the header that it does not send, and with it the key.
            return f"a completion of {self.model} broke off: {type(error).__name__}"
        if status == HTTPStatus.UNAUTHORIZED and self.api_key is not None:
            raise KeyRefusedError
        return f"/v1/completions answered {status} to a completion of {self.model}: {' '.join(page[:300].split())}"


def _exchange(
    connection: http.client.HTTPConnection, method: str, path: str, body: str = "", api_key: str | None = None
) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    connection.request(method, path, body or None, {"Content-Type": "application/json", **headers})
    response = connection.getresponse()
    return response.status, response.read(PAGE_BYTES).decode(errors="replace")


class Watch:
    """Looks at the engine when it is asked, never twice at a time, and tells what the judge makes of it."""

    def __init__(self, engine: Engine, judge: Judge) -> None:
        self._engine, self._judge = engine, judge
        self._lock = threading.Lock()
        self._looked, self._looked_at = threading.Event(), -LOOK_SECONDS
        self._looked.set()
        self._state: State | None = None
        self._since = ""

    def answer(self, path: str) -> tuple[int, str]:
        """Answer with a status and a line within `ANSWER_SECONDS`, whatever the engine does."""
        with self._lock:
            if self._looked.is_set() and time.monotonic() - self._looked_at >= LOOK_SECONDS:
                self._looked.clear()
                threading.Thread(target=self._look, daemon=True).start()
        self._looked.wait(ANSWER_SECONDS)
        with self._lock:
            judge, reason = self._judge, self._judge.explain(time.monotonic())
            verdicts = {"/started": judge.is_started, "/ready": judge.is_ready, "/live": judge.is_live}
            if path == "/report":
                return HTTPStatus.OK, json.dumps({"state": judge.state.value, "reason": reason, "since": self._since})
            if path not in verdicts:
                return HTTPStatus.NOT_FOUND, f"ask for /report, {', '.join(verdicts)}"
            status = HTTPStatus.OK if verdicts[path] else HTTPStatus.SERVICE_UNAVAILABLE
            return status, f"{judge.state.value}: {reason}"

    def _look(self) -> None:
        try:
            look = self._engine.look()
            with self._lock:
                now = self._looked_at = time.monotonic()
                self._judge.see(look, now)
                if self._judge.wants_completion(now):
                    threading.Thread(target=self._complete, args=[self._judge.ask(now)], daemon=True).start()
                self._tell(now)
        finally:
            self._looked.set()

    def _complete(self, life: int) -> None:
        is_refused = False
        try:
            failure = self._engine.complete()
        except KeyRefusedError:
            failure, is_refused = explain_refusal(os.environ), True
        with self._lock:
            now = time.monotonic()
            self._judge.hear(life, failure, now)
            self._tell(now)
            is_over = is_refused and self._judge.is_engine_newer and may_end(os.environ)
        if is_over:
            time.sleep(PARTING_SECONDS)
            end(failure)

    def _tell(self, now: float) -> None:
        """Log a change of state."""
        if self._judge.state is not self._state:
            self._state = self._judge.state
            self._since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            print(f"{self._since} {self._state.value}: {self._judge.explain(now)}", flush=True)  # noqa: T201 -- its log


def read_key(environment: Mapping[str, str]) -> str | None:
    """Read the API key, without the line end that a file had; None where none is asked for.

    Raises
    ------
    SystemExit
        It is no key, and the pod is in no group. It is not repeated.
    """
    if API_KEY_VARIABLE not in environment:
        return None
    flaw = find_flaw(environment)
    if flaw and GROUP_VARIABLE not in environment:
        raise SystemExit(flaw)
    return environment[API_KEY_VARIABLE].strip()


def find_flaw(environment: Mapping[str, str]) -> str:
    """Say, without repeating it, why what stands for the API key is none; nothing where it may be one."""
    api_key = environment.get(API_KEY_VARIABLE, "").strip()
    if api_key.isascii() and api_key.isprintable() and " " not in api_key:
        return ""
    return (
        f"{API_KEY_VARIABLE} holds spaces, line ends or other characters that no key has. Put the key alone into the "
        "Secret that spec.apiKeySecretRef names, then `nemoctl restart` starts the engine anew."
    )


def may_end(environment: Mapping[str, str]) -> bool:
    """Tell whether another process, with what the Secret holds by then, may have the key, and costs nobody else."""
    value = environment[API_KEY_VARIABLE]
    return value == value.strip() and GROUP_VARIABLE not in environment


def explain_refusal(environment: Mapping[str, str]) -> str:
    """Say why the engine does not take the key, and what to do."""
    value = environment[API_KEY_VARIABLE]
    if value != value.strip():
        # vLLM compares the whole variable, and HTTP takes white space off the ends of a header.
        return (
            "The engine does not take the API key: what the Secret that spec.apiKeySecretRef names holds begins or "
            "ends with a space or a line end, which no client can send; put the key alone into it, then `nemoctl "
            "restart` starts both anew."
        )
    return (
        "The engine does not take the API key: the Secret that spec.apiKeySecretRef names has changed since one of the "
        "two started; `nemoctl restart` starts both anew."
    )


def end(words: str) -> NoReturn:
    """Write last words into the log, and end the process, whichever thread it is that knows."""
    print(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {words}", flush=True)  # noqa: T201 -- its log
    os._exit(1)


def leave_on_sigterm() -> None:
    """End the process on SIGTERM, whatever its threads do.

    The first process of a container is not ended by a signal that nobody takes. A handler would run in the main thread
    alone, and not before its next return from `poll`, where the signal came just before it: that can be a probe later.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    threading.Thread(target=_leave, daemon=True).start()


def _leave() -> None:
    signal.sigwait({signal.SIGTERM})
    os._exit(0)


def serve(port: int, watch: Watch) -> None:
    """Answer on every address of the pod, of both IP versions where there are two, to the end of the process."""

    class Probe(BaseHTTPRequestHandler):
        timeout = 5.0

        def do_GET(self) -> None:
            status, line = watch.answer(self.path)
            body = f"{line}\n".encode()
            self.send_response_only(status)  # the other one logs, and a probe every few seconds is no news
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = socketserver.ThreadingTCPServer(("", port), Probe, bind_and_activate=False)
    server.daemon_threads = True
    server.socket.close()
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    server.socket = socket.create_server(("", port), family=family, dualstack_ipv6=both)
    server.serve_forever(poll_interval=3600)


def main() -> None:
    """Answer until SIGTERM, which a native sidecar gets after the engine has ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--engine-port", type=int, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", required=True)
    for budget in ("--stall-seconds", "--hang-seconds", "--canary-seconds"):
        parser.add_argument(budget, type=float, required=True)
    options = parser.parse_args()
    leave_on_sigterm()
    judge = Judge(options.stall_seconds, options.hang_seconds, options.canary_seconds)
    engine = Engine(options.engine_port, options.model, read_key(os.environ), find_flaw(os.environ))
    serve(options.port, Watch(engine, judge))


if __name__ == "__main__":
    main()
