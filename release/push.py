"""Push the packages of the charts to a registry, and name each by what the registry calls it."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from release.errors import ReleaseError

_DIGEST = re.compile(r"^Digest: (sha256:[0-9a-f]{64})$", re.MULTILINE)


def push_charts(helm: Path, folder: Path, target: str, flags: Sequence[str] = ()) -> list[str]:
    """Push every chart of a folder to `oci://...`; return their names by digest."""
    packages = sorted(folder.glob("*.tgz"))
    if not packages:
        raise ReleaseError(f"{folder} has no chart to push: run `python -m release assemble --output {folder}` first.")
    return [_push(helm, package, target, flags) for package in packages]


def _push(helm: Path, package: Path, target: str, flags: Sequence[str]) -> str:
    command = [str(helm), "push", str(package), target, *flags]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    # Helm 3 and Helm 4 do not agree on where they tell it.
    digest = _DIGEST.search(answer.stdout + answer.stderr)
    if answer.returncode != 0 or digest is None:
        raise ReleaseError(f"{package.name}: helm push to {target} failed.\n{answer.stderr.strip()}")
    name = package.name.removesuffix(".tgz").rpartition("-")[0]
    return f"{target.removeprefix('oci://')}/{name}@{digest[1]}"
