"""A Debian with Python as a base for images, where no registry can be reached: made once from Debian's packages."""

import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from lab.file_lock import file_lock
from lab.input_digest import digest_texts
from lab.watched_process import run_watched

SUITE = "bookworm"
"""The Debian whose python3 is the 3.11 of the public images."""

PACKAGES = ("ca-certificates", "python3.11")
"""What the base has beyond the minimum, as python:3.11-slim does."""

ARCHIVE_NAME = "debian-python.tar"
"""As images/debian/Dockerfile calls it."""

_UNUSED = ("var/cache", "var/lib/apt/lists", "usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man")
"""Left out of the base, as the public slim images do."""


def make_base_archive(home: Path, say: Callable[[str], None]) -> Path:
    """Return the folder that holds the base's root file system as an archive, made unless it is there."""
    folder = home / f"base-{SUITE}-{digest_texts(SUITE, *PACKAGES, *_UNUSED)}"
    with file_lock(home / ".base.lock", on_wait=lambda: say("debian base: another process is making it; waiting")):
        if not folder.exists():
            started = time.monotonic()
            say(f"debian base: making a minimal {SUITE} with {', '.join(PACKAGES)} from packages, once; about a minute")
            _make_aside(folder, say)
            say(f"debian base: made in {time.monotonic() - started:.0f} s, kept in {folder}")
    return folder


def _make_aside(folder: Path, say: Callable[[str], None]) -> None:
    """Make it in a folder beside the real one and rename that: a reader never sees half a base."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".base-") as temporary:
        root, finished = Path(temporary) / "root", Path(temporary) / "finished"
        command = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(root)]
        run_watched(command, "debian base", Path(temporary) / "log", say)
        finished.mkdir()
        with tarfile.open(finished / ARCHIVE_NAME, "w") as tar:
            tar.add(root, arcname=".", filter=_leave_out_unused)
        finished.rename(folder)


def _leave_out_unused(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Keep the folder itself, without what is in it."""
    inside = entry.name.removeprefix("./")
    return None if any(inside.startswith(f"{unused}/") for unused in _UNUSED) else entry
