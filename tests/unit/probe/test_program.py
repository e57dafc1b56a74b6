"""The program as the pod runs it: its text, given to `python3 -c`, beside an engine on loopback."""

import ast
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from http.client import HTTPException
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from nemotron_operator.probe import engine_probe
from nemotron_operator.render.server_pod import LIVENESS_PROBE_PERIOD_SECONDS
from tests.support.certificates import sign
from tests.support.reserved_port import reserved_port
from tests.unit.probe.fake_engine import FakeEngine, serving

pytestmark = pytest.mark.program

PROGRAM, OVER_TLS = (
    resources.files("nemotron_operator.probe")
    .joinpath(name)
    .read_text()
    .replace("PARTING_SECONDS = 20.0", "PARTING_SECONDS = 1.0")
    for name in ("engine_probe.py", "over_tls.py")
)
KEY = "sk-very-secret"
STUCK = """\
import ctypes, selectors, sys

def stay(*_):
    mutex, libc = ctypes.create_string_buffer(64), ctypes.CDLL(None)
    while True:
        libc.pthread_mutex_lock(mutex)

selectors.PollSelector.select = stay
exec(compile(sys.argv.pop(1), "program", "exec"), {"__name__": "__main__"})
"""
"""Runs the program with a main thread that never comes back from where it waits for connections."""
GROUP = {"LWS_LEADER_ADDRESS": "nemotron-nodes-0.nemotron-nodes.team", "LWS_GROUP_SIZE": "2", "LWS_WORKER_INDEX": "0"}
"""What LeaderWorkerSet adds to every container of a group's pods, also to init containers."""
NEVER_SECONDS = 600
"""A budget that no test spends, however long the machine stands still."""


class Budgets(NamedTuple):
    """What the program is told of how long it waits for what."""

    stall_seconds: float = 1
    hang_seconds: float = NEVER_SECONDS
    canary_seconds: float = 1

    @property
    def arguments(self) -> list[str]:
        return [f"--{name.replace('_', '-')}={seconds}" for name, seconds in self._asdict().items()]


SHORT = Budgets()
HUNG_SOON = Budgets(hang_seconds=3)
WITHOUT_CANARY = Budgets(canary_seconds=NEVER_SECONDS)


@dataclass(frozen=True)
class Probe:
    """The running program, and what it says."""

    process: subprocess.Popen[str]
    port: int

    def ask(self, path: str) -> tuple[int, str]:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read().decode()

    @property
    def verdicts(self) -> tuple[int, int, int]:
        """The statuses of /started, /ready and /live."""
        started, ready, live = (self.ask(path)[0] for path in ("/started", "/ready", "/live"))
        return started, ready, live

    def report(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.ask("/report")[1])
        return content

    @property
    def failures(self) -> int:
        """How many completions in a row have failed, as it says."""
        said = re.search(r"\((\d+) in a row", self.report()["reason"])
        return int(said[1]) if said else 0

    def sees_no_engine(self) -> None:
        wait_until(lambda: self.ask("/ready") == (503, "loading: no connection to the engine\n"))

    def comes_to(self, state: str) -> "Probe":
        wait_until(lambda: self.report()["state"] == state)
        return self

    def end(self) -> list[str]:
        """End it, and return its log without the times."""
        self.process.send_signal(signal.SIGTERM)
        log, errors = self.process.communicate(timeout=60)
        assert (0, "") == (self.process.returncode, errors)
        return [line.split(" ", 1)[1] for line in log.splitlines()]


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    with reserved_port() as port:
        yield FakeEngine(port)


