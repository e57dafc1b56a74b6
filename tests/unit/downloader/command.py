"""The command under test, in this process or in one of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.hub import Hub
from nemotron_operator.downloader.main import main
from nemotron_operator.downloader.patience import Patience

REPOSITORY = "acme/tiny-nemotron"
"""The repository of most tests."""

FILES: Mapping[str, bytes] = {
    "config.json": b'{"architectures": ["NemotronHForCausalLM"]}\n',
    "model-00001-of-00002.safetensors": bytes(range(256)) * 40,
    "model-00002-of-00002.safetensors": bytes(reversed(range(256))) * 30,
    "tokenizer.json": b'{"version": "1.0"}\n',
    "chat/template.jinja": b"{{ messages }}\n",
    "modeling_nemotron.py": b"import os\n",
    "tokenization_nemotron.py": b"import os\n",
    "tokenizer_nemotron.py": b"import os\n",
    "pytorch_model.bin": b"\x80\x04.",
    "README.md": b"# Tiny\n",
}
"""A repository with what a server needs, and with what it must not get."""

WANTED = {"config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "tokenizer.json"} | {
    "chat/template.jinja"
}
"""The files of it that are fetched."""

BRISK = Patience(attempts=3, first_pause_seconds=0.001, longest_pause_seconds=0.01)
"""A patience that a test can wait for."""

END_SECONDS = 120
"""How long a process may take to its end; more than a few seconds on a busy machine only."""


@dataclass(frozen=True)
class Ended:
    """What a run of the command left."""

    exit_code: int
    stdout: str
    stderr: str
    termination_message: str

    @property
    def outcome(self) -> dict[str, Any]:
        """The JSON of the last line, which is also the termination message."""
        last = self.stdout.splitlines()[-1]
        assert self.termination_message == last + "\n"
        content: dict[str, Any] = json.loads(last)
        return content

    @property
    def everything(self) -> str:
        """All that anybody could read."""
        return self.stdout + self.stderr + self.termination_message


@dataclass(frozen=True)
class Command:
    """`nemotron-download` for one hub and one volume."""

    hub: Hub
    volume: Path
    message_path: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def arguments(self, revision: str, repository: str = REPOSITORY) -> list[str]:
        return [
            *("--repository", repository),
            *("--revision", revision),
            *("--destination", str(self.volume)),
            *("--termination-message-path", str(self.message_path)),
        ]

    def run(self, *extra: str, revision: str = "main", repository: str = REPOSITORY, token: str = "") -> Ended:
        """Run it in this process."""
        self.message_path.unlink(missing_ok=True)
        self.monkeypatch.setenv("HF_ENDPOINT", self.hub.url)
        self.monkeypatch.setenv("HF_TOKEN", token)
        self.capsys.readouterr()
        exit_code = main([*self.arguments(revision, repository), *extra], BRISK)
        written = self.capsys.readouterr()
        return Ended(exit_code, written.out, written.err, self.message_path.read_text())

    @contextmanager
    def start(self, revision: str = "main", *extra: str) -> Iterator[subprocess.Popen[str]]:
        """Run it in a process of its own, which does not outlive the context."""
        script = Path(sys.executable).with_name("nemotron-download")
        settings = {
            "HF_ENDPOINT": self.hub.url,
            "HF_HOME": str(self.volume.with_name("home")),
            "HF_HUB_DOWNLOAD_TIMEOUT": "60",
            "HF_TOKEN": "",
        }
        arguments, pipe = [str(script), *self.arguments(revision), *extra], subprocess.PIPE
        with subprocess.Popen(arguments, env=os.environ | settings, stdout=pipe, stderr=pipe, text=True) as process:
            try:
                yield process
            finally:
                process.kill()

    @property
    def published(self) -> Path:
        """The directory that the head of the repository is published in."""
        return self.volume / self.hub.commit(REPOSITORY)

    @property
    def staging(self) -> Path:
        """The directory that the head of the repository is staged in."""
        return self.volume / ".staging" / self.hub.commit(REPOSITORY)
