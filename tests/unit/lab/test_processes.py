import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from lab import processes
from lab.errors import LabError
from lab.processes import Component, find_remains, read_components


@pytest.fixture
def component(tmp_path: Path) -> Component:
    (tmp_path / "pids").mkdir()
    (tmp_path / "logs").mkdir()
    # A name of its own, so that no other process on this machine can be taken for it.
    program = tmp_path / "bin" / "sleeper"
    program.parent.mkdir()
    program.symlink_to(sys.executable)
    code = "import os, time; print(os.environ['GREETING'], flush=True); time.sleep(600)"
    return Component("sleeper", tmp_path, (str(program), "-c", code), {"GREETING": "hello"})


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_component_can_be_stopped_and_started_again(component: Component, how: signal.Signals) -> None:
    component.start()
    first = component.pid()
    assert first is not None
    component.stop(how)
    assert component.pid() is None
    component.start()
    second = component.pid()
    component.stop(signal.SIGKILL)
    assert second is not None
    assert first != second


@pytest.mark.parametrize(
    ("grace_seconds", "end_seconds", "says"), [(0.1, 600, "still at work\n"), (60.0, 1, "still at work\nended\n")]
)
def test_a_component_is_killed_only_after_its_own_grace(
    component: Component, grace_seconds: float, end_seconds: int, says: str
) -> None:
    code = f"""
import signal, time

def end(*_):
    time.sleep({end_seconds})
    print("ended", flush=True)
    raise SystemExit

signal.signal(signal.SIGTERM, end)
print("still at work", flush=True)
time.sleep(600)
"""
    slow = replace(component, command=(component.command[0], "-c", code), grace_seconds=grace_seconds)
    slow.start()
    assert slow._wait_until(lambda: "at work" in slow.log.read_text(), 60)
    slow.stop()
    assert slow.pid() is None
    assert slow.log.read_text().endswith(says)


def test_a_component_that_has_already_ended_is_not_waited_for(
    component: Component, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "START_SECONDS", 60)
    before = time.monotonic()
    replace(component, command=("/bin/false",)).start()
    assert time.monotonic() - before < 60


def test_starting_a_running_component_changes_nothing(component: Component) -> None:
    component.start()
    expected = component.pid()
    component.start()
    actual = component.pid()
    component.stop(signal.SIGKILL)
    assert expected == actual


def test_a_component_is_known_behind_what_launches_it(component: Component) -> None:
    launched = replace(component, launcher=("/bin/sh", "-c", 'export GREETING=launched; exec "$@"', "sh"))
    launched.start()
    pid = launched.pid()
    assert pid is not None
    assert b"GREETING=launched" in Path(f"/proc/{pid}/environ").read_bytes()
    launched.stop(signal.SIGKILL)


def test_a_process_that_took_over_the_number_is_not_the_component(component: Component) -> None:
    component.pid_file.write_text(str(os.getpid()))
    assert component.pid() is None
    component.stop(signal.SIGKILL)


def test_what_was_left_running_is_found_from_its_pid_file(component: Component) -> None:
    component.start()
    remains = find_remains(component.directory)
    assert [found.pid() for found in remains] == [component.pid()]
    remains[0].stop(signal.SIGKILL)
    assert component.pid() is None


def test_components_are_read_as_kwokctl_wrote_them(tmp_path: Path) -> None:
    entry = {"name": "etcd", "binary": "/bin/etcd", "args": ["--name=node0"], "envs": [{"name": "A", "value": "b"}]}
    documents = [{"kind": "KwokctlConfiguration", "components": [entry]}, {"kind": "KwokConfiguration"}]
    (tmp_path / "kwok.yaml").write_text(yaml.safe_dump_all(documents))
    expected = {"etcd": Component("etcd", tmp_path, ("/bin/etcd", "--name=node0"), {"A": "b"})}
    actual = read_components(tmp_path)
    assert expected == actual


@pytest.mark.parametrize("text", ["", "a: [", "[]", "kind: KwokctlConfiguration"])
def test_a_cluster_cut_off_while_being_made_is_an_error_with_a_message(tmp_path: Path, text: str) -> None:
    (tmp_path / "kwok.yaml").write_text(text)
    with pytest.raises(LabError, match="no cluster that can be read"):
        read_components(tmp_path)
