"""Checkov in an environment of its own: it pins dozens of packages to versions that ours are not."""

import subprocess
import venv
from pathlib import Path

from lab.directories import SOURCES, lab_home
from lab.errors import LabError
from lab.made_once import Say, digest_lock, make_once

VERSION = "3.3.30"
"""The version that `requirements/checkov.txt` installs."""

_REQUIREMENTS = SOURCES.parent / "requirements" / "checkov.txt"


def find_or_install_checkov(say: Say) -> Path:
    """Return the program, installing it once for each lock and Python.

    Raises
    ------
    LabError
        The packages could not be installed.
    """
    folder = lab_home() / f"checkov-{VERSION}"
    make_once(folder, digest_lock(_REQUIREMENTS), _install, say)
    return folder / "bin" / "checkov"


def _install(folder: Path, say: Say) -> None:
    say(f"checkov {VERSION}: installing 96 packages from {_REQUIREMENTS.name}, once (70 MB to fetch, under a minute)")
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
