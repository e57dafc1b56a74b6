from collections.abc import Callable
from pathlib import Path

import pytest

from lab import binaries
from lab.binaries import find, find_or_build
from lab.tools import MODULES, GoModule

KUBERNETES = MODULES[0]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    return tmp_path / "cache"


def program(path: Path, prints: str = "", mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{prints}'\n")
    path.chmod(mode)
    return path


def built(name: str) -> Path:
    return program(KUBERNETES.output / name)


@pytest.mark.usefixtures("cache")
def test_assets_that_the_person_gives_come_before_everything_else(tmp_path: Path) -> None:
    expected = program(tmp_path / "assets" / "kubectl", "Client Version: v1.30.0")
    program(tmp_path / "bin" / "kubectl", "Client Version: v1.37.0")
    built("kubectl")
    environment = {"KUBEBUILDER_ASSETS": str(tmp_path / "assets"), "PATH": str(tmp_path / "bin")}
    actual = find("kubectl", KUBERNETES, environment)
    assert expected == actual


@pytest.mark.usefixtures("cache")
def test_a_program_that_the_assets_lack_is_looked_for_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    expected = built("kube-scheduler")
    actual = find("kube-scheduler", KUBERNETES, {"KUBEBUILDER_ASSETS": str(tmp_path / "assets"), "PATH": ""})
    assert expected == actual


@pytest.mark.usefixtures("cache")
def test_an_installed_program_of_the_pinned_minor_version_is_taken(tmp_path: Path) -> None:
    expected = program(tmp_path / "bin" / "kubectl", "Client Version: v1.37.9")
    built("kubectl")
    actual = find("kubectl", KUBERNETES, {"PATH": str(tmp_path / "bin")})
    assert expected == actual


@pytest.mark.usefixtures("cache")
def test_an_old_kubectl_on_path_is_not_taken(tmp_path: Path) -> None:
    program(tmp_path / "bin" / "kubectl", 'Client Version: version.Info{GitVersion:"v1.20.2"}')
    expected = built("kubectl")
    actual = find("kubectl", KUBERNETES, {"PATH": str(tmp_path / "bin")})
    assert expected == actual


@pytest.mark.usefixtures("cache")
def test_a_program_on_path_that_cannot_run_is_not_taken(tmp_path: Path) -> None:
    broken = tmp_path / "bin" / "kubectl"
    broken.parent.mkdir()
    broken.write_text("#!/no/such/interpreter\n")
    broken.chmod(0o755)
    actual = find("kubectl", KUBERNETES, {"PATH": str(tmp_path / "bin")})
    assert actual is None


@pytest.mark.usefixtures("cache")
def test_a_file_that_may_not_be_executed_is_no_program(tmp_path: Path) -> None:
    program(tmp_path / "assets" / "etcd", mode=0o644)
    actual = find("etcd", MODULES[1], {"KUBEBUILDER_ASSETS": str(tmp_path / "assets"), "PATH": ""})
    assert actual is None


def test_only_modules_with_a_missing_program_are_built(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in MODULES:
        if module.name != "helm":
            for name in module.packages:
                program(module.output / name)
    actual: list[str] = []

    def build(module: GoModule, _say: Callable[[str], None]) -> Path:
        actual.append(module.name)
        return module.output

    monkeypatch.setattr(binaries, "build", build)
    found = find_or_build(lambda _text: None)
    expected = ["helm"]
    assert expected == actual
    assert found.helm.is_relative_to(cache)
