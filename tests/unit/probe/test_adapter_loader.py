"""The sidecar that loads adapters, as the pod runs it: its text, beside an engine on loopback."""

import ast
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from typing_extensions import override

from nemotron_operator.render.adapter_list import PROGRAM
from tests.support.reserved_port import reserved_port
from tests.unit.probe.test_program import GROUP, STUCK, listens, surround

pytestmark = pytest.mark.program

TEXT = resources.files("nemotron_operator.probe").joinpath(PROGRAM).read_text()
IN_HASTE = TEXT.replace("LOOK_SECONDS = 3.0", "LOOK_SECONDS = 0.05").replace(
    "SHORTEST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 10.0, 300.0",
    "SHORTEST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 1000.0, 1000.0",
)
"""The program that looks often, and tries no adapter again within a test."""
KEY = "sk-very-secret"


@dataclass
class AdapterEngine:
    """What vLLM is to the sidecar: a list, and two paths that change it."""

    adapters: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    """Directories that it does not load, and why."""
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    keys: set[str | None] = field(default_factory=set)
    api_key: str = ""
    """The key that it takes; any where there is none."""
    refusals: int = 0
    """How often it took none."""

    def change(self, path: str, body: dict[str, Any]) -> tuple[int, str]:
        self.requests.append((path.rpartition("/")[2], body))
        name = body["lora_name"]
        if path.endswith("/unload_lora_adapter"):
            return (HTTPStatus.OK, "") if self.adapters.pop(name, None) else (HTTPStatus.NOT_FOUND, "no such adapter")
        if body["lora_path"] in self.refused:
            return HTTPStatus.INTERNAL_SERVER_ERROR, self.refused[body["lora_path"]]
        if name in self.adapters and not body["load_inplace"]:
            return HTTPStatus.BAD_REQUEST, "has already been loaded"
        self.adapters[name] = body["lora_path"]
        return HTTPStatus.OK, ""

    def list_models(self) -> str:
        base = {"id": "tiny", "root": "/models/0", "parent": None}
        cards = [{"id": name, "root": path, "parent": "tiny"} for name, path in self.adapters.items()]
        return json.dumps({"object": "list", "data": [base, *cards]})


