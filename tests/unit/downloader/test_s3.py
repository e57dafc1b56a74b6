"""Whole runs of `nemotron-download` against an object store on this machine."""

import hashlib
import itertools
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import certifi
import pytest

from lab.object_store import UPLOAD_PART_BYTES, ObjectStore
from nemotron_operator.downloader.main import main
from nemotron_operator.downloader.patience import Patience

pytestmark = pytest.mark.program

BUCKET = "models"

SHARD = "model-00001-of-00002.safetensors"

FILES: Mapping[str, bytes] = {
    "config.json": b'{"architectures": ["NemotronHForCausalLM"]}\n',
    SHARD: bytes(range(256)) * 1024,
    "model-00002-of-00002.safetensors": bytes(reversed(range(256))) * 30,
    "tokenizer.json": b'{"version": "1.0"}\n',
    "chat/tëmplate.jinja": b"{{ messages }}\n",
    "modeling_nemotron.py": b"import os\n",
    "pytorch_model.bin": b"\x80\x04.",
    "README.md": b"# Tiny\n",
}

WANTED = set(FILES) - {"modeling_nemotron.py", "pytorch_model.bin", "README.md"}

WANTED_BYTES = sum(len(FILES[path]) for path in WANTED)

IMPATIENCE = Patience(attempts=2, first_pause_seconds=0.001)

SECRET_KEY = "wJalr" + "XUtnFEMI" * 4


@dataclass(frozen=True)
class Ended:
    """What a run of the command left."""

    exit_code: int
    outcome: dict[str, Any]
    everything: str
    """All that anybody could read."""

    @property
    def message(self) -> str:
        assert "Failed" == self.outcome["outcome"], self.outcome
        message: str = self.outcome["message"]
        return message


@dataclass(frozen=True)
class Command:
    """`nemotron-download` for one store and one volume."""

    store: ObjectStore
    volume: Path
    capsys: pytest.CaptureFixture[str]

    def run(self, *extra: str, bucket: str = BUCKET, prefix: str = "tiny", endpoint: str = "") -> Ended:
        self.capsys.readouterr()
        exit_code = main(
            [
                *("--s3-bucket", bucket),
                *("--s3-prefix", prefix),
                *("--s3-endpoint", endpoint or self.store.url),
                *("--destination", str(self.volume)),
                *("--termination-message-path", str(self.volume.with_name("termination-log"))),
                *extra,
            ],
            IMPATIENCE,
        )
        written = self.capsys.readouterr()
        return Ended(exit_code, json.loads(written.out.splitlines()[-1]), written.out + written.err)

    def published(self, ended: Ended) -> dict[str, bytes]:
        """Give the content of every file that was published, the manifest aside."""
        directory = self.volume / ended.outcome["commit"]
        files = [path for path in directory.rglob("*") if path.is_file() and path.name != ".nemotron-manifest.json"]
        return {path.relative_to(directory).as_posix(): path.read_bytes() for path in files}


@pytest.fixture
def store() -> Iterator[ObjectStore]:
    with ObjectStore() as store:
        put(store, FILES)
        yield store


