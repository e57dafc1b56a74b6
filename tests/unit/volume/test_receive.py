"""Whole runs of `nemotron-volume receive`."""

import io
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from nemotron_operator.volume.manifest import MANIFEST_NAME
from nemotron_operator.volume.place import Place
from nemotron_operator.volume.refs import Ref, read_ref
from tests.unit.volume.model_directory import COMMIT, FILES, REPOSITORY, SHARDS, Command, manifest_of, publish_files

pytestmark = pytest.mark.program

MEMBERS: Mapping[str, bytes] = {
    **{f"{COMMIT}/{path}": content for path, content in FILES.items()},
    f"{COMMIT}/{MANIFEST_NAME}": manifest_of().render(),
}


def a_member(name: str, size_bytes: int = 0, kind: bytes = tarfile.REGTYPE, linked: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.size, member.linkname = kind, size_bytes, linked
    return member


def tar_of(files: Mapping[str, bytes], *others: tarfile.TarInfo) -> bytes:
    """Write the files, then members without content."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in files.items():
            tar.addfile(a_member(name, len(content)), io.BytesIO(content))
        for member in others:
            tar.addfile(member)
    return stream.getvalue()


def contents_of(volume: Path) -> list[str]:
    """Name all files but locks and records."""
    found = (path for path in volume.rglob("*") if path.is_file() and path.suffix != ".lock")
    return sorted(str(path.relative_to(volume)) for path in found)


@pytest.mark.parametrize("directory", [COMMIT, f"./{COMMIT}", "."])
def test_what_tar_writes_of_a_published_directory_is_published(
    command: Command, tmp_path: Path, directory: str
) -> None:
    publish_files(tmp_path / "elsewhere")
    only = ["--exclude=.staging"] if directory == "." else []
    archive = subprocess.run(
        ["tar", "-C", tmp_path / "elsewhere", *only, "-c", directory],  # noqa: S607 - the tar of the machine
        check=True,
        capture_output=True,
    ).stdout
    ended = command.receive(archive)
    assert (0, COMMIT, manifest_of().sha256) == (
        ended.exit_code,
        ended.outcome["commit"],
        ended.outcome["manifestSha256"],
    )
    assert len(FILES) == ended.outcome["files"]
    published = Place(command.volume, COMMIT).published
    assert {**FILES, MANIFEST_NAME: manifest_of().render()} == {
        str(path.relative_to(published)): path.read_bytes() for path in published.rglob("*") if path.is_file()
    }


def test_a_commit_that_is_there_stays_as_it_is(command: Command) -> None:
    publish_files(command.volume)
    ended = command.receive(tar_of({f"{COMMIT}/config.json": b"other"}))
    assert (0, manifest_of().sha256) == (ended.exit_code, ended.outcome["manifestSha256"])
    assert FILES["config.json"] == (command.volume / COMMIT / "config.json").read_bytes()


def test_a_published_directory_with_a_flipped_byte_is_replaced(command: Command) -> None:
    published = publish_files(command.volume).published
    (published / SHARDS[0]).write_bytes(FILES[SHARDS[0]][:-1] + b"?")
    assert 0 == command.receive(tar_of(MEMBERS)).exit_code
    assert FILES[SHARDS[0]] == (published / SHARDS[0]).read_bytes()


def test_a_published_directory_that_lacks_a_file_is_replaced(command: Command) -> None:
    published = publish_files(command.volume).published
    (published / SHARDS[0]).unlink()
    assert 0 == command.receive(tar_of(MEMBERS)).exit_code
    assert FILES[SHARDS[0]] == (published / SHARDS[0]).read_bytes()


def test_a_branch_means_the_commit_that_came_with_it(command: Command) -> None:
    assert 0 == command.receive(tar_of(MEMBERS), "--revision", "main").exit_code
    assert COMMIT == read_ref(Ref(command.volume, REPOSITORY, "main"))


def test_what_the_manifest_does_not_list_is_left_out(command: Command) -> None:
    assert 0 == command.receive(tar_of({**MEMBERS, f"{COMMIT}/stray.py": b"import os"})).exit_code
    assert not (command.volume / COMMIT / "stray.py").exists()


def test_an_archive_that_is_cut_anywhere_publishes_nothing(command: Command) -> None:
    archive = tar_of(MEMBERS)
    content_bytes = len(archive.rstrip(b"\0"))
    for size_bytes in (0, 100, 512, 700, content_bytes // 2, content_bytes - 1):
        ended = command.receive(archive[:size_bytes])
        assert (3, "NotAnArchive") == ended.failure, size_bytes
        assert "Send" in ended.outcome["message"]
        assert [] == contents_of(command.volume)


@pytest.mark.parametrize(
    "member",
    [
        pytest.param(a_member("../escaped"), id="above"),
        pytest.param(a_member("/tmp/escaped"), id="absolute"),  # noqa: S108 - it is not written
        pytest.param(a_member(f"{COMMIT}/../../escaped"), id="above from inside"),
        pytest.param(a_member(f"{COMMIT}/link", kind=tarfile.SYMTYPE, linked="/etc"), id="symbolic link"),
        pytest.param(a_member(f"{COMMIT}/link", kind=tarfile.LNKTYPE, linked="../../x"), id="hard link"),
        pytest.param(a_member(f"{COMMIT}/pipe", kind=tarfile.FIFOTYPE), id="pipe"),
        pytest.param(a_member(f"{COMMIT}/null", kind=tarfile.CHRTYPE), id="device"),
        pytest.param(a_member(f"{'f' * 40}/config.json"), id="another commit"),
        pytest.param(a_member("config.json"), id="beside the directory"),
        pytest.param(a_member(COMMIT), id="a file instead of the directory"),
        pytest.param(a_member("../escaped", kind=tarfile.DIRTYPE), id="a directory above"),
    ],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_no_member_leaves_the_directory(command: Command, member: tarfile.TarInfo, is_first: bool) -> None:  # noqa: FBT001 - a parameter
    archive = tar_of({}, member)[:512] + tar_of(MEMBERS) if is_first else tar_of(MEMBERS, member)
    before = sorted(command.volume.parent.iterdir())
    ended = command.receive(archive)
    assert (3, "NotAnArchive") == ended.failure
    assert [] == contents_of(command.volume)
    assert before == sorted(path for path in command.volume.parent.iterdir() if path != command.message_path)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({SHARDS[0]: FILES[SHARDS[0]][:-1] + b"?"}, id="a flipped byte"),
        pytest.param({SHARDS[0]: b""}, id="an empty file"),
        pytest.param({MANIFEST_NAME: b"{}"}, id="a manifest that is none"),
        pytest.param(
            {MANIFEST_NAME: manifest_of().render().replace(COMMIT.encode(), b"f" * 40)}, id="another's manifest"
        ),
    ],
)
def test_what_the_manifest_does_not_prove_is_not_published(command: Command, changed: Mapping[str, bytes]) -> None:
    ended = command.receive(tar_of({**MEMBERS, **{f"{COMMIT}/{name}": c for name, c in changed.items()}}))
    assert (3, "NotAnArchive") == ended.failure
    assert [] == contents_of(command.volume)


@pytest.mark.parametrize("left_out", [SHARDS[0], MANIFEST_NAME])
def test_an_archive_that_lacks_a_file_is_not_published(command: Command, left_out: str) -> None:
    ended = command.receive(tar_of({name: c for name, c in MEMBERS.items() if name != f"{COMMIT}/{left_out}"}))
    assert (3, "NotAnArchive") == ended.failure
    assert [] == contents_of(command.volume)


@pytest.mark.parametrize("content", [b"\x1f\x8b" + b"0" * 600, b"x" * 2000])
def test_something_else_is_no_archive(command: Command, content: bytes) -> None:
    assert (3, "NotAnArchive") == command.receive(content).failure
    assert [] == contents_of(command.volume)


def test_an_archive_of_directories_alone_is_none(command: Command) -> None:
    ended = command.receive(tar_of({}, a_member(COMMIT, kind=tarfile.DIRTYPE)))
    assert (3, "NotAnArchive") == ended.failure
    assert "Nothing came" in ended.outcome["message"]
