"""What a hub answers when nothing is wrong, and how it refuses."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from lab.hub.messages import Answer, SeenRequest
from lab.hub.repository import StoredFile


def describe(name: str, commit: str, files: Mapping[str, StoredFile], seen: SeenRequest) -> Answer:
    """Describe a repository at a commit."""
    return _json({"id": name, "sha": commit, "siblings": [_sibling(p, f, seen) for p, f in files.items()]})


def list_tree(files: Mapping[str, StoredFile], folder: list[str]) -> Answer:
    """List what lies in a folder and below."""
    prefix = "".join(f"{part}/" for part in folder)
    entries = [_entry(path, file) for path, file in files.items() if path.startswith(prefix)]
    return _json(entries) if entries else refuse(HTTPStatus.NOT_FOUND, code="EntryNotFound")


def send_file(commit: str, path: str, file: StoredFile, seen: SeenRequest) -> Answer:
    """Send a file, or the range of it that is asked for."""
    headers = {"ETag": f'"{file.etag}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
    if file.is_large:
        headers |= {"X-Linked-Etag": f'"{file.etag}"', "X-Linked-Size": str(file.listed_bytes)}
    size_bytes, first_byte = len(file.content), seen.first_byte
    if not first_byte and seen.last_byte is None:
        return Answer(HTTPStatus.OK, headers, file.content, commit, path)
    if first_byte >= size_bytes:
        return refuse(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
    end = size_bytes if seen.last_byte is None else min(seen.last_byte + 1, size_bytes)
    headers["Content-Range"] = f"bytes {first_byte}-{end - 1}/{size_bytes}"
    return Answer(HTTPStatus.PARTIAL_CONTENT, headers, file.content[first_byte:end], commit, path, first_byte)


def refuse_token(seen: SeenRequest) -> Answer:
    """Refuse a token, or the lack of one."""
    if seen.token:
        return refuse(HTTPStatus.UNAUTHORIZED, message="Invalid credentials in Authorization header")
    return refuse(HTTPStatus.UNAUTHORIZED, message="Invalid username or password.")


def refuse_gated(name: str, seen: SeenRequest) -> Answer:
    """Refuse the files of a repository whose licence was not accepted."""
    status = HTTPStatus.FORBIDDEN if seen.token else HTTPStatus.UNAUTHORIZED
    return refuse(status, code="GatedRepo", message=f"Access to model {name} is restricted.")


def refuse_revision(known_repository: str | None, seen: SeenRequest) -> Answer:
    """Refuse as the real hub does: it tells nobody without a token that a repository does not exist."""
    if known_repository is not None:
        return refuse(HTTPStatus.NOT_FOUND, code="RevisionNotFound", message="Invalid rev id")
    if seen.token is None:
        return refuse(HTTPStatus.UNAUTHORIZED, message="Invalid username or password.")
    return refuse(HTTPStatus.NOT_FOUND, code="RepoNotFound", message="Repository not found")


def refuse(status: int, *, code: str = "", message: str = "", headers: Mapping[str, str] | None = None) -> Answer:
    """Refuse with the hub's headers that say why."""
    named = {"X-Error-Code": code, "X-Error-Message": message}
    return Answer(status, {key: value for key, value in named.items() if value} | dict(headers or {}))


def _json(content: object) -> Answer:
    return Answer(HTTPStatus.OK, {"Content-Type": "application/json"}, json.dumps(content).encode())


def _sibling(path: str, file: StoredFile, seen: SeenRequest) -> dict[str, Any]:
    """Name a file; sizes and digests come only if they are asked for."""
    if seen.query.get("blobs") != ["true"]:
        return {"rfilename": path}
    sibling = {"rfilename": path, "size": file.listed_bytes, "blobId": file.blob_sha1}
    if not file.is_large:
        return sibling
    return sibling | {"lfs": {"sha256": file.sha256, "size": file.listed_bytes, "pointerSize": len(file.pointer)}}


def _entry(path: str, file: StoredFile) -> dict[str, Any]:
    entry = {"type": "file", "path": path, "size": file.listed_bytes, "oid": file.blob_sha1}
    if not file.is_large:
        return entry
    return entry | {"lfs": {"oid": file.sha256, "size": file.listed_bytes, "pointerSize": len(file.pointer)}}
