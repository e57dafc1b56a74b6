"""What a watch never told is found by listing: at once after a watch began anew, else at the next resync."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from tests.support.cluster import Namespace, a_resource, wait_until
from tests.support.faults.acts import drop_event, send_error_event, stay_silent
from tests.support.faults.exchange import Exchange
from tests.support.faults.proxy import FaultProxy

CHILDREN = {"deployment": "/deployments$", "service": "/services$"}

RESYNC_SECONDS = 10

pytestmark = pytest.mark.usefixtures("operator")


@pytest.mark.parametrize(("kind", "path"), CHILDREN.items(), ids=CHILDREN.keys())
def test_a_deletion_in_the_gap_before_a_relist_is_seen_at_once(
    kind: str, path: str, namespace: Namespace, proxy: FaultProxy
) -> None:
    namespace.apply(a_resource())
    namespace.wait_until_ready()
    before = namespace.get(kind, "nemotron")
    assert before is not None

    async def delete_and_expire(exchange: Exchange) -> web.StreamResponse:
        await asyncio.to_thread(namespace.kubectl, "delete", kind, "nemotron")
        return await send_error_event(410)(exchange)

    gap = proxy.add(delete_and_expire, verb="watch", path=path)
    proxy.end_watches(path)
    namespace.wait_until_replaced(kind, before, RESYNC_SECONDS)
    assert 1 == gap.hits


class TestShortResync:
    """The resync is the last resort: these wait for it."""

    @pytest.fixture
    def config(self, tmp_path: Path) -> Path:
        path = tmp_path / "config.yaml"
        path.write_text(f"resyncSeconds: {RESYNC_SECONDS}")
        return path

    @pytest.mark.parametrize(("kind", "path"), CHILDREN.items(), ids=CHILDREN.keys())
    def test_a_deletion_that_was_never_reported_is_found(
        self, kind: str, path: str, namespace: Namespace, proxy: FaultProxy
    ) -> None:
        proxy.add(drop_event("DELETED"), verb="watch", path=path)
        proxy.end_watches(path)
        namespace.apply(a_resource())
        namespace.wait_until_ready()
        before = namespace.get(kind, "nemotron")
        assert before is not None

        namespace.kubectl("delete", kind, "nemotron", "--wait=false")
        namespace.wait_until_replaced(kind, before, 3 * RESYNC_SECONDS)

    def test_a_new_resource_that_was_never_reported_is_found(self, namespace: Namespace, proxy: FaultProxy) -> None:
        namespace.apply(a_resource("early"))  # without any report yet, a watch begins with a list
        namespace.wait_until_ready("early")
        proxy.add(drop_event("ADDED"), verb="watch", path="/nemotrondeployments$")
        proxy.end_watches("/nemotrondeployments$")
        wait_until("it watches again", lambda: proxy.count_open_watches("/nemotrondeployments$") == 1)

        namespace.apply(a_resource("late"))
        namespace.wait_until_ready("late", 4 * RESYNC_SECONDS)

    def test_a_watch_that_says_nothing_hides_nothing(self, namespace: Namespace, proxy: FaultProxy) -> None:
        proxy.add(stay_silent, verb="watch", path="/services$")
        proxy.end_watches("/services$")
        namespace.apply(a_resource())
        namespace.wait_until_ready()
        before = namespace.get("service", "nemotron")
        assert before is not None

        namespace.kubectl("delete", "service", "nemotron", "--wait=false")
        namespace.wait_until_replaced("service", before, 3 * RESYNC_SECONDS)
