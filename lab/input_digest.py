"""What a built thing is made of, as one short name: the same inputs give the same name, and nothing is built again."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

DIGEST_LENGTH = 12
"""Hexadecimal digits: enough that two inputs of one machine never meet, and short enough to read."""


def digest_texts(*texts: str) -> str:
    """Digest texts in their order."""
    return _digest(text.encode() for text in texts)


def digest_files(root: Path, names: Iterable[str], *texts: str) -> str:
    """Digest files, and the files in folders, by name and content, then further texts."""
    return _digest([*_read_files(root, names), *(text.encode() for text in texts)])


def _read_files(root: Path, names: Iterable[str]) -> Iterator[bytes]:
    for name in names:
        path = root / name
        for file in sorted(_list_files(path)) if path.is_dir() else [path]:
            yield file.relative_to(root).as_posix().encode()
            yield file.read_bytes()


def _list_files(folder: Path) -> Iterator[Path]:
    """Leave out bytecode, which comes and goes as Python runs."""
    return (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        # With its length, so that no two lists run together into the same bytes.
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()[:DIGEST_LENGTH]
