"""What `helm test` finds wrong; that it finds nothing wrong where nothing is, the node tier shows."""

import runpy
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from typing_extensions import override

from nemotron_operator.cluster.kinds import NEMOTRON
from tests.support.helm import CHART

PROGRAM = CHART / "files" / "tests" / "ask_operator.py"


@pytest.fixture
def ask_operator() -> Callable[[str], str]:
    """The part that asks the operator, without patience."""
    names = runpy.run_path(str(PROGRAM))
    ask: Callable[[str], str] = names["ask_operator"]
    ask.__globals__["PATIENCE_SECONDS"] = 0
    return ask


@contextmanager
def an_operator(status: int, text: str) -> Iterator[str]:
    """Answer /readyz."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()
            self.wfile.write(text.encode())

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_an_operator_that_is_ready_has_no_problem(ask_operator: Callable[[str], str]) -> None:
    with an_operator(200, "ok") as url:
        assert "" == ask_operator(url)


def test_an_operator_that_waits_says_for_what(ask_operator: Callable[[str], str]) -> None:
    with an_operator(503, "The API server does not know NemotronDeployment.") as url:
        assert "The operator is not ready: The API server does not know NemotronDeployment." == ask_operator(url)


def test_an_operator_that_is_not_there_is_told_by_its_address(ask_operator: Callable[[str], str]) -> None:
    with an_operator(200, "ok") as url:
        pass
    assert f"The operator does not answer at {url}: " in ask_operator(url)


def test_it_asks_for_the_resource_that_the_operator_serves() -> None:
    assert (NEMOTRON.api_version, NEMOTRON.name) == runpy.run_path(str(PROGRAM))["RESOURCE"]
