"""Every API call that the operator makes. Bodies are plain dicts: typed models cost time and refuse valid answers."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio.client import ApiClient

from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.kinds import CLAIM, CONTROLLER_REVISION, EVENT, NEMOTRON, VERSION, ApiKind
from nemotron_operator.constants import FIELD_MANAGER
from nemotron_operator.errors import HTTP_NOT_FOUND, ClusterError, ClusterUnreachableError, ConflictError

REQUEST_TIMEOUT_SECONDS = 30
"""How long one answer may take."""

PAGE_ITEMS = 500
"""How many objects one answer of a long list holds, as kubectl asks for them."""

_NO_RIGHT = 'User "'
"""How the API server begins to say who lacks a right; quotas, policies and dying namespaces refuse the same way."""

_HINT_FOR_RIGHTS = (
    " The operator's ClusterRole, or its Role in that namespace, lacks this permission; the chart of this version "
    "renders it."
)

ReportRequest = Callable[[str, str, int | str], None]
"""Called with verb, kind and HTTP status of every request; one without an answer has `timeout` or `unreachable`, or
`cancelled` where whoever asked waited no longer."""

_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
_JSON_PATCH = "application/json-patch+json"


class ClusterGateway:
    """The API server, as far as the operator uses it.

    Parameters
    ----------
    client
        Knows address, certificates and tokens.
    may_write
        Asked immediately before each write; False stops it. A leader that lost its Lease must not write.
    report_request
        Told of each request, answered or not, for metrics.
    """

    def __init__(
        self,
        client: ApiClient,
        *,
        may_write: Callable[[], bool] = lambda: True,
        report_request: ReportRequest = lambda _verb, _kind, _code: None,
    ) -> None:
        self._client = client
        self._may_write = may_write
        self._report_request = report_request

    async def get(self, kind: ApiKind, namespace: str, name: str) -> KubernetesObject | None:
        """Read one object; None when there is none."""
        try:
            return await self._request("GET", kind, kind.path(namespace, name))
        except ClusterError as error:
            if error.status_code == HTTP_NOT_FOUND:
                return None
            raise

    async def list_all(
        self, kind: ApiKind, namespace: str | None = None, selector: str = ""
    ) -> tuple[list[KubernetesObject], str]:
        """Read all objects of one kind; returns them with the list's resource version."""
        query = {"labelSelector": selector} if selector else {}
        answer = await self._request("GET", kind, kind.path(namespace), query=query, verb="LIST")
        if "resourceVersion" not in (answer.get("metadata") or {}):
            raise ClusterError(f"GET {kind.path(namespace)}: the answer is not a list of {kind.plural}.")
        items = answer.get("items") or []
        for item in items:  # a list does not repeat the kind in its items
            item.setdefault("apiVersion", kind.api_version)
            item.setdefault("kind", kind.name)
        return items, answer["metadata"]["resourceVersion"]

    async def read_each(self, kind: ApiKind, field_selector: str = "") -> AsyncIterator[KubernetesObject]:
        """Read all objects of one kind in all namespaces page by page, so that nobody holds them all.

        Raises
        ------
        ClusterError
            Also where reading took so long that the API server forgot the list (410): reading again is the answer.
        """
        query = {"limit": str(PAGE_ITEMS), **({"fieldSelector": field_selector} if field_selector else {})}
        while True:
            answer = await self._request("GET", kind, kind.path(None), query=query, verb="LIST")
            for item in answer.get("items") or []:
                yield item
            following = (answer.get("metadata") or {}).get("continue")
            if not following:
                return
            query = {**query, "continue": following}

    async def create(self, kind: ApiKind, manifest: KubernetesObject, *, is_dry_run: bool = False) -> KubernetesObject:
        """Create an object, or only ask whether it could be.

        Raises
        ------
        ConflictError
            There is one of that name, which is not touched.
        """
        if kind is CONTROLLER_REVISION:
            return await self._create_record(manifest)
        path = kind.path(manifest["metadata"]["namespace"])
        query = {"fieldManager": FIELD_MANAGER, **({"dryRun": "All"} if is_dry_run else {})}
        return await self._write("POST", kind, path, manifest, query=query)

    async def _create_record(self, manifest: KubernetesObject) -> KubernetesObject:
        """Create what is kept of a revision in a way that lets its metadata be changed later.

        Notes
        -----
        The API server stores `data` as the very bytes that were sent, and writes it anew on any patch: without spaces,
        with `<` escaped. It then compares the bytes, and refuses the patch of an annotation since `data` is immutable.
        Server-side apply has it written by the API server from the start.
        """
        namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
        if await self.get(CONTROLLER_REVISION, namespace, name) is not None:
            raise ConflictError(f"There is a ControllerRevision {name!r} already.", status_code=409)
        path, query = CONTROLLER_REVISION.path(namespace, name), {"fieldManager": FIELD_MANAGER}
        return await self._write("PATCH", CONTROLLER_REVISION, path, manifest, query, content_type=_APPLY)

    async def apply(self, kind: ApiKind, manifest: KubernetesObject, uid: str) -> KubernetesObject:
        """Bring an existing object to the intent by server-side apply.

        The uid makes sure that it is the object that was observed: 409 when it is gone, 422 when it was replaced.
        """
        metadata = {**manifest["metadata"], "uid": uid}
        path = kind.path(metadata["namespace"], metadata["name"])
        query = {"fieldManager": FIELD_MANAGER, "force": "true"}
        return await self._write("PATCH", kind, path, {**manifest, "metadata": metadata}, query, content_type=_APPLY)

    async def annotate(
        self, kind: ApiKind, live: KubernetesObject, annotations: Mapping[str, str | None]
    ) -> KubernetesObject:
        """Add annotations to exactly the object that was observed; one of None is taken away."""
        metadata = live["metadata"]
        body = {"metadata": {"uid": metadata["uid"], "annotations": dict(annotations)}}
        path, query = kind.path(metadata["namespace"], metadata["name"]), {"fieldManager": FIELD_MANAGER}
        return await self._write("PATCH", kind, path, body, query, content_type=_MERGE)

    async def change(
        self, kind: ApiKind, live: KubernetesObject, patch: dict[str, Any], manager: str, *, is_dry_run: bool = False
    ) -> KubernetesObject:
        """Change fields of exactly the object that was observed, by a merge patch, for whoever is named as manager.

        A `resourceVersion` in the patch's metadata makes any change since then a ConflictError.
        """
        metadata = live["metadata"]
        body = {**patch, "metadata": {**patch.get("metadata", {}), "uid": metadata["uid"]}}
        path = kind.path(metadata["namespace"], metadata["name"])
        query = {"fieldManager": manager, **({"dryRun": "All"} if is_dry_run else {})}
        return await self._write("PATCH", kind, path, body, query, content_type=_MERGE)

    async def patch_managed_fields(
        self, kind: ApiKind, live: KubernetesObject, managed_fields: list[dict[str, Any]]
    ) -> KubernetesObject:
        """Replace the record of field owners, unless the object changed since it was read."""
        metadata = live["metadata"]
        operations = [
            {"op": "replace", "path": "/metadata/managedFields", "value": managed_fields},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]},
        ]
        path = kind.path(metadata["namespace"], metadata["name"])
        return await self._write("PATCH", kind, path, operations, content_type=_JSON_PATCH)

    async def scale(self, kind: ApiKind, server: KubernetesObject, replicas: int) -> KubernetesObject:
        """Scale exactly the Deployment or LeaderWorkerSet that was observed, and touch nothing else of it.

        The field is owned under a name of its own, from which the next apply of the whole takes it back.
        """
        metadata = server["metadata"]
        body = {"metadata": {"uid": metadata["uid"]}, "spec": {"replicas": replicas}}
        path = kind.path(metadata["namespace"], metadata["name"])
        query = {"fieldManager": f"{FIELD_MANAGER}-scale"}
        return await self._write("PATCH", kind, path, body, query, content_type=_MERGE)

    async def renumber(
        self, record: KubernetesObject, revision: int, labels: dict[str, str], annotations: dict[str, str | None]
    ) -> KubernetesObject:
        """Give a ControllerRevision another number and marks, unless it changed since: what it keeps cannot change.

        An annotation of None is taken away.
        """
        metadata = record["metadata"]
        marks = {"resourceVersion": metadata["resourceVersion"], "labels": labels, "annotations": annotations}
        body = {"metadata": marks, "revision": revision}
        path = CONTROLLER_REVISION.path(metadata["namespace"], metadata["name"])
        query = {"fieldManager": FIELD_MANAGER}
        return await self._write("PATCH", CONTROLLER_REVISION, path, body, query, content_type=_MERGE)

    async def replace(self, kind: ApiKind, manifest: KubernetesObject) -> KubernetesObject:
        """Replace an object as it was read; ConflictError when it changed since."""
        metadata = manifest["metadata"]
        return await self._write("PUT", kind, kind.path(metadata["namespace"], metadata["name"]), manifest)

    async def delete(self, kind: ApiKind, live: KubernetesObject) -> None:
        """Delete exactly the object that was observed, and its dependents after it.

        A volume only if nothing of it changed since: another resource may just have made itself an owner.
        """
        metadata = live["metadata"]
        guards = ("uid", "resourceVersion") if kind is CLAIM else ("uid",)
        body = {"propagationPolicy": "Background", "preconditions": {guard: metadata[guard] for guard in guards}}
        await self._write("DELETE", kind, kind.path(metadata["namespace"], metadata["name"]), body)

    async def patch_status(self, live: KubernetesObject, patch: dict[str, Any]) -> KubernetesObject:
        """Write the status of a NemotronDeployment, unless the resource changed since it was observed."""
        metadata = live["metadata"]
        body = {"metadata": {"resourceVersion": metadata["resourceVersion"]}, "status": patch}
        path = NEMOTRON.path(metadata["namespace"], metadata["name"], "status")
        query = {"fieldManager": FIELD_MANAGER}
        return await self._write("PATCH", NEMOTRON, path, body, query, content_type=_MERGE)

    async def post_event(self, event: KubernetesObject) -> None:
        """Post an event."""
        await self._write("POST", EVENT, EVENT.path(event["metadata"]["namespace"]), event)

    async def is_served(self, kind: ApiKind) -> bool:
        """Tell whether the API server knows a kind: its definition may not be installed yet. Everybody may ask that."""
        return kind.plural in await self.list_resources(kind)

    async def try_list(self, kind: ApiKind, namespace: str | None) -> None:
        """See that a kind can be listed in a namespace, or in all, reading as little as possible.

        Raises
        ------
        ClusterError
            It cannot be.
        """
        await self._request("GET", kind, kind.path(namespace), query={"limit": "1"}, verb="LIST")

    async def list_group_versions(self) -> frozenset[str]:
        """List the API groups with their versions, as `apps/v1`."""
        answer = await self._request("GET", VERSION, "/apis")
        groups = answer.get("groups") or []
        return frozenset(version["groupVersion"] for group in groups for version in group.get("versions") or [])

    async def list_resources(self, kind: ApiKind) -> frozenset[str]:
        """List the plurals of all kinds in a kind's group and version; none where the API server does not know it."""
        try:
            answer = await self._request("GET", VERSION, f"/apis/{kind.api_version}")
        except ClusterError as error:
            if error.status_code == HTTP_NOT_FOUND:
                return frozenset()
            raise
        return frozenset(resource["name"] for resource in answer.get("resources") or [])

    async def read_version(self) -> KubernetesObject:
        """Read what the API server says of its version."""
        return await self._request("GET", VERSION, "/version")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _write(  # noqa: PLR0913, PLR0917 - as below
        self,
        method: str,
        kind: ApiKind,
        path: str,
        body: dict[str, Any] | list[dict[str, Any]],
        query: dict[str, str] | None = None,
        content_type: str = "application/json",
    ) -> KubernetesObject:
        if not self._may_write():
            raise ClusterError("This replica of the operator does not lead: it writes nothing.")
        return await self._request(method, kind, path, body=body, query=query, content_type=content_type)

    async def _request(  # noqa: PLR0913 - one place that knows HTTP
        self,
        method: str,
        kind: ApiKind,
        path: str,
        *,
        body: dict[str, Any] | list[dict[str, Any]] | None = None,
        query: dict[str, str] | None = None,
        content_type: str = "application/json",
        verb: str | None = None,
    ) -> KubernetesObject:
        host = self._client.configuration.host
        url = f"{host}{path}" + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": "application/json", "Content-Type": content_type, "User-Agent": FIELD_MANAGER}
        token = await self._client.configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        if token:
            headers["Authorization"] = token
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_SECONDS)
        try:
            response = await self._client.rest_client.request(
                method, url, headers=headers, body=body, _request_timeout=timeout
            )
            text = await response.read()
        except asyncio.CancelledError:
            # The Lease is waited for less long than a request may take: a slow answer to it would be in no count.
            self._report_request(verb or method, kind.name, "cancelled")
            raise
        except (TimeoutError, aiohttp.ClientError, ssl.SSLError, OSError) as error:
            code = "timeout" if isinstance(error, TimeoutError) else "unreachable"
            self._report_request(verb or method, kind.name, code)
            raise ClusterUnreachableError(_explain_unreachable(host, error)) from error
        self._report_request(verb or method, kind.name, response.status)
        return _read_answer(response.status, text, method, kind, path)


