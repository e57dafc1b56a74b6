import subprocess

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


@pytest.fixture
def as_root_with_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("lab.real_node_possible.missing_packages", lambda _programs: [])


@pytest.mark.usefixtures("as_root_with_everything")
def test_a_container_that_may_not_mount_has_no_real_node(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = subprocess.CompletedProcess([], 1, stderr="unshare: unshare failed: Operation not permitted\n")
    monkeypatch.setattr("subprocess.run", lambda *_args, **_options: refused)
    assert "(unshare: unshare failed: Operation not permitted)" in (why_no_real_node() or "")


@pytest.mark.usefixtures("as_root_with_everything")
def test_control_groups_that_cannot_be_made_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_name: str) -> None:
        raise OSError(30, "Read-only file system", "/sys/fs/cgroup/probe")

    monkeypatch.setattr("subprocess.run", lambda *_args, **_options: subprocess.CompletedProcess([], 0))
    monkeypatch.setattr("lab.real_node_possible.make_cgroup", refuse)
    assert "Read-only file system: '/sys/fs/cgroup/probe'" in (why_no_real_node() or "")
