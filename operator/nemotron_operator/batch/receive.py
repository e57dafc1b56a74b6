"""Receive step: the requests come on stdin, and are there as a whole or not at all."""

import hashlib
import os
from typing import IO

from nemotron_operator.batch.errors import CutError
from nemotron_operator.batch.outcome import Complete
from nemotron_operator.batch.place import Place

PIECE_BYTES = 1 << 20
"""How much is copied at once."""


def receive(source: IO[bytes], place: Place, sha256: str) -> Complete:
    """Write the requests onto the volume.

    Raises
    ------
    CutError
        They are not what was sent; nothing is kept then.
    """
    place.make()
    digest, requests = hashlib.sha256(), 0
    arriving = place.requests.with_suffix(".new")
    with arriving.open("wb") as file:
        while piece := source.read(PIECE_BYTES):
            digest.update(piece)
            requests += piece.count(b"\n")
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    if digest.hexdigest() != sha256:
        arriving.unlink()
        raise CutError(f"{requests} requests came, and not all that were sent. Run the same command again.")
    arriving.rename(place.requests)
    return Complete(total=requests, missing=requests, sha256=sha256)
