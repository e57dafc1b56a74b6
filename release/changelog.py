"""CHANGELOG.md, one section for each version."""

import re
from dataclasses import dataclass

from release.errors import ReleaseError


@dataclass(frozen=True)
class Section:
    """What the changelog tells of one version."""

    text: str
    """As it stands there, without its heading."""

    is_released: bool
    """Whether the heading is the version, and not `Unreleased (VERSION)`."""

    @property
    def items(self) -> tuple[str, ...]:
        """The entries of its list, each as one line."""
        entries = re.findall(r"^- (.*?)(?=^- |^#|^$|\Z)", self.text, re.MULTILINE | re.DOTALL)
        return tuple(" ".join(entry.split()) for entry in entries)


def read_section(changelog: str, version: str) -> Section:
    """Find the section of one version."""
    headings = {f"## {version}": True, f"## Unreleased ({version})": False}
    parts = re.split(r"^(## .*)$", changelog, flags=re.MULTILINE)
    for heading, text in zip(parts[1::2], parts[2::2], strict=True):
        if heading.strip() in headings:
            return Section(text.strip() + "\n", headings[heading.strip()])
    raise ReleaseError(f"CHANGELOG.md has no section for {version}: add the heading `## {version}`.")