@contextmanager
def probing(
    engine: FakeEngine,
    api_key: str | None = None,
    programs: tuple[str, ...] = (PROGRAM,),
    group: Mapping[str, str] = MappingProxyType({}),
    budgets: Budgets = SHORT,
) -> Iterator[Probe]:
    """Run the program without anything of the project, and wait until it answers."""
    environment = surround(**group, **({} if api_key is None else {"VLLM_API_KEY": api_key}))
    pipe = subprocess.PIPE
    with reserved_port() as port:
        arguments = [f"--engine-port={engine.port}", f"--port={port}", "--model=tiny", *budgets.arguments]
        command = [sys.executable, "-I", "-c", *programs, *arguments]
        with subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True) as process:
            try:
                wait_until(lambda: listens(port))
                yield Probe(process, port)
            finally:
                ended = process.poll()
                process.kill()
                with suppress(ValueError):  # the test itself has read to the end
                    print(f"Before it was killed, exit code {ended}:", *process.communicate(), sep="\n")


def surround(**variables: str) -> dict[str, str]:
    """Make the environment of a container of which the test knows these variables."""
    return {name: value for name, value in os.environ.items() if name not in {"VLLM_API_KEY", *GROUP}} | variables


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("program", [PROGRAM, OVER_TLS])
def test_it_imports_nothing_but_the_standard_library_and_knows_no_file_of_its_own(program: str) -> None:
    names = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(program, feature_version=(3, 10)))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    assert set() == names - sys.stdlib_module_names
    assert "__file__" not in program


