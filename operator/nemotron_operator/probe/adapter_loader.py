"""Load and unload LoRA adapters in the engine of the same pod, as a list on the volume says.

It runs as text in the engine's image, beside the engine: it knows the standard library alone. What the engine has is
read from itself each time, so that one that was started again gets all of them again.

It ends when an engine that was started again does not take its API key any more: the kubelet then starts it again too,
with what the Secret holds by then. Wherever that would not help it stays, not ready, and says why.
"""

import argparse
import http.client
import json
import os
import signal
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

LOOK_SECONDS = 3.0
"""How often the list and the engine are looked at."""

ENGINE_SECONDS = 300.0
"""How long the engine may take to answer: it reads an adapter from the volume meanwhile."""

SHORTEST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 10.0, 300.0
"""How soon an adapter is tried again that the engine did not take; each time after twice as long."""

API_KEY_VARIABLE = "VLLM_API_KEY"
"""The server's API key."""

GROUP_VARIABLE = "LWS_LEADER_ADDRESS"
"""LeaderWorkerSet gives it to every container of a group's pods, also to init containers. When one of them is started
again, it makes all pods of the group anew, and the engine loads its weights again."""


class Refusal(NamedTuple):
    """What the engine said of an adapter that it did not take, and when to try again."""

    path: str
    words: str
    retry_at: float
    retry_seconds: float


class NotThereError(Exception):
    """The engine does not answer, or not as vLLM does: it starts, or ends."""


class KeyRefusedError(Exception):
    """The engine answers 401 to the API key: it has another one."""

    def __init__(self, *, is_engine_newer: bool) -> None:
        super().__init__()
        self.is_engine_newer = is_engine_newer
        """Whether an engine answered, went, and another came meanwhile: that one read the Secret later."""


class Engine:
    """The engine's HTTP server in the same pod; the API key is None where none is asked for."""

    def __init__(self, port: int, api_key: str | None, *, is_encrypted: bool) -> None:
        self._port, self._is_encrypted, self._has_key = port, is_encrypted, api_key is not None
        self._has_answered = self._has_gone = False
        self._headers = {"Content-Type": "application/json"}
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"

    def list_adapters(self) -> dict[str, str]:
        """List what it has, names to directories."""
        status, page = self._exchange("GET", "/v1/models")
        try:
            if status == HTTPStatus.OK:
                return {card["id"]: card["root"] for card in json.loads(page)["data"] if card.get("parent")}
        except (ValueError, LookupError, TypeError, AttributeError):
            pass
        raise NotThereError(f"/v1/models answered {status}")

    def load(self, name: str, path: str, *, is_replaced: bool) -> str:
        """Load an adapter; return why it was not, or nothing."""
        return self._tell("load", {"lora_name": name, "lora_path": path, "load_inplace": is_replaced})

    def unload(self, name: str) -> str:
        """Unload an adapter; return why it was not, or nothing."""
        return self._tell("unload", {"lora_name": name})

    def _tell(self, what: str, body: dict[str, Any]) -> str:
        status, page = self._exchange("POST", f"/v1/{what}_lora_adapter", json.dumps(body))
        return "" if status == HTTPStatus.OK else f"{status}: {' '.join(page.split())[:500]}"

    def _exchange(self, method: str, path: str, body: str = "") -> tuple[int, str]:
        try:
            with closing(self._connect()) as connection:
                connection.request(method, path, body or None, self._headers)
                response = connection.getresponse()
                status, page = response.status, response.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            self._has_gone |= self._has_answered and isinstance(error, ConnectionRefusedError)
            raise NotThereError(f"{type(error).__name__}: {error}") from error
        except ValueError as error:
            # http.client quotes the header that it does not send, and with it the key.
            raise NotThereError(f"the request cannot be sent: {type(error).__name__}") from None
        self._has_answered = True
        if status == HTTPStatus.UNAUTHORIZED and self._has_key:
            raise KeyRefusedError(is_engine_newer=self._has_gone)
        return status, page

    def _connect(self) -> http.client.HTTPConnection:
        if not self._is_encrypted:
            return http.client.HTTPConnection("127.0.0.1", self._port, timeout=ENGINE_SECONDS)
        # Who listens on the loopback of the pod is in the pod, whatever its certificate says.
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return http.client.HTTPSConnection("127.0.0.1", self._port, timeout=ENGINE_SECONDS, context=context)


