from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import close_session

from lab.hub import Hub
from tests.unit.downloader.command import FILES, REPOSITORY, Command


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub({REPOSITORY: FILES}) as hub:
        yield hub
        close_session()


@pytest.fixture
def command(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    volume = tmp_path / "volume"
    volume.mkdir()
    return Command(hub, volume, tmp_path / "termination-log", monkeypatch, capsys)
