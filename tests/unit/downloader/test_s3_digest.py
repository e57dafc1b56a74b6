import base64
import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from nemotron_operator.downloader.s3_digest import find_digest
from nemotron_operator.volume.digest import Digest, DigestKind

MD5 = "0123456789abcdef" * 2

SHA256 = hashlib.sha256(b"weights")

SHA256_BASE64 = base64.b64encode(SHA256.digest()).decode()


def a_head(etag: str = MD5, size_bytes: int = 25, **rest: str) -> dict[str, Any]:
    return {"ETag": f'"{etag}"', "ContentLength": size_bytes, **rest}


def parts_of(size_bytes: int) -> Callable[[], int]:
    return lambda: size_bytes


def never() -> int:
    raise AssertionError("the storage is asked for parts of what has none")


def test_an_etag_is_the_md5_of_an_upload_in_one_piece() -> None:
    assert Digest(DigestKind.MD5, MD5) == find_digest(a_head(ServerSideEncryption="AES256"), never)


def test_a_sha256_is_preferred_to_an_etag() -> None:
    expected = Digest(DigestKind.SHA256, SHA256.hexdigest())
    assert expected == find_digest(a_head(ChecksumSHA256=SHA256_BASE64), never)
    assert expected == find_digest(
        a_head(ChecksumSHA256=SHA256_BASE64, ChecksumType="FULL_OBJECT", ServerSideEncryption="aws:kms"), never
    )


def test_a_sha256_of_parts_is_one_of_their_digests() -> None:
    head = a_head(ChecksumSHA256=f"{SHA256_BASE64}-3", ChecksumType="COMPOSITE", ServerSideEncryption="aws:kms")
    assert Digest(DigestKind.SHA256, f"{SHA256.hexdigest()}-3", 10) == find_digest(head, parts_of(10))


def test_a_sha256_that_is_said_to_be_of_parts_without_their_number_is_not_used() -> None:
    head = a_head(ChecksumSHA256=SHA256_BASE64, ChecksumType="COMPOSITE")
    assert Digest(DigestKind.MD5, MD5) == find_digest(head, never)


@pytest.mark.parametrize(
    ("size_bytes", "parts", "part_bytes"),
    [(25, 3, 10), (30, 3, 10), (21, 3, 10), (10, 1, 10), (3, 1, 10)],
)
def test_an_etag_of_parts_needs_their_size(size_bytes: int, parts: int, part_bytes: int) -> None:
    digest = find_digest(a_head(f"{MD5}-{parts}", size_bytes), parts_of(part_bytes))
    assert Digest(DigestKind.MD5, f"{MD5}-{parts}", part_bytes) == digest


@pytest.mark.parametrize(
    ("size_bytes", "part_bytes"),
    [
        pytest.param(25, 25, id="a storage that knows no parts answers for the whole object"),
        pytest.param(31, 10, id="the last part is larger than the first"),
        pytest.param(20, 10, id="the first part is larger than the second"),
        pytest.param(25, 0, id="the first part is empty"),
    ],
)
def test_three_parts_that_cannot_be_of_one_size_have_no_digest(size_bytes: int, part_bytes: int) -> None:
    assert None is find_digest(a_head(f"{MD5}-3", size_bytes), parts_of(part_bytes))


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(a_head(ServerSideEncryption="aws:kms"), id="a key of KMS"),
        pytest.param(a_head(ServerSideEncryption="aws:kms:dsse"), id="two keys of KMS"),
        pytest.param(a_head(f"{MD5}-3", ServerSideEncryption="aws:kms"), id="parts and a key of KMS"),
        pytest.param(a_head(SSECustomerAlgorithm="AES256"), id="a key of the customer"),
        pytest.param(a_head(StorageClass="EXPRESS_ONEZONE"), id="a directory bucket"),
        pytest.param(a_head("8D4B" + MD5[4:]), id="capitals, as other storages have"),
        pytest.param(a_head("0x8DC"), id="no md5 by its length"),
    ],
)
def test_an_etag_that_is_no_md5_is_not_used(head: dict[str, Any]) -> None:
    assert None is find_digest(head, parts_of(10))
