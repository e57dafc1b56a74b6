from pathlib import Path

from release.changelog import read_section
from release.directories import ROOT
from release.notes import read_names, render_notes
from release.versions import read_version
from tests.release.conftest import ENGINE_IMAGE, OPERATOR_IMAGE


def test_the_notes_tell_what_is_new_and_every_name_by_digest(tmp_path: Path) -> None:
    for number, name in enumerate((OPERATOR_IMAGE, ENGINE_IMAGE)):
        (tmp_path / str(number)).write_text(f"{name}\n")
    version = read_version()
    notes = render_notes(version, read_names(sorted(tmp_path.iterdir())))
    assert notes.startswith(read_section((ROOT / "CHANGELOG.md").read_text(), version).text)
    assert f"```\n{OPERATOR_IMAGE}\n{ENGINE_IMAGE}\n```\n" in notes
    assert f"/blob/v{version}/docs/supply-chain.md)" in notes
