import json
import signal
import time
from collections.abc import Callable

import pytest

from lab.hub import Hub
from nemotron_operator.volume.piece import piece_path, size_of
from tests.unit.downloader.command import END_SECONDS, FILES, REPOSITORY, WANTED, Command

pytestmark = pytest.mark.program

MIB = 1 << 20

ARRIVED_BYTES = 12 * MIB + 12_345
"""What arrives before the run is ended."""

SHARD = "model-00001-of-00002.safetensors"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_was_ended_in_mid_download_is_continued(hub: Hub, command: Command, how: signal.Signals) -> None:
    content = bytes(range(256)) * (24 * MIB // 256)
    hub.push(REPOSITORY, {**FILES, SHARD: content})
    hub.stall(SHARD, after_bytes=ARRIVED_BYTES)
    with command.start() as process:
        wait_until(lambda: size_of(piece_path(command.staging, SHARD)) == ARRIVED_BYTES)
        process.send_signal(how)
        process.communicate(timeout=END_SECONDS)
    assert (75 if how == signal.SIGTERM else -how) == process.returncode

    ended = command.run()
    assert 0 == ended.exit_code
    assert content == (command.published / SHARD).read_bytes()
    size_bytes = len(content) + sum(len(FILES[path]) for path in WANTED - {SHARD})
    assert size_bytes == hub.bytes_sent.total(), "no byte is sent twice"
    assert ended.outcome["fetchedBytes"] <= size_bytes - ARRIVED_BYTES


def test_a_person_who_interrupts_reads_a_sentence_and_the_same_command_goes_on(hub: Hub, command: Command) -> None:
    hub.stall(SHARD, after_bytes=1000)
    with command.start() as process:
        wait_until(lambda: size_of(piece_path(command.staging, SHARD)) == 1000)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=END_SECONDS)
    assert 130 == process.returncode
    assert "Traceback" not in stderr
    assert "Interrupted. What is there stays: the same command goes on with it." in stderr
    assert all("progress" in json.loads(line) for line in stdout.splitlines())
    hub.release()
    ended = command.run()
    assert 0 == ended.exit_code
    assert ended.outcome["fetchedBytes"] <= sum(len(FILES[path]) for path in WANTED) - 1000


def test_two_processes_at_once_download_once(hub: Hub, command: Command) -> None:
    hub.stall(SHARD, after_bytes=1000)
    with command.start() as first:
        wait_until(lambda: hub.bytes_sent[SHARD] > 0)
        with command.start() as second:
            assert second.stderr is not None
            assert any("waiting for it" in line for line in second.stderr)
            hub.release()
            outcomes = [
                json.loads(process.communicate(timeout=END_SECONDS)[0].splitlines()[-1]) for process in (first, second)
            ]
    assert ["Complete", "Complete"] == [outcome["outcome"] for outcome in outcomes]
    size_bytes = sum(len(FILES[path]) for path in WANTED)
    assert [size_bytes, 0] == [outcome["fetchedBytes"] for outcome in outcomes]
    assert {path: len(FILES[path]) for path in WANTED} == dict(hub.bytes_sent)
    strange = [seen.path for seen in hub.requests if REPOSITORY not in seen.path]
    assert [] == strange, "the client asks for more than the model"


def wait_until(happened: Callable[[], bool], timeout_seconds: float = 60) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)
