"""A small hub on this machine: it speaks what the hub's client really calls, and fails as it is told.

    with Hub({"acme/tiny": {"config.json": b"{}", "model.safetensors": b"..."}}) as hub:
        hub.cut("model.safetensors", after_bytes=1000)
        ...  # the client under test, with HF_ENDPOINT=hub.url
        assert 1 == hub.count("GET", "/resolve/")

No TLS and no Xet: large files are served as LFS files, by the address that resolves them.
"""

import hashlib
import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from typing_extensions import override

LARGE_SUFFIXES = (".safetensors", ".bin", ".model")
"""Names of files that a repository keeps outside of git."""

LARGE_BYTES = 10 << 20
"""The size from which on a file of any name is kept outside of git."""

SEND_BYTES = 64 << 10
"""How much is written to the socket at once, and counted."""

ALWAYS = 1 << 30
"""A number of times that no test reaches."""


@dataclass(frozen=True)
class SeenRequest:
    """A request as it arrived."""

    method: str
    path: str
    """The path without the query, unquoted."""
    query: Mapping[str, list[str]]
    token: str | None
    first_byte: int
    """Where a range began; 0 without one."""


@dataclass(frozen=True)
class Answer:
    """What the hub says to a request."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    file: str | None = None
    """The path in the repository, if the body is that of a file."""


@dataclass(frozen=True)
class StoredFile:
    """A file at one commit."""

    content: bytes
    is_large: bool

    @property
    def sha256(self) -> str:
        """The digest of a large file, and its name in the store."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def pointer(self) -> bytes:
        """What git keeps of the file: all of it, or where the rest is."""
        return f"oid sha256:{self.sha256}\nsize {len(self.content)}\n".encode() if self.is_large else self.content

    @property
    def blob_sha1(self) -> str:
        """The name that git gives to what it keeps."""
        return hashlib.sha1(b"blob %d\0" % len(self.pointer) + self.pointer, usedforsecurity=False).hexdigest()

    @property
    def etag(self) -> str:
        """What the hub answers as the file's digest."""
        return self.sha256 if self.is_large else self.blob_sha1


@dataclass
class Repository:
    """A repository with its history."""

    commits: dict[str, dict[str, StoredFile]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)


@dataclass
class PlannedAnswer:
    """An answer that a test wants instead of the right one, a few times."""

    answer: Answer
    to: str
    times: int


