"""What the probe beside every engine costs: CPU and memory, asked as the kubelet asks."""

import os
import socket
import subprocess
import sys
import time
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection
from importlib import resources
from pathlib import Path

from lab.errors import LabError
from tests.bench.table import print_figure
from tests.unit.probe.fake_engine import FakeEngine, serving

SECONDS = 60
"""How long the kubelet asks."""

PERIODS_SECONDS = {"/ready": 5.0, "/live": 10.0}
"""How often the kubelet asks what, as it is rendered."""

FIRST_SECONDS = {"/ready": 0.0, "/live": 2.5}
"""When it begins: so far apart that no two of them share a look, which is the dearest case."""

START_SECONDS = 20

_METRICS = Path(__file__).parent / "vllm_metrics.txt"
"""A page of vLLM 0.32."""


def measure_probe() -> None:
    """Run the program beside a server that shows a real page of metrics, and print what it took."""
    program = resources.files("nemotron_operator.probe").joinpath("engine_probe.py").read_text()
    port = _find_free_port()
    budgets = ["--stall-seconds=60", "--hang-seconds=300", "--canary-seconds=60"]
    with serving(FakeEngine(_find_free_port(), whole_page=_METRICS.read_text())) as engine:
        arguments = [f"--engine-port={engine.port}", f"--port={port}", "--model=tiny", *budgets]
        command = [sys.executable, "-I", "-c", program, *arguments]
        with subprocess.Popen(command, env={}, stdout=subprocess.DEVNULL) as process:
            try:
                _wait_until_ready(port)
                before = _read_cpu_seconds(process.pid)
                longest_seconds = _ask_as_the_kubelet(port)
                after = _read_cpu_seconds(process.pid)
                memory_bytes = _read_memory_bytes(process.pid)
            finally:
                process.terminate()
    print_figure(f"probe: CPU, {SECONDS} s of the kubelet's probes, of one core", f"{(after - before) / SECONDS:.3%}")
    print_figure("probe: CPU of its start", f"{before:.2f} s")
    print_figure("probe: resident memory", f"{memory_bytes / 2**20:.1f} MiB")
    print_figure("probe: longest answer", f"{longest_seconds * 1000:.0f} ms")


def _ask_as_the_kubelet(port: int) -> float:
    """Ask at the kubelet's times; return how long the slowest answer took."""
    times = sorted(
        (first + turn * PERIODS_SECONDS[path], path)
        for path, first in FIRST_SECONDS.items()
        for turn in range(int(SECONDS / PERIODS_SECONDS[path]))
    )
    started, longest_seconds = time.monotonic(), 0.0
    for seconds, path in [*times, (SECONDS, "/ready")]:
        time.sleep(max(0.0, started + seconds - time.monotonic()))
        asked = time.monotonic()
        if not _is_ok(port, path):
            raise LabError(f"the probe's {path} was not 200 after {seconds:.0f} s")
        longest_seconds = max(longest_seconds, time.monotonic() - asked)
    return longest_seconds


def _wait_until_ready(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _is_ok(port, "/ready"):
        if time.monotonic() > deadline:
            raise LabError(f"the probe was not ready within {START_SECONDS} s")
        time.sleep(0.1)


def _is_ok(port: int, path: str) -> bool:
    with closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        try:
            connection.request("GET", path)
            return connection.getresponse().status == HTTPStatus.OK
        except ConnectionRefusedError:
            return False


def _find_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def _read_cpu_seconds(pid: int) -> float:
    """Read user and system time."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _read_memory_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
