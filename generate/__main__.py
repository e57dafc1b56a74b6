"""Write every generated file, or with `--check` name those that differ."""

import sys
from pathlib import Path

from generate.files import ROOT, render_files


def main(arguments: list[str]) -> int:
    """Write what differs; with `--check` write nothing and fail if anything would be written."""
    is_check = "--check" in arguments
    files = render_files()
    stale = [path for path, text in files.items() if _read(ROOT / path) != text]
    for path in stale:
        print(f"{path}: {'differs from the code' if is_check else 'written'}")
        if not is_check:
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_text(files[path])
    if stale and is_check:
        print("Run `make generate` and commit the result.")
        return 1
    return 0


def _read(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
