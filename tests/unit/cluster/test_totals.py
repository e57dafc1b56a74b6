import json
from typing import Any

import pytest

from nemotron_operator.cluster.cache import ObjectCache
from nemotron_operator.cluster.kinds import CLAIM, JOB, NEMOTRON
from nemotron_operator.cluster.totals import count_active_downloads, sum_cached_bytes, sum_remaining_bytes
from nemotron_operator.render.metadata import CACHED_MODEL_ANNOTATION
from tests.support.downloader_server import TOTAL_BYTES, a_progress
from tests.support.fixtures.deployments import a_deployment
from tests.support.fixtures.live_objects import a_live_claim, a_live_job, a_live_object, child_labels, condition

RECORD = {
    "repository": "org/model",
    "commit": "c0",
    "size_bytes": 72_000,
    "files": 26,
    "manifest_sha256": "5d",
    "verified_at": "2026-11-24T08:00:00Z",
}


def a_fetching_resource(name: str, progress: dict[str, Any] | None) -> dict[str, Any]:
    told = {} if progress is None else {"progress": {**progress, "observedAt": "2026-11-24T08:00:00Z"}}
    return a_deployment().named(name).with_status({"cache": {"claimName": "model-x", **told}}).body


def test_jobs_that_fetch_and_have_not_ended_are_counted() -> None:
    cache = ObjectCache()
    assert 0 == count_active_downloads(cache)
    cache.upsert(JOB, a_live_job("first"))
    cache.upsert(JOB, a_live_job("second", active=1))
    cache.upsert(JOB, a_live_job("done", conditions=[condition("Complete")]))
    cache.upsert(JOB, a_live_job("failed", conditions=[condition("Failed")]))
    cache.upsert(JOB, a_live_object("Job", "asks", labels=child_labels(component="verification")))
    assert 2 == count_active_downloads(cache)


def test_what_downloads_still_have_to_fetch_is_summed() -> None:
    cache = ObjectCache()
    assert 0 == sum_remaining_bytes(cache)
    cache.upsert(NEMOTRON, a_fetching_resource("a", a_progress(50)))
    cache.upsert(NEMOTRON, a_fetching_resource("b", a_progress(75)))
    cache.upsert(NEMOTRON, a_fetching_resource("c", None))
    cache.upsert(NEMOTRON, a_fetching_resource("odd", {"bytes": "many"}))
    remaining_bytes = TOTAL_BYTES - TOTAL_BYTES * 50 // 100 + TOTAL_BYTES - TOTAL_BYTES * 75 // 100
    assert remaining_bytes == sum_remaining_bytes(cache)


def test_models_that_are_recorded_on_volumes_are_summed() -> None:
    cache = ObjectCache()
    assert 0 == sum_cached_bytes(cache)
    for name, record in [("a", RECORD), ("b", {**RECORD, "size_bytes": 8_000})]:
        cache.upsert(CLAIM, a_live_claim(name, annotations={CACHED_MODEL_ANNOTATION: json.dumps(record)}))
    cache.upsert(CLAIM, a_live_claim("empty"))
    assert 80_000 == sum_cached_bytes(cache)


@pytest.mark.parametrize("record", ["", "no JSON", "[]", json.dumps({**RECORD, "size_bytes": "many"})])
def test_a_record_that_somebody_broke_counts_nothing(record: str) -> None:
    cache = ObjectCache()
    cache.upsert(CLAIM, a_live_claim("a", annotations={CACHED_MODEL_ANNOTATION: record}))
    assert 0 == sum_cached_bytes(cache)
