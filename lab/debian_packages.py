"""Programs that come as Debian packages: found, or installed when that is allowed, or named in a clear message."""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping

from lab.errors import LabError

NODE_PROGRAMS: Mapping[str, str] = {
    "runc": "runc",
    "ip": "iproute2",
    "nft": "nftables",
    "nsenter": "util-linux",
    "socat": "socat",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
}
"""What a real node takes from the machine, and the package that has it."""

IMAGE_PROGRAMS: Mapping[str, str] = {"buildah": "buildah", "debootstrap": "debootstrap"}
"""What builds container images without a registry."""

_SEARCH_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin"


def find_program(program: str) -> str | None:
    """Look for a program, also where only root's PATH leads."""
    return shutil.which(program, path=_SEARCH_PATH)


def missing_packages(programs: Mapping[str, str]) -> list[str]:
    """Name the packages whose program is not on this machine."""
    return sorted({package for program, package in programs.items() if find_program(program) is None})


def install_missing(programs: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Install what is missing, or refuse with what to type."""
    packages = missing_packages(programs)
    if not packages:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise LabError(f"Missing: {', '.join(packages)}. As root on Debian: apt-get install {' '.join(packages)}")
    say(f"installing the Debian packages {', '.join(packages)}")
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    answer = subprocess.run(install, env=environment, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        # The lists of packages may be old, or never have been fetched.
        subprocess.run(["apt-get", "update"], env=environment, capture_output=True, check=False)
        answer = subprocess.run(install, env=environment, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise LabError(f"apt-get could not install {' '.join(packages)}:\n{answer.stderr.strip()}")