def _read_answer(status: int, text: bytes, method: str, kind: ApiKind, path: str) -> KubernetesObject:
    try:
        answer: KubernetesObject = json.loads(text) if text else {}
    except ValueError as error:
        answer = {"message": text[:200].decode(errors="replace")}
        if status < 300:  # noqa: PLR2004 - HTTP's own number
            raise ClusterError(f"{method} {path}: the answer is not JSON: {answer['message']!r}") from error
    if status < 300:  # noqa: PLR2004 - HTTP's own number
        return answer
    said = answer.get("message") or f"HTTP {status}"
    match status:
        case 403:
            hint = _HINT_FOR_RIGHTS if _NO_RIGHT in said else ""
            raise ClusterError(f"Not allowed to {method} {kind.plural}: {said.rstrip('.')}.{hint}", status_code=status)
        case 401:
            hint = "The credentials expired or are wrong; log in to the cluster again."
            raise ClusterError(f"The API server does not accept the credentials: {said}. {hint}", status_code=status)
        case 409 | 422 if status == 409 or "uid" in said:  # noqa: PLR2004 - HTTP's own number
            raise ConflictError(said, status_code=status)
        case _:
            raise ClusterError(f"{method} {path}: {said}", status_code=status)


def _explain_unreachable(host: str, error: BaseException) -> str:
    words = str(error) or type(error).__name__
    return f"No API server answers at {host} ({words}). Check that the cluster runs and that the kubeconfig names it."
