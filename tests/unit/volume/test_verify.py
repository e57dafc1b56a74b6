import hashlib
from pathlib import Path

import pytest

from nemotron_operator.volume.digest import Digest, DigestKind
from nemotron_operator.volume.manifest import ManifestFile
from nemotron_operator.volume.remote_file import RemoteFile
from nemotron_operator.volume.verify import Mismatch, verify_file

HELLO_BLOB = "ce013625030ba8dba906f756967f9e9ca394464a"
"""What `git hash-object` says of "hello" and a line end."""

HELLO_SHA256 = hashlib.sha256(b"hello\n").hexdigest()

HELLO_MD5 = "b1946ac92492d2347c6235b4d2611184"
"""What `md5sum` says of it."""

HELLO_BY_4 = "1969ea757963ec2c1b34ad0bebd102f1-2"
"""What S3 says of it when it was uploaded in parts of 4 bytes."""

HELLO_BY_6 = "6a6d8d4533507d490ab007dfe8314ab7-1"
"""What S3 says of it when it was uploaded in one part."""


def a_file(path: str, digest: Digest, size_bytes: int = 6) -> RemoteFile:
    return RemoteFile(path, size_bytes, digest)


@pytest.mark.parametrize(
    "digest",
    [
        pytest.param(Digest(DigestKind.GIT_BLOB, HELLO_BLOB), id="git blob"),
        pytest.param(Digest(DigestKind.SHA256, HELLO_SHA256), id="sha256"),
        pytest.param(Digest(DigestKind.MD5, HELLO_MD5), id="md5"),
        pytest.param(Digest(DigestKind.MD5, HELLO_BY_4, part_bytes=4), id="md5 of parts"),
        pytest.param(Digest(DigestKind.MD5, HELLO_BY_6, part_bytes=6), id="md5 of one part"),
    ],
)
def test_a_file_is_known_by_a_digest_of_any_kind_and_listed_by_its_sha256(tmp_path: Path, digest: Digest) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"hello\n")
    assert ManifestFile("a.txt", 6, HELLO_SHA256) == verify_file(path, a_file("a.txt", digest))
    path.write_bytes(b"hallo\n")
    found = verify_file(path, a_file("a.txt", digest))
    assert isinstance(found, Mismatch)
    assert str(digest) == found.expected != found.found


def test_a_file_of_another_size_is_not_hashed(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"hello")
    file = a_file("a.txt", Digest(DigestKind.GIT_BLOB, HELLO_BLOB))
    assert Mismatch("a.txt", expected="6 bytes", found="5 bytes") == verify_file(tmp_path / "a.txt", file)


@pytest.mark.parametrize("content", [b"", b"x" * 99, b"x" * 100, b"x" * 101, b"x" * 250])
def test_the_digest_of_parts_does_not_depend_on_how_the_content_is_fed(content: bytes) -> None:
    parts = [content[first : first + 100] for first in range(0, len(content), 100)]
    md5s = b"".join(hashlib.md5(part, usedforsecurity=False).digest() for part in parts)
    expected = f"{hashlib.md5(md5s, usedforsecurity=False).hexdigest()}-{len(parts)}"
    for step in (1, 7, 100, 1000):
        hasher = Digest(DigestKind.MD5, "", part_bytes=100).hasher(len(content))
        for first in range(0, len(content), step):
            hasher.update(content[first : first + step])
        assert expected == hasher.value()
