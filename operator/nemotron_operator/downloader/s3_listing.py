"""The listing of a prefix: which objects there are, and the commit that names them all."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nemotron_operator.downloader.errors import NoWeightsError, RepositoryNotFoundError
from nemotron_operator.downloader.s3_access import SOURCE_FIELD, S3Access
from nemotron_operator.downloader.selection import is_wanted
from nemotron_operator.volume.weights import WEIGHTS_SUFFIX

COMMIT_DIGITS = 40
"""How many hexadecimal digits name a commit, of a hub or of a storage."""

DIRECTORY_MARK = "/"
"""What the key of an empty object ends with that some clients make for a directory."""


@dataclass(frozen=True)
class S3Object:
    """An object below the prefix."""

    path: str
    """Its key without the prefix."""

    size_bytes: int
    """How long its content is."""

    etag: str
    """What the storage calls this content, without quotes. It changes with the content; only some are digests."""


def list_objects(client: Any, access: S3Access) -> tuple[S3Object, ...]:  # noqa: ANN401 - see make_client
    """List the objects that some pattern could bring in, in the order of their paths: a request per thousand.

    Raises
    ------
    RepositoryNotFoundError
        If there is nothing below the prefix.
    NoWeightsError
        If there are no safetensors.
    """
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=access.bucket, Prefix=access.key_prefix)
    entries = (entry for page in pages for entry in page.get("Contents", ()))
    listed = [_read_entry(entry, access) for entry in entries if not entry["Key"].endswith(DIRECTORY_MARK)]
    if not listed:
        raise RepositoryNotFoundError(
            f"There is nothing below {access.label}/ at {access.address}. Correct {SOURCE_FIELD}.prefix, which is the "
            f"directory that holds config.json; `aws s3 ls s3://{access.bucket}/` shows what there is."
        )
    objects = tuple(sorted((o for o in listed if is_wanted(o.path, ["*"])), key=lambda o: o.path))
    if not any(o.path.endswith(WEIGHTS_SUFFIX) for o in objects):
        raise NoWeightsError(
            f"{access.label} has no {WEIGHTS_SUFFIX} file among its {len(listed)} objects. Pickled weights are never "
            f"fetched. Let {SOURCE_FIELD}.prefix name the directory that holds config.json and the safetensors."
        )
    return objects


def commit_of(objects: Iterable[S3Object]) -> str:
    """Name a listing: 40 hexadecimal digits that change with the path, the size or the ETag of any object.

    Notes
    -----
    Bucket and endpoint are no part of it: a copy that keeps its ETags is the same commit. Neither are pickles, which
    are never fetched.
    """
    lines = sorted([o.path, o.size_bytes, o.etag] for o in objects)
    return hashlib.sha256(json.dumps(lines).encode()).hexdigest()[:COMMIT_DIGITS]


def _read_entry(entry: Mapping[str, Any], access: S3Access) -> S3Object:
    path = entry["Key"].removeprefix(access.key_prefix)
    return S3Object(path, entry["Size"], entry["ETag"].strip('"'))
