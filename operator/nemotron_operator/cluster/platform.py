"""What the cluster as a whole offers: asked for when a decision needs it, and remembered for a while."""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from nemotron_operator.api.pod_template import TolerationSpec
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.gpu_nodes import GpuDemand, count_node_gpus, trim_node, trim_pod
from nemotron_operator.cluster.kinds import NAMED_KINDS, NODE, OPTIONAL_KINDS, POD, STORAGE_CLASS, ApiKind
from nemotron_operator.config import Toleration
from nemotron_operator.errors import HTTP_FORBIDDEN, ClusterError
from nemotron_operator.plan.facts import StorageClassFact
from nemotron_operator.plan.node_pool import NodeGpus
from nemotron_operator.plan.serving_plan import PodPlan

STORAGE_CLASSES_SECONDS = 10.0
"""How long a list of StorageClasses counts: less than a refusal that rests on it waits."""

GPU_POOL_SECONDS = 5.0
"""How long a look at all nodes and pods counts: many rollouts that begin together share one."""

VERSION_SECONDS = 300.0
"""How long the API server's version counts."""

DEFAULT_ANNOTATION = "storageclass.kubernetes.io/is-default-class"

_ZONES = re.compile(r"(^|[./])zone$")
"""The keys of a volume's node affinity that name a zone: `topology.kubernetes.io/zone` and those of drivers."""

_HOST = "kubernetes.io/hostname"

_ON_A_NODE = "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed"
"""Field selector of the pods that hold something of a node; those that are leaving are among them."""

WITHOUT_NODES = "Which GPUs are free is not known: when pods change, replicas are replaced in place."
WITHOUT_STORAGE_CLASSES = "Whether a volume can be made, and can grow, is not known beforehand."
WITHOUT_VERSION = "Which version the API server has is not known."
WITHOUT_VOLUMES = "Where a volume is that no node reaches is not told."

_log = logging.getLogger(__name__)

GpuPool = tuple[list[KubernetesObject], list[KubernetesObject]]
"""Nodes, and the pods that hold devices of theirs, with nothing but what counts of each."""


T = TypeVar("T")


