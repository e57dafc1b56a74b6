"""Which digest of an object can be trusted, by what the storage tells of it.

Pure: the answers to HEAD requests come in as they are.
"""

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any

from nemotron_operator.volume.digest import Digest, DigestKind

ETAG_PATTERN = re.compile(r"([0-9a-f]{32})(?:-([1-9][0-9]*))?")
"""An ETag that may be an md5: of the content, or of the md5s of so many parts."""

OTHER_ETAG_ENCRYPTIONS = frozenset({"aws:kms", "aws:kms:dsse"})
"""Encryptions under which an ETag looks like an md5 and is none."""

OTHER_ETAG_CLASSES = frozenset({"EXPRESS_ONEZONE"})
"""Storage classes whose ETags look like an md5 and are none."""

Head = Mapping[str, Any]
"""An answer to `head_object`."""


def find_digest(head: Head, first_part_bytes: Callable[[], int]) -> Digest | None:
    """Choose the strongest digest that the storage tells; None if it tells none that bytes can be checked against.

    Parameters
    ----------
    head
        The answer to a HEAD request with the checksum mode enabled.
    first_part_bytes
        Asks for the size of the first part. It is called for objects that were uploaded in parts only.

    Notes
    -----
    `ChecksumSHA256` and ETag: https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
    """
    return _checksum(head, first_part_bytes) or _etag(head, first_part_bytes)


def _checksum(head: Head, first_part_bytes: Callable[[], int]) -> Digest | None:
    """Read the sha256 that was given with the upload; of an upload in parts it is the digest of their digests."""
    encoded, _, parts = head.get("ChecksumSHA256", "").partition("-")
    if not encoded:
        return None
    value = base64.b64decode(encoded).hex()
    if not parts:
        return Digest(DigestKind.SHA256, value) if head.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT" else None
    return _composite(DigestKind.SHA256, value, int(parts), head["ContentLength"], first_part_bytes())


def _etag(head: Head, first_part_bytes: Callable[[], int]) -> Digest | None:
    matched = ETAG_PATTERN.fullmatch(head["ETag"].strip('"'))
    is_other = (
        head.get("ServerSideEncryption") in OTHER_ETAG_ENCRYPTIONS
        or "SSECustomerAlgorithm" in head
        or head.get("StorageClass") in OTHER_ETAG_CLASSES
    )
    if matched is None or is_other:
        return None
    value, parts = matched.groups()
    if parts is None:
        return Digest(DigestKind.MD5, value)
    return _composite(DigestKind.MD5, value, int(parts), head["ContentLength"], first_part_bytes())


def _composite(kind: DigestKind, value: str, parts: int, size_bytes: int, part_bytes: int) -> Digest | None:
    """Give the digest of parts, unless their number shows that they are not all as large as the first one.

    Notes
    -----
    A storage that does not know parts any more answers with the size of the whole object.
    """
    if part_bytes < 1 or -(-size_bytes // part_bytes) != parts:
        return None
    return Digest(kind, f"{value}-{parts}", part_bytes)
