"""Keep pods of groups whose engine ended: LeaderWorkerSet may take them away before anybody looked."""

from collections import defaultdict
from collections.abc import Iterable

from nemotron_operator.cluster.cache import Key, KubernetesObject, ObjectCache, deployment_of
from nemotron_operator.cluster.kinds import NEMOTRON, POD, ApiKind
from nemotron_operator.cluster.pods import has_ended_container, observe_pod
from nemotron_operator.render.pods import GROUP_KEY_LABEL
from nemotron_operator.status.observed_pods import ObservedPod

MOST_KEPT = 32
"""Pods of a resource that are kept, the latest; one is enough to tell why a group failed."""


class DepartedPods:
    """What was last read of each such pod while it told why, by the resource that it belongs to and by its uid."""

    def __init__(self) -> None:
        self._pods: defaultdict[Key, dict[str, ObservedPod]] = defaultdict(dict)

    def take_report(self, kind: ApiKind, reported: KubernetesObject, cache: ObjectCache) -> None:
        """Take a report of a watch, which the cache has taken already; only of pods whose engine ended it keeps one.

        Of a resource that is gone, or goes, nobody will ask.
        """
        owner = deployment_of(reported) if kind is POD else None
        metadata = reported["metadata"]
        if not owner or GROUP_KEY_LABEL not in metadata["labels"] or not has_ended_container(reported):
            return
        key = (metadata.get("namespace", ""), owner)
        resource = cache.get(NEMOTRON, *key)
        if resource is None or "deletionTimestamp" in resource["metadata"]:
            return
        known = self._pods[key]
        known.pop(metadata["uid"], None)
        known[metadata["uid"]] = observe_pod(reported)
        if len(known) > MOST_KEPT:
            del known[next(iter(known))]

    def list_departed(self, key: Key, cache: ObjectCache) -> dict[str, ObservedPod]:
        """List those of a resource that are not there any more, by their uid, in the order in which they told why."""
        living = {pod["metadata"]["uid"] for pod in cache.list_children(POD, *key)}
        return {uid: pod for uid, pod in self._pods.get(key, {}).items() if uid not in living}

    def forget(self, key: Key, seen: Iterable[str] | None = None) -> None:
        """Forget those that were looked at; None forgets all that is kept of a resource."""
        known = self._pods.get(key, {})
        for uid in list(known) if seen is None else seen:
            known.pop(uid, None)
        if not known:
            self._pods.pop(key, None)
