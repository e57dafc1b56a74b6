from pathlib import Path

import pytest

from tests.unit.volume.model_directory import Command


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    volume = tmp_path / "volume"
    volume.mkdir()
    return volume


@pytest.fixture
def command(volume: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(volume, tmp_path / "termination-log", capsys)
