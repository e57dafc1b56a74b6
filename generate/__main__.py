"""Write every generated file, or with `--check` name those that differ."""

import sys
from pathlib import Path

from generate.files import render_files

ROOT = Path(__file__).resolve().parent.parent
"""The repository."""


def main(arguments: list[str]) -> int:
    """Write what differs; with `--check` write nothing and fail if anything would be written."""
    is_check = "--check" in arguments
    stale = [path for path, text in render_files().items() if _read(ROOT / path) != text]
    for path in stale:
        print(f"{path}: {'differs from the code' if is_check else 'written'}")
        if not is_check:
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_text(render_files()[path])
    if stale and is_check:
        print("Run `make generate` and commit the result.")
        return 1
    return 0


def _read(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
