"""The control: the same faults end a process that runs kopf as it comes, so they are real."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cluster import Namespace, wait_until
from tests.support.faults.acts import cut_in_mid_json, refuse, send_error_event
from tests.support.faults.exchange import Act
from tests.support.faults.proxy import FaultProxy

RESOURCE = "/nemotrondeployments$"

FATAL = {
    "an error event with code 500": send_error_event(500),
    "an error event without a code": send_error_event(None),
    "an end in the middle of a line": cut_in_mid_json(),
    "a single 401": refuse(401),
    "a 404": refuse(404),
    "a 429 that names a date": refuse(429, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}),
}


@pytest.fixture
def bare_kopf(
    operator_kubeconfig: Path, namespace: Namespace, tmp_path: Path, proxy: FaultProxy
) -> Iterator[subprocess.Popen[bytes]]:
    """Bare kopf at work, with the operator's permissions."""
    script = Path(__file__).with_name("bare_kopf.py")
    command = [sys.executable, "-m", "kopf", "run", "--standalone", "--namespace", namespace.name, str(script)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, env={"KUBECONFIG": str(operator_kubeconfig)}, stdout=log, stderr=log)
    wait_until("it watches", lambda: proxy.count_open_watches(RESOURCE) == 1)
    yield process
    process.kill()
    process.wait()
    print((tmp_path / "log").read_text())


@pytest.mark.parametrize("act", FATAL.values(), ids=FATAL.keys())
def test_bare_kopf_is_ended_by(act: Act, bare_kopf: subprocess.Popen[bytes], proxy: FaultProxy) -> None:
    fault = proxy.add(act, verb="watch", path=RESOURCE)
    proxy.end_watches(RESOURCE)
    assert bare_kopf.wait(timeout=30) != 0
    assert 1 == fault.hits
