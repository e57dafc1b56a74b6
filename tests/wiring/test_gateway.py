"""What the gateway really sends, and what it makes of each answer: a real HTTP server that writes everything down."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio.client import ApiClient, Configuration

from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.kinds import CLAIM, CONTROLLER_REVISION, DEPLOYMENT, NEMOTRON, POD
from nemotron_operator.errors import ClusterError, ClusterUnreachableError, ConflictError

MANIFEST: dict[str, Any] = {"metadata": {"namespace": "team", "name": "nemotron"}, "spec": {"replicas": 1}}
COLLECTION = "/apis/apps/v1/namespaces/team/deployments"


@dataclass
class RecordingServer:
    """Answers every request with the same thing, and remembers what was asked."""

    status: int = 200
    body: str = "{}"
    requests: list[tuple[str, str, dict[str, str], Any, dict[str, str]]] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    """Bodies that are answered one after the other before that one."""

    async def answer(self, request: web.Request) -> web.Response:
        """Write down and answer."""
        sent = await request.json() if request.can_read_body else None
        self.requests.append((request.method, request.path, dict(request.query), sent, dict(request.headers)))
        body = self.pages.pop(0) if self.pages else self.body
        return web.Response(status=self.status, text=body, content_type="application/json")


@pytest.fixture
async def server() -> AsyncIterator[tuple[RecordingServer, str]]:
    """A server on a free port."""
    recording = RecordingServer()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", recording.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield recording, f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def connect_to(url: str) -> ApiClient:
    configuration = Configuration(host=url)
    configuration.api_key["BearerToken"] = "Bearer secret"
    return ApiClient(configuration=configuration)


@pytest.fixture
async def gateway(server: tuple[RecordingServer, str]) -> AsyncIterator[ClusterGateway]:
    """A gateway to that server."""
    made = ClusterGateway(connect_to(server[1]))
    yield made
    await made.close()


async def test_a_creation_is_a_post_that_names_the_field_manager(
    gateway: ClusterGateway, server: tuple[RecordingServer, str]
) -> None:
    await gateway.create(DEPLOYMENT, MANIFEST)

    method, path, query, sent, headers = server[0].requests[0]
    assert ("POST", COLLECTION, {"fieldManager": "nemotron-operator"}) == (method, path, query)
    assert MANIFEST == sent
    assert "Bearer secret" == headers["Authorization"]


async def test_whether_something_could_be_created_is_asked_by_a_dry_run(
    gateway: ClusterGateway, server: tuple[RecordingServer, str]
) -> None:
    await gateway.create(DEPLOYMENT, MANIFEST, is_dry_run=True)

    method, path, query, sent, _ = server[0].requests[0]
    assert ("POST", COLLECTION, MANIFEST) == (method, path, sent)
    assert {"fieldManager": "nemotron-operator", "dryRun": "All"} == query


async def test_a_change_is_a_server_side_apply_that_names_the_observed_uid(
    gateway: ClusterGateway, server: tuple[RecordingServer, str]
) -> None:
    await gateway.apply(DEPLOYMENT, MANIFEST, "u-1")

    method, path, query, sent, headers = server[0].requests[0]
    assert ("PATCH", f"{COLLECTION}/nemotron") == (method, path)
    assert {"fieldManager": "nemotron-operator", "force": "true"} == query
    assert "u-1" == sent["metadata"]["uid"]
    assert "application/apply-patch+yaml" == headers["Content-Type"]


async def test_a_deletion_names_the_observed_uid(gateway: ClusterGateway, server: tuple[RecordingServer, str]) -> None:
    await gateway.delete(DEPLOYMENT, {"metadata": {**MANIFEST["metadata"], "uid": "u-1"}})

    assert ("DELETE", {"uid": "u-1"}) == (server[0].requests[0][0], server[0].requests[0][3]["preconditions"])


async def test_the_deletion_of_a_volume_names_the_observed_version_too(
    gateway: ClusterGateway, server: tuple[RecordingServer, str]
) -> None:
    await gateway.delete(CLAIM, {"metadata": {**MANIFEST["metadata"], "uid": "u-1", "resourceVersion": "7"}})

    assert {"uid": "u-1", "resourceVersion": "7"} == server[0].requests[0][3]["preconditions"]


async def test_scaling_writes_one_field_under_an_ownership_of_its_own(
    gateway: ClusterGateway, server: tuple[RecordingServer, str]
) -> None:
    await gateway.scale(DEPLOYMENT, {"metadata": {**MANIFEST["metadata"], "uid": "u-1"}}, 0)

    method, path, query, sent, headers = server[0].requests[0]
    assert ("PATCH", f"{COLLECTION}/nemotron") == (method, path)
    assert {"fieldManager": "nemotron-operator-scale"} == query
    assert {"metadata": {"uid": "u-1"}, "spec": {"replicas": 0}} == sent
    assert "application/merge-patch+json" == headers["Content-Type"]


async def test_a_status_is_a_merge_patch_that_carries_the_version(
    gateway: ClusterGateway, server: tuple[RecordingServer, str]
) -> None:
    live = {"metadata": {"namespace": "team", "name": "nemotron", "resourceVersion": "7"}}

    await gateway.patch_status(live, {"replicas": 1})

    method, path, _, sent, headers = server[0].requests[0]
    assert ("PATCH", NEMOTRON.path("team", "nemotron", "status")) == (method, path)
    assert {"metadata": {"resourceVersion": "7"}, "status": {"replicas": 1}} == sent
    assert "application/merge-patch+json" == headers["Content-Type"]


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (409, '{"message": "exists"}', ConflictError),
        (422, '{"message": "metadata.uid: field is immutable"}', ConflictError),
        (422, '{"message": "spec.replicas: Invalid value"}', ClusterError),
        (403, '{"message": "forbidden"}', ClusterError),
        (500, "<html>bad gateway</html>", ClusterError),
    ],
)
async def test_every_refusal_is_an_error_of_ours(
    status: int, body: str, error: type[ClusterError], gateway: ClusterGateway, server: tuple[RecordingServer, str]
) -> None:
    server[0].status, server[0].body = status, body

    with pytest.raises(ClusterError) as caught:
        await gateway.create(DEPLOYMENT, MANIFEST)

    assert (error, status) == (type(caught.value), caught.value.status_code)


async def test_an_answer_that_is_not_json_is_an_error_of_ours(
    gateway: ClusterGateway, server: tuple[RecordingServer, str]
) -> None:
    server[0].body = '{"items": ['

    with pytest.raises(ClusterError):
        await gateway.list_all(DEPLOYMENT)


async def test_what_is_missing_is_none_and_no_error(
    gateway: ClusterGateway, server: tuple[RecordingServer, str]
) -> None:
    server[0].status = 404

    assert await gateway.get(DEPLOYMENT, "team", "nemotron") is None
    assert not await gateway.is_served(NEMOTRON)


async def test_a_server_that_is_not_there_is_named() -> None:
    gateway = ClusterGateway(connect_to("http://127.0.0.1:9"))

    with pytest.raises(ClusterUnreachableError, match=r"No API server answers at http://127\.0\.0\.1:9"):
        await gateway.get(DEPLOYMENT, "team", "nemotron")

    await gateway.close()


async def test_a_long_list_is_read_page_by_page(gateway: ClusterGateway, server: tuple[RecordingServer, str]) -> None:
    first = {"metadata": {"continue": "more"}, "items": [{"metadata": {"name": "a"}}]}
    server[0].pages = [json.dumps(first), json.dumps({"metadata": {}, "items": [{"metadata": {"name": "b"}}]})]

    names = [item["metadata"]["name"] async for item in gateway.read_each(POD, "spec.nodeName!=")]

    assert ["a", "b"] == names
    asked = {"limit": "500", "fieldSelector": "spec.nodeName!="}
    assert [("GET", "/api/v1/pods", asked), ("GET", "/api/v1/pods", {**asked, "continue": "more"})] == [
        request[:3] for request in server[0].requests
    ]


async def test_a_list_that_the_server_forgot_meanwhile_is_an_error_and_not_half_a_list(
    gateway: ClusterGateway, server: tuple[RecordingServer, str]
) -> None:
    server[0].status, server[0].body = 410, '{"message": "The provided continue parameter is too old"}'

    with pytest.raises(ClusterError, match="too old"):
        [item async for item in gateway.read_each(POD)]


async def test_a_record_gets_another_number_and_marks_unless_it_changed(
    gateway: ClusterGateway, server: tuple[RecordingServer, str]
) -> None:
    live = {"metadata": {**MANIFEST["metadata"], "resourceVersion": "7"}}

    await gateway.renumber(live, 3, {"nemotron.dev/inputs": "i"}, {"nemotron.dev/failed": None})

    method, path, query, sent, headers = server[0].requests[0]
    assert ("PATCH", "/apis/apps/v1/namespaces/team/controllerrevisions/nemotron") == (method, path)
    assert {"fieldManager": "nemotron-operator"} == query
    marks = {"labels": {"nemotron.dev/inputs": "i"}, "annotations": {"nemotron.dev/failed": None}}
    assert {"metadata": {"resourceVersion": "7", **marks}, "revision": 3} == sent
    assert "application/merge-patch+json" == headers["Content-Type"]


async def test_a_record_is_made_by_an_apply_as_the_api_server_could_not_change_its_metadata_otherwise(
    gateway: ClusterGateway, server: tuple[RecordingServer, str]
) -> None:
    server[0].status, server[0].body = 404, '{"message": "not found"}'

    with pytest.raises(ClusterError):
        await gateway.create(CONTROLLER_REVISION, MANIFEST)

    path = "/apis/apps/v1/namespaces/team/controllerrevisions/nemotron"
    assert [("GET", path), ("PATCH", path)] == [request[:2] for request in server[0].requests]
    _, _, query, sent, headers = server[0].requests[1]
    assert {"fieldManager": "nemotron-operator"} == query
    assert (MANIFEST, "application/apply-patch+yaml") == (sent, headers["Content-Type"])


async def test_a_record_that_is_there_is_not_made_again(
    gateway: ClusterGateway, server: tuple[RecordingServer, str]
) -> None:
    with pytest.raises(ConflictError, match="ControllerRevision 'nemotron' already"):
        await gateway.create(CONTROLLER_REVISION, MANIFEST)

    assert ["GET"] == [request[0] for request in server[0].requests]


async def test_an_annotation_is_taken_away_by_none(
    gateway: ClusterGateway, server: tuple[RecordingServer, str]
) -> None:
    live = {"metadata": {**MANIFEST["metadata"], "uid": "u-1"}}

    await gateway.annotate(CONTROLLER_REVISION, live, {"a": "b", "c": None})

    assert {"metadata": {"uid": "u-1", "annotations": {"a": "b", "c": None}}} == server[0].requests[0][3]


async def test_a_replica_that_does_not_lead_sends_no_write(server: tuple[RecordingServer, str]) -> None:
    gateway = ClusterGateway(connect_to(server[1]), may_write=lambda: False)

    with pytest.raises(ClusterError, match="does not lead"):
        await gateway.create(DEPLOYMENT, MANIFEST)

    assert [] == server[0].requests
    await gateway.close()