class Platform:
    """Answers of the API server about the cluster, each as old as it may be.

    Parameters
    ----------
    clock
        Tells monotonic seconds.
    served_kinds
        The optional kinds, and those that are only named, that the API server knows, as far as somebody has looked.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        served_kinds: frozenset[ApiKind] = frozenset((*OPTIONAL_KINDS, *NAMED_KINDS)),
    ) -> None:
        self._clock = clock
        self._storage_classes: tuple[float, tuple[StorageClassFact, ...] | None] | None = None
        self._gpu_pool: tuple[float, GpuPool | None] | None = None
        self._reading_gpu_pool = asyncio.Lock()
        self._version: tuple[float, tuple[int, int] | None] | None = None
        self._told: set[str] = set()
        self.served_kinds = served_kinds.intersection(OPTIONAL_KINDS)
        """The optional kinds that the API server knows: they are listed and watched."""
        self.named_kinds = served_kinds.intersection(NAMED_KINDS)
        """Those of which nothing is read."""
        self.forbidden_kinds: dict[ApiKind, str] = {}
        """What the API server says of optional kinds that it knows and that may not be listed where that is needed."""

    @property
    def known_kinds(self) -> frozenset[ApiKind]:
        """The kinds that not every cluster has and this one does."""
        return self.served_kinds | self.named_kinds

    def list_missing(self, kind_names: frozenset[str]) -> frozenset[str]:
        """List those of some kinds that the API server does not know."""
        return kind_names - {kind.name for kind in self.known_kinds}

    def list_forbidden(self, kind_names: frozenset[str]) -> dict[str, str]:
        """List what it says of those of them that it knows and does not let the operator list."""
        return {kind.name: words for kind, words in self.forbidden_kinds.items() if kind.name in kind_names}

    def tell_unknown(self, consequence: str, error: ClusterError) -> None:
        """Say once what cannot be known without a permission; a Role of a namespace cannot give it."""
        if consequence not in self._told:
            _log.warning("%s %s", consequence, error)
        self._told.add(consequence)

    async def list_storage_classes(self, gateway: ClusterGateway) -> tuple[StorageClassFact, ...] | None:
        """List the StorageClasses; None where the operator may not, as without a ClusterRole."""
        if self._storage_classes is None or self._clock() - self._storage_classes[0] >= STORAGE_CLASSES_SECONDS:
            listed = await self._take_if_allowed(gateway.list_all(STORAGE_CLASS), WITHOUT_STORAGE_CLASSES)
            self._storage_classes = self._clock(), listed and tuple(map(read_storage_class, listed[0]))
        return self._storage_classes[1]

    async def list_gpu_nodes(self, gateway: ClusterGateway, pod: PodPlan) -> list[NodeGpus] | None:
        """List the nodes that take such a pod, with their free GPUs; None where the operator may not list them."""
        async with self._reading_gpu_pool:
            if self._gpu_pool is None or self._clock() - self._gpu_pool[0] >= GPU_POOL_SECONDS:
                pool = await self._take_if_allowed(read_gpu_pool(gateway), WITHOUT_NODES)
                self._gpu_pool = self._clock(), pool
            pool = self._gpu_pool[1]
        if pool is None:
            return None
        labels = {**dict(pod.node_labels), **{key: (value,) for key, value in pod.template.node_selector.items()}}
        tolerations: list[Toleration | TolerationSpec] = [*pod.profile_tolerations, *pod.template.tolerations]
        return count_node_gpus(*pool, GpuDemand(pod.gpu_resource, labels, tolerations))

    async def read_version(self, gateway: ClusterGateway) -> tuple[int, int] | None:
        """Read major and minor version of the API server; None where it does not tell."""
        if self._version is None or self._clock() - self._version[0] >= VERSION_SECONDS:
            said = await self._take_if_allowed(gateway.read_version(), WITHOUT_VERSION)
            self._version = self._clock(), None if said is None else _read_version(said)
        return self._version[1]

    async def _take_if_allowed(self, asked: Awaitable[T], consequence: str) -> T | None:
        """Wait for an answer; None where the operator may not have it, and what follows from that is said."""
        try:
            return await asked
        except ClusterError as error:
            if error.status_code != HTTP_FORBIDDEN:
                raise
            self.tell_unknown(consequence, error)
            return None


def read_storage_class(live: KubernetesObject) -> StorageClassFact:
    """Read what decides about the volumes of a class."""
    metadata = live["metadata"]
    return StorageClassFact(
        name=metadata["name"],
        provisioner=live.get("provisioner", ""),
        is_default=(metadata.get("annotations") or {}).get(DEFAULT_ANNOTATION) == "true",
        created_at=metadata.get("creationTimestamp", ""),
        can_grow=bool(live.get("allowVolumeExpansion")),
        waits_for_consumer=live.get("volumeBindingMode") == "WaitForFirstConsumer",
    )


def read_place(volume: KubernetesObject) -> str:
    """Tell in words where a volume can be reached from: its zone, or its node; empty where it says neither."""
    required = (volume["spec"].get("nodeAffinity") or {}).get("required") or {}
    expressions = [
        one for term in required.get("nodeSelectorTerms") or [] for one in term.get("matchExpressions") or []
    ]
    zones = _list_values(expressions, lambda key: _ZONES.search(key) is not None)
    nodes = _list_values(expressions, lambda key: key == _HOST)
    if zones:
        return f"zone {zones}"
    return f"node {nodes}" if nodes else ""


def _list_values(expressions: list[Mapping[str, Any]], is_wanted: Callable[[str], bool]) -> str:
    values = [value for one in expressions if is_wanted(one["key"]) for value in one.get("values") or []]
    return " or ".join(dict.fromkeys(repr(value) for value in values))


async def read_gpu_pool(gateway: ClusterGateway) -> GpuPool:
    """Read all nodes, and the pods that hold devices of theirs, keeping what counts of each.

    Raises
    ------
    ClusterError
        The API server refused or did not answer.
    """
    nodes = [trim_node(node) async for node in gateway.read_each(NODE)]
    pods = [trim_pod(pod) async for pod in gateway.read_each(POD, _ON_A_NODE)]
    return nodes, [pod for pod in pods if pod is not None]


def _read_version(said: KubernetesObject) -> tuple[int, int] | None:
    numbers = [re.match(r"\d+", str(said.get(part, ""))) for part in ("major", "minor")]  # managed clusters say 35+
    major, minor = (int(number[0]) if number else None for number in numbers)
    return None if major is None or minor is None else (major, minor)
