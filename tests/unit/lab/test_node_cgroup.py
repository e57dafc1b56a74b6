from pathlib import Path

import pytest

from lab.node_cgroup import find_hierarchies, make_cgroup, remove_cgroup

VERSION_1 = """\
25 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
31 25 0:27 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:28 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
33 31 0:29 / /sys/fs/cgroup/memory rw,relatime shared:9 master:2 - cgroup cgroup rw,memory
34 31 0:30 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
"""

VERSION_2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw\n"


def test_every_hierarchy_of_version_1_is_found() -> None:
    expected = [Path("/sys/fs/cgroup") / name for name in ("cpu", "memory", "unified")]
    actual = find_hierarchies(VERSION_1)
    assert expected == actual


def test_version_2_has_one() -> None:
    expected = [Path("/sys/fs/cgroup")]
    actual = find_hierarchies(VERSION_2)
    assert expected == actual


def test_a_machine_without_control_groups_has_none() -> None:
    assert find_hierarchies("25 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n") == []


@pytest.fixture
def hierarchies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """One hierarchy of each version, as folders: what the kernel makes in a new group is made by the test."""
    made = [tmp_path / "cpuset", tmp_path / "unified"]
    for hierarchy in made:
        (hierarchy / "node" / "system").mkdir(parents=True)
    monkeypatch.setattr("lab.node_cgroup._hierarchies", lambda: made)
    return made


def test_a_group_of_version_1_gets_the_processors_of_its_parent(hierarchies: list[Path]) -> None:
    group = hierarchies[0] / "node"
    for folder, content in ((hierarchies[0], "0-1"), (group, ""), (group / "system", "")):
        (folder / "cpuset.cpus").write_text(content)
        (folder / "cpuset.mems").write_text(content and "0")
    make_cgroup("node")
    assert (group / "system" / "cpuset.cpus").read_text() == "0-1"
    assert (group / "system" / "cpuset.mems").read_text() == "0"


def test_a_group_of_version_2_gets_the_controllers_of_its_parent(hierarchies: list[Path]) -> None:
    (hierarchies[1] / "cgroup.controllers").write_text("memory")
    make_cgroup("node")
    assert (hierarchies[1] / "cgroup.subtree_control").read_text() == "+memory"


def test_processes_join_below_the_group_in_every_hierarchy(hierarchies: list[Path]) -> None:
    expected = [hierarchy / "node" / "system" / "cgroup.procs" for hierarchy in hierarchies]
    actual = make_cgroup("node")
    assert expected == actual


def test_removing_a_group_removes_it_everywhere_and_twice_is_once(hierarchies: list[Path]) -> None:
    remove_cgroup("node")
    remove_cgroup("node")
    assert not any((hierarchy / "node").exists() for hierarchy in hierarchies)
