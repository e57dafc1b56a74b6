"""An API server in memory, as far as the pipeline needs one, that records every write."""

from collections.abc import AsyncIterator, Mapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

from typing_extensions import override

from nemotron_operator.api.conditions import rfc3339
from nemotron_operator.cluster.cache import Key, KubernetesObject
from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.kinds import CONTROLLER_REVISION, NEMOTRON, STORAGE_CLASS, ApiKind
from nemotron_operator.cluster.servers import SERVERS
from nemotron_operator.constants import FIELD_MANAGER
from nemotron_operator.errors import ClusterError, ConflictError

CREATED = {"manager": FIELD_MANAGER, "operation": "Update", "apiVersion": "v1", "fieldsV1": {}}


class MemoryGateway(ClusterGateway):
    """Keeps objects by kind, namespace and name. An apply replaces what is there: nobody else owns fields here."""

    @override
    def __init__(self) -> None:
        self.objects: dict[tuple[ApiKind, Key], KubernetesObject] = {}
        self.writes: list[tuple[str, str, str]] = []
        """Verb, kind and name of every write, in order."""
        self.events: list[KubernetesObject] = []
        self.refuses_events = False
        self.refusals: dict[ApiKind, int] = {}
        """HTTP statuses by which creations of a kind are refused."""
        self.forbidden: set[ApiKind] = set()
        """Kinds that may not be read."""
        self.forbidden_namespaces: set[str] = set()
        """Namespaces in which nothing may be read, as in those that are not there."""
        self.unlisted: dict[ApiKind, int] = {}
        """HTTP statuses by which lists of a kind fail."""
        self._version = 1000
        self.reads: list[tuple[str, str]] = []
        """Verb and kind of every read, in order."""
        self.version = {"major": "1", "minor": "37"}
        self.put(STORAGE_CLASS, a_storage_class())

    def put(self, kind: ApiKind, body: KubernetesObject) -> KubernetesObject:
        """Put an object there, as anybody but the operator would."""
        stored = self._stamp(deepcopy(body))
        self.objects[kind, _key_of(stored)] = stored
        return deepcopy(stored)

    def take(self, kind: ApiKind, namespace: str, name: str) -> None:
        """Take an object away, as anybody but the operator would."""
        del self.objects[kind, (namespace, name)]

    @override
    async def get(self, kind: ApiKind, namespace: str, name: str) -> KubernetesObject | None:
        self.reads.append(("get", kind.name))
        if kind in self.forbidden:
            raise ClusterError(f"{kind.plural} are forbidden.", status_code=403)
        return deepcopy(self.objects.get((kind, (namespace, name))))

    @override
    async def list_all(
        self, kind: ApiKind, namespace: str | None = None, selector: str = ""
    ) -> tuple[list[KubernetesObject], str]:
        await self.try_list(kind, namespace)
        wanted = dict(pair.split("=") for pair in selector.split(",") if pair)
        found = [
            deepcopy(stored)
            for (stored_kind, key), stored in self.objects.items()
            if stored_kind is kind
            and namespace in {None, key[0]}
            and wanted.items() <= (stored["metadata"].get("labels") or {}).items()
        ]
        return found, str(self._version)

    @override
    async def try_list(self, kind: ApiKind, namespace: str | None) -> None:
        self.reads.append(("list", kind.name))
        if kind in self.forbidden or namespace in self.forbidden_namespaces:
            raise ClusterError(f"{kind.plural} are forbidden.", status_code=403)
        if kind in self.unlisted:
            raise ClusterError(f"{kind.plural} cannot be listed.", status_code=self.unlisted[kind])

    @override
    async def read_version(self) -> KubernetesObject:
        self.reads.append(("get", "Version"))
        return dict(self.version)

    @override
    async def create(self, kind: ApiKind, manifest: KubernetesObject, *, is_dry_run: bool = False) -> KubernetesObject:
        if (kind, _key_of(manifest)) in self.objects:
            raise ConflictError(f"{kind.plural} {manifest['metadata']['name']!r} already exists", status_code=409)
        if kind in self.refusals:
            raise ClusterError(f"{kind.plural} are refused.", status_code=self.refusals[kind])
        if is_dry_run:
            return deepcopy(manifest)
        self._record("create", kind, manifest)
        owned: dict[str, Any] = (
            {"fieldsV1": {"f:spec": {"f:replicas": {}}}} if "replicas" in (manifest.get("spec") or {}) else {}
        )
        metadata = {**manifest["metadata"], "managedFields": [{**CREATED, **owned}]}
        return self.put(kind, {**manifest, "metadata": metadata})

    @override
    async def apply(self, kind: ApiKind, manifest: KubernetesObject, uid: str) -> KubernetesObject:
        live = self.objects[kind, _key_of(manifest)]
        if live["metadata"]["uid"] != uid:
            raise ConflictError("uid mismatch", status_code=409)
        self._record("apply", kind, manifest)
        kept = {
            key: live["metadata"][key]
            for key in ("uid", "creationTimestamp", "managedFields")
            if key in live["metadata"]
        }
        status = {"status": live["status"]} if "status" in live else {}
        if kind in SERVERS and "replicas" not in manifest["spec"]:
            manifest = {**manifest, "spec": {**manifest["spec"], "replicas": self._keep_replicas(live)}}
        return self.put(kind, {**manifest, **status, "metadata": {**manifest["metadata"], **kept}})

    def _keep_replicas(self, live: KubernetesObject) -> int:
        """Keep what the manifest leaves out, unless the operator owns it: then it goes, and the default counts."""
        entries = live["metadata"].get("managedFields") or []
        is_ours = any("f:replicas" in (entry.get("fieldsV1") or {}).get("f:spec", {}) for entry in entries)
        return 1 if is_ours else int(live["spec"]["replicas"])

    @override
    async def read_each(self, kind: ApiKind, field_selector: str = "") -> AsyncIterator[KubernetesObject]:
        for item in (await self.list_all(kind))[0]:
            yield item

    @override
    async def renumber(
        self, record: KubernetesObject, revision: int, labels: dict[str, str], annotations: dict[str, str | None]
    ) -> KubernetesObject:
        stored = self.objects[CONTROLLER_REVISION, _key_of(record)]
        self._record("renumber", CONTROLLER_REVISION, record)
        marks = {"metadata": {"labels": labels, "annotations": annotations}, "revision": revision}
        return self.put(CONTROLLER_REVISION, merge(stored, marks))

    @override
    async def annotate(
        self, kind: ApiKind, live: KubernetesObject, annotations: Mapping[str, str | None]
    ) -> KubernetesObject:
        stored = self.objects[kind, _key_of(live)]
        self._record("annotate", kind, live)
        return self.put(kind, merge(stored, {"metadata": {"annotations": dict(annotations)}}))

    @override
    async def change(
        self, kind: ApiKind, live: KubernetesObject, patch: dict[str, Any], manager: str, *, is_dry_run: bool = False
    ) -> KubernetesObject:
        stored = self.objects[kind, _key_of(live)]
        self._record("change", kind, live)
        return self.put(kind, merge(stored, patch))

    @override
    async def scale(self, kind: ApiKind, server: KubernetesObject, replicas: int) -> KubernetesObject:
        stored = self.objects[kind, _key_of(server)]
        self._record("scale", kind, server)
        return self.put(kind, merge(stored, {"spec": {"replicas": replicas}}))

    @override
    async def patch_managed_fields(
        self, kind: ApiKind, live: KubernetesObject, managed_fields: list[dict[str, Any]]
    ) -> KubernetesObject:
        self._record("own", kind, live)
        return self.put(kind, {**live, "metadata": {**live["metadata"], "managedFields": managed_fields}})

    @override
    async def delete(self, kind: ApiKind, live: KubernetesObject) -> None:
        self._record("delete", kind, live)
        del self.objects[kind, _key_of(live)]

    @override
    async def patch_status(self, live: KubernetesObject, patch: dict[str, Any]) -> KubernetesObject:
        stored = self.objects[NEMOTRON, _key_of(live)]
        if stored["metadata"]["resourceVersion"] != live["metadata"]["resourceVersion"]:
            raise ConflictError("the object has been modified", status_code=409)
        self._record("status", NEMOTRON, live)
        return self.put(NEMOTRON, {**stored, "status": merge(stored.get("status") or {}, patch)})

    @override
    async def post_event(self, event: KubernetesObject) -> None:
        if self.refuses_events:
            raise ClusterError("events are forbidden", status_code=403)
        self.events.append(event)

    def _record(self, verb: str, kind: ApiKind, body: KubernetesObject) -> None:
        self.writes.append((verb, kind.name, body["metadata"]["name"]))

    def _stamp(self, body: KubernetesObject) -> KubernetesObject:
        self._version += 1
        now = rfc3339(datetime(2026, 11, 24, 7, tzinfo=UTC) + timedelta(seconds=self._version))
        made = {"uid": f"uid-{self._version}", "creationTimestamp": now}
        metadata = {**made, **body["metadata"], "resourceVersion": str(self._version)}
        return {**body, "metadata": metadata}


def a_storage_class(name: str = "standard", **fields: Any) -> KubernetesObject:  # noqa: ANN401 - any field of a class
    """Make a StorageClass, the default one unless annotations are given."""
    metadata = {"name": name, "namespace": "", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}
    return {"kind": STORAGE_CLASS.name, "metadata": metadata, "provisioner": "csi.example.com", **fields}


def merge(target: Any, patch: Any) -> Any:  # noqa: ANN401 - any JSON
    """Apply a JSON merge patch, word for word as RFC 7386 has it."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


def _key_of(body: KubernetesObject) -> Key:
    return body["metadata"]["namespace"], body["metadata"]["name"]
