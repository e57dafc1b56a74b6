"""Receive step: the requests come on stdin, and are there as a whole or not at all."""

import hashlib
import os
import uuid
from typing import IO

from nemotron_operator.batch.errors import CutError
from nemotron_operator.batch.outcome import Complete
from nemotron_operator.batch.place import ARRIVING, Place

PIECE_BYTES = 1 << 20
"""How much is copied at once."""


def receive(source: IO[bytes], place: Place, sha256: str) -> Complete:
    """Write the requests onto the volume, under a name of their own until they are whole: others may write too.

    Raises
    ------
    CutError
        They are not what was sent; nothing is kept then.
    """
    place.make()
    requests, arriving = 0, place.directory / f"{ARRIVING}{uuid.uuid4().hex}"
    with arriving.open("xb") as file:
        while piece := source.read(PIECE_BYTES):
            requests += piece.count(b"\n")
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    with arriving.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != sha256:
        arriving.unlink()
        raise CutError(f"{requests} requests came, and not all that were sent. Run the same command again.")
    arriving.rename(place.requests)
    return Complete(total=requests, missing=requests, sha256=sha256)
