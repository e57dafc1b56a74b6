"""Build one Go module's programs, tell the person how far it is, and leave nothing half-done behind."""

import math
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from lab.errors import LabError
from lab.file_lock import file_lock
from lab.go_toolchain import require_go
from lab.tools import GoModule

PROGRESS_SECONDS = 10
"""How often a running build says how far it is."""

_ERROR_LINES = 20


def build(module: GoModule, say: Callable[[str], None]) -> Path:
    """Build a module's programs into the user's cache, unless another process did so meanwhile."""
    lock = module.output.with_name(f".{module.output.name}.lock")
    with file_lock(lock, on_wait=lambda: say(f"{module.name}: another process is building it; waiting")):
        if not module.output.is_dir():
            _build_aside(module, say)
    return module.output


def _build_aside(module: GoModule, say: Callable[[str], None]) -> None:
    """Build in a folder beside the real one and rename it: a reader never sees half a build."""
    go = require_go(", ".join(module.packages), (module.source / "go.mod").read_text())
    with tempfile.TemporaryDirectory(dir=module.output.parent, prefix=f".{module.name}-") as folder:
        programs = Path(folder) / "programs"
        programs.mkdir()
        _announce(module, say)
        started = time.monotonic()
        total = _count_packages(go, module, say)
        _run_build(go, module, programs, say, total)
        programs.rename(module.output)
    say(f"{module.name}: built in {time.monotonic() - started:.0f} s, kept in {module.output}")


def _announce(module: GoModule, say: Callable[[str], None]) -> None:
    say(f"{module.name} {module.version}: building {', '.join(module.packages)} from pinned Go modules, once")
    estimate = describe_estimate(module.cpu_seconds, os.cpu_count() or 1)
    say(f"{module.name}: {estimate}, less where Go has cached packages")


def describe_estimate(cpu_seconds: int, cores: int) -> str:
    """Turn CPU time into what a person waits."""
    minutes = math.ceil(cpu_seconds / cores / 60)
    wait = f"{minutes} minutes" if minutes > 1 else "a minute"
    return f"about {wait} on {cores} cores"


def _count_packages(go: Path, module: GoModule, say: Callable[[str], None]) -> int:
    say(f"{module.name}: fetching sources and counting packages")
    listing = subprocess.run(
        [go, "list", "-deps", *_tag_flags(module), *module.packages.values()],
        cwd=module.source,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode != 0:
        raise LabError(f"{module.name}: its sources cannot be listed.\n{_tail(listing.stderr)}")
    return len(listing.stdout.splitlines())


def _run_build(go: Path, module: GoModule, programs: Path, say: Callable[[str], None], total: int) -> None:
    log = programs.with_name("build.log")
    flags = ["-v", "-trimpath", "-ldflags", _linker_flags(module), "-o", _target(module, programs), *_tag_flags(module)]
    command = [str(go), "build", *flags, *module.packages.values()]
    with log.open("w") as stderr:
        process = subprocess.Popen(command, cwd=module.source, env=_environment(), stderr=stderr)
        try:
            _watch(process, log, module, say, total)
        finally:
            process.kill()
    if process.returncode != 0:
        raise LabError(f"{module.name}: the build failed.\n{_tail(log.read_text())}")


def _watch(
    process: subprocess.Popen[bytes], log: Path, module: GoModule, say: Callable[[str], None], total: int
) -> None:
    started = time.monotonic()
    while True:
        try:
            process.wait(timeout=PROGRESS_SECONDS)
        except subprocess.TimeoutExpired:
            # `go build -v` writes one line for each package that it compiles.
            compiled = len(log.read_text().splitlines())
            say(f"{module.name}: {time.monotonic() - started:.0f} s, compiled {compiled} of at most {total} packages")
        else:
            return


def _linker_flags(module: GoModule) -> str:
    versions = [f"-X {variable}={value}" for variable, value in module.version_variables.items()]
    return " ".join(["-s -w", *versions])


def _tag_flags(module: GoModule) -> list[str]:
    return ["-tags", ",".join(module.build_tags)] if module.build_tags else []


def _target(module: GoModule, programs: Path) -> str:
    """Name a single program ourselves: Go would call etcd `server`."""
    names = list(module.packages)
    return str(programs / names[0]) if len(names) == 1 else f"{programs}/"


def _environment() -> dict[str, str]:
    return {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}


def _tail(text: str) -> str:
    lines = text.strip().splitlines()
    return "\n".join(f"  {line}" for line in lines[-_ERROR_LINES:])
