"""The operator of a later release: this package with another version, that renders something else."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import nemotron_operator
from lab.control_plane import ControlPlane
from lab.operator_process import make_operator, start_operator
from tests.support.cluster import RunningOperator

NEXT_VERSION = "99.0.0"

NEW_ARGUMENT = "--a-new-default=on"
"""What the later release adds to the engine's arguments."""

_EDITS = {
    "__init__.py": (f'"{nemotron_operator.__version__}"', f'"{NEXT_VERSION}"'),
    "render/templates/server_pod.yaml.j2": ("args: {{ arguments }}", f'args: {{{{ arguments + ["{NEW_ARGUMENT}"] }}}}'),
}
"""What differs, by file: a text and what stands there instead."""


def write_next_release(folder: Path) -> Path:
    """Write the package of the later release into a folder that goes onto PYTHONPATH, and return that folder."""
    package = folder / nemotron_operator.__name__
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(nemotron_operator.__file__).parent, package, ignore=ignored)
    for name, (before, after) in _EDITS.items():
        path = package / name
        if path.read_text().count(before) != 1:
            raise AssertionError(f"{name} does not hold {before!r} once: what the later release edits has changed")
        path.write_text(path.read_text().replace(before, after))
    return folder


@contextmanager
def running_instead(
    operator: RunningOperator, plane: ControlPlane, *, config: Path, package_folder: Path | None = None
) -> Iterator[RunningOperator]:
    """Run another operator in the place of one, as an upgrade does; at the end that one runs again."""
    component = make_operator(plane, "nemotron-operator-next", [f"--config={config}"])
    if package_folder is not None:
        component = replace(component, environment={**component.environment, "PYTHONPATH": str(package_folder)})
    operator.component.stop()
    try:
        later = RunningOperator(component, start_operator(component))
        later.wait_until_synced()
        yield later
    finally:
        component.stop()
        operator.restart()
