from pathlib import Path

import pytest

from lab import go_build
from lab.errors import LabError
from lab.go_build import build, describe_estimate
from lab.tools import MODULES, GoModule

ETCD = next(module for module in MODULES if module.name == "etcd")


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in for Go: `list` names three packages, `build` writes the file after -o."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    script = tmp_path / "go"
    script.write_text(
        "#!/bin/sh\n"
        'if [ "$1" = list ]; then printf "a\\nb\\nc\\n"; exit; fi\n'
        'while [ "$1" != -o ]; do shift; done\n'
        'echo "a" >&2\n'
        'echo built >"$2"\n'
    )
    script.chmod(0o755)
    monkeypatch.setattr(go_build, "require_go", lambda _wanted, _go_mod: script)
    return script


@pytest.mark.usefixtures("go")
def test_a_build_leaves_its_programs_in_the_cache_and_nothing_else() -> None:
    build(ETCD, lambda _text: None)
    expected = {ETCD.output.name, f".{ETCD.output.name}.lock"}
    actual = {path.name for path in ETCD.output.parent.iterdir()}
    assert expected == actual
    assert (ETCD.output / "etcd").read_text() == "built\n"


@pytest.mark.usefixtures("go")
def test_the_person_hears_what_is_built_how_long_it_takes_and_where_it_went() -> None:
    said: list[str] = []
    build(ETCD, said.append)
    text = "\n".join(said)
    for part in (f"etcd {ETCD.version}", "building etcd", "about", "built in", str(ETCD.output)):
        assert part in text


def test_what_another_process_built_meanwhile_is_not_built_again(go: Path) -> None:
    ETCD.output.mkdir(parents=True)
    go.unlink()
    expected = ETCD.output
    actual = build(ETCD, lambda _text: None)
    assert expected == actual


def test_a_failed_build_shows_the_end_of_its_errors_and_leaves_no_half(go: Path) -> None:
    go.write_text('#!/bin/sh\n[ "$1" = list ] && exit\necho "cannot find package" >&2\nexit 1\n')
    with pytest.raises(LabError, match="cannot find package"):
        build(ETCD, lambda _text: None)
    expected = [f".{ETCD.output.name}.lock"]
    actual = [path.name for path in ETCD.output.parent.iterdir()]
    assert expected == actual


def test_sources_that_cannot_be_fetched_are_a_message(go: Path) -> None:
    go.write_text('#!/bin/sh\necho "dial tcp: no route to host" >&2\nexit 1\n')
    with pytest.raises(LabError, match="no route to host"):
        build(ETCD, lambda _text: None)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_a_long_build_counts_the_packages_it_compiled(
    module: GoModule, go: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(go_build, "PROGRESS_SECONDS", 0.2)
    heard = go.with_name("heard")
    until_it_is_heard = f'until [ -e "{heard}" ]; do sleep 0.05; done'
    go.write_text(
        '#!/bin/sh\nif [ "$1" = list ]; then printf "a\\nb\\nc\\n"; exit; fi\necho a >&2\n' + until_it_is_heard
    )
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        if "compiled 1 of" in text:
            heard.touch()

    build(module, say)
    assert any("compiled 1 of at most 3 packages" in line for line in said)


@pytest.mark.parametrize(
    ("cpu_seconds", "cores", "expected"),
    [
        (800, 2, "about 7 minutes on 2 cores"),
        (45, 2, "about a minute on 2 cores"),
        (800, 16, "about a minute on 16 cores"),
    ],
)
def test_the_estimate_is_in_minutes_of_this_machine(cpu_seconds: int, cores: int, expected: str) -> None:
    actual = describe_estimate(cpu_seconds, cores)
    assert expected == actual
