"""A trimmed copy of what the watches reported: reading it costs nothing, and the pipeline reads it at every turn."""

import sys
from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from typing import Any

from nemotron_operator.cluster.kinds import NEMOTRON, ApiKind
from nemotron_operator.constants import COMPONENT_LABEL, DEPLOYMENT_LABEL

KubernetesObject = dict[str, Any]
"""An object as the API's JSON."""

Key = tuple[str, str]
"""Namespace and name."""

TOMBSTONES = 4096
"""Deleted objects whose versions are remembered, so that a late report does not bring them back."""


class ObjectCache:
    """Objects by kind, namespace and name; children also by the resource that they belong to."""

    def __init__(self) -> None:
        self._objects: dict[ApiKind, dict[Key, KubernetesObject]] = defaultdict(dict)
        self._children: dict[ApiKind, dict[Key, set[str]]] = defaultdict(lambda: defaultdict(set))
        self._tombstones: OrderedDict[tuple[ApiKind, Key], int] = OrderedDict()

    def get(self, kind: ApiKind, namespace: str, name: str) -> KubernetesObject | None:
        """Find one object."""
        return self._objects[kind].get((namespace, name))

    def list_children(self, kind: ApiKind, namespace: str, deployment_name: str) -> list[KubernetesObject]:
        """List the objects of one kind that carry a resource's label, by name."""
        names = self._children[kind].get((namespace, deployment_name), set())
        return [self._objects[kind][namespace, name] for name in sorted(names)]

    def list_all(self, kind: ApiKind) -> list[KubernetesObject]:
        """List the objects of one kind."""
        return list(self._objects[kind].values())

    def list_namespace(self, kind: ApiKind, namespace: str) -> list[KubernetesObject]:
        """List the objects of one kind in one namespace."""
        return [known for key, known in self._objects[kind].items() if key[0] == namespace]

    def list_deployment_keys(self, namespace: str | None = None) -> list[Key]:
        """List the NemotronDeployments of one namespace, or of all."""
        return [key for key in self._objects[NEMOTRON] if namespace in (None, key[0])]

    def count(self, kind: ApiKind) -> int:
        """Count the objects of one kind."""
        return len(self._objects[kind])

    def upsert(self, kind: ApiKind, reported: KubernetesObject) -> bool:
        """Take over a reported object unless a newer one is known; tell whether it was news.

        Resource versions of one object compare as numbers (KEP-5504, stable since Kubernetes 1.35).
        """
        key = key_of(reported)
        version = _version_of(reported)
        known = self._objects[kind].get(key)
        if known is not None and _version_of(known) >= version:
            return False
        if self._tombstones.get((kind, key), -1) >= version:
            return False
        self._objects[kind][key] = _trim(reported)
        self._index(kind, key, known, reported)
        return True

    def remove(self, kind: ApiKind, reported: KubernetesObject) -> bool:
        """Forget a deleted object unless a newer one of its name is known; tell whether it was news."""
        key = key_of(reported)
        known = self._objects[kind].get(key)
        if known is not None and _version_of(known) > _version_of(reported) and _uid_of(known) != _uid_of(reported):
            return False
        self._bury(kind, key, _version_of(reported))
        if known is None:
            return False
        del self._objects[kind][key]
        self._index(kind, key, known, None)
        return True

    def replace_all(
        self, kind: ApiKind, listed: Iterable[KubernetesObject], list_version: str, namespace: str | None = None
    ) -> list[KubernetesObject]:
        """Take over a complete list of all namespaces or one, and forget what it lacks; return what changed.

        A watch that had to start anew never reports what was deleted in between.
        """
        listed = list(listed)
        present = {key_of(item) for item in listed}
        ghosts = [
            known
            for key, known in self._objects[kind].items()
            if namespace in {None, key[0]} and key not in present and _version_of(known) <= int(list_version)
        ]
        for ghost in ghosts:
            self.remove(kind, ghost)
            self._bury(kind, key_of(ghost), int(list_version))
        return [item for item in listed if self.upsert(kind, item)] + ghosts

    def forget(self, kind: ApiKind) -> list[KubernetesObject]:
        """Forget all objects of a kind that the API server does not know any more; return them.

        None of them was deleted: where the kind comes back, so may they, as they were.
        """
        self._children.pop(kind, None)
        for buried in [buried for buried in self._tombstones if buried[0] is kind]:
            del self._tombstones[buried]
        return list(self._objects.pop(kind, {}).values())

    def forget_namespace(self, namespace: str) -> None:
        """Forget all objects of a namespace that cannot be read any more; where it can again, it is listed anew."""
        for kind, objects in self._objects.items():
            for key in [key for key in objects if key[0] == namespace]:
                del objects[key]
            for owner in [owner for owner in self._children[kind] if owner[0] == namespace]:
                del self._children[kind][owner]
        for buried in [buried for buried in self._tombstones if buried[1][0] == namespace]:
            del self._tombstones[buried]

    def _bury(self, kind: ApiKind, key: Key, version: int) -> None:
        self._tombstones[kind, key] = max(version, self._tombstones.pop((kind, key), -1))
        if len(self._tombstones) > TOMBSTONES:
            self._tombstones.popitem(last=False)

    def _index(self, kind: ApiKind, key: Key, before: KubernetesObject | None, after: KubernetesObject | None) -> None:
        for labelled, is_there in ((before, False), (after, True)):
            owner = deployment_of(labelled) if labelled else None
            if owner is None:
                continue
            names = self._children[kind][key[0], owner]
            names.add(key[1]) if is_there else names.discard(key[1])
            if not names:
                del self._children[kind][key[0], owner]


def deployment_of(child: KubernetesObject) -> str | None:
    """Name the NemotronDeployment that a child's label names."""
    owner: str | None = (child["metadata"].get("labels") or {}).get(DEPLOYMENT_LABEL)
    return owner


def component_of(child: KubernetesObject) -> str | None:
    """Name what a child is for, as its label says."""
    component: str | None = (child["metadata"].get("labels") or {}).get(COMPONENT_LABEL)
    return component


def key_of(reported: KubernetesObject) -> Key:
    """Name an object by its namespace, empty for what belongs to the cluster, and its name."""
    return reported["metadata"].get("namespace", ""), reported["metadata"]["name"]


def _version_of(reported: KubernetesObject) -> int:
    return int(reported["metadata"].get("resourceVersion") or 0)


def _uid_of(reported: KubernetesObject) -> str:
    uid: str = reported["metadata"].get("uid", "")
    return uid


def _trim(reported: KubernetesObject) -> KubernetesObject:
    """Drop what nobody reads: the history of field owners is half of an object.

    What is kept of it is who owns anything, how and since when: it tells whether a created object was ever applied,
    and how long a change waits for its controller.
    """
    metadata = dict(reported["metadata"])
    if "managedFields" in metadata:
        metadata["managedFields"] = [
            {key: entry[key] for key in ("manager", "operation", "subresource", "time") if key in entry}
            for entry in metadata["managedFields"]
        ]
    _share_programs(reported.get("spec") or {})
    return {**reported, "metadata": metadata}


def _share_programs(spec: KubernetesObject) -> None:
    """Keep the text of the probe's program once, and not again for each pod and Deployment: it has 15 kB."""
    groups = spec.get("leaderWorkerTemplate") or {}
    pod: KubernetesObject = (spec.get("template") or groups.get("leaderTemplate") or {}).get("spec") or spec
    for container in pod.get("initContainers") or []:
        if "command" in container:
            container["command"] = [sys.intern(str(part)) for part in container["command"]]
