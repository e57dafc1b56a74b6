import pytest

from release.changelog import read_section
from release.errors import ReleaseError

CHANGELOG = """\
# Changelog

## Unreleased (0.2.0)

- Three charts, each with
  a schema.

- Signatures.

### Upgrading

Nothing to do.

## 0.1.0

- The first.
"""


def test_each_entry_of_a_section_is_one_line() -> None:
    assert ("Three charts, each with a schema.", "Signatures.") == read_section(CHANGELOG, "0.2.0").items
    assert ("The first.",) == read_section(CHANGELOG, "0.1.0").items


def test_a_section_ends_where_the_next_begins() -> None:
    text = read_section(CHANGELOG, "0.2.0").text
    assert text.startswith("- Three charts")
    assert text.endswith("Nothing to do.\n")


@pytest.mark.parametrize(("version", "expected"), [("0.2.0", False), ("0.1.0", True)])
def test_a_heading_tells_whether_the_version_is_released(version: str, *, expected: bool) -> None:
    assert expected == read_section(CHANGELOG, version).is_released


def test_a_version_without_a_section_is_refused() -> None:
    with pytest.raises(ReleaseError, match=r"no section for 0\.3\.0: add the heading `## 0\.3\.0`"):
        read_section(CHANGELOG, "0.3.0")
