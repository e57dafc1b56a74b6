"""Keep pods of groups whose engine ended: LeaderWorkerSet may take them away before anybody looked."""

from collections import defaultdict
from collections.abc import Iterable

from nemotron_operator.cluster.cache import Key, KubernetesObject, ObjectCache, deployment_of
from nemotron_operator.cluster.kinds import NEMOTRON, POD, ApiKind
from nemotron_operator.cluster.pods import has_ended_container
from nemotron_operator.render.pods import GROUP_KEY_LABEL


class DepartedPods:
    """The last report of each such pod in which it still told why, by the resource that it belongs to."""

    def __init__(self) -> None:
        self._pods: defaultdict[Key, dict[str, KubernetesObject]] = defaultdict(dict)

    def take_report(self, kind: ApiKind, event_type: str | None, reported: KubernetesObject) -> None:
        """Take a report of a watch: of a pod whose container ended, or of a resource that is gone."""
        metadata = reported["metadata"]
        namespace = metadata.get("namespace", "")
        if (kind, event_type) == (NEMOTRON, "DELETED"):
            self._pods.pop((namespace, metadata["name"]), None)
        owner = deployment_of(reported) if kind is POD else None
        if owner and GROUP_KEY_LABEL in metadata["labels"] and has_ended_container(reported):
            self._pods[namespace, owner][metadata["uid"]] = reported

    def list_departed(self, key: Key, cache: ObjectCache) -> list[KubernetesObject]:
        """List those of a resource that are not there any more, in the order in which they told it."""
        living = {pod["metadata"]["uid"] for pod in cache.list_children(POD, *key)}
        return [pod for uid, pod in self._pods.get(key, {}).items() if uid not in living]

    def forget(self, key: Key, seen: Iterable[KubernetesObject]) -> None:
        """Forget those that were looked at."""
        known = self._pods.get(key, {})
        for pod in seen:
            known.pop(pod["metadata"]["uid"], None)
        if not known:
            self._pods.pop(key, None)