class Hub:
    """A hub with the repositories that it is given. It serves for as long as its context lasts."""

    def __init__(self, repositories: Mapping[str, Mapping[str, bytes]], host: str = "127.0.0.1") -> None:
        self.requests: list[SeenRequest] = []
        """Every request, in the order of arrival."""
        self.bytes_sent: Counter[str] = Counter()
        """How many bytes of each file went out, by path."""
        self._repositories: dict[str, Repository] = {}
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._required_token: str | None = None
        self._gated: set[str] = set()
        self._planned: list[PlannedAnswer] = []
        self._cuts: dict[str, int] = {}
        self._stalls: dict[str, int] = {}
        self._corruptions: Counter[str] = Counter()
        self._server = _Server(self, host)
        for name, files in repositories.items():
            self.push(name, files)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), name="hub", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()
        self._server.close_connections()

    @property
    def url(self) -> str:
        """The address for HF_ENDPOINT."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def push(self, repository: str, files: Mapping[str, bytes], branch: str = "main") -> str:
        """Make a commit with exactly these files the head of a branch; give its name."""
        stored = {p: StoredFile(c, p.endswith(LARGE_SUFFIXES) or len(c) >= LARGE_BYTES) for p, c in files.items()}
        listing = json.dumps([repository, branch, sorted((path, file.blob_sha1) for path, file in stored.items())])
        commit = hashlib.sha1(listing.encode(), usedforsecurity=False).hexdigest()
        with self._lock:
            known = self._repositories.setdefault(repository, Repository())
            known.commits[commit] = stored
            known.branches[branch] = commit
        return commit

    def commit(self, repository: str, branch: str = "main") -> str:
        """Name the head of a branch."""
        return self._repositories[repository].branches[branch]

    def count(self, method: str, part: str = "") -> int:
        """Count the requests with this method whose path has this part."""
        with self._lock:
            return sum(1 for seen in self.requests if seen.method == method and part in seen.path)

    def require_token(self, token: str) -> None:
        """Answer 401 to everything without this token."""
        self._required_token = token

    def gate(self, repository: str) -> None:
        """Describe the repository to everybody, and give its files to nobody: its licence was not accepted."""
        self._gated.add(repository)

    def answer(
        self, status: int, *, to: str = "/", times: int = ALWAYS, headers: Mapping[str, str] | None = None
    ) -> None:
        """Give this status to the next requests whose path has a part."""
        with self._lock:
            self._planned.append(PlannedAnswer(Answer(status, headers or {}), to, times))

    def cut(self, file: str, after_bytes: int) -> None:
        """Close the connection once, in the middle of a file."""
        self._cuts[file] = after_bytes

    def stall(self, file: str, after_bytes: int) -> None:
        """Stop sending in the middle of a file until `release` is called: once."""
        self._stalls[file] = after_bytes

    def release(self) -> None:
        """Send the rest of what stalls."""
        self._released.set()

    def corrupt(self, file: str, times: int = 1) -> None:
        """Change a byte of a file, each of the next times that it is fetched."""
        self._corruptions[file] += times

    def answer_to(self, seen: SeenRequest) -> Answer:
        """Decide what a request gets."""
        with self._lock:
            self.requests.append(seen)
            for planned in self._planned:
                if planned.times and planned.to in seen.path:
                    planned.times -= 1
                    return planned.answer
        if self._required_token not in (None, seen.token):
            if seen.token:
                return _refusal(HTTPStatus.UNAUTHORIZED, message="Invalid credentials in Authorization header")
            return _refusal(HTTPStatus.UNAUTHORIZED, message="Invalid username or password.")
        match seen.path.strip("/").split("/"):
            case ["api", "models", org, name, *rest]:
                return self._answer_api(f"{org}/{name}", rest, seen)
            case [org, name, "resolve", revision, *path]:
                return self._answer_resolve(f"{org}/{name}", revision, "/".join(path), seen)
            case _:
                return _refusal(HTTPStatus.NOT_FOUND)

    def pieces(self, answer: Answer) -> Iterator[bytes]:
        """Give the body in pieces; wait, or end early, where a fault was planned."""
        body, stall, end = answer.body, len(answer.body), len(answer.body)
        if answer.file is not None:
            with self._lock:
                end = self._cuts.pop(answer.file, end)
                stall = self._stalls.pop(answer.file, end)
                if self._corruptions[answer.file]:
                    self._corruptions[answer.file] -= 1
                    body = bytes([body[0] ^ 1]) + body[1:]
        yield from self._counted(body[:stall], answer.file)
        if stall < end:
            self._released.wait()
        yield from self._counted(body[stall:end], answer.file)

    def _counted(self, body: bytes, file: str | None) -> Iterator[bytes]:
        for first in range(0, len(body), SEND_BYTES):
            piece = body[first : first + SEND_BYTES]
            yield piece
            if file is not None:
                with self._lock:
                    self.bytes_sent[file] += len(piece)

    def _answer_api(self, name: str, rest: list[str], seen: SeenRequest) -> Answer:
        revision = rest[1] if len(rest) > 1 else "main"
        commit, files = self._find(name, revision)
        if files is None:
            return _refusal_of_revision(name if name in self._repositories else None, seen)
        match rest:
            case [] | ["revision", _]:
                return _json({"id": name, "sha": commit, "siblings": [_sibling(p, f, seen) for p, f in files.items()]})
            case ["tree", _, *folder]:
                prefix = "".join(f"{part}/" for part in folder)
                entries = [_entry(path, file) for path, file in files.items() if path.startswith(prefix)]
                return _json(entries) if entries else _refusal(HTTPStatus.NOT_FOUND, code="EntryNotFound")
            case _:
                return _refusal(HTTPStatus.NOT_FOUND)

    def _answer_resolve(self, name: str, revision: str, path: str, seen: SeenRequest) -> Answer:
        commit, files = self._find(name, revision)
        if files is None:
            return _refusal_of_revision(name if name in self._repositories else None, seen)
        if name in self._gated:
            status = HTTPStatus.FORBIDDEN if seen.token else HTTPStatus.UNAUTHORIZED
            return _refusal(status, code="GatedRepo", message=f"Access to model {name} is restricted.")
        if path not in files:
            return _refusal(HTTPStatus.NOT_FOUND, code="EntryNotFound", headers={"X-Repo-Commit": commit})
        return _file_answer(commit, path, files[path], seen.first_byte)

    def _find(self, name: str, revision: str) -> tuple[str, dict[str, StoredFile] | None]:
        repository = self._repositories.get(name, Repository())
        commit = repository.branches.get(revision, revision)
        return commit, repository.commits.get(commit)


def _file_answer(commit: str, path: str, file: StoredFile, first_byte: int) -> Answer:
    headers = {"ETag": f'"{file.etag}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
    if file.is_large:
        headers |= {"X-Linked-Etag": f'"{file.etag}"', "X-Linked-Size": str(len(file.content))}
    if not first_byte:
        return Answer(HTTPStatus.OK, headers, file.content, path)
    if first_byte >= len(file.content):
        return _refusal(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
    headers["Content-Range"] = f"bytes {first_byte}-{len(file.content) - 1}/{len(file.content)}"
    return Answer(HTTPStatus.PARTIAL_CONTENT, headers, file.content[first_byte:], path)


def _refusal_of_revision(known_repository: str | None, seen: SeenRequest) -> Answer:
    """Refuse as the real hub does: it tells nobody without a token that a repository does not exist."""
    if known_repository is not None:
        return _refusal(HTTPStatus.NOT_FOUND, code="RevisionNotFound", message="Invalid rev id")
    if seen.token is None:
        return _refusal(HTTPStatus.UNAUTHORIZED, message="Invalid username or password.")
    return _refusal(HTTPStatus.NOT_FOUND, code="RepoNotFound", message="Repository not found")


def _refusal(status: int, *, code: str = "", message: str = "", headers: Mapping[str, str] | None = None) -> Answer:
    named = {"X-Error-Code": code, "X-Error-Message": message}
    return Answer(status, {key: value for key, value in named.items() if value} | dict(headers or {}))


def _json(content: object) -> Answer:
    return Answer(HTTPStatus.OK, {"Content-Type": "application/json"}, json.dumps(content).encode())


def _sibling(path: str, file: StoredFile, seen: SeenRequest) -> dict[str, Any]:
    """Name a file; sizes and digests come only if they are asked for."""
    if seen.query.get("blobs") != ["true"]:
        return {"rfilename": path}
    lfs = {"sha256": file.sha256, "size": len(file.content), "pointerSize": len(file.pointer)}
    sibling = {"rfilename": path, "size": len(file.content), "blobId": file.blob_sha1}
    return sibling | ({"lfs": lfs} if file.is_large else {})


def _entry(path: str, file: StoredFile) -> dict[str, Any]:
    lfs = {"oid": file.sha256, "size": len(file.content), "pointerSize": len(file.pointer)}
    entry = {"type": "file", "path": path, "size": len(file.content), "oid": file.blob_sha1}
    return entry | ({"lfs": lfs} if file.is_large else {})


class _Server(ThreadingHTTPServer):
    """The sockets of a hub."""

    daemon_threads = True

    def __init__(self, hub: Hub, host: str) -> None:
        super().__init__((host, 0), _Handler)
        self.hub = hub
        self.connections: set[socket.socket] = set()

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Keep quiet about clients that went away: tests kill them."""

    def close_connections(self) -> None:
        """End the connections that clients keep for later."""
        for connection in list(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    """HTTP in, HTTP out."""

    protocol_version = "HTTP/1.1"
    server: _Server

    @override
    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    @override
    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the hub's `requests` say more."""

    def do_HEAD(self) -> None:
        self._send_head(self.server.hub.answer_to(self._read()))

    def do_GET(self) -> None:
        answer = self.server.hub.answer_to(self._read())
        self._send_head(answer)
        sent = 0
        for piece in self.server.hub.pieces(answer):
            self.wfile.write(piece)
            sent += len(piece)
        self.close_connection = self.close_connection or sent < len(answer.body)

    def _read(self) -> SeenRequest:
        parts = urlsplit(self.path)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ") or None
        first_byte = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        return SeenRequest(self.command, unquote(parts.path), parse_qs(parts.query), token, first_byte)

    def _send_head(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for key, value in answer.headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
