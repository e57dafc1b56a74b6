"""Whether this machine can have a real node: the one answer for the demo, the tests and `make test`."""

import os
import shutil
import sys

from lab.debian_packages import NODE_PROGRAMS, missing_packages


def why_no_real_node() -> str | None:
    """Return why there can be no real node on this machine; None when there can be one."""
    if sys.platform != "linux":
        return f"kubelet and containerd run on Linux, and this is {sys.platform}."
    if os.geteuid() != 0:
        return "kubelet and containerd take root, and this is another user."
    missing = missing_packages(NODE_PROGRAMS)
    if missing and shutil.which("apt-get") is None:
        return f"{', '.join(missing)} is missing, and there is no apt-get to install it with."
    return None
