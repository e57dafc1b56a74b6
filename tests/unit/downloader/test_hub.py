"""How the hub's client is used, where a hub, a mirror or a storage provider answers in another way than most."""

import gzip
import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import close_session
from typing_extensions import override

from lab.hub import Hub
from nemotron_operator.downloader.access import HubAccess
from nemotron_operator.downloader.errors import HubUnavailableError, TooSlowError
from nemotron_operator.downloader.fetching import Fetching
from nemotron_operator.downloader.hub import XET_FAILURES, HubOrigin
from nemotron_operator.downloader.patience import persist
from nemotron_operator.downloader.piece_file import PieceFile, SpeedLimit
from nemotron_operator.volume.digest import Digest, DigestKind
from nemotron_operator.volume.piece import piece_path
from nemotron_operator.volume.remote_file import RemoteFile
from tests.unit.downloader.command import BRISK, FILES, REPOSITORY

COMMIT = "0" * 40

CONTENT = b'{"vocabulary": "' + b"abc" * 100_000 + b'"}'

FILE = RemoteFile("vocab.json", len(CONTENT), Digest(DigestKind.GIT_BLOB, ""))

SHARD = "model-00001-of-00002.safetensors"

Respond = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def serving(respond: Respond) -> Iterator[HubOrigin]:
    """Answer every GET as a test wants; give the origin that asks."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            respond(self)

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        endpoint = f"http://127.0.0.1:{server.server_port}"
        yield HubOrigin(HubAccess("acme/tiny", endpoint=endpoint), COMMIT)
    finally:
        close_session()
        server.shutdown()
        server.server_close()


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: object) -> None:
    handler.send_response(status)
    for name, value in {"Content_Length": len(body), **headers}.items():
        handler.send_header(name.replace("_", "-"), str(value))
    handler.end_headers()
    handler.wfile.write(body)


def fetch(origin: HubOrigin, staging: Path, limit: SpeedLimit | None = None) -> bytes:
    path = piece_path(staging, FILE.path)
    with PieceFile(path, threading.Event(), limit or SpeedLimit()) as piece:
        origin.fetch(COMMIT, FILE, piece)
    return path.read_bytes()


def test_the_rest_of_a_piece_is_asked_for_and_appended(tmp_path: Path) -> None:
    piece_path(tmp_path, FILE.path).write_bytes(CONTENT[:1000])
    ranges: list[str | None] = []

    def respond(handler: BaseHTTPRequestHandler) -> None:
        ranges.append(handler.headers["Range"])
        send(handler, 206, CONTENT[1000:], Content_Range=f"bytes 1000-{len(CONTENT) - 1}/{len(CONTENT)}")

    with serving(respond) as origin:
        assert CONTENT == fetch(origin, tmp_path)
    assert ["bytes=1000-"] == ranges


def test_a_mirror_that_sends_the_whole_file_instead_of_the_rest_is_understood(tmp_path: Path) -> None:
    piece_path(tmp_path, FILE.path).write_bytes(CONTENT[:1000])
    with serving(lambda handler: send(handler, 200, CONTENT)) as origin:
        assert CONTENT == fetch(origin, tmp_path)


def test_a_mirror_that_compresses_unasked_is_understood(tmp_path: Path) -> None:
    asked: list[str | None] = []

    def respond(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.headers["Accept-Encoding"])
        send(handler, 200, gzip.compress(CONTENT), Content_Encoding="gzip")

    with serving(respond) as origin:
        assert CONTENT == fetch(origin, tmp_path)
    assert ["identity"] == asked


def test_a_file_that_has_no_more_bytes_than_the_piece_ends_there(tmp_path: Path) -> None:
    piece_path(tmp_path, FILE.path).write_bytes(CONTENT[:1000])
    with serving(lambda handler: send(handler, 416, b"")) as origin:
        assert CONTENT[:1000] == fetch(origin, tmp_path)


def test_what_arrived_before_a_cut_is_on_the_volume(tmp_path: Path) -> None:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        send(handler, 200, CONTENT[:123_457], Content_Length=len(CONTENT))

    with serving(respond) as origin, pytest.raises(HubUnavailableError, match="cannot be reached"):
        fetch(origin, tmp_path)
    assert CONTENT[:123_457] == piece_path(tmp_path, FILE.path).read_bytes()


def test_how_long_a_busy_hub_wants_to_be_left_alone_is_told(tmp_path: Path) -> None:
    with (
        serving(lambda handler: send(handler, 429, b"", Retry_After=77)) as origin,
        pytest.raises(HubUnavailableError, match="429") as raised,
    ):
        fetch(origin, tmp_path)
    assert 77 == raised.value.retry_after_seconds


def test_a_hub_that_drips_is_given_up_though_it_never_stops(hub: Hub, tmp_path: Path) -> None:
    hub.drip(SHARD, bytes_per_second=200)
    origin = HubOrigin(HubAccess(REPOSITORY, endpoint=hub.url), "main")
    commit, content = hub.commit(REPOSITORY), FILES[SHARD]
    file = RemoteFile(SHARD, len(content), Digest(DigestKind.SHA256, hashlib.sha256(content).hexdigest()))
    limit = SpeedLimit(bytes_per_second=100_000, window_seconds=0.05)
    with pytest.raises(TooSlowError, match="less than 100000 bytes a second"):
        Fetching(origin, commit, tmp_path, BRISK, limit).fetch_all([file])
    assert BRISK.attempts == hub.count("GET", "/resolve/")
    held_bytes = piece_path(tmp_path, SHARD).stat().st_size
    assert 0 < held_bytes < len(content)

    hub.release()
    Fetching(origin, commit, tmp_path, BRISK).fetch_all([file])
    assert content == (tmp_path / SHARD).read_bytes()
    assert [held_bytes] == [seen.first_byte for seen in hub.requests[-1:]], "nothing comes twice"


def test_no_further_file_is_asked_of_a_xet_storage_that_gave_none(tmp_path: Path) -> None:
    paths = [f"{number}.safetensors" for number in range(XET_FAILURES + 2)]
    with Hub({REPOSITORY: dict.fromkeys(paths, b"x" * 100)}) as hub:
        commit = hub.commit(REPOSITORY)
        route = f"{hub.url}/api/models/{REPOSITORY}/xet-read-token/{commit}"
        origin = HubOrigin(HubAccess(REPOSITORY, endpoint=hub.url), commit)
        for path in paths:
            if path in paths[:XET_FAILURES]:
                hub.answer(200, to=f"/{path}", times=1, headers={"X-Xet-Hash": "a" * 64, "X-Xet-Refresh-Route": route})
            persist(partial(_fetch_whole, origin, path, tmp_path), lambda: 0, BRISK, lambda _seconds: None)
            assert b"x" * 100 == piece_path(tmp_path, path).read_bytes()
        assert XET_FAILURES == hub.count("HEAD", "/resolve/")
        close_session()


def _fetch_whole(origin: HubOrigin, path: str, staging: Path) -> None:
    with PieceFile(piece_path(staging, path), threading.Event(), SpeedLimit()) as piece:
        origin.fetch(origin.revision, RemoteFile(path, 100, Digest(DigestKind.SHA256, "")), piece)
