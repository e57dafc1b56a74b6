"""Drop what no server needs: debugging symbols, headers, packages' own tests. It halves the image."""

import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

STRIPPED = (
    "llvmlite/binding/libllvmlite.so",
    "torch/lib/libtorch_cpu.so",
    "torch/lib/libtorch_python.so",
    "vllm/*.so",
)
"""The libraries with the most symbols. Others are left alone: what a wheel's packer has patched, `strip` can break."""

UNUSED = (
    "*/tests",
    "*/*/tests",
    "*/*/*/tests",
    "nvidia/cu13/include",
    "nvidia/cu13/lib/*.a",
    "nvidia/cu13/lib/libcheckpoint.so",
    "nvidia/cu13/lib/libnvperf*",
    "nvidia/cu13/lib/libpcsamplingutil.so",
    "torch/bin/protoc*",
    "torch/include",
    "torch/share",
)

OPENMP = "libiomp5.so"
"""All that is used of intel-openmp, which puts the same for a dozen kinds of devices into the environment's `lib`."""


def find_unused(site_packages: Path, environment_libraries: Path) -> Iterator[Path]:
    """List the files and folders to drop."""
    for pattern in UNUSED:
        yield from site_packages.glob(pattern)
    yield from (path for path in environment_libraries.iterdir() if path.is_file() and path.name != OPENMP)


def drop_unused(site_packages: Path, environment_libraries: Path) -> None:
    """Delete what is unused and strip the largest libraries."""
    for path in list(find_unused(site_packages, environment_libraries)):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    libraries = [path for pattern in STRIPPED for path in site_packages.glob(pattern)]
    subprocess.run(["strip", "--strip-unneeded", *libraries], check=True)
    sys.stdout.write(f"dropped what no server needs, stripped {len(libraries)} libraries\n")


if __name__ == "__main__":
    drop_unused(Path(sysconfig.get_path("purelib")), Path(sys.prefix) / "lib")
