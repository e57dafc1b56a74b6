import pytest

from lab.debian_packages import install_missing, missing_packages
from lab.errors import LabError

NOWHERE = {"no-such-program": "some-package", "/no/such/file": "another-package", "sh": "dash"}


def test_a_package_is_missing_when_its_program_is() -> None:
    expected = ["another-package", "some-package"]
    actual = missing_packages(NOWHERE)
    assert expected == actual


def test_another_user_than_root_is_told_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(LabError, match="apt-get install another-package some-package"):
        install_missing(NOWHERE, lambda _text: None)


def test_nothing_is_said_or_done_where_all_is_there() -> None:
    said: list[str] = []
    install_missing({"sh": "dash"}, said.append)
    assert said == []
