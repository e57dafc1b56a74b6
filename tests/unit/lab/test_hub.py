"""The hub is an instrument: what it is told to do wrong it does, and it counts what it sends."""

import hashlib
import http.client
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from lab.hub import Hub, SentRange

NAME = "acme/tiny"

SHARD = "model.safetensors"

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub({NAME: {SHARD: CONTENT, "config.json": b"{}"}}) as hub:
        yield hub


def ask(hub: Hub, file: str = SHARD, byte_range: str = "") -> tuple[http.client.HTTPResponse, bytes]:
    """Ask on a connection of its own; of an answer that ends early, give what came."""
    connection = http.client.HTTPConnection(urlsplit(hub.url).netloc, timeout=10)
    headers = {"Range": f"bytes={byte_range}"} if byte_range else {}
    connection.request("GET", f"/{NAME}/resolve/main/{file}", headers=headers)
    response = connection.getresponse()
    try:
        return response, response.read()
    except http.client.IncompleteRead as error:
        return response, error.partial
    finally:
        connection.close()


def test_a_file_comes_whole_or_from_any_byte_to_any_byte(hub: Hub) -> None:
    assert CONTENT == ask(hub)[1]
    assert CONTENT[100:] == ask(hub, byte_range="100-")[1]
    assert CONTENT[100:200] == ask(hub, byte_range="100-199")[1]
    commit = hub.commit(NAME)
    sent = [SentRange(commit, SHARD, *part) for part in ((0, len(CONTENT)), (100, len(CONTENT) - 100), (100, 100))]
    assert sent == hub.ranges_sent
    assert sum(each.size_bytes for each in sent) == hub.bytes_sent[SHARD]


def test_a_file_of_this_machine_is_served_as_its_bytes_are(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(CONTENT)
    (tmp_path / "empty").touch()
    as_bytes = hub.push("acme/bytes", {SHARD: CONTENT, "empty.txt": b""})
    as_paths = hub.push("acme/bytes", {SHARD: tmp_path / "source", "empty.txt": tmp_path / "empty"})
    assert as_bytes == as_paths
    stored = hub.files("acme/bytes", as_paths)
    assert hashlib.sha256(CONTENT).hexdigest() == stored[SHARD].sha256
    assert 0 == stored["empty.txt"].listed_bytes


def test_every_planned_cut_ends_one_answer(hub: Hub) -> None:
    hub.cut(SHARD, after_bytes=1000)
    hub.cut(SHARD, after_bytes=500)
    assert [1000, 500, len(CONTENT)] == [len(ask(hub)[1]) for _ in range(3)]
    assert 2 == hub.cuts_made[SHARD]


def test_cuts_at_random_bytes_differ_and_a_seed_repeats_them(hub: Hub) -> None:
    hub.cut_at_random(SHARD, times=5, seed=1)
    hub.cut_at_random(SHARD, times=5, seed=1)
    lengths = [len(ask(hub)[1]) for _ in range(10)]
    assert lengths[:5] == lengths[5:]
    assert 5 == len(set(lengths))
    assert max(lengths) < len(CONTENT)


@pytest.mark.parametrize(("by_bytes", "arrived_bytes"), [(10, len(CONTENT)), (-10, len(CONTENT) - 10)])
def test_a_misstated_length_is_one_in_the_head_of_one_answer(hub: Hub, by_bytes: int, arrived_bytes: int) -> None:
    hub.misstate_length(SHARD, by_bytes)
    response, body = ask(hub)
    assert str(len(CONTENT) + by_bytes) == response.headers["Content-Length"]
    assert CONTENT[:arrived_bytes] == body
    assert CONTENT == ask(hub)[1]


def test_a_misstated_size_is_in_every_description(hub: Hub) -> None:
    hub.misstate_size(SHARD, 7)
    response, body = ask(hub)
    assert str(len(CONTENT) + 7) == response.headers["X-Linked-Size"]
    assert CONTENT == body


def test_a_corrupted_byte_is_one(hub: Hub) -> None:
    hub.corrupt(SHARD)
    body = ask(hub)[1]
    assert [0] == [position for position in range(len(CONTENT)) if body[position] != CONTENT[position]]
    assert CONTENT == ask(hub)[1]


def test_a_rate_limit_says_how_long_it_holds_and_ends(hub: Hub) -> None:
    hub.limit_rate(0.2)
    response, _ = ask(hub)
    assert (429, "1") == (response.status, response.headers["Retry-After"])
    time.sleep(0.3)
    assert CONTENT == ask(hub)[1]
    assert {429: 1, 200: 1} == dict(hub.statuses)


def test_recovered_it_answers_rightly(hub: Hub) -> None:
    hub.answer(503)
    assert 503 == ask(hub)[0].status
    hub.recover()
    assert 200 == ask(hub)[0].status


def test_a_dripping_file_comes_whole_once_it_is_released(hub: Hub) -> None:
    hub.drip(SHARD, bytes_per_second=1)
    connection = http.client.HTTPConnection(urlsplit(hub.url).netloc, timeout=10)
    connection.request("GET", f"/{NAME}/resolve/main/{SHARD}")
    response = connection.getresponse()
    assert CONTENT[:1] == response.read(1)
    assert hub.bytes_sent[SHARD] < len(CONTENT)
    hub.release()
    assert CONTENT[1:] == response.read()
    connection.close()
