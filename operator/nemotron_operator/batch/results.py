"""Results step: of all parts, one line for each request, in the order of the requests."""

import hashlib
from pathlib import Path
from typing import IO

from nemotron_operator.batch.answers import Answers, Line, Verdict, read_answers
from nemotron_operator.batch.outcome import Complete
from nemotron_operator.batch.place import Place
from nemotron_operator.batch.requests import read_requests


def write_results(place: Place, target: IO[bytes]) -> Complete:
    """Write what there is; requests without any line are counted as missing.

    Raises
    ------
    NoRequestsError
        Nothing was sent.
    """
    answers, digest = read_answers(place.list_parts()), hashlib.sha256()
    files: dict[Path, IO[bytes]] = {}
    try:
        for request in read_requests(place.requests):
            line = answers.best.get(request.custom_id)
            if line is not None:
                text = _read(line, files)
                digest.update(text)
                target.write(text)
    finally:
        for file in files.values():
            file.close()
    target.flush()
    return count(place, answers, digest.hexdigest())


def count(place: Place, answers: Answers, sha256: str | None = None) -> Complete:
    """Count what became of the requests."""
    total = answered = refused = 0
    for request in read_requests(place.requests):
        total += 1
        line = answers.best.get(request.custom_id)
        if line is not None:
            is_answered = line.verdict == Verdict.ANSWERED
            answered += is_answered
            refused += not is_answered
    return Complete(total, answered, refused, total - answered - refused, sha256)


def _read(line: Line, files: dict[Path, IO[bytes]]) -> bytes:
    if line.part not in files:
        files[line.part] = line.part.open("rb")
    files[line.part].seek(line.offset)
    return files[line.part].read(line.size_bytes)
