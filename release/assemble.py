"""Everything of a release that is no image, in one folder."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from lab.binaries import find_or_build_helm
from release.bill_of_materials import render_bill_of_materials
from release.charts import ReleasedImages, copy_charts, package_chart
from release.directories import ROOT
from release.errors import ReleaseError
from release.versions import read_version

CHECKSUMS = "checksums.txt"
"""The SHA-256 of every other file, as `sha256sum --check` reads it."""


def assemble(images: ReleasedImages, further: Iterable[Path], output: Path, say: Callable[[str], None]) -> None:
    """Write the packages of the charts, the wheel, the bill of materials, the names of the images, and checksums."""
    if output.exists() and any(output.iterdir()):
        raise ReleaseError(f"{output} is not empty: its files would be released too. Delete it, or name another.")
    output.mkdir(parents=True, exist_ok=True)
    epoch_seconds = read_commit_time()
    version = read_version()
    with tempfile.TemporaryDirectory() as folder:
        for chart in copy_charts(images, Path(folder), epoch_seconds):
            say(str(package_chart(find_or_build_helm(say), chart, output)))
    say(str(build_wheel(output, epoch_seconds)))
    _write(output / f"nemotron-operator-{version}.cdx.json", render_bill_of_materials(version, epoch_seconds), say)
    _write(output / "images.txt", "".join(f"{image}\n" for image in images.by_name().values()), say)
    for file in further:
        shutil.copy(file, output)
    _write(output / CHECKSUMS, render_checksums(output), say)


def build_wheel(output: Path, epoch_seconds: int) -> Path:
    """Build the wheel, with the commit's time for every file."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(output.absolute())]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch_seconds)}
    answer = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise ReleaseError(f"The wheel cannot be built.\n{answer.stderr.strip()}")
    return next(output.glob("*.whl"))


def read_commit_time() -> int:
    """Return when the commit was made: what stands in for the time of the build. Sources without git are told it."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        if not given.isascii() or not given.isdigit():
            raise ReleaseError(f"SOURCE_DATE_EPOCH is {given!r}, and must be seconds since 1970, such as 1790000000.")
        return int(given)
    command = ["git", "log", "-1", "--format=%ct"]
    try:
        answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        reason = error.stderr.strip() if isinstance(error, subprocess.CalledProcessError) else error
        raise ReleaseError(
            "A release is made from a git checkout that git trusts. Elsewhere set SOURCE_DATE_EPOCH to the seconds "
            f"since 1970 at which the sources were committed. {reason}"
        ) from error
    return int(answer.stdout)


def render_checksums(folder: Path) -> str:
    """Render a line for each file."""
    files = sorted(path for path in folder.iterdir() if path.name != CHECKSUMS)
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)


def _write(path: Path, text: str, say: Callable[[str], None]) -> None:
    path.write_text(text)
    say(str(path))
