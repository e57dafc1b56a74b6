import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.volume.model_directory import Command


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    volume = tmp_path / "volume"
    volume.mkdir()
    return volume


@pytest.fixture
def command(volume: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield Command(volume, tmp_path / "termination-log", capsys)
    for number, handler in handlers.items():
        signal.signal(number, handler)
