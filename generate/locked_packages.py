"""The Python packages of the operator's image: versions from the lock, licences from the packages' own words."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The repository."""

LOCK = ROOT / "requirements" / "downloader.txt"
"""What the operator's image installs."""

_ENTRY = re.compile(r"^(?P<name>[a-z0-9][a-z0-9.-]*)(?:\[[a-z0-9,-]+\])?==(?P<version>[^\s;\\]+)", re.MULTILINE)

_KNOWN = {
    "jinja2": "BSD-3-Clause",  # says BSD, and which one only in its licence file
    "python-dateutil": "BSD-3-Clause",  # says dual: what is older than December 2017 is under BSD alone
}
"""Licences of packages whose metadata does not name them as SPDX does."""

_SPELLINGS = {
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "ISC License": "ISC",
    "License :: OSI Approved :: MIT License": "MIT",
}
"""SPDX identifiers by what packages say in place of them."""


@dataclass(frozen=True)
class LockedPackage:
    """One package as the image has it."""

    name: str
    version: str
    licence: str
    """An SPDX expression."""

    requirements: tuple[str, ...]
    """What it asks for, as its metadata says, with markers."""


def list_locked_packages() -> tuple[LockedPackage, ...]:
    """List every package of the lock, by name.

    Raises
    ------
    ValueError
        This environment has another version than the lock: `make` sets up one that has not.
    """
    return tuple(_read_packages(LOCK.read_text()))


def _read_packages(lock: str) -> Iterator[LockedPackage]:
    for entry in _ENTRY.finditer(lock):
        name, version = entry["name"], entry["version"]
        installed = metadata.distribution(name)
        if installed.version != version:
            raise ValueError(f"{name} {installed.version} is installed, the lock has {version}: run `make check` anew.")
        yield LockedPackage(name, version, read_licence(installed), tuple(installed.requires or ()))


def read_licence(installed: metadata.Distribution) -> str:
    """Return a package's licence as an SPDX expression."""
    name = installed.metadata["Name"].casefold()
    if name in _KNOWN:
        return _KNOWN[name]
    fields = installed.metadata.json
    classifiers = [entry for entry in fields.get("classifier", []) if entry.startswith("License ::")]
    said = fields.get("license_expression") or fields.get("license") or next(iter(classifiers), "")
    text = str(said).strip()
    return _SPELLINGS.get(text, text)
