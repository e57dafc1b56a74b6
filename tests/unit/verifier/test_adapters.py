"""Whether every replica serves its adapters, asked of servers on loopback that play vLLM's two paths."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from nemotron_operator.verifier import adapters as module
from nemotron_operator.verifier.adapters_main import main

pytestmark = pytest.mark.program

KEY = "sk-very-secret"


@dataclass
class Replicas:
    """One address with several replicas behind it, each with its adapters; they answer in turn."""

    adapters: list[dict[str, str]]
    refusal: str = ""
    """Why none of them loads another one."""
    refusal_status: int = 500
    tries: int = 0
    """How often one was asked to load."""
    looks: int = 0
    keys: set[str | None] = field(default_factory=set)
    base_url: str = ""
    change: Callable[[int], None] = lambda _: None
    """What happens before each look."""

    async def list_models(self, request: web.Request) -> web.Response:
        self.change(self.looks)
        there, self.looks = self.adapters[self.looks % len(self.adapters)], self.looks + 1
        self.keys.add(request.headers.get("Authorization"))
        cards = [{"id": name, "root": path, "parent": "tiny"} for name, path in there.items()]
        return web.json_response({"data": [{"id": "tiny", "root": "/models/0", "parent": None}, *cards]})

    async def load(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.tries += 1
        if self.refusal:
            error = {"message": self.refusal, "code": self.refusal_status}
            return web.json_response({"error": error}, status=self.refusal_status)
        for there in self.adapters:
            there[body["lora_name"]] = body["lora_path"]
        return web.Response()


@asynccontextmanager
async def serving(replicas: Replicas) -> AsyncIterator[None]:
    application = web.Application()
    application.router.add_get("/v1/models", replicas.list_models)
    application.router.add_post("/v1/load_lora_adapter", replicas.load)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    replicas.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield
    finally:
        await runner.cleanup()


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.2)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def ask(
    replicas: Replicas, tmp_path: Path, *adapters: str, wait_seconds: float = 20, kept: Sequence[str] = ()
) -> dict[str, Any]:
    """Run the program, and return what it tells."""
    message = tmp_path / "log"

    async def run() -> None:
        async with serving(replicas):
            where = [f"--base-url={replicas.base_url}", f"--replicas={len(replicas.adapters)}"]
            patience = [f"--wait-seconds={wait_seconds}", f"--termination-message-path={message}"]
            wanted = [*(f"--adapter={adapter}" for adapter in adapters), *(f"--keep={name}" for name in kept)]
            await asyncio.to_thread(main, [*where, *patience, *wanted])

    asyncio.run(run())
    told: dict[str, Any] = json.loads(message.read_text())
    return told


def test_it_is_content_when_every_replica_serves_every_adapter(tmp_path: Path) -> None:
    replicas = Replicas([{"sql": "/models/1"}, {"sql": "/models/1"}])
    assert {"outcome": "Complete", "adapters": ["sql"]} == ask(replicas, tmp_path, "sql=/models/1")
    assert 6 == replicas.looks
    assert {f"Bearer {KEY}"} == replicas.keys


def test_a_replica_that_is_late_is_waited_for(tmp_path: Path) -> None:
    replicas = Replicas([{"sql": "/models/1"}, {}], refusal="nobody is to be asked to load")
    replicas.change = lambda looks: replicas.adapters[1].update({"sql": "/models/1"}) if looks == 5 else None
    assert "Complete" == ask(replicas, tmp_path, "sql=/models/1")["outcome"]


def test_one_that_is_to_go_is_waited_for(tmp_path: Path) -> None:
    replicas = Replicas([{"old": "/models/1"}])
    replicas.change = lambda looks: replicas.adapters[0].clear() if looks == 4 else None
    assert {"outcome": "Complete", "adapters": []} == ask(replicas, tmp_path)
    assert replicas.looks > 4


def test_an_adapter_that_is_not_loaded_is_told_in_the_engines_words(tmp_path: Path) -> None:
    refusal = f"LoRA rank 64 is greater than max_lora_rank 16. {KEY}"
    told = ask(Replicas([{"sql": "/models/1"}], refusal=refusal), tmp_path, "sql=/models/1", "large=/models/2")
    assert ("Failed", "AdapterRefused") == (told["outcome"], told["reason"])
    assert "The engine does not load adapter 'large': " in told["message"]
    assert "LoRA rank 64 is greater than max_lora_rank 16." in told["message"]
    assert KEY not in told["message"]


def test_a_directory_without_an_adapter_is_a_refusal_at_once(tmp_path: Path) -> None:
    refusal = "Loading lora sql failed: No adapter found for /models/1"
    replicas = Replicas([{}], refusal=refusal, refusal_status=404)
    told = ask(replicas, tmp_path, "sql=/models/1")
    assert ("AdapterRefused", 1) == (told["reason"], replicas.tries)
    assert refusal in told["message"]


@pytest.mark.parametrize(("status", "words"), [(404, "Not Found"), (503, "upstream is away"), (502, "Bad Gateway")])
def test_an_engine_that_loads_none_now_is_no_refusal(tmp_path: Path, status: int, words: str) -> None:
    """One of an earlier revision, or one that ends: another may answer next."""
    replicas = Replicas([{}], refusal=words, refusal_status=status)
    replicas.change = lambda _: replicas.adapters[0].update({"sql": "/models/1"}) if replicas.tries >= 3 else None
    assert "Complete" == ask(replicas, tmp_path, "sql=/models/1")["outcome"]
    told = ask(Replicas([{}], refusal=words, refusal_status=status), tmp_path, "sql=/models/1", wait_seconds=0.5)
    assert ("Failed", "NoAnswer") == (told["outcome"], told["reason"])


def test_an_engine_that_fails_once_at_loading_is_asked_again(tmp_path: Path) -> None:
    replicas = Replicas([{}], refusal="EngineCore encountered an issue.")
    replicas.change = lambda _: replicas.adapters[0].update({"sql": "/models/1"}) if replicas.tries else None
    assert "Complete" == ask(replicas, tmp_path, "sql=/models/1")["outcome"]


def test_what_is_kept_is_neither_waited_for_nor_left_over(tmp_path: Path) -> None:
    for there in ({"sql": "/models/1"}, {}):
        message, replicas = tmp_path / "log", Replicas([{"chat": "/models/2"} | there])
        assert "Complete" == ask(replicas, tmp_path, "chat=/models/2", kept=("sql",))["outcome"]
        message.unlink()


def test_a_replica_that_would_load_it_is_no_failure(tmp_path: Path) -> None:
    assert "Complete" == ask(Replicas([{}]), tmp_path, "sql=/models/1")["outcome"]


def test_what_stays_too_long_may_be_tried_again(tmp_path: Path) -> None:
    told = ask(Replicas([{"old": "/models/1"}]), tmp_path, wait_seconds=0.3)
    assert ("Failed", "NoAnswer", "A replica still serves old.") == (
        told["outcome"],
        told["reason"],
        told["message"],
    )