class Loader:
    """Brings the engine to the list, one look at a time. It knows no clock of its own."""

    def __init__(
        self, engine: Engine, read_list: Callable[[], dict[str, str] | None], tell: Callable[[str], None]
    ) -> None:
        self._engine, self._read_list, self._say = engine, read_list, tell
        self._refusals: dict[str, Refusal] = {}
        self._wanted: dict[str, str] | None = None
        self._absence = ""
        self.is_ready = False
        """Whether the engine has, or was asked in vain for, every adapter of the list."""

    def look(self, now: float) -> None:
        """Compare, and tell the engine what differs."""
        try:
            there = self._engine.list_adapters()
            self._absence = ""
            wanted = self._look_at_list(there)
            for name in sorted(there.keys() - wanted.keys()):
                self._hear(f"unloaded {name}", self._engine.unload(name))
            for name, path in sorted(wanted.items()):
                if there.get(name) != path and self._is_due(name, path, now):
                    self._load(name, path, now, is_replaced=name in there)
            self.is_ready = True
        except NotThereError as error:
            self.miss(f"the engine does not answer: {error}")

    def miss(self, words: str) -> None:
        """Take in that nothing can be asked of the engine, and say once why."""
        self._refusals.clear()
        self.is_ready = False
        if words != self._absence:
            self._absence = words
            self._say(words)

    def _look_at_list(self, there: dict[str, str]) -> dict[str, str]:
        """Take the list; one that is gone stays as it was read, and before there was any the engine stays as it is."""
        listed = self._read_list()
        if listed is not None:
            self._wanted = listed
        return there if self._wanted is None else self._wanted

    def _is_due(self, name: str, path: str, now: float) -> bool:
        refusal = self._refusals.get(name)
        return refusal is None or refusal.path != path or now >= refusal.retry_at

    def _load(self, name: str, path: str, now: float, *, is_replaced: bool) -> None:
        words = self._engine.load(name, path, is_replaced=is_replaced)
        self._hear(f"loaded {name} from {path}", words)
        before = self._refusals.pop(name, None)
        if words:
            retry_seconds = min(before.retry_seconds * 2 if before else SHORTEST_RETRY_SECONDS, LONGEST_RETRY_SECONDS)
            self._refusals[name] = Refusal(path, words, now + retry_seconds, retry_seconds)

    def _hear(self, done: str, words: str) -> None:
        self._say(f"not {done}: {words}" if words else done)


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


def read_list(path: Path) -> dict[str, str] | None:
    """Read which adapters are wanted; None where nobody has written a list, or it is gone."""
    try:
        adapters: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))["adapters"]
        return dict(adapters)
    except FileNotFoundError:
        return None


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


def serve(port: int, loader: Loader) -> None:
    """Answer the kubelet, on every address of the pod, to the end of the process."""

    class Ready(BaseHTTPRequestHandler):
        timeout = 5.0

        def do_GET(self) -> None:
            self.send_response_only(HTTPStatus.OK if loader.is_ready else HTTPStatus.SERVICE_UNAVAILABLE)
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = socketserver.ThreadingTCPServer(("", port), Ready, bind_and_activate=False)
    server.daemon_threads = True
    server.socket.close()
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    server.socket = socket.create_server(("", port), family=family, dualstack_ipv6=both)
    server.serve_forever(poll_interval=3600)


def tell(words: str) -> None:
    """Write a line of the log."""
    print(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {words}", flush=True)  # noqa: T201 -- its log


def end(words: str) -> NoReturn:
    """Write last words into the log, and end the process, whichever thread it is that knows."""
    tell(words)
    os._exit(1)


def work(loader: Loader) -> None:
    """Look again and again; what nobody foresaw is told, and tried again."""
    while True:
        try:
            loader.look(time.monotonic())
        except KeyRefusedError as refusal:
            words = explain_refusal(os.environ)
            if refusal.is_engine_newer and may_end(os.environ):
                end(words)
            loader.miss(words)
        except Exception as error:  # noqa: BLE001 -- a thread that ends would never load anything again
            tell(f"{type(error).__name__}: {error}")
        time.sleep(LOOK_SECONDS)


def main() -> None:
    """Look and answer until SIGTERM, which a native sidecar gets after the engine has ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--engine-port", type=int, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--list", type=Path, required=True)
    parser.add_argument("--https", action="store_true")
    options = parser.parse_args()
    leave_on_sigterm()
    engine = Engine(options.engine_port, read_key(os.environ), is_encrypted=options.https)
    loader = Loader(engine, lambda: read_list(options.list), tell)
    flaw = find_flaw(os.environ)
    if flaw:
        loader.miss(flaw)  # and ask nothing: no later look has another key
    else:
        threading.Thread(target=work, args=[loader], daemon=True).start()
    serve(options.port, loader)


if __name__ == "__main__":
    main()