@contextmanager
def serving(engine: AdapterEngine, port: int) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        @override
        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

        def answer(self, status: int, text: str) -> None:
            engine.keys.add(self.headers.get("Authorization"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def is_refused(self) -> bool:
            return engine.api_key not in {"", (self.headers.get("Authorization") or "").removeprefix("Bearer ")}

        def do_GET(self) -> None:
            if self.is_refused():
                engine.refusals += 1
                self.answer(HTTPStatus.UNAUTHORIZED, '{"error": "Unauthorized"}')
            else:
                self.answer(HTTPStatus.OK, engine.list_models())

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.answer(*engine.change(self.path, body))

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield
        server.shutdown()


@dataclass
class Loading:
    """The running program with its list and its engine."""

    engine: AdapterEngine
    engine_port: int
    port: int
    file: Path

    def want(self, **adapters: str) -> None:
        self.file.write_text(json.dumps({"uid": "u", "generation": 1, "adapters": adapters}))

    def is_ready(self) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/ready", timeout=30):
                return True
        except OSError:
            return False


@pytest.fixture
def loading(tmp_path: Path) -> Iterator[Loading]:
    """The program without anything of the project, looking often, beside an engine that is not there yet."""
    file = tmp_path / "tiny.json"
    with reserved_port() as engine_port, reserved_port() as port:
        arguments = [f"--engine-port={engine_port}", f"--port={port}", f"--list={file}"]
        command = [sys.executable, "-I", "-c", IN_HASTE, *arguments]
        with subprocess.Popen(command, env=surround(VLLM_API_KEY=KEY), stdout=subprocess.PIPE, text=True) as process:
            try:
                yield Loading(AdapterEngine(), engine_port, port, file)
                process.terminate()
                assert 0 == process.wait(60)
            finally:
                process.kill()


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_it_imports_nothing_but_the_standard_library() -> None:
    names = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(TEXT, feature_version=(3, 10)))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    assert names <= set(sys.stdlib_module_names)


def test_both_programs_read_the_api_key_and_leave_alike() -> None:
    """Each is a text that runs alone, so the same functions stand in both."""
    names = {"read_key", "find_flaw", "may_end", "explain_refusal", "leave_on_sigterm", "_leave"}

    def read(program: str) -> dict[str, str]:
        tree = ast.parse(resources.files("nemotron_operator.probe").joinpath(program).read_text())
        return {each.name: ast.unparse(each) for each in tree.body if isinstance(each, ast.FunctionDef)}

    loader, probe = read(PROGRAM), read("engine_probe.py")
    assert {name: probe[name] for name in names} == {name: loader[name] for name in names}


def test_the_engine_comes_to_the_list_whatever_changes(loading: Loading) -> None:
    loading.want(sql="/models/1", chat="/models/2")
    with serving(loading.engine, loading.engine_port):
        wait_until(lambda: loading.engine.adapters == {"sql": "/models/1", "chat": "/models/2"})
        wait_until(loading.is_ready)
        loading.want(sql="/models/3")
        wait_until(lambda: loading.engine.adapters == {"sql": "/models/3"})
        assert ("unload_lora_adapter", {"lora_name": "chat"}) in loading.engine.requests
        loading.want()
        wait_until(lambda: loading.engine.adapters == {})
    assert {f"Bearer {KEY}"} == loading.engine.keys


def test_without_a_list_nothing_is_loaded_and_clients_may_come(loading: Loading) -> None:
    with serving(loading.engine, loading.engine_port):
        wait_until(loading.is_ready)
    assert [] == loading.engine.requests


def test_no_client_comes_before_the_engine_has_its_adapters_and_again_after_it_was_gone(loading: Loading) -> None:
    loading.want(sql="/models/1")
    assert not loading.is_ready()
    with serving(loading.engine, loading.engine_port):
        wait_until(loading.is_ready)
        assert {"sql": "/models/1"} == loading.engine.adapters
    wait_until(lambda: not loading.is_ready())
    loading.engine.adapters.clear()
    with serving(loading.engine, loading.engine_port):
        wait_until(loading.is_ready)
        assert {"sql": "/models/1"} == loading.engine.adapters


def test_an_adapter_that_is_refused_keeps_no_other_and_is_not_tried_at_every_look(loading: Loading) -> None:
    loading.engine.refused["/models/1"] = "LoRA rank 64 is greater than max_lora_rank 16."
    loading.want(bad="/models/1", good="/models/2")
    with serving(loading.engine, loading.engine_port):
        wait_until(loading.is_ready)
        wait_until(lambda: loading.engine.adapters == {"good": "/models/2"})
        time.sleep(0.5)
        assert 1 == sum(body.get("lora_path") == "/models/1" for _, body in loading.engine.requests)
        loading.want(bad="/models/3", good="/models/2")  # another directory is another try
        wait_until(lambda: loading.engine.adapters == {"bad": "/models/3", "good": "/models/2"})


def test_a_list_that_is_gone_is_as_it_was_also_for_an_engine_that_starts_again(loading: Loading) -> None:
    loading.want(sql="/models/1")
    with serving(loading.engine, loading.engine_port):
        wait_until(loading.is_ready)
        loading.file.unlink()
        time.sleep(0.3)
        assert {"sql": "/models/1"} == loading.engine.adapters
    wait_until(lambda: not loading.is_ready())
    loading.engine.adapters.clear()
    with serving(loading.engine, loading.engine_port):
        wait_until(lambda: loading.engine.adapters == {"sql": "/models/1"})


def test_before_there_is_a_list_nothing_is_unloaded(loading: Loading) -> None:
    """A sidecar that starts again, while the file cannot be seen for a moment."""
    loading.engine.adapters["sql"] = "/models/1"
    with serving(loading.engine, loading.engine_port):
        wait_until(loading.is_ready)
    assert [] == loading.engine.requests


@dataclass
class Running:
    """The program with a key, looking often, and where its engine has to be."""

    process: subprocess.Popen[bytes]
    engine: AdapterEngine
    engine_port: int
    port: int
    log: Path

    @property
    def words(self) -> str:
        return self.log.read_text()

    def sees_no_engine(self) -> None:
        wait_until(lambda: self.is_ready() is False and self.words.endswith("Connection refused\n"))

    def is_ready(self) -> bool | None:
        """Ask it; None while it does not answer."""
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/ready", timeout=30):
                return True
        except HTTPError:
            return False
        except OSError:
            return None

    def is_refused_often(self) -> None:
        before = self.engine.refusals
        wait_until(lambda: self.engine.refusals >= before + 3 or self.process.poll() is not None)

    def stop(self) -> str:
        """Make sure that it runs and is not ready; end it, and return its words."""
        assert (None, False) == (self.process.poll(), self.is_ready())
        self.process.terminate()
        assert 0 == self.process.wait(60)
        assert KEY not in self.words
        return self.words


@contextmanager
def running(key: str, tmp_path: Path, engines_key: str = "", **environment: str) -> Iterator[Running]:
    surroundings, log = surround(VLLM_API_KEY=key, **environment), tmp_path / "log"
    with reserved_port() as engine_port, reserved_port() as port, log.open("w") as output:
        arguments = [f"--engine-port={engine_port}", f"--port={port}", f"--list={tmp_path / 'u.json'}"]
        command = [sys.executable, "-I", "-c", IN_HASTE, *arguments]
        with subprocess.Popen(command, env=surroundings, stdout=output, stderr=subprocess.STDOUT) as process:
            try:
                yield Running(process, AdapterEngine(api_key=engines_key), engine_port, port, log)
            finally:
                process.kill()


def test_the_line_end_of_a_key_is_left_out(tmp_path: Path) -> None:
    with running(f"{KEY}\n", tmp_path) as loader, serving(loader.engine, loader.engine_port):
        wait_until(lambda: loader.is_ready() is True)
        loader.process.terminate()
        loader.process.wait(60)
    assert KEY not in loader.words
    assert {f"Bearer {KEY}"} == loader.engine.keys


NO_KEYS = [f"{KEY}\n{KEY}", f"{KEY} {KEY}", f"{KEY}é"]


@pytest.mark.parametrize("key", NO_KEYS)
def test_what_is_no_key_is_told_without_its_words(tmp_path: Path, key: str) -> None:
    with running(key, tmp_path) as loader, serving(loader.engine, loader.engine_port):
        assert 1 == loader.process.wait(60)
    assert loader.words.startswith("VLLM_API_KEY holds spaces, line ends")
    assert "spec.apiKeySecretRef" in loader.words
    assert KEY not in loader.words
    assert set() == loader.engine.keys


@pytest.mark.parametrize("key", NO_KEYS)
def test_in_a_group_what_is_no_key_is_not_sent_and_is_told(tmp_path: Path, key: str) -> None:
    with running(key, tmp_path, **GROUP) as loader, serving(loader.engine, loader.engine_port):
        wait_until(lambda: loader.is_ready() is not None or loader.process.poll() is not None)
        time.sleep(0.3)
        words = loader.stop()
    assert 1 == words.count("VLLM_API_KEY holds spaces, line ends")
    assert set() == loader.engine.keys


HAS_CHANGED = "The engine does not take the API key: the Secret that spec.apiKeySecretRef names has changed"
IS_NO_KEY = "what the Secret that spec.apiKeySecretRef names holds begins or ends with a space or a line end"


def test_an_engine_that_was_there_before_it_has_the_older_key_so_no_end_would_help(tmp_path: Path) -> None:
    with running(KEY, tmp_path, "sk-another") as loader, serving(loader.engine, loader.engine_port):
        loader.is_refused_often()
        words = loader.stop()
    assert (1, {f"Bearer {KEY}"}) == (words.count(HAS_CHANGED), loader.engine.keys)
    assert "`nemoctl restart`" in words


@pytest.mark.parametrize("first_key", [KEY, "sk-the-first"], ids=["taken-before", "refused-before"])
def test_an_engine_that_starts_again_with_another_key_ends_it_so_that_it_starts_with_todays(
    tmp_path: Path, first_key: str
) -> None:
    with running(KEY, tmp_path, first_key) as loader:
        with serving(loader.engine, loader.engine_port):
            wait_until(lambda: loader.is_ready() is True or loader.engine.refusals > 1)
        loader.sees_no_engine()
        loader.engine.api_key = "sk-another"
        with serving(loader.engine, loader.engine_port):
            assert 1 == loader.process.wait(60)
    assert HAS_CHANGED in loader.words.splitlines()[-1]
    assert KEY not in loader.words


def test_in_a_group_it_never_ends_as_all_pods_would_be_made_anew(tmp_path: Path) -> None:
    with running(KEY, tmp_path, KEY, **GROUP) as loader:
        with serving(loader.engine, loader.engine_port):
            wait_until(lambda: loader.is_ready() is True)
        wait_until(lambda: loader.is_ready() is False)
        loader.engine.api_key = "sk-another"
        with serving(loader.engine, loader.engine_port):
            loader.is_refused_often()
            words = loader.stop()
    assert 1 == words.count(HAS_CHANGED)


def test_an_engine_that_compares_the_line_end_takes_no_key_and_what_to_mend_is_told(tmp_path: Path) -> None:
    with running(f"{KEY}\n", tmp_path, f"{KEY}\n") as loader:
        for _ in range(2):
            with serving(loader.engine, loader.engine_port):
                loader.is_refused_often()
            loader.sees_no_engine()
        words = loader.stop()
    assert 2 == words.count(IS_NO_KEY)


def test_a_request_that_cannot_be_sent_is_told_without_the_key() -> None:
    program: dict[str, Any] = {"__name__": "loader"}
    exec(TEXT, program)  # noqa: S102 -- it runs as text
    said: list[str] = []
    with reserved_port() as port:
        engine = program["Engine"](port, f"{KEY}\n{KEY}", is_encrypted=False)
        loader = program["Loader"](engine, lambda: None, said.append)
        for now in (0.0, 1.0):
            loader.look(now)
    assert ["the engine does not answer: the request cannot be sent: ValueError"] == said


def test_sigterm_ends_it_whatever_its_main_thread_waits_for(tmp_path: Path) -> None:
    with reserved_port() as engine_port, reserved_port() as port:
        arguments = [f"--engine-port={engine_port}", f"--port={port}", f"--list={tmp_path / 'u.json'}"]
        command = [sys.executable, "-I", "-c", STUCK, TEXT, *arguments]
        with subprocess.Popen(command, env=surround(), stdout=subprocess.PIPE) as process:
            try:
                wait_until(lambda: listens(port))
                process.terminate()
                assert 0 == process.wait(60)
            finally:
                process.kill()


def test_a_list_that_cannot_be_read_changes_nothing(loading: Loading) -> None:
    loading.want(sql="/models/1")
    with serving(loading.engine, loading.engine_port):
        wait_until(loading.is_ready)
        loading.file.write_text("{")
        time.sleep(0.3)
        assert {"sql": "/models/1"} == loading.engine.adapters