@pytest.mark.parametrize("hours", [1, -1], ids=["valid", "expired"])
def test_an_engine_that_serves_https_is_asked_so_whatever_its_certificate(
    hours: int, engine: FakeEngine, tmp_path: Path
) -> None:
    files = sign("nemotron.team.svc", valid=timedelta(hours=hours)).write(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(files / "tls.crt", files / "tls.key")
    engine.api_key = KEY
    with probing(engine, KEY, (OVER_TLS, PROGRAM), budgets=WITHOUT_CANARY) as probe:
        probe.sees_no_engine()
        with serving(engine, tls):
            probe.comes_to("ready")
            assert (200, 200, 200) == probe.verdicts
            assert "/health" in engine.paths
        probe.comes_to("gone")
        assert ["loading", "first-answer", "ready", "gone"] == [line.split(":")[0] for line in probe.end()]


def test_it_is_ready_only_after_the_model_has_answered(engine: FakeEngine) -> None:
    engine.api_key = KEY
    with probing(engine, KEY, budgets=WITHOUT_CANARY) as probe:
        assert (503, 503, 200) == probe.verdicts
        probe.sees_no_engine()
        with serving(engine, answers=False):
            probe.comes_to("first-answer")
            assert (200, 503, 200) == probe.verdicts
            engine.answers.set()
            probe.comes_to("ready")
            assert (200, 200, 200) == probe.verdicts
            assert (200, "ready: 0 requests running or waiting\n") == probe.ask("/ready")
            assert {"state", "reason", "since"} == set(probe.report())
            assert [{"model": "tiny", "prompt": "Hi", "max_tokens": 1, "temperature": 0}] == engine.bodies
            log = probe.end()
    assert ["loading", "first-answer", "ready"] == [line.split(":")[0] for line in log]
    assert KEY not in str(log)


def test_it_says_that_the_key_is_refused(engine: FakeEngine) -> None:
    engine.api_key = KEY
    with serving(engine), probing(engine) as probe:
        probe.comes_to("failing")
        assert (200, 503, 200) == probe.verdicts
        expected = '/v1/completions answered 401 to a completion of tiny: {"error": "Unauthorized"}'
        assert expected in probe.report()["reason"]


def last_words_of(probe: Probe) -> str:
    """Ask until the program ends by itself, which has to be said of an error; return what it said last."""

    def has_ended() -> bool:
        with suppress(OSError, HTTPException):
            probe.ask("/ready")
        return probe.process.poll() is not None

    wait_until(has_ended)
    log, errors = probe.process.communicate(timeout=60)
    assert (1, "") == (probe.process.returncode, errors)
    assert KEY not in log
    return log.splitlines()[-1].split(" ", 1)[1]


NOT_TAKEN = "The engine does not take the API key: "
HAS_CHANGED = f"{NOT_TAKEN}the Secret that spec.apiKeySecretRef names has changed since"
IS_NO_KEY = f"{NOT_TAKEN}what the Secret that spec.apiKeySecretRef names holds begins or ends with"


def stays(probe: Probe, engine: FakeEngine, words: str) -> None:
    """Make sure that it asks on in vain for longer than it would take to end, and says once why; end it."""
    asked = len(engine.bodies)
    wait_until(lambda: probe.verdicts == (200, 503, 200) and len(engine.bodies) >= asked + 3)
    report = probe.report()
    assert "failing" == report["state"]
    assert report["reason"].startswith(words)
    log = probe.end()
    assert 1 == sum(NOT_TAKEN in line for line in log)
    assert log[-1].startswith(f"failing: {words}")
    assert KEY not in str([report, log])


@pytest.mark.parametrize("api_key", ["sk-another", ""], ids=["another", "empty"])
def test_an_engine_that_was_there_before_it_has_the_older_key_so_no_end_would_help(
    engine: FakeEngine, api_key: str
) -> None:
    engine.api_key = KEY
    with serving(engine), probing(engine, api_key) as probe:
        probe.comes_to("failing")
        assert "`nemoctl restart`" in probe.report()["reason"]
        stays(probe, engine, HAS_CHANGED)


def test_the_first_engine_that_it_sees_does_not_end_it(engine: FakeEngine) -> None:
    engine.api_key = KEY
    with probing(engine, "sk-another") as probe:
        probe.comes_to("loading")
        with serving(engine):
            probe.comes_to("failing")
            stays(probe, engine, HAS_CHANGED)


def test_an_engine_that_starts_again_with_another_key_ends_it_and_the_next_one_has_that_key(engine: FakeEngine) -> None:
    engine.api_key = KEY
    with probing(engine, KEY) as probe:
        with serving(engine):
            probe.comes_to("ready")
        probe.comes_to("gone")
        engine.api_key, engine.steps = "sk-another", 0
        with serving(engine):
            assert last_words_of(probe).startswith(HAS_CHANGED)
            with probing(engine, "sk-another") as next_probe:
                next_probe.comes_to("ready")


def test_before_it_ends_it_answers_that_the_engine_lives_so_that_nobody_takes_it_for_hung(engine: FakeEngine) -> None:
    engine.api_key = KEY
    parting_later = PROGRAM.replace("PARTING_SECONDS = 1.0", "PARTING_SECONDS = 10.0")
    with probing(engine, KEY, (parting_later,)) as probe:
        with serving(engine):
            probe.comes_to("ready")
        probe.comes_to("gone")
        engine.api_key, engine.steps = "sk-another", 0
        with serving(engine):
            probe.comes_to("failing")
            assert (200, 503, 200) == probe.verdicts
            assert probe.report()["reason"].startswith(HAS_CHANGED)
            last_words_of(probe)
    assert 2 * LIVENESS_PROBE_PERIOD_SECONDS == engine_probe.PARTING_SECONDS


def test_in_a_group_it_never_ends_as_all_pods_would_be_made_anew(engine: FakeEngine) -> None:
    engine.api_key = KEY
    with probing(engine, KEY, group=GROUP) as probe:
        with serving(engine):
            probe.comes_to("ready")
        probe.comes_to("gone")
        engine.api_key, engine.steps = "sk-another", 0
        with serving(engine):
            probe.comes_to("failing")
            stays(probe, engine, HAS_CHANGED)


@pytest.mark.parametrize("key", [f"{KEY}\n{KEY}", f"{KEY} {KEY}", f"{KEY}é"])
@pytest.mark.parametrize("programs", [(PROGRAM,), (OVER_TLS, PROGRAM)], ids=["http", "https"])
def test_in_a_group_what_is_no_key_is_not_sent_and_is_told_without_its_words(
    engine: FakeEngine, key: str, programs: tuple[str, ...], tmp_path: Path
) -> None:
    files = sign("nemotron.team.svc", valid=timedelta(hours=1)).write(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(files / "tls.crt", files / "tls.key")
    with serving(engine, tls if OVER_TLS in programs else None), probing(engine, key, programs, GROUP) as probe:
        probe.comes_to("failing")
        wait_until(lambda: probe.failures >= 2)
        assert (200, 503, 200) == probe.verdicts
        report = probe.report()
        log = probe.end()
    assert report["reason"].startswith("VLLM_API_KEY holds spaces, line ends")
    assert 1 == sum("VLLM_API_KEY holds spaces, line ends" in line for line in log)
    assert [] == engine.bodies
    assert KEY not in str([report, log])


@pytest.mark.parametrize("status", [HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE])
def test_no_other_refusal_ends_it(engine: FakeEngine, status: HTTPStatus) -> None:
    engine.completion = status
    with serving(engine), probing(engine, KEY) as probe:
        probe.comes_to("failing")
        engine.completion = HTTPStatus.OK
        probe.comes_to("ready")
        probe.end()


def test_the_line_end_of_a_key_is_left_out(engine: FakeEngine) -> None:
    engine.api_key = KEY
    with serving(engine), probing(engine, f"{KEY}\n") as probe:
        probe.comes_to("ready")
        assert KEY not in str([probe.ask("/report"), probe.ask("/ready"), probe.ask("/live"), probe.end()])


def test_an_engine_that_compares_the_line_end_takes_no_key_and_what_to_mend_is_told(engine: FakeEngine) -> None:
    engine.api_key = f"{KEY}\n"
    with probing(engine, f"{KEY}\n") as probe:
        with serving(engine):
            probe.comes_to("failing")
            assert probe.report()["reason"].startswith(IS_NO_KEY)
        probe.comes_to("gone")
        engine.steps = 0
        with serving(engine):
            probe.comes_to("failing")
            wait_until(lambda: probe.failures >= 3)
            assert (200, 503, 200) == probe.verdicts
            log = probe.end()
    assert 2 == sum(IS_NO_KEY in line for line in log)
    assert KEY not in str(log)


@pytest.mark.parametrize("key", [f"{KEY}\n{KEY}", f"{KEY} {KEY}", f"{KEY}é"])
@pytest.mark.parametrize("programs", [(PROGRAM,), (OVER_TLS, PROGRAM)], ids=["http", "https"])
def test_what_is_no_key_is_told_without_its_words(engine: FakeEngine, key: str, programs: tuple[str, ...]) -> None:
    environment = surround(VLLM_API_KEY=key)
    with reserved_port() as port:
        arguments = [f"--engine-port={engine.port}", f"--port={port}", "--model=tiny", *SHORT.arguments]
        command = [sys.executable, "-I", "-c", *programs, *arguments]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (1, "") == (ended.returncode, ended.stdout)
    assert ended.stderr.startswith("VLLM_API_KEY holds spaces, line ends")
    assert "spec.apiKeySecretRef" in ended.stderr
    assert KEY not in ended.stderr


def test_a_request_that_cannot_be_sent_is_told_without_the_key(engine: FakeEngine) -> None:
    with serving(engine):
        failure = engine_probe.Engine(engine.port, "tiny", f"{KEY}\n{KEY}").complete()
    assert "a completion of tiny broke off: ValueError" == failure


def test_it_asks_again_after_a_failure(engine: FakeEngine) -> None:
    engine.completion = HTTPStatus.INTERNAL_SERVER_ERROR
    with serving(engine), probing(engine) as probe:
        probe.comes_to("failing")
        assert "EngineCore encountered an issue" in probe.report()["reason"]
        engine.completion = HTTPStatus.OK
        probe.comes_to("ready")
    assert 2 <= len(engine.bodies)


def test_it_tells_a_stalled_engine_from_a_hung_one_and_takes_it_back(engine: FakeEngine) -> None:
    with serving(engine), probing(engine) as probe:
        probe.comes_to("ready")
        engine.running, engine.steps = 2, 10
        probe.comes_to("stalled")
        assert (200, 503, 200) == probe.verdicts
        moves_again(engine, probe)


def test_it_tells_a_hung_engine_from_a_busy_one_and_takes_it_back(engine: FakeEngine) -> None:
    with serving(engine), probing(engine, budgets=HUNG_SOON) as probe:
        probe.comes_to("ready")
        engine.running, engine.steps = 2, 10
        probe.comes_to("hung")
        assert (200, 503, 503) == probe.verdicts
        assert 1 == len(engine.bodies)
        moves_again(engine, probe)


def moves_again(engine: FakeEngine, probe: Probe) -> None:
    """Let it make a step, which is enough, and nothing more of what it has to do stands still."""
    engine.steps += 1
    probe.comes_to("ready")
    engine.running = 0
    assert (200, 200, 200) == probe.verdicts


def test_a_canary_that_is_not_answered_is_a_stall_and_the_only_one_under_way(engine: FakeEngine) -> None:
    with serving(engine), probing(engine) as probe:
        probe.comes_to("ready")
        engine.answers.clear()
        probe.comes_to("stalled")
        assert (2, 1) == (len(engine.bodies), engine.most_at_once)
        engine.answers.set()
        probe.comes_to("ready")


def test_an_engine_that_comes_back_has_to_answer_again(engine: FakeEngine) -> None:
    with probing(engine) as probe:
        with serving(engine):
            probe.comes_to("ready")
        probe.comes_to("gone")
        assert (503, 503) == probe.verdicts[:2]
        engine.steps = 0
        with serving(engine, answers=False):
            probe.comes_to("first-answer")
            engine.answers.set()
            probe.comes_to("ready")


def test_it_answers_at_once_while_the_engine_does_not(engine: FakeEngine) -> None:
    with serving(engine), probing(engine) as probe:
        probe.comes_to("ready")
        engine.shows.clear()
        time.sleep(1.1)  # the last look is too old now
        before = time.monotonic()
        assert (200, 200, 200) == probe.verdicts
        assert time.monotonic() - before < engine_probe.ENGINE_SECONDS


def test_one_look_serves_all_who_ask_within_a_second(engine: FakeEngine) -> None:
    with serving(engine), probing(engine) as probe:
        probe.comes_to("ready")
        time.sleep(1.1)
        looks_before = engine.paths.count("/health")
        engine.shows.clear()
        with ThreadPoolExecutor(20) as pool:
            assert [200] * 20 == [status for status, _ in pool.map(probe.ask, ["/ready"] * 20)]
        wait_until(lambda: engine.paths.count("/health") > looks_before)
        assert 1 == engine.paths.count("/health") - looks_before


def test_it_looks_at_nothing_while_nobody_asks(engine: FakeEngine) -> None:
    with serving(engine), probing(engine) as probe:
        probe.comes_to("ready")
        time.sleep(1)  # a look that is under way comes to its end
        looked = list(engine.paths)
        time.sleep(SHORT.canary_seconds + 1)
        assert looked == engine.paths
        assert 1 == len(engine.bodies)


def test_it_reads_the_whole_page_of_an_engine_that_gives_no_single_metrics(engine: FakeEngine) -> None:
    engine.filters, engine.running = False, 3
    with serving(engine), probing(engine) as probe:
        probe.comes_to("ready")
        assert "3 requests running or waiting" == probe.report()["reason"]


def test_it_says_that_it_cannot_tell_busy_from_hung(engine: FakeEngine) -> None:
    engine.tells_stats = False
    with serving(engine), probing(engine) as probe:
        probe.comes_to("ready")
        expected = "/metrics does not tell busy from hung, so /health and the first answer alone are judged"
        assert expected == probe.report()["reason"]


def test_sigterm_ends_it_whatever_its_main_thread_waits_for(engine: FakeEngine) -> None:
    with probing(engine, programs=(STUCK, PROGRAM)) as probe:
        assert [] == probe.end()


def test_it_knows_no_other_path(engine: FakeEngine) -> None:
    with probing(engine) as probe:
        assert (404, "ask for /report, /started, /ready, /live\n") == probe.ask("/healthz")
