"""The archive that carries a bundle's model: a plain tar, written as it is sent, every byte checked on the way."""

import hashlib
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from nemotron_operator.cli.bundle.layout import Bundle, BundleError
from nemotron_operator.volume.manifest import MANIFEST_NAME, ManifestFile

PIECE_BYTES = 1 << 20
"""How much is read and written at once."""

END = bytes(2 * tarfile.BLOCKSIZE)
"""What ends an archive: one that was broken off lacks it, and nobody takes it for whole."""

ReportBytes = Callable[[int], None]
"""Called with how much was sent since the last call."""


def write_archive(bundle: Bundle, stream: IO[bytes], report: ReportBytes) -> None:
    """Write the published directory, its manifest first.

    Raises
    ------
    BundleError
        A file is not what the manifest says; the archive is then broken off.

    Notes
    -----
    The stream of the standard library copies what it buffers again and again, in pieces of 16 KiB; the format itself is
    a block before each file and zeros up to the next one.
    """
    commit = bundle.description.commit
    content = bundle.manifest.render()
    _write_header(stream, f"{commit}/{MANIFEST_NAME}", len(content))
    stream.write(content + _pad(len(content)))
    for file in bundle.manifest.files:
        _write_header(stream, f"{commit}/{file.path}", file.size_bytes)
        _write_content(stream, bundle.model_directory / file.path, file, report)
        stream.write(_pad(file.size_bytes))
    stream.write(END)


def _write_header(stream: IO[bytes], name: str, size_bytes: int) -> None:
    """Write a file's name and length; whose it was here means nothing there."""
    described = tarfile.TarInfo(name)
    described.size = size_bytes
    stream.write(described.tobuf(tarfile.PAX_FORMAT))


def _write_content(stream: IO[bytes], path: Path, file: ManifestFile, report: ReportBytes) -> None:
    sha256 = hashlib.sha256()
    with path.open("rb", buffering=0) as opened:
        while piece := opened.read(PIECE_BYTES):
            sha256.update(piece)
            stream.write(piece)
            report(len(piece))
    if sha256.hexdigest() != file.sha256:
        raise BundleError(
            f"{path}: is damaged: its sha256 must be {file.sha256} (found {sha256.hexdigest()}). Copy this file again "
            "from where the bundle was made."
        )


def _pad(size_bytes: int) -> bytes:
    """Fill the last block."""
    return bytes(-size_bytes % tarfile.BLOCKSIZE)
