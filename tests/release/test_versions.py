import sys

import pytest

from release import versions
from release.__main__ import main
from release.changelog import Section
from release.errors import ReleaseError
from release.versions import check_tag, list_versions, read_version


def test_every_file_says_the_same_version() -> None:
    places = dict(list_versions())
    assert {read_version()} == set(places.values())
    # Two of pyproject, Dockerfile and configuration would be missed if the files moved.
    assert len(places) == 3 + 2 * 3


@pytest.mark.parametrize("tag", ["0.2.0", "v0.2", "v0.2.0 ", "latest"])
def test_a_tag_of_another_form_is_refused_with_an_example(tag: str) -> None:
    with pytest.raises(ReleaseError, match=r"must look like v0\.2\.0"):
        check_tag(tag)


def test_a_tag_that_the_files_do_not_know_is_refused_with_each_of_them() -> None:
    with pytest.raises(ReleaseError) as error:
        check_tag("v99.0.0")
    assert "pyproject.toml, version" in str(error.value)
    assert "charts/nemotron-models/Chart.yaml, appVersion" in str(error.value)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (Section("- New.\n", is_released=False), "still calls .* unreleased"),
        (Section("\n", is_released=True), "says nothing about"),
    ],
)
def test_a_tag_without_a_finished_changelog_is_refused(
    section: Section, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "read_section", lambda _text, _version: section)
    with pytest.raises(ReleaseError, match=message):
        check_tag(f"v{read_version()}")


def test_a_tag_in_step_with_everything_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "read_section", lambda _text, _version: Section("- New.\n", is_released=True))
    assert read_version() == check_tag(f"v{read_version()}")


def test_the_command_says_in_one_message_why_a_tag_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["release", "check", "latest"])
    assert 1 == main()
    assert capsys.readouterr().err.startswith("release: 'latest' is no tag of a release")
