import json
import logging
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from http import HTTPStatus
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from nemotron_operator.downloader import progress_server
from nemotron_operator.downloader.progress import Meter
from nemotron_operator.downloader.progress_server import CONNECTIONS, served
from tests.support.reserved_port import reserved_port

LOOPBACK = "127.0.0.1"


@pytest.fixture
def free_port() -> Iterator[int]:
    with reserved_port() as port:
        yield port


def get(port: int | None, path: str) -> bytes:
    with urlopen(f"http://{LOOPBACK}:{port}{path}", timeout=10) as response:
        content: bytes = response.read()
        return content


def get_when_free(port: int | None, path: str) -> bytes:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(OSError):
            return get(port, path)
        time.sleep(0.01)
    raise AssertionError("no connection is free")


def test_progress_is_the_object_of_the_lines(free_port: int) -> None:
    meter = Meter(lambda: 50, 200)
    with served(meter, free_port, "acme/tiny", LOOPBACK) as port:
        assert meter.read().as_json() == json.loads(get(port, "/progress"))


def test_metrics_are_read_by_prometheus(free_port: int) -> None:
    with served(Meter(lambda: 50, 200), free_port, 'acme/"tiny"', LOOPBACK) as port:
        families = text_string_to_metric_families(get(port, "/metrics").decode())
        samples = {(s.name, s.labels["repository"]): s.value for family in families for s in family.samples}
    assert {
        ("nemotron_download_bytes", 'acme/"tiny"'): 50,
        ("nemotron_download_total_bytes", 'acme/"tiny"'): 200,
        ("nemotron_download_bytes_per_second", 'acme/"tiny"'): 0,
    } == samples


def test_there_is_nothing_else(free_port: int) -> None:
    with (
        served(Meter(lambda: 50, 200), free_port, "acme/tiny", LOOPBACK) as port,
        pytest.raises(HTTPError) as raised,
    ):
        get(port, "/")
    raised.value.close()
    assert HTTPStatus.NOT_FOUND == raised.value.code


def test_who_holds_connections_takes_no_more_than_there_are(free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_server._Handler, "timeout", 600)  # the silent ones are held until this test ends
    with ExitStack() as stack:
        port = stack.enter_context(served(Meter(lambda: 50, 200), free_port, "acme/tiny", LOOPBACK))
        silent = [stack.enter_context(socket.create_connection((LOOPBACK, port or 0))) for _ in range(CONNECTIONS)]
        another = stack.enter_context(socket.create_connection((LOOPBACK, port or 0), timeout=60))
        assert b"" == another.recv(1)
        silent.pop().close()
        assert get_when_free(port, "/progress")


@pytest.mark.parametrize("port", [None, 0])
def test_without_a_port_nothing_is_served(port: int | None) -> None:
    with served(Meter(lambda: 50, 200), port, "acme/tiny", LOOPBACK) as served_port:
        assert None is served_port


@pytest.mark.parametrize("port", [70_000, -1])
def test_what_is_no_port_is_a_warning(port: int, caplog: pytest.LogCaptureFixture) -> None:
    with served(Meter(lambda: 50, 200), port, "acme/tiny", LOOPBACK) as served_port:
        assert None is served_port
    assert f"not served on port {port}" in caplog.text


def test_a_port_that_is_taken_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    with socket.create_server((LOOPBACK, 0)) as listener:
        port = listener.getsockname()[1]
        with served(Meter(lambda: 50, 200), port, "acme/tiny", LOOPBACK) as served_port:
            assert None is served_port
    assert f"not served on port {port}" in caplog.text
