"""Whether this machine can have a real node: the one answer for the demo, the tests and `make test`."""

import os
import shutil
import subprocess
import sys

from lab.debian_packages import NODE_PROGRAMS, missing_packages
from lab.node_cgroup import make_cgroup, remove_cgroup


def why_no_real_node() -> str | None:
    """Return why there can be no real node on this machine; None when there can be one."""
    if sys.platform != "linux":
        return f"kubelet and containerd run on Linux, and this is {sys.platform}."
    if os.geteuid() != 0:
        return "kubelet and containerd take root, and this is another user."
    missing = missing_packages(NODE_PROGRAMS)
    if missing and shutil.which("apt-get") is None:
        return f"{', '.join(missing)} is missing, and there is no apt-get to install it with."
    return _why_no_namespaces() or _why_no_cgroup()


def _why_no_namespaces() -> str | None:
    """Try what a container without the rights of a whole machine is refused: namespaces, and a mount in them."""
    command = ["unshare", "--mount", "--net", "--", "mount", "-t", "tmpfs", "none", "/mnt"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode == 0:
        return None
    return f"its pods take mounts and networks of their own, and the kernel refuses them ({answer.stderr.strip()})."


def _why_no_cgroup() -> str | None:
    name = f"nemotron-lab-probe-{os.getpid()}"
    try:
        make_cgroup(name)
    except OSError as error:
        return f"its pods take control groups of their own, and the kernel refuses them ({error})."
    finally:
        remove_cgroup(name)
    return None
