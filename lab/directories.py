"""Where the laboratory keeps things: its sources in the repository, everything that it makes in the user's cache."""

import os
import platform
from pathlib import Path

SOURCES = Path(__file__).resolve().parent
"""The `lab` package itself."""

TOOLCHAIN = SOURCES / "toolchain"
"""One Go module per set of programs; go.sum pins every byte that is compiled."""

STAGES = SOURCES / "stages"
"""KWOK Stages: what the simulated kubelets do with nodes, pods and volumes."""

NODE_FILES = SOURCES / "node_files"
"""Settings of a real node's programs that are text of their own kind."""

AUDIT_POLICY = SOURCES / "audit_policy.yaml"
"""Which requests an API server records."""

_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def lab_home() -> Path:
    """Return the directory that holds built programs and running clusters, outside the repository."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "nemotron-operator" / "lab"


def go_platform() -> str:
    """Name this machine as Go does, for example `linux-amd64`."""
    machine = platform.machine().lower()
    return f"{platform.system().lower()}-{_MACHINES.get(machine, machine)}"
