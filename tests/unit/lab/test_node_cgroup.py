from pathlib import Path

from lab.node_cgroup import find_hierarchies

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
