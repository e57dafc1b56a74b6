import hashlib
from pathlib import Path

from nemotron_operator.downloader.manifest import ManifestFile
from nemotron_operator.downloader.selection import RemoteFile
from nemotron_operator.downloader.verify import Mismatch, verify_file, verify_files

HELLO_BLOB = "ce013625030ba8dba906f756967f9e9ca394464a"
"""What `git hash-object` says of "hello" and a line end."""

HELLO_SHA256 = hashlib.sha256(b"hello\n").hexdigest()


def test_a_small_file_is_known_by_its_git_blob_id(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"hello\n")
    assert ManifestFile("a.txt", 6, HELLO_SHA256) == verify_file(tmp_path, RemoteFile("a.txt", 6, HELLO_BLOB))


def test_a_large_file_is_known_by_its_sha256_and_not_by_the_id_of_its_pointer(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"hello\n")
    file = RemoteFile("a.safetensors", 6, blob_sha1="of the pointer", lfs_sha256=HELLO_SHA256)
    assert ManifestFile("a.safetensors", 6, HELLO_SHA256) == verify_file(tmp_path, file)


def test_a_file_of_another_size_is_not_hashed(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"hello")
    file = RemoteFile("a.txt", 6, HELLO_BLOB)
    assert Mismatch(file, expected="6 bytes", found="5 bytes") == verify_file(tmp_path, file)


def test_what_may_be_published_and_what_may_not_come_apart(tmp_path: Path) -> None:
    good, bad = RemoteFile("good.txt", 6, HELLO_BLOB), RemoteFile("bad.txt", 6, HELLO_BLOB)
    (tmp_path / "good.txt").write_bytes(b"hello\n")
    (tmp_path / "bad.txt").write_bytes(b"hallo\n")
    found = hashlib.sha1(b"blob 6\0hallo\n", usedforsecurity=False).hexdigest()
    assert verify_files(tmp_path, [good, bad]) == (
        [ManifestFile("good.txt", 6, HELLO_SHA256)],
        [Mismatch(bad, expected=f"git blob {HELLO_BLOB}", found=f"git blob {found}")],
    )
