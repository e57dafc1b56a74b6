"""Checkov in an environment of its own: it pins dozens of packages to versions that ours are not."""

import hashlib
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from pathlib import Path

from lab.directories import SOURCES, lab_home
from lab.errors import LabError
from lab.file_lock import file_lock

VERSION = "3.3.30"
"""The version that `requirements/checkov.txt` installs."""

_REQUIREMENTS = SOURCES.parent / "requirements" / "checkov.txt"
_COMPLETE = ".complete"


def find_or_install_checkov(say: Callable[[str], None]) -> Path:
    """Return the program, installing it once for each lock and Python.

    Raises
    ------
    LabError
        The packages could not be installed.
    """
    folder = lab_home() / f"checkov-{VERSION}"
    with file_lock(
        folder.with_name(f".{folder.name}.lock"),
        on_wait=lambda: say("checkov: another process installs it; waiting"),
    ):
        mark, digest = folder / _COMPLETE, _digest()
        if not (mark.is_file() and mark.read_text() == digest):
            shutil.rmtree(folder, ignore_errors=True)
            _install(folder, say)
            mark.write_text(digest)
    return folder / "bin" / "checkov"


def _digest() -> str:
    return hashlib.sha256(sys.version.encode() + _REQUIREMENTS.read_bytes()).hexdigest()


def _install(folder: Path, say: Callable[[str], None]) -> None:
    say(f"checkov {VERSION}: installing 96 packages from {_REQUIREMENTS.name}, once (70 MB to fetch, under a minute)")
    started = time.monotonic()
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "-q", "--disable-pip-version-check", "install"]
    answer = subprocess.run(
        [*pip, "--no-compile", "--no-deps", "--require-hashes", "-r", str(_REQUIREMENTS)],
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        raise LabError(f"checkov: the installation failed; the same command tries again.\n{answer.stderr.strip()}")
    say(f"checkov: installed in {time.monotonic() - started:.0f} s, kept in {folder}")
