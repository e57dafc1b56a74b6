"""Reading NemotronDeployments from files: what kubectl would send, with every mistake named."""

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from nemotron_operator.api.v1alpha1 import (
    InvalidDeployment,
    ParsedDeployment,
    identify,
    parse_deployment,
)
from nemotron_operator.cli.strict_yaml import load_documents
from nemotron_operator.constants import API_GROUP, API_VERSION, KIND
from nemotron_operator.errors import InvalidResourceError
from nemotron_operator.units import MIB

STANDARD_INPUT = Path("-")
"""The path that means standard input."""

LARGEST_FILE_BYTES = 32 * MIB
"""More than thousands of resources need; a device that never ends is not read into memory."""

EXPECTED_API_VERSION = f"{API_GROUP}/{API_VERSION}"
"""The `apiVersion` of every document that is read."""

_FIELDS = ("apiVersion", "kind", "metadata", "spec", "status")
_NAMESPACE_PATTERN = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"


@dataclass(frozen=True, slots=True)
class Document:
    """One NemotronDeployment of a file."""

    source: str
    """The file, as a person named it."""
    deployment: ParsedDeployment | InvalidDeployment
    body: dict[str, Any] = field(default_factory=dict)
    """The object as the file has it; empty for one that no file holds."""


@dataclass(frozen=True, slots=True)
class Documents:
    """What the files hold."""

    deployments: tuple[Document, ...]
    skipped: tuple[str, ...]
    """Objects of other kinds, in words: an installation is often one file."""


@dataclass(frozen=True, slots=True)
class _Found:
    """An object of a file, of whatever kind."""

    where: str
    """File and position, for messages."""
    body: dict[str, Any]

    @property
    def is_ours(self) -> bool:
        """Whether somebody meant a NemotronDeployment, well spelt or not."""
        return self.body.get("kind") == KIND or str(self.body.get("apiVersion")).startswith(f"{API_GROUP}/")

    @property
    def title(self) -> str:
        """What it is, for messages."""
        metadata = self.body.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        return f"{self.body.get('kind')} {name!r}"


def read_documents(paths: Iterable[Path], default_namespace: str = "default") -> Documents:
    """Read the NemotronDeployments of all files, in order; those without a namespace get the default one.

    Raises
    ------
    InvalidResourceError
        A file cannot be read, is not YAML, or holds no NemotronDeployment; the message names it and the way out.
    """
    deployments: list[Document] = []
    skipped: list[str] = []
    for path in paths:
        source = "standard input" if path == STANDARD_INPUT else str(path)
        found = list(_find_objects(load_documents(_read(path), source), source))
        ours = [each for each in found if each.is_ours]
        if not ours:
            raise InvalidResourceError(_explain_nothing_found(source, found))
        deployments += [Document(source, _parse(each, default_namespace), each.body) for each in ours]
        skipped += [f"{each.where}: {each.title} is no {KIND}, skipped." for each in found if not each.is_ours]
    return Documents(tuple(deployments), tuple(skipped))


def _read(path: Path) -> bytes:
    try:
        if path == STANDARD_INPUT:
            text = sys.stdin.buffer.read(LARGEST_FILE_BYTES + 1)
        else:
            with path.open("rb") as file:
                text = file.read(LARGEST_FILE_BYTES + 1)
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
        raise InvalidResourceError(f"{path}: {reason}. Give the path of a YAML file, or - to read a pipe.") from error
    if len(text) > LARGEST_FILE_BYTES:
        raise InvalidResourceError(f"{path}: is larger than {LARGEST_FILE_BYTES // MIB} MiB. Split it.")
    return text


def _find_objects(contents: list[Any], source: str) -> Iterator[_Found]:
    """Go through the objects of a file; the items of a list, as `kubectl get -o yaml` writes it, count each."""
    is_single = len(contents) == 1
    for number, content in enumerate(contents, start=1):
        where = source if is_single else f"{source} (document {number})"
        if content is None:
            continue
        if not isinstance(content, dict):
            raise InvalidResourceError(f"{where}: must be a mapping with kind: {KIND}, found {_name_type(content)}.")
        items = content.get("items") if str(content.get("kind")).endswith("List") else None
        if items is None:
            yield _Found(where, content)
            continue
        yield from _find_objects_of_list(items, where)


def _find_objects_of_list(items: Any, where: str) -> Iterator[_Found]:  # noqa: ANN401 - whatever a file holds
    if not isinstance(items, list):
        raise InvalidResourceError(f"{where}: items must be a list, found {_name_type(items)}.")
    for number, item in enumerate(items, start=1):
        if not isinstance(item, dict):
            raise InvalidResourceError(f"{where}: item {number} must be a mapping, found {_name_type(item)}.")
        yield _Found(f"{where} (item {number})", item)


def _explain_nothing_found(source: str, found: list[_Found]) -> str:
    if not found:
        return f"{source}: is empty. It must hold a {KIND} (apiVersion: {EXPECTED_API_VERSION})."
    kinds = ", ".join(dict.fromkeys(str(each.body.get("kind")) for each in found))
    return f"{source}: holds no {KIND} (found kind: {kinds}). Set apiVersion: {EXPECTED_API_VERSION}, kind: {KIND}."


def _parse(found: _Found, default_namespace: str) -> ParsedDeployment | InvalidDeployment:
    """Read a body whose kind says that it is ours; without a name there is nothing to speak of."""
    _check_header(found)
    metadata = found.body["metadata"]
    body = {**found.body, "metadata": {**metadata, "namespace": metadata.get("namespace") or default_namespace}}
    identity = identify(body)
    mistake = _find_mistake(body, identity.namespace)
    return InvalidDeployment(identity, mistake) if mistake else parse_deployment(body)


def _check_header(found: _Found) -> None:
    for name, expected in (("kind", KIND), ("apiVersion", EXPECTED_API_VERSION)):
        value = found.body.get(name)
        if value != expected:
            raise InvalidResourceError(f"{found.where}: {name}: must be {expected} (found {value!r}).")
    metadata = found.body.get("metadata")
    if not isinstance(metadata, dict):
        raise InvalidResourceError(f"{found.where}: metadata: must be a mapping with a name (found {metadata!r}).")
    for name in ("name", "namespace"):
        value = metadata.get(name)
        if value is not None and not isinstance(value, str):
            raise InvalidResourceError(f"{found.where}: metadata.{name}: must be text (found {value!r}). Quote it.")
    if not metadata.get("name"):
        raise InvalidResourceError(f"{found.where}: metadata.name: is required. Name the resource.")


def _find_mistake(body: dict[str, Any], namespace: str) -> str | None:
    """Find what the API server would refuse beside name and spec."""
    unknown = next((field for field in body if field not in _FIELDS), None)
    if unknown is not None:
        close = get_close_matches(str(unknown), _FIELDS, n=1)
        advice = f"did you mean {close[0]}?" if close else "remove it"
        return f"{unknown}: is not a field of a {KIND}; {advice}"
    if not re.fullmatch(_NAMESPACE_PATTERN, namespace):
        return f"metadata.namespace: {namespace!r} must be at most 63 lower case letters, digits and '-'"
    return None


def _name_type(content: Any) -> str:  # noqa: ANN401 - whatever a file holds
    names = {list: "a list", str: "text", bool: "a truth value", int: "a number", float: "a number"}
    return names.get(type(content), type(content).__name__)
