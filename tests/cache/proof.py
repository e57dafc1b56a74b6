"""What must hold after every run, whatever happened to it, judged by the disk and by what the hub sent."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from lab.hub import Hub, SentRange, StoredFile
from tests.cache.repository import MIB, REPOSITORY, UNWANTED

MANIFEST = ".nemotron-manifest.json"

IDENTIFYING_BYTES = 16
"""How much of the beginning of a file tells which file of the repository it is: the shards are random bytes."""


def wanted_files(hub: Hub, commit: str) -> dict[str, StoredFile]:
    """Give what a published directory of this commit must have."""
    return {path: file for path, file in hub.files(REPOSITORY, commit).items() if path not in UNWANTED}


def assert_whole_or_absent(hub: Hub, volume: Path) -> None:
    """See that every published directory has exactly the bytes of the hub, and a manifest that says so."""
    for directory in volume.iterdir():
        if not directory.name.startswith("."):
            assert_whole(directory, wanted_files(hub, directory.name))


def assert_whole(directory: Path, wanted: Mapping[str, StoredFile]) -> None:
    """Compare every file's digest with that of the hub's content, and the manifest with both."""
    expected = {path: hashlib.sha256(file.content).hexdigest() for path, file in wanted.items()}
    present = [path for path in directory.rglob("*") if path.is_file() and path.name != MANIFEST]
    assert expected == {str(p.relative_to(directory)): hashlib.sha256(p.read_bytes()).hexdigest() for p in present}
    listed = json.loads((directory / MANIFEST).read_bytes())["files"]
    assert expected == {file["path"]: file["sha256"] for file in listed}
    assert {path: len(file.content) for path, file in wanted.items()} == {f["path"]: f["bytes"] for f in listed}


def held_bytes(hub: Hub, volume: Path, commit: str) -> dict[str, int]:
    """Tell how much of the beginning of each file the disk holds, under whatever name it lies there.

    Notes
    -----
    A file with a byte that is not the hub's holds nothing: it has to be fetched again.
    """
    wanted = wanted_files(hub, commit)
    held = dict.fromkeys(wanted, 0)
    for directory in (volume / ".staging" / commit, volume / commit):
        for found in (path for path in directory.rglob("*") if path.is_file()):
            with suppress(FileNotFoundError):  # while a process works, files are renamed
                path, size_bytes = _identify(found, wanted), found.stat().st_size
                if path is not None:
                    held[path] = max(held[path], size_bytes)
    return held


def assert_nothing_sent_twice(held: Mapping[str, int], sent: Iterable[SentRange]) -> None:
    """See that the hub sent no byte that the disk held before."""
    twice = [f"{each} although {held[each.file]} bytes were held" for each in sent if _overlap_bytes(held, each)]
    assert [] == twice


def _overlap_bytes(held: Mapping[str, int], sent: SentRange) -> int:
    end = min(sent.first_byte + sent.size_bytes, held.get(sent.file, 0))
    return max(end - sent.first_byte, 0)


def _identify(found: Path, wanted: Mapping[str, StoredFile]) -> str | None:
    """Find the file of the repository that begins with what was found."""
    with found.open("rb") as file:
        beginning = file.read(IDENTIFYING_BYTES)
    candidates = (path for path, each in wanted.items() if beginning and each.content[: len(beginning)] == beginning)
    return next((path for path in candidates if _begins_with(wanted[path].content, found)), None)


def _begins_with(content: bytes | memoryview, found: Path) -> bool:
    if found.stat().st_size > len(content):
        return False
    with found.open("rb") as file:
        pieces = iter(lambda: file.read(MIB), b"")
        return all(content[number * MIB : number * MIB + len(piece)] == piece for number, piece in enumerate(pieces))
