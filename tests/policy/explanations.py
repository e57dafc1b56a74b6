"""Why a finding is no fault: `explained.yaml`, as data."""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import yaml

from tests.policy.findings import Finding

EXPLAINED = Path(__file__).with_name("explained.yaml")

FEWEST_WORDS = 5
"""Fewer are no reason that a person understands."""


@dataclass(frozen=True)
class Explanation:
    """One pattern of subjects for which one check of one tool is not followed."""

    tool: str
    check: str
    subject: str

    def covers(self, finding: Finding) -> bool:
        """Tell whether the finding is meant."""
        return (self.tool, self.check) == (finding.tool, finding.check) and fnmatchcase(finding.subject, self.subject)


def read_explanations() -> list[Explanation]:
    """Read each pattern of each entry."""
    return list(_read())


def _read() -> Iterator[Explanation]:
    for entry in yaml.safe_load(EXPLAINED.read_text()):
        if len(entry["reason"].split()) < FEWEST_WORDS:
            raise ValueError(f"{EXPLAINED.name}: {entry['checks']}: {entry['reason']!r} is no reason; say why")
        for tool, checks in entry["checks"].items():
            for check in checks:
                for subject in entry["subjects"]:
                    yield Explanation(tool, check, subject)
