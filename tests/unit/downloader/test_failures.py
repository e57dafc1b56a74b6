import errno
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from huggingface_hub import constants

from lab.hub import ALWAYS, Hub, StoredFile
from nemotron_operator.termination.outcome import EXIT_RETRYABLE, EXIT_TERMINAL
from tests.unit.downloader.command import BRISK, FILES, REPOSITORY, WANTED, Command, Ended

pytestmark = pytest.mark.program

TOKEN = "hf_" + "s3cr3t" * 5

ANOTHER_TOKEN = "hf_" + "0ther" * 6

SHARD = "model-00001-of-00002.safetensors"


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def assert_terminal(ended: Ended, reason: str, *parts: str) -> None:
    assert EXIT_TERMINAL == ended.exit_code
    assert_failed(ended, reason, *parts, retryable=False)


def assert_retryable(ended: Ended, reason: str, *parts: str) -> None:
    assert EXIT_RETRYABLE == ended.exit_code
    assert_failed(ended, reason, *parts, retryable=True)


def assert_failed(ended: Ended, reason: str, *parts: str, retryable: bool) -> None:
    message = ended.outcome["message"]
    assert ended.outcome == {"outcome": "Failed", "reason": reason, "message": message, "retryable": retryable}
    assert [] == [part for part in parts if part not in message], message


def test_a_hub_that_wants_a_token_is_unauthorized_without_one(hub: Hub, command: Command) -> None:
    hub.require_token(TOKEN)
    assert_terminal(command.run(), "Unauthorized", REPOSITORY, "nobody without a token", "tokenSecretRef")


def test_a_hub_that_refuses_the_token_says_so(hub: Hub, command: Command) -> None:
    hub.require_token(TOKEN)
    ended = command.run(token=ANOTHER_TOKEN)
    assert_terminal(ended, "Unauthorized", "refuses the token in HF_TOKEN (401)")
    assert ANOTHER_TOKEN not in ended.everything


def test_a_token_without_permission_is_unauthorized(hub: Hub, command: Command) -> None:
    hub.answer(403, to="/api/")
    assert_terminal(command.run(token=TOKEN), "Unauthorized", "may not read", REPOSITORY, "(403)")


def test_the_right_token_opens_the_repository_and_stays_secret(hub: Hub, command: Command) -> None:
    hub.require_token(TOKEN)
    ended = command.run(token=TOKEN + "\n")
    assert 0 == ended.exit_code
    assert {TOKEN} == {seen.token for seen in hub.requests}
    assert TOKEN not in ended.everything


def test_a_token_that_may_see_the_repository_but_not_its_files_is_unauthorized(hub: Hub, command: Command) -> None:
    hub.answer(403, to=f"/{SHARD}")
    assert_terminal(command.run(token=TOKEN), "Unauthorized", "may not read", REPOSITORY, "(403)")


def test_a_token_in_the_home_directory_is_not_used(
    hub: Hub, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text(TOKEN)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    command.run()
    assert {None} == {seen.token for seen in hub.requests}


def test_a_token_that_no_header_can_carry_is_refused_without_being_shown(command: Command) -> None:
    ended = command.run(token=f"{TOKEN}\n{ANOTHER_TOKEN}")
    assert_terminal(ended, "Unauthorized", "HF_TOKEN holds")
    assert TOKEN not in ended.everything
    assert ANOTHER_TOKEN not in ended.everything


def test_a_traceback_with_the_token_is_redacted(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_path: object) -> None:
        raise RuntimeError(f"the token is {TOKEN}")

    monkeypatch.setattr(shutil, "disk_usage", fail)
    ended = command.run(token=TOKEN)
    assert_retryable(ended, "Unexpected", "RuntimeError: the token is [redacted]", "traceback")
    assert "Traceback" in ended.stderr
    assert TOKEN not in ended.everything


def test_a_gated_repository_names_the_licence_to_accept(hub: Hub, command: Command) -> None:
    hub.gate(REPOSITORY)
    ended = command.run(token=TOKEN)
    assert_terminal(ended, "GatedRepository", "licence", f"{hub.url}/{REPOSITORY}", "the account of the token")


def test_a_gated_repository_without_a_token_asks_for_one(hub: Hub, command: Command) -> None:
    hub.gate(REPOSITORY)
    assert_terminal(command.run(), "GatedRepository", "licence", "give a token of the account that did")


def test_a_repository_that_is_not_there_may_be_a_private_one(hub: Hub, command: Command) -> None:
    hub.answer(404, to="/api/models/acme/absent", headers={"X-Error-Code": "RepoNotFound"})
    ended = command.run(repository="acme/absent")
    assert_terminal(ended, "RepositoryNotFound", "acme/absent", "401 or 404 for a private repository")


def test_a_repository_that_is_not_there_for_this_token_may_be_a_private_one(command: Command) -> None:
    ended = command.run(repository="acme/absent", token=TOKEN)
    assert_terminal(ended, "RepositoryNotFound", "acme/absent (404)", "must not see it")


def test_a_name_that_no_repository_can_have_is_not_found(hub: Hub, command: Command) -> None:
    assert_terminal(command.run(repository="acme/tiny--nemotron"), "RepositoryNotFound", "acme/tiny--nemotron")
    assert [] == hub.requests


@pytest.mark.parametrize("revision", ["no-such-branch", "0" * 40])
def test_a_revision_that_is_not_there_is_terminal(command: Command, revision: str) -> None:
    assert_terminal(command.run(revision=revision), "RevisionNotFound", REPOSITORY, revision)


def test_a_repository_without_safetensors_is_refused_before_anything_is_fetched(hub: Hub, command: Command) -> None:
    commit = hub.push(REPOSITORY, {"config.json": b"{}", "pytorch_model.bin": b"\x80"})
    assert_terminal(command.run(), "NoWeights", REPOSITORY, commit, "no .safetensors file among its 2 files")
    assert 0 == hub.bytes_sent.total()


def test_a_volume_that_is_too_small_is_refused_before_anything_is_fetched(
    hub: Hub, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = sum(len(FILES[path]) for path in WANTED)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10_000, 9_000, 1_000))
    ended = command.run()
    assert_terminal(ended, "NoSpace", f"{needed} more bytes", "1000 bytes", f"{needed - 1000} bytes larger")
    assert 0 == hub.bytes_sent.total()