@pytest.fixture
def command(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    volume = tmp_path / "volume"
    volume.mkdir()
    return Command(store, volume, capsys)


def put(store: ObjectStore, files: Mapping[str, bytes], **arguments: str) -> None:
    store.put(BUCKET, {f"tiny/{path}": content for path, content in files.items()}, **arguments)


def sent_bytes(store: ObjectStore) -> dict[str, int]:
    return {key.removeprefix("tiny/"): count for key, count in store.bytes_sent.items()}


def a_manifest(files: Mapping[str, bytes]) -> bytes:
    listed = [
        {"path": path, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for path, content in files.items()
    ]
    return json.dumps({"files": listed}).encode()


def test_a_prefix_is_published_under_a_commit_that_names_its_content(command: Command) -> None:
    ended = command.run()
    assert 0 == ended.exit_code, ended.everything
    assert {path: FILES[path] for path in WANTED} == command.published(ended)
    assert "s3://models/tiny" == ended.outcome["repository"]
    assert (WANTED_BYTES, WANTED_BYTES) == (ended.outcome["bytes"], ended.outcome["fetchedBytes"])
    assert 40 == len(ended.outcome["commit"])


def test_every_object_is_sent_once_and_a_pickle_never(store: ObjectStore, command: Command) -> None:
    command.run()
    assert {path: len(FILES[path]) for path in WANTED} == sent_bytes(store)
    assert [] == [seen for seen in store.requests if "pytorch_model.bin" in seen.path]


def test_code_comes_only_when_a_pattern_asks_for_it(command: Command) -> None:
    published = command.published(command.run("--allow-pattern", "*.py", "*.bin"))
    assert WANTED | {"modeling_nemotron.py"} == set(published)


def test_a_second_run_with_a_full_cache_makes_no_data_request(store: ObjectStore, command: Command) -> None:
    first = command.run()
    asked = store.count("GET", "/tiny/")
    second = command.run()
    assert asked == store.count("GET", "/tiny/")
    assert (0, 0) == (second.exit_code, second.outcome["fetchedBytes"])
    assert first.outcome["manifestSha256"] == second.outcome["manifestSha256"]


def test_a_listing_of_several_pages_is_read_whole(
    store: ObjectStore, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
    assert WANTED == set(command.published(command.run()))
    assert 3 == sum("list-type" in seen.query for seen in store.requests)


def test_a_whole_bucket_is_a_prefix_too(store: ObjectStore, command: Command) -> None:
    store.put("only-one", {"config.json": b"{}", "model.safetensors": b"weights", "empty/": b""})
    ended = command.run(bucket="only-one", prefix="")
    assert {"config.json": b"{}", "model.safetensors": b"weights"} == command.published(ended)
    assert "s3://only-one" == ended.outcome["repository"]


def test_changed_content_is_another_commit(store: ObjectStore, command: Command, tmp_path: Path) -> None:
    before = command.run().outcome["commit"]
    elsewhere = Command(store, tmp_path / "other", command.capsys)
    elsewhere.volume.mkdir()
    assert before == elsewhere.run().outcome["commit"]
    put(store, {"config.json": FILES["config.json"].replace(b"Nemotron", b"nEMOTRON")})
    third = Command(store, tmp_path / "third", command.capsys)
    third.volume.mkdir()
    assert before != third.run().outcome["commit"]


def test_a_transfer_that_is_cut_fifty_times_brings_every_byte_once(store: ObjectStore, command: Command) -> None:
    ends = sorted(random.Random(6).sample(range(1, len(FILES[SHARD])), 50))  # noqa: S311 - a fixed choice of places
    for begin, end in itertools.pairwise([0, *ends]):
        store.cut(f"tiny/{SHARD}", after_bytes=end - begin)
    ended = command.run()
    assert 0 == ended.exit_code, ended.everything
    assert FILES[SHARD] == command.published(ended)[SHARD]
    assert len(FILES[SHARD]) == sent_bytes(store)[SHARD]
    assert [0, *ends] == [seen.first_byte for seen in store.requests if seen.method == "GET" and SHARD in seen.path]


def test_a_run_that_gave_up_is_continued_by_the_next_one(store: ObjectStore, command: Command) -> None:
    store.cut(f"tiny/{SHARD}", after_bytes=100_001)
    store.before_fetch(f"tiny/{SHARD}", lambda: store.answer(503, "SlowDown", to=SHARD, times=2))
    first = command.run()
    assert (75, "StorageUnavailable", True) == (
        first.exit_code,
        first.outcome["reason"],
        first.outcome["retryable"],
    )
    second = command.run()
    assert 0 == second.exit_code, second.everything
    assert {path: len(FILES[path]) for path in WANTED} == sent_bytes(store)
    assert FILES[SHARD] == command.published(second)[SHARD]
    assert 100_001 in [seen.first_byte for seen in store.requests if seen.method == "GET"]


def test_a_corrupted_object_is_fetched_once_more(store: ObjectStore, command: Command) -> None:
    store.corrupt(f"tiny/{SHARD}")
    ended = command.run()
    assert 0 == ended.exit_code, ended.everything
    assert FILES[SHARD] == command.published(ended)[SHARD]
    assert 2 * len(FILES[SHARD]) == sent_bytes(store)[SHARD]


def test_an_object_that_arrives_wrong_twice_is_never_published(store: ObjectStore, command: Command) -> None:
    store.corrupt(f"tiny/{SHARD}", times=2)
    ended = command.run()
    assert (3, "ChecksumMismatch") == (ended.exit_code, ended.outcome["reason"])
    assert f"expected md5 {hashlib.md5(FILES[SHARD], usedforsecurity=False).hexdigest()}" in ended.message
    assert [] == [path.name for path in command.volume.iterdir() if not path.name.startswith(".")]


def test_an_object_that_changes_in_between_is_not_mixed(store: ObjectStore, command: Command) -> None:
    key, new = f"tiny/{SHARD}", bytes(len(FILES[SHARD]))
    store.cut(key, after_bytes=100_000)
    store.before_fetch(key, lambda: None)
    store.before_fetch(key, lambda: put(store, {SHARD: new}))
    first = command.run()
    assert (75, "RevisionNotFound", True) == (first.exit_code, first.outcome["reason"], first.outcome["retryable"])
    assert f"{SHARD} of s3://models/tiny was changed or removed while it was fetched" in first.message
    assert [0, 100_000] == [seen.first_byte for seen in store.requests if seen.method == "GET" and SHARD in seen.path]
    second = command.run()
    assert 0 == second.exit_code, second.everything
    assert new == command.published(second)[SHARD]


def test_a_change_is_seen_where_the_storage_does_not_know_if_match(store: ObjectStore, command: Command) -> None:
    store.ignore_header("If-Match")
    store.before_fetch(f"tiny/{SHARD}", lambda: put(store, {SHARD: bytes(len(FILES[SHARD]))}))
    ended = command.run()
    assert (75, "RevisionNotFound") == (ended.exit_code, ended.outcome["reason"])


def test_a_file_begins_anew_where_the_storage_does_not_know_ranges(store: ObjectStore, command: Command) -> None:
    store.ignore_header("Range")
    store.cut(f"tiny/{SHARD}", after_bytes=100_000)
    ended = command.run()
    assert 0 == ended.exit_code, ended.everything
    assert FILES[SHARD] == command.published(ended)[SHARD]
    assert 100_000 + len(FILES[SHARD]) == sent_bytes(store)[SHARD]


def test_an_object_that_is_removed_in_between_is_named(store: ObjectStore, command: Command) -> None:
    store.before_fetch(f"tiny/{SHARD}", lambda: store.delete(BUCKET, f"tiny/{SHARD}"))
    ended = command.run()
    assert 75 == ended.exit_code
    assert f"{SHARD} of s3://models/tiny was changed or removed" in ended.message


def test_an_upload_in_parts_is_verified_by_the_digest_of_its_parts(store: ObjectStore, command: Command) -> None:
    parts = [b"a" * UPLOAD_PART_BYTES, b"b" * UPLOAD_PART_BYTES, b"c"]
    store.put_in_parts(BUCKET, f"tiny/{SHARD}", parts)
    ended = command.run()
    assert 0 == ended.exit_code, ended.everything
    assert hashlib.sha256(b"".join(parts)).digest() == hashlib.sha256(command.published(ended)[SHARD]).digest()


def test_a_flipped_bit_in_an_upload_in_parts_is_found(store: ObjectStore, command: Command) -> None:
    store.put_in_parts(BUCKET, f"tiny/{SHARD}", [b"a" * UPLOAD_PART_BYTES, b"b"])
    store.corrupt(f"tiny/{SHARD}", times=2)
    assert "ChecksumMismatch" == command.run().outcome["reason"]


def test_parts_of_different_sizes_need_a_manifest(store: ObjectStore, command: Command) -> None:
    parts = [b"a" * UPLOAD_PART_BYTES, b"b" * 3 * UPLOAD_PART_BYTES, b"c"]
    store.put_in_parts(BUCKET, f"tiny/{SHARD}", parts)
    refused = command.run()
    assert (3, "NoDigest") == (refused.exit_code, refused.outcome["reason"])
    assert f"tells no digest of {SHARD} in s3://models/tiny" in refused.message
    assert "nemotron-volume inspect --directory DIR --write-manifest" in refused.message
    put(store, {".nemotron-manifest.json": a_manifest({SHARD: b"".join(parts)})})
    assert 0 == command.run().exit_code


def test_what_is_encrypted_with_a_key_of_kms_needs_a_checksum(store: ObjectStore, command: Command) -> None:
    put(store, {SHARD: FILES[SHARD]}, ServerSideEncryption="aws:kms")
    assert "NoDigest" == command.run().outcome["reason"]
    put(store, {SHARD: FILES[SHARD]}, ServerSideEncryption="aws:kms", ChecksumAlgorithm="SHA256")
    ended = command.run()
    assert 0 == ended.exit_code, ended.everything


def test_a_file_that_no_server_reads_needs_no_digest(store: ObjectStore, command: Command) -> None:
    put(store, {"README.md": b"# Secret\n"}, ServerSideEncryption="aws:kms")
    ended = command.run()
    assert 0 == ended.exit_code
    assert "README.md of s3://models/tiny is left out" in ended.everything


def test_the_digests_of_a_manifest_beside_the_files_are_used(store: ObjectStore, command: Command) -> None:
    put(store, {".nemotron-manifest.json": a_manifest({path: FILES[path] for path in WANTED})})
    ended = command.run()
    assert 0 == ended.exit_code, ended.everything
    assert WANTED == set(command.published(ended))
    assert 0 == store.count("HEAD", ".safetensors")


def test_content_that_differs_from_the_manifest_is_never_published(store: ObjectStore, command: Command) -> None:
    put(store, {".nemotron-manifest.json": a_manifest({SHARD: bytes(len(FILES[SHARD]))})})
    ended = command.run()
    assert "ChecksumMismatch" == ended.outcome["reason"]
    assert f"found sha256 {hashlib.sha256(FILES[SHARD]).hexdigest()}" in ended.message


def test_a_manifest_of_other_sizes_is_refused_before_anything_is_fetched(store: ObjectStore, command: Command) -> None:
    put(store, {".nemotron-manifest.json": a_manifest({SHARD: b"short"})})
    ended = command.run()
    assert (3, "ChecksumMismatch") == (ended.exit_code, ended.outcome["reason"])
    assert (
        f"{SHARD} of s3://models/tiny has 262144 bytes, and .nemotron-manifest.json beside it says 5" in ended.message
    )
    assert 0 == store.bytes_sent[f"tiny/{SHARD}"]


def test_a_manifest_that_cannot_be_read_is_not_used(store: ObjectStore, command: Command) -> None:
    put(store, {".nemotron-manifest.json": b"[]"})
    ended = command.run()
    assert 0 == ended.exit_code
    assert ".nemotron-manifest.json of s3://models/tiny cannot be read" in ended.everything


def test_valid_credentials_open_the_bucket(
    store: ObjectStore, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_id, secret_key = store.require_credentials()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key_id + "\n")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret_key + "\n")
    ended = command.run()
    assert 0 == ended.exit_code, ended.everything
    assert secret_key not in ended.everything


def test_no_credentials_are_told_from_wrong_ones(
    store: ObjectStore, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_id, _ = store.require_credentials()
    without = command.run()
    assert (3, "Unauthorized") == (without.exit_code, without.outcome["reason"])
    assert f"{store.url} shows s3://models/tiny to nobody without credentials (AccessDenied)" in without.message
    assert "(model.source.s3.credentialsSecretRef)" in without.message
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    wrong = command.run()
    assert (3, "Unauthorized") == (wrong.exit_code, wrong.outcome["reason"])
    assert f"refuses the access key {key_id} (SignatureDoesNotMatch)" in wrong.message
    assert SECRET_KEY not in wrong.everything


def test_a_key_that_may_not_read_the_objects_is_told_what_it_needs(
    store: ObjectStore, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "READER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    store.answer(403, "AccessDenied", to=SHARD)
    ended = command.run()
    assert (3, "Unauthorized") == (ended.exit_code, ended.outcome["reason"])
    assert f"The access key READER may not read {SHARD} of s3://models/tiny" in ended.message
    assert "s3:ListBucket on the bucket models and s3:GetObject on tiny/*" in ended.message


def test_a_missing_bucket_is_named(store: ObjectStore, command: Command) -> None:
    ended = command.run(bucket="no-such-models")
    assert (3, "BucketNotFound") == (ended.exit_code, ended.outcome["reason"])
    assert f"{store.url} has no bucket no-such-models (NoSuchBucket). Check model.source.s3.bucket" in ended.message


def test_what_cannot_be_a_bucket_is_named(command: Command) -> None:
    ended = command.run(bucket="no bucket")
    assert (3, "BucketNotFound") == (ended.exit_code, ended.outcome["reason"])
    assert "'no bucket' is not the name of a bucket: correct model.source.s3.bucket." == ended.message


def test_an_empty_prefix_is_named(store: ObjectStore, command: Command) -> None:
    store.put(BUCKET, {"large/": b""})
    ended = command.run(prefix="large")
    assert (3, "RepositoryNotFound") == (ended.exit_code, ended.outcome["reason"])
    assert f"There is nothing below s3://models/large/ at {store.url}. Correct model.source.s3.prefix" in ended.message


def test_a_prefix_without_safetensors_is_named(store: ObjectStore, command: Command) -> None:
    store.put(BUCKET, {"pickled/pytorch_model.bin": b"\x80\x04.", "pickled/config.json": b"{}"})
    ended = command.run(prefix="pickled")
    assert (3, "NoWeights") == (ended.exit_code, ended.outcome["reason"])
    assert "s3://models/pickled has no .safetensors file among its 2 objects" in ended.message


@pytest.mark.parametrize(("status", "code"), [(503, "SlowDown"), (429, "TooManyRequests"), (500, "InternalError")])
def test_a_busy_storage_is_asked_again(store: ObjectStore, command: Command, status: int, code: str) -> None:
    store.answer(status, code, times=1)
    ended = command.run()
    assert 0 == ended.exit_code, ended.everything
    assert f"{store.url} answered {code} to ListObjectsV2 for s3://models/tiny" in ended.everything


def test_a_storage_that_stays_busy_is_left_to_the_next_run(store: ObjectStore, command: Command) -> None:
    store.answer(503, "SlowDown", headers={"Retry-After": "3600"})
    ended = command.run()
    assert (75, "StorageUnavailable") == (ended.exit_code, ended.outcome["reason"])
    assert "It asks to wait 3600 seconds." in ended.message
    assert 1 == len(store.requests)


def test_an_endpoint_where_nobody_answers_is_named(command: Command) -> None:
    ended = command.run(endpoint="http://127.0.0.1:9")
    assert (75, "StorageUnavailable") == (ended.exit_code, ended.outcome["reason"])
    assert (
        "http://127.0.0.1:9 did not answer, or not to the end, for s3://models/tiny: Could not connect" in ended.message
    )
    assert "see model.source.s3.endpoint, proxy and NetworkPolicy" in ended.message


def test_nobody_but_the_endpoint_is_asked_for_credentials_or_addresses(
    store: ObjectStore, command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with_credentials = tmp_path / "credentials"
    with_credentials.write_text("[default]\naws_access_key_id = HOME\naws_secret_access_key = home\n")
    with ObjectStore() as elsewhere:
        put(store, FILES)
        for variable in ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_ENDPOINT_URL"):
            monkeypatch.setenv(variable, elsewhere.url)
        monkeypatch.delenv("AWS_EC2_METADATA_DISABLED", raising=False)
        monkeypatch.setenv("AWS_DEFAULTS_MODE", "auto")
        monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(with_credentials))
        ended = command.run()
        assert 0 == ended.exit_code, ended.everything
        assert [] == elsewhere.requests


def test_a_private_authority_is_trusted_when_its_certificates_are_named(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from werkzeug.serving import make_ssl_devcert

    certificate = make_ssl_devcert(str(tmp_path / "storage"), host="localhost")
    with ObjectStore("localhost", certificate) as private:
        put(private, FILES)
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        for variable in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
            monkeypatch.setenv(variable, certifi.where())
        refused = command.run(endpoint=private.url)
        assert (3, "UntrustedCertificate") == (refused.exit_code, refused.outcome["reason"])
        assert f"The certificate of {private.url} is not trusted" in refused.message
        assert "(model.source.s3.caConfigMapRef, SSL_CERT_FILE)" in refused.message
        monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
        trusted = command.run(endpoint=private.url)
        assert 0 == trusted.exit_code, trusted.everything


def test_a_proxy_is_asked_for_the_storage(
    store: ObjectStore, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", store.url)
    for variable in ("NO_PROXY", "no_proxy", "http_proxy"):
        monkeypatch.delenv(variable, raising=False)
    ended = command.run(endpoint="http://storage:9000")
    assert 0 == ended.exit_code, ended.everything
    assert WANTED == set(command.published(ended))
    assert store.count("GET", SHARD) == 1
