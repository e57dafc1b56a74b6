"""What the page of a release says."""

from collections.abc import Iterable
from pathlib import Path

import yaml

from release.changelog import read_section
from release.directories import CHARTS, ROOT


def render_notes(version: str, names_by_digest: Iterable[str]) -> str:
    """Render what is new, and what there is by digest with the way to verify it."""
    changes = read_section((ROOT / "CHANGELOG.md").read_text(), version).text
    names = "".join(f"{name}\n" for name in names_by_digest)
    return f"{changes}\nBy digest, [to be verified like this]({_link_page(version)}):\n\n```\n{names}```\n"


def read_names(files: Iterable[Path]) -> list[str]:
    """Read files with a name on each line."""
    return [line for file in files for line in file.read_text().splitlines()]


def _link_page(version: str) -> str:
    home = yaml.safe_load((CHARTS / "nemotron-operator" / "Chart.yaml").read_text())["home"]
    return f"{home}/blob/v{version}/docs/supply-chain.md"
