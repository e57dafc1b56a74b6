"""What stands between a cluster and a hub: proxies, and a CA of the company's own.

Each run is a process of its own, as in a pod: clients read these variables when they start.
"""

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_ssl_devcert

from lab.hub import Hub
from tests.unit.downloader.command import FILES, REPOSITORY, WANTED
from tests.unit.downloader.forward_proxy import ForwardProxy, forward_proxy

pytestmark = pytest.mark.program

UNSET = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy")


@dataclass(frozen=True)
class PrivateHub:
    """A hub behind TLS."""

    hub: Hub
    url: str
    ca_file: Path
    """The certificate that proves it."""


@pytest.fixture
def proxy() -> Iterator[ForwardProxy]:
    with forward_proxy() as proxy:
        yield proxy


@pytest.fixture
def private_hub(tmp_path: Path) -> Iterator[PrivateHub]:
    certificate, key = make_ssl_devcert(str(tmp_path / "hub"), host="localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    hub = Hub({REPOSITORY: FILES})
    hub._server.socket = context.wrap_socket(hub._server.socket, server_side=True)
    with hub:
        yield PrivateHub(hub, f"https://localhost:{hub._server.server_port}", Path(certificate))


def run(volume: Path, endpoint: str, **environment: str) -> dict[str, Any]:
    """Run the command with exactly these variables of the network."""
    script = Path(sys.executable).with_name("nemotron-download")
    ended = subprocess.run(
        [
            script,
            *("--repository", REPOSITORY),
            *("--revision", "main"),
            *("--destination", volume),
            *("--termination-message-path", volume / "log"),
        ],
        env={name: value for name, value in os.environ.items() if name not in {*UNSET, "SSL_CERT_FILE"}}
        | {"HF_ENDPOINT": endpoint, "HF_HOME": str(volume / "home"), "HF_TOKEN": ""}
        | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    outcome: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return outcome


def test_a_hub_is_reached_through_the_proxy(hub: Hub, proxy: ForwardProxy, tmp_path: Path) -> None:
    outcome = run(tmp_path, hub.url, HTTP_PROXY=proxy.url)
    assert "Complete" == outcome["outcome"], outcome
    host = hub.url.removeprefix("http://")
    assert {("GET", host), ("HEAD", host)} == set(proxy.asked)
    assert len(hub.requests) == len(proxy.asked)


def test_a_host_for_which_no_proxy_shall_be_asked_is_asked_directly(
    hub: Hub, proxy: ForwardProxy, tmp_path: Path
) -> None:
    outcome = run(tmp_path, hub.url, HTTP_PROXY=proxy.url, NO_PROXY="127.0.0.1,.svc")
    assert "Complete" == outcome["outcome"], outcome
    assert [] == proxy.asked


def test_a_hub_behind_tls_is_reached_through_a_tunnel(
    private_hub: PrivateHub, proxy: ForwardProxy, tmp_path: Path
) -> None:
    outcome = run(tmp_path, private_hub.url, HTTPS_PROXY=proxy.url, SSL_CERT_FILE=str(private_hub.ca_file))
    assert "Complete" == outcome["outcome"], outcome
    assert {("CONNECT", private_hub.url.removeprefix("https://"))} == set(proxy.asked)


def test_a_hub_of_a_private_ca_is_trusted_when_its_certificate_is_named(
    private_hub: PrivateHub, tmp_path: Path
) -> None:
    outcome = run(tmp_path, private_hub.url, SSL_CERT_FILE=str(private_hub.ca_file))
    assert ("Complete", len(WANTED)) == (outcome["outcome"], outcome["files"])


def test_a_hub_of_an_unknown_ca_gets_no_request_and_a_person_is_told_what_to_do(
    private_hub: PrivateHub, tmp_path: Path
) -> None:
    outcome = run(tmp_path, private_hub.url)
    assert ("UntrustedCertificate", False) == (outcome["reason"], outcome["retryable"])
    assert "SSL_CERT_FILE, model.source.huggingFace.caConfigMapRef" in outcome["message"]
    assert [] == private_hub.hub.requests
