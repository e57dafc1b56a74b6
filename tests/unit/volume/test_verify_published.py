"""Whole runs of `nemotron-volume verify`."""

import json
from pathlib import Path

import pytest

from nemotron_operator.volume import verify
from nemotron_operator.volume.manifest import MANIFEST_NAME, ManifestFile, make_manifest
from nemotron_operator.volume.place import locked
from nemotron_operator.volume.publish import take_back
from tests.unit.volume.model_directory import (
    COMMIT,
    FILES,
    REPOSITORY,
    SHARDS,
    Command,
    Ended,
    manifest_of,
    publish_files,
)


def run(command: Command, commit: str = COMMIT) -> Ended:
    return command.run("verify", "--destination", command.volume, "--commit", commit)


def test_a_published_commit_is_proven(command: Command) -> None:
    publish_files(command.volume)
    ended = run(command)
    seconds = ended.outcome["seconds"]
    assert ended.outcome == {
        "outcome": "Complete",
        "commit": COMMIT,
        "bytes": sum(len(content) for content in FILES.values()),
        "files": len(FILES),
        "manifestSha256": manifest_of().sha256,
        "seconds": seconds,
        "readBytesPerSecond": None,
    }
    assert 0 == ended.exit_code


def test_a_flipped_bit_is_found_and_nothing_starts_from_the_directory_any_more(command: Command) -> None:
    place = publish_files(command.volume)
    path = place.published / SHARDS[1]
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    ended = run(command)
    assert (3, "Damaged") == ended.failure
    assert f"1 of {len(FILES)} files of acme/tiny-nemotron at {COMMIT}" in ended.outcome["message"]
    assert f"{SHARDS[1]} (expected sha256 " in ended.outcome["message"]
    assert not place.published.exists()
    kept = {str(p.relative_to(place.staging)) for p in place.staging.rglob("*") if p.is_file()}
    assert (set(FILES) | {MANIFEST_NAME}) - {SHARDS[1]} == kept


@pytest.mark.parametrize("damage", ["cut", "missing", "a directory"])
def test_other_damage_is_found(command: Command, damage: str) -> None:
    place = publish_files(command.volume)
    path = place.published / SHARDS[0]
    if damage == "cut":
        path.write_bytes(FILES[SHARDS[0]][:-1])
    else:
        path.unlink()
    if damage == "a directory":
        path.mkdir()
    assert (3, "Damaged") == run(command).failure
    assert not place.published.exists()
    assert not (place.staging / SHARDS[0]).exists()


def test_a_file_that_the_disk_cannot_read_is_damaged(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    place = publish_files(command.volume)

    def fail(path: Path) -> None:
        if path.name == SHARDS[0]:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(verify, "forget_pages", fail)
    ended = run(command)
    assert (3, "Damaged") == ended.failure
    assert "Input/output error" in ended.outcome["message"]
    assert not (place.staging / SHARDS[0]).exists()


@pytest.mark.parametrize("content", [None, "{}", manifest_of().render().decode().replace(COMMIT, "f" * 40)])
def test_without_a_manifest_of_the_commit_nothing_is_proven(command: Command, content: str | None) -> None:
    place = publish_files(command.volume)
    (place.published / MANIFEST_NAME).unlink()
    if content is not None:
        (place.published / MANIFEST_NAME).write_text(content)
    ended = run(command)
    assert (3, "Damaged") == ended.failure
    assert not place.published.exists()
    assert FILES[SHARDS[0]] == (place.staging / SHARDS[0]).read_bytes()


def test_a_manifest_that_names_something_outside_removes_nothing_there(command: Command) -> None:
    place = publish_files(command.volume)
    (command.volume / "precious").write_bytes(b"x")
    manifest = make_manifest(REPOSITORY, COMMIT, (), [ManifestFile("../../precious", 2, "aa")])
    (place.published / MANIFEST_NAME).write_bytes(manifest.render())
    assert (3, "Damaged") == run(command).failure
    assert b"x" == (command.volume / "precious").read_bytes()


def test_what_a_killed_download_has_taken_back_meanwhile_is_absent_and_not_damaged(command: Command) -> None:
    place = publish_files(command.volume)
    with command.start("verify", "--destination", command.volume, "--commit", COMMIT) as verifying:
        with locked(place):
            assert verifying.stderr is not None
            assert "waiting for it" in verifying.stderr.readline()
            take_back(place)
        verifying.communicate(timeout=120)
    assert (3, "Absent") == (verifying.returncode, json.loads(command.message_path.read_text())["reason"])


def test_damage_of_many_files_names_some_and_logs_all(command: Command) -> None:
    place = publish_files(command.volume)
    for path in FILES:
        (place.published / path).write_bytes(b"?")
    ended = run(command)
    assert f"{len(FILES)} of {len(FILES)} files" in ended.outcome["message"]
    assert [] == [path for path in FILES if f"{path}: expected" not in ended.log]


@pytest.mark.parametrize("commit", ["f" * 40, "main", f"../volume/{COMMIT}", ".staging"])
def test_what_is_not_published_is_absent(command: Command, commit: str) -> None:
    publish_files(command.volume)
    ended = run(command, commit)
    assert (3, "Absent") == ended.failure
    assert commit in ended.outcome["message"]
    assert "nemotron-download" in ended.outcome["message"]
