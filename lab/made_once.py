"""Folders that are made once for each lock and kept: environments, and what is unpacked beside them."""

import hashlib
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lab.file_lock import file_lock

Say = Callable[[str], None]

_COMPLETE = ".complete"


def digest_lock(requirements: Path) -> str:
    """Tell by the lock and this Python."""
    return hashlib.sha256(sys.version.encode() + requirements.read_bytes()).hexdigest()


def make_once(folder: Path, digest: str, make: Callable[[Path, Say], None], say: Say) -> None:
    """Make a folder unless it is complete and made from the same lock; what is half made is made anew."""
    mark = folder / _COMPLETE
    with file_lock(
        folder.with_name(f".{folder.name}.lock"),
        on_wait=lambda: say(f"{folder.name}: another process makes it; waiting"),
    ):
        if mark.is_file() and mark.read_text() == digest:
            return
        shutil.rmtree(folder, ignore_errors=True)
        started = time.monotonic()
        make(folder, say)
        mark.write_text(digest)
        say(f"{folder.name}: ready after {time.monotonic() - started:.0f} s, kept in {folder}")
