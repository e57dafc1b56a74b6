import os
import subprocess
from pathlib import Path

from lab.node_namespaces import find_holder, make_beside, make_holder, make_inside, remove_node


def test_a_program_starts_in_the_namespaces_of_the_process_that_holds_them(tmp_path: Path) -> None:
    kubelet = make_inside("kubelet", tmp_path, ["--config=a"], [])
    expected = str(find_holder(tmp_path).pid_file)
    actual = kubelet.environment["HOLDER"]
    assert expected == actual
    assert kubelet.command == (f"{tmp_path}/bin/kubelet", "--config=a")


def test_the_holder_is_found_again_without_what_started_it(tmp_path: Path) -> None:
    made = make_holder(tmp_path, [])
    found = find_holder(tmp_path)
    assert (made.name, made.command, made.pid_file) == (found.name, found.command, found.pid_file)


def test_a_program_joins_every_group_before_it_runs(tmp_path: Path) -> None:
    joins = [tmp_path / "memory", tmp_path / "pids"]
    program = make_beside("cat", tmp_path, [], joins)
    shell = [*program.launcher, "/bin/sh", "-c", "echo $$"]
    pid = subprocess.run(shell, env={**os.environ, **program.environment}, check=True, capture_output=True, text=True)
    assert [file.read_text() for file in joins] == [pid.stdout, pid.stdout]


def test_a_cluster_without_a_real_node_has_nothing_to_remove(tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    remove_node(tmp_path)
    assert before == sorted(tmp_path.iterdir())
