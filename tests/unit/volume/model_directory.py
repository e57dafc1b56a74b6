"""A small model in a directory, and the command under test."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest

from nemotron_operator.volume.main import main
from nemotron_operator.volume.manifest import Manifest, ManifestFile, make_manifest
from nemotron_operator.volume.place import Place
from nemotron_operator.volume.publish import publish

COMMIT = "0123456789abcdef" * 2 + "01234567"

REPOSITORY = "acme/tiny-nemotron"

SCRIPT = Path(sys.executable).with_name("nemotron-volume")


def safetensors(data: bytes, tensor: str = "weight") -> bytes:
    """Make a file with one tensor of bytes."""
    header = json.dumps(
        {
            "__metadata__": {"format": "pt"},
            tensor: {"dtype": "U8", "shape": [len(data)], "data_offsets": [0, len(data)]},
        }
    ).encode()
    return len(header).to_bytes(8, "little") + header + data


SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")

FILES: Mapping[str, bytes] = {
    "config.json": b'{"architectures": ["NemotronHForCausalLM"]}\n',
    "tokenizer.json": b'{"version": "1.0"}\n',
    "chat/template.jinja": b"{{ messages }}\n",
    SHARDS[0]: safetensors(b"a" * 1000, "first"),
    SHARDS[1]: safetensors(b"b" * 500, "second"),
    "model.safetensors.index.json": json.dumps(
        {
            "metadata": {},
            "weight_map": {"first": SHARDS[0], "second": SHARDS[1]},
        }
    ).encode(),
}


def write_files(directory: Path, files: Mapping[str, bytes] = FILES) -> None:
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def manifest_of(files: Mapping[str, bytes] = FILES) -> Manifest:
    listed = (ManifestFile(path, len(content), hashlib.sha256(content).hexdigest()) for path, content in files.items())
    return make_manifest(REPOSITORY, COMMIT, (), listed)


def publish_files(volume: Path) -> Place:
    place = Place(volume, COMMIT)
    write_files(place.staging)
    publish(place, manifest_of())
    return place


@dataclass(frozen=True)
class Ended:
    """What a run of the command left."""

    exit_code: int
    outcome: dict[str, Any]
    log: str

    @property
    def failure(self) -> tuple[int, str]:
        """The exit code, and the reason."""
        return self.exit_code, self.outcome["reason"]


@dataclass(frozen=True)
class Command:
    """`nemotron-volume`, in this process or in one of its own."""

    volume: Path
    message_path: Path
    capsys: pytest.CaptureFixture[str]

    def run(self, *arguments: object) -> Ended:
        self.capsys.readouterr()
        exit_code = main(self._complete(arguments))
        written = self.capsys.readouterr()
        return self._end(exit_code, written.out, written.err)

    @contextmanager
    def start(self, *arguments: object) -> Iterator[subprocess.Popen[str]]:
        """Run it in a process of its own, which does not outlive the context."""
        with subprocess.Popen([SCRIPT, *self._complete(arguments)], stdout=PIPE, stderr=PIPE, text=True) as process:
            try:
                yield process
            finally:
                process.kill()

    def receive(self, archive: bytes, *arguments: object) -> Ended:
        complete = self._complete(("receive", "--destination", self.volume, *arguments))
        ended = subprocess.run([SCRIPT, *complete], input=archive, capture_output=True, env=os.environ, check=False)
        return self._end(ended.returncode, ended.stdout.decode(), ended.stderr.decode())

    def _complete(self, arguments: Sequence[object]) -> list[str]:
        return [*map(str, arguments), "--termination-message-path", str(self.message_path)]

    def _end(self, exit_code: int, stdout: str, stderr: str) -> Ended:
        (line,) = stdout.splitlines()
        assert line + "\n" == self.message_path.read_text()
        return Ended(exit_code, json.loads(line), stderr)
