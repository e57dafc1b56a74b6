"""Replace the CUDA libraries that PyPI's torch links, and that a CPU run never calls, by empty stand-ins.

The only torch for x86 on PyPI is built for CUDA. Without a GPU it calls next to nothing of CUDA, but the loader wants
every library that is named, with every symbol that is asked for. A stand-in has these and nothing behind them: a call
would end the process with SIGILL. That saves half a gigabyte of torch's own kernels, and three gigabytes of libraries
that then need not be installed.
"""

import re
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

CALLED_ON_IMPORT = Path(__file__).with_name("called_on_import.c")
"""Written by hand: the few symbols that have to do something."""

TORCH_CUDA = "libtorch_cuda.so"
"""Torch's own kernels for GPUs, which everything else of torch links."""

TORCH_CUDA_PARTS = (TORCH_CUDA, "libtorch_cuda_linalg.so", "libtorch_nvshmem.so", "libcaffe2_nvrtc.so")
"""All of torch that is for GPUs. The others are linked by the first or loaded on demand: it stands in for them too."""

PREFIXES = {"libcudnn.so.9": ("cudnn",), "libcufile.so.0": ("cuFile",), "libnccl.so.2": ("nccl", "pnccl")}
"""Libraries that are not installed, and how the names begin that they define."""

_COLUMNS = 8
"""Of the table that readelf prints."""


@dataclass(frozen=True, order=True)
class Symbol:
    """One line of a library's dynamic symbol table."""

    name: str
    version: str
    is_defined: bool


def parse_symbols(listing: str) -> Iterator[Symbol]:
    """Read the table that `readelf --dyn-syms` prints."""
    for line in listing.splitlines():
        columns = line.split()
        if len(columns) >= _COLUMNS and re.fullmatch(r"\d+:", columns[0]):
            name, _, version = columns[7].partition("@")
            yield Symbol(name, version.lstrip("@"), columns[6] != "UND")


def find_missing(symbols: Iterable[Symbol], torch_cuda: Iterable[Symbol]) -> dict[str, list[Symbol]]:
    """Group by library the symbols that are asked for, and that nobody defines once torch's CUDA part is gone."""
    known = set(symbols)
    defined = {symbol.name for symbol in known if symbol.is_defined}
    missing = sorted(symbol for symbol in known if symbol.name not in defined)
    of_torch = {symbol.name for symbol in torch_cuda if symbol.is_defined}
    stand_ins = {TORCH_CUDA: [symbol for symbol in missing if symbol.name in of_torch]}
    for library, prefixes in PREFIXES.items():
        stand_ins[library] = [symbol for symbol in missing if symbol.name.startswith(prefixes)]
    return stand_ins


def render_source(symbols: Iterable[Symbol], by_hand: str) -> str:
    """Write C that defines each symbol which is not written by hand."""
    names = {symbol.name for symbol in symbols}
    return "".join(_render_definition(name) for name in sorted(names) if not re.search(rf"\b{name}\b", by_hand))


def _render_definition(name: str) -> str:
    if name.startswith("_ZTI"):
        # What C++ knows of a class at run time: its name is read when torch registers the class with Python.
        return f'struct {{ void *table; const char *name; void *base; }} {name} = {{0, "{name[4:]}", 0}};\n'
    if name.startswith("_ZTV"):
        # The table of a class's methods: a variable, of which nothing is read.
        return f"void *{name}[64];\n"
    return f"void {name}(void) {{ __builtin_trap(); }}\n"


def render_version_script(symbols: Iterable[Symbol]) -> str:
    """Write the linker's version script: a symbol asked for with a version is found only with that version."""
    names: dict[str, list[str]] = {}
    for symbol in symbols:
        if symbol.version:
            names.setdefault(symbol.version, []).append(symbol.name)
    return "".join(f"{version} {{ global: {'; '.join(members)}; }};\n" for version, members in names.items())


def replace(torch_libraries: Path) -> None:
    """Remove torch's CUDA part and link the stand-ins beside what stays."""
    parts = [torch_libraries / name for name in TORCH_CUDA_PARTS]
    torch_cuda = {symbol for part in parts for symbol in _read_symbols(part)}
    for part in parts:
        part.unlink()
    symbols = {symbol for library in torch_libraries.glob("*.so*") for symbol in _read_symbols(library)}
    for library, missing in find_missing(symbols, torch_cuda).items():
        by_hand = CALLED_ON_IMPORT.read_text() if library == TORCH_CUDA else ""
        _link(torch_libraries / library, by_hand + render_source(missing, by_hand), render_version_script(missing))
        sys.stdout.write(f"{library}: a stand-in with {len(missing)} symbols\n")


def _read_symbols(library: Path) -> Iterator[Symbol]:
    command = ["readelf", "--wide", "--dyn-syms", str(library)]
    return parse_symbols(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _link(library: Path, source: str, version_script: str) -> None:
    command = ["gcc", "-shared", "-fPIC", "-nostdlib", "-w", f"-Wl,-soname,{library.name}", "-o", str(library)]
    with tempfile.NamedTemporaryFile("w", suffix=".map") as script:
        if version_script:
            script.write(version_script)
            script.flush()
            command.append(f"-Wl,--version-script={script.name}")
        subprocess.run([*command, "-xc", "-"], input=source, text=True, check=True)


if __name__ == "__main__":
    replace(Path(sysconfig.get_path("purelib")) / "torch" / "lib")
