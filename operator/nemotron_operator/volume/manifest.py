"""The manifest: the list of files, with digests, that makes a published directory checkable without the hub."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nemotron_operator.volume.piece import stays_inside
from nemotron_operator.volume.weights import WEIGHTS_SUFFIX

MANIFEST_NAME = ".nemotron-manifest.json"
"""The manifest's name in the published directory."""


@dataclass(frozen=True)
class ManifestFile:
    """A file whose bytes were verified."""

    path: str
    """Where it lies in the directory, with slashes."""

    size_bytes: int
    """How long it is."""

    sha256: str
    """The digest of its content, for small files too."""


@dataclass(frozen=True)
class Manifest:
    """What a published directory holds. The same content always renders to the same bytes."""

    repository: str
    """Where the files came from."""

    commit: str
    """The commit of the repository."""

    extra_patterns: tuple[str, ...]
    """What was asked for besides the default patterns: it tells a directory without code from one with code."""

    files: tuple[ManifestFile, ...]
    """The files, in the order of their paths."""

    @property
    def size_bytes(self) -> int:
        """The size of all files together, the manifest not counted."""
        return sum(file.size_bytes for file in self.files)

    @property
    def weights(self) -> tuple[str, ...]:
        """The paths of the weights, in the order in which a server loads them."""
        return tuple(file.path for file in self.files if file.path.endswith(WEIGHTS_SUFFIX))

    @property
    def sha256(self) -> str:
        """The digest of the manifest as it is written."""
        return hashlib.sha256(self.render()).hexdigest()

    def render(self) -> bytes:
        """Render the bytes of the manifest file."""
        content = {
            "repository": self.repository,
            "commit": self.commit,
            "extraPatterns": list(self.extra_patterns),
            "bytes": self.size_bytes,
            "files": [{"path": f.path, "bytes": f.size_bytes, "sha256": f.sha256} for f in self.files],
        }
        return (json.dumps(content, indent=1) + "\n").encode()


def make_manifest(
    repository: str, commit: str, extra_patterns: Iterable[str], files: Iterable[ManifestFile]
) -> Manifest:
    """Put everything into its order, so that equal content has an equal digest."""
    return Manifest(
        repository=repository,
        commit=commit,
        extra_patterns=tuple(sorted(set(extra_patterns))),
        files=tuple(sorted(files, key=lambda f: f.path)),
    )


def read_manifest(directory: Path) -> Manifest | None:
    """Read a directory's manifest; None if there is none that can be read, or it names files outside."""
    try:
        content = json.loads((directory / MANIFEST_NAME).read_bytes())
        return _parse_manifest(content)
    except (FileNotFoundError, NotADirectoryError, KeyError, TypeError, ValueError, RecursionError):
        return None


def _parse_manifest(content: dict[str, Any]) -> Manifest:
    return make_manifest(
        repository=content["repository"],
        commit=content["commit"],
        extra_patterns=content["extraPatterns"],
        files=[_parse_file(file) for file in content["files"]],
    )


def _parse_file(file: dict[str, Any]) -> ManifestFile:
    path, size_bytes, sha256 = file["path"], file["bytes"], file["sha256"]
    if not (isinstance(path, str) and isinstance(size_bytes, int) and isinstance(sha256, str) and stays_inside(path)):
        raise ValueError(f"no file of a directory: {file!r}")
    return ManifestFile(path, size_bytes, sha256)
