"""Hubs that refuse: for good, for a while, or a limited rate."""

import pytest

from lab.hub import Hub
from tests.cache.command import EXIT_TERMINAL, Cache
from tests.cache.repository import REPOSITORY, make_files, shard

TOKEN = "hf_" + "s3cr3t" * 5

STORM = 12
"""How many requests in a row are refused: more than one for each file and each address."""


@pytest.mark.parametrize(
    ("status", "headers", "reason"),
    [
        (401, {}, "Unauthorized"),
        (403, {}, "Unauthorized"),
        (403, {"X-Error-Code": "GatedRepo"}, "GatedRepository"),
        (404, {"X-Error-Code": "RepoNotFound"}, "RepositoryNotFound"),
        (404, {"X-Error-Code": "RevisionNotFound"}, "RevisionNotFound"),
    ],
)
def test_a_refusal_is_terminal_and_the_next_run_completes_once_it_is_lifted(
    hub: Hub, cache: Cache, status: int, headers: dict[str, str], reason: str
) -> None:
    cache.token = TOKEN
    hub.answer(status, headers=headers)
    ended = cache.run()
    assert (EXIT_TERMINAL, reason) == (ended.exit_code, ended.reason)
    assert TOKEN not in ended.stdout + ended.stderr
    assert 0 == hub.bytes_sent.total()
    hub.recover()
    assert 0 == cache.run().exit_code


@pytest.mark.parametrize("status", [401, 403])
def test_files_that_were_fetched_before_a_refusal_are_not_sent_again(hub: Hub, cache: Cache, status: int) -> None:
    cache.token = TOKEN
    hub.answer(status, to=shard())
    ended = cache.run()
    assert (EXIT_TERMINAL, "Unauthorized") == (ended.exit_code, ended.reason)
    hub.recover()
    assert 0 == cache.run().exit_code
    assert len(make_files()[shard()]) == hub.bytes_sent[shard()]


@pytest.mark.parametrize("to", ["/api/", f"/{shard()}", "/resolve/"])
def test_a_rate_limit_is_waited_for_as_long_as_the_hub_says(hub: Hub, cache: Cache, to: str) -> None:
    hub.limit_rate(3, to=to)
    assert 0 == cache.run().exit_code
    asked = {(seen.method, seen.path) for seen in hub.requests if to in seen.path}
    assert 1 <= hub.statuses[429] <= len(asked), "it asked again before the time that Retry-After gave"


@pytest.mark.parametrize("to", ["/api/", "/resolve/", f"/{shard()}"])
@pytest.mark.parametrize("status", [429, 503])
def test_a_storm_of_refusals_is_waited_out_in_one_run(hub: Hub, cache: Cache, status: int, to: str) -> None:
    times = STORM if to == "/resolve/" else 3
    hub.answer(status, to=to, times=times, headers={"Retry-After": "1"})
    assert 0 == cache.run().exit_code
    assert times == hub.statuses[status]
    assert REPOSITORY in hub.requests[-1].path