def test_what_staging_holds_needs_no_space_again(hub: Hub, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.corrupt("config.json", times=2)
    command.run()
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10_000, 9_000, len(FILES["config.json"])))
    assert 0 == command.run().exit_code


def test_a_volume_that_runs_full_meanwhile_is_terminal(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", _raiser(OSError(errno.ENOSPC, "No space left on device")))
    assert_terminal(command.run(), "NoSpace", "ran full", "cache.size")


def test_a_volume_that_cannot_be_written_is_terminal(command: Command) -> None:
    command.volume.rmdir()
    command.volume.write_text("not a directory")
    assert_terminal(command.run(), "VolumeNotWritable", str(command.volume), "read-write")


def test_a_read_only_volume_is_terminal(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", _raiser(OSError(errno.EROFS, "Read-only file system")))
    assert_terminal(command.run(), "VolumeNotWritable", "Read-only file system")


def test_a_file_that_arrives_wrong_once_is_fetched_again(hub: Hub, command: Command) -> None:
    hub.corrupt(SHARD)
    ended = command.run()
    assert 0 == ended.exit_code
    assert FILES[SHARD] == (command.published / SHARD).read_bytes()
    assert 2 * len(FILES[SHARD]) == hub.bytes_sent[SHARD]
    assert sum(len(FILES[path]) for path in WANTED) + len(FILES[SHARD]) == ended.outcome["fetchedBytes"]


def test_a_small_file_that_arrives_wrong_once_is_fetched_again(hub: Hub, command: Command) -> None:
    hub.corrupt("config.json")
    assert 0 == command.run().exit_code
    assert FILES["config.json"] == (command.published / "config.json").read_bytes()


@pytest.mark.parametrize(("path", "kind"), [(SHARD, "sha256"), ("config.json", "git blob")])
def test_a_file_that_always_arrives_wrong_is_terminal(hub: Hub, command: Command, path: str, kind: str) -> None:
    hub.corrupt(path, times=ALWAYS)
    ended = command.run()
    assert_terminal(ended, "ChecksumMismatch", path, f"expected {kind} ", f"found {kind} ")
    assert not command.published.exists()
    assert not (command.staging / path).exists()
    assert 2 * len(FILES[path]) == hub.bytes_sent[path]


def test_a_cut_connection_is_taken_up_again_in_the_same_run(hub: Hub, command: Command) -> None:
    hub.cut(SHARD, after_bytes=1000)
    assert 0 == command.run().exit_code


@pytest.mark.parametrize("status", [429, 503])
def test_a_hub_that_is_busy_is_asked_again_by_the_next_run(hub: Hub, command: Command, status: int) -> None:
    hub.answer(status)
    assert_retryable(command.run(), "HubUnavailable", str(status), REPOSITORY)
    assert BRISK.attempts == len(hub.requests)
    hub.recover()
    assert 0 == command.run().exit_code


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_hub_that_is_busy_for_a_moment_is_asked_again_in_the_same_run(
    hub: Hub, command: Command, status: int
) -> None:
    hub.answer(status, times=1)
    ended = command.run()
    assert 0 == ended.exit_code
    assert f"answered {status}" in ended.stderr


def test_a_file_that_is_rate_limited_once_is_asked_for_again_in_the_same_run(hub: Hub, command: Command) -> None:
    hub.answer(429, to=f"/resolve/{hub.commit(REPOSITORY)}/{SHARD}", times=1)
    assert 0 == command.run().exit_code


def test_a_hub_that_asks_for_a_longer_pause_than_anybody_has_is_left_to_the_next_run(
    hub: Hub, command: Command
) -> None:
    hub.answer(429, headers={"Retry-After": "601"})
    assert_retryable(command.run(), "HubUnavailable", "429")
    assert 1 == len(hub.requests)


def test_a_file_of_another_length_than_announced_is_terminal(hub: Hub, command: Command) -> None:
    hub.misstate_size(SHARD, by_bytes=100)
    size_bytes = len(FILES[SHARD])
    ended = command.run()
    assert_terminal(ended, "ChecksumMismatch", f"expected {size_bytes + 100} bytes, found {size_bytes} bytes")
    assert not command.published.exists()


@pytest.mark.parametrize("by_bytes", [-1000, 1000])
def test_an_answer_of_a_wrong_length_is_taken_up_again_in_the_same_run(
    hub: Hub, command: Command, by_bytes: int
) -> None:
    hub.misstate_length(SHARD, by_bytes=by_bytes)
    assert 0 == command.run().exit_code
    assert FILES[SHARD] == (command.published / SHARD).read_bytes()


def test_fifty_cuts_in_a_row_cost_no_byte_twice(hub: Hub, command: Command) -> None:
    content = bytes(range(256)) * 4096
    hub.push(REPOSITORY, {**FILES, SHARD: content})
    for n in range(50):
        hub.cut(SHARD, after_bytes=1 + 397 * n)
    assert 0 == command.run().exit_code
    assert content == (command.published / SHARD).read_bytes()
    assert 50 == hub.cuts_made[SHARD]
    assert len(content) == hub.bytes_sent[SHARD]


def test_a_hub_that_cannot_be_reached_is_tried_again_later(hub: Hub, command: Command) -> None:
    hub.__exit__(None, None, None)
    assert_retryable(command.run(), "HubUnavailable", hub.url, "cannot be reached", "NetworkPolicy")


def test_a_half_filled_directory_does_not_pass_for_complete_when_the_hub_stops_answering(
    hub: Hub, command: Command
) -> None:
    command.staging.mkdir(parents=True)
    (command.staging / "config.json").write_bytes(FILES["config.json"])
    hub.answer(503, to="/resolve/")
    assert_retryable(command.run(), "HubUnavailable", "503", REPOSITORY)
    assert not command.published.exists()


def test_a_listed_file_that_a_mirror_lacks_is_tried_again_later(hub: Hub, command: Command) -> None:
    hub.answer(404, to=f"/{SHARD}", headers={"X-Error-Code": "EntryNotFound"})
    assert_retryable(command.run(), "HubUnavailable", "404", SHARD)


def test_a_storage_provider_that_refuses_is_not_a_refused_token(hub: Hub, command: Command) -> None:
    with Hub({}) as storage:
        storage.answer(403)
        file = StoredFile(FILES[SHARD], is_large=True)
        linked = {"X-Linked-Etag": file.sha256, "X-Linked-Size": str(len(file.content))}
        moved = {"Location": f"{storage.url}/signed", "X-Repo-Commit": hub.commit(REPOSITORY), **linked}
        hub.answer(302, to=f"/{SHARD}", headers=moved)
        assert_retryable(command.run(token=TOKEN), "HubUnavailable", "403", "/signed")
        assert {None} == {seen.token for seen in storage.requests}


def test_a_file_comes_from_the_hub_where_the_xet_storage_does_not_answer(hub: Hub, command: Command) -> None:
    route = f"{hub.url}/api/models/{REPOSITORY}/xet-read-token/{hub.commit(REPOSITORY)}"
    hub.answer(200, to=f"/{SHARD}", times=1, headers={"X-Xet-Hash": "a" * 64, "X-Xet-Refresh-Route": route})
    assert 0 == command.run().exit_code
    assert 1 == hub.count("GET", "/xet-read-token/")
    assert FILES[SHARD] == (command.published / SHARD).read_bytes()


def test_something_that_is_no_hub_is_said_to_be_none(hub: Hub, command: Command) -> None:
    hub.answer(200, to="/api/")
    assert_retryable(command.run(), "HubUnavailable", "is not a hub", "HF_ENDPOINT")


def test_a_failed_run_publishes_nothing_and_the_next_one_goes_on(hub: Hub, command: Command) -> None:
    hub.answer(403, to=f"/{SHARD}", times=1, headers={"X-Error-Code": "GatedRepo"})
    assert EXIT_TERMINAL == command.run().exit_code
    assert not command.published.exists()
    ended = command.run()
    assert 0 == ended.exit_code
    assert {path: len(FILES[path]) for path in WANTED} == dict(hub.bytes_sent)


def _raiser(error: Exception) -> Callable[[object], None]:
    def fail(_path: object) -> None:
        raise error

    return fail
