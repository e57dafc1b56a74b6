"""Which file system a path lies on, as the kernel lists its mounts."""

from pathlib import Path

MOUNTS = Path("/proc/self/mounts")
"""The mounts of this process: device, directory, type, and more, by spaces."""


def file_system_of(path: Path, mounts: Path = MOUNTS) -> str:
    """Name the type, `ext4` or `nfs4`; empty where nobody can say."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    resolved = path.resolve()
    found = ("", "")
    for line in lines:
        _, directory, kind, *_ = [*line.split(), "", "", ""]
        mounted = directory.replace("\\040", " ")
        if resolved.is_relative_to(mounted or "/nowhere") and len(mounted) >= len(found[0]):
            found = (mounted, kind)
    return found[1]
