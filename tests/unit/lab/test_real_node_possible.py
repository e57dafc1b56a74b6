import pytest

from lab.real_node_possible import why_no_real_node


def test_another_system_than_linux_has_no_real_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert "this is darwin" in (why_no_real_node() or "")


def test_another_user_than_root_has_no_real_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "take root" in (why_no_real_node() or "")


def test_what_cannot_be_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda _program: None)
    monkeypatch.setattr("lab.real_node_possible.missing_packages", lambda _programs: ["runc"])
    assert "runc is missing" in (why_no_real_node() or "")
