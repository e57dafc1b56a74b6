"""Holding the pod beside the volume: one nemoctl at a time carries requests or results, and shows that it lives."""

import asyncio
import getpass
import itertools
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from nemotron_operator.cli.batch.manifests import Batch, render_pod
from nemotron_operator.cli.batch.objects import find, take_away
from nemotron_operator.cli.bundle.loader import wait_for_loader
from nemotron_operator.cli.cluster_access import ClusterTarget, explained, open_gateway
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.kinds import POD
from nemotron_operator.constants import API_GROUP
from nemotron_operator.errors import ConflictError, OperatorError

HOLDER_ANNOTATION = f"{API_GROUP}/batch-held-by"
"""Annotation of the pod: whose nemoctl carries files through it."""

BEAT_ANNOTATION = f"{API_GROUP}/batch-beat"
"""Annotation of the pod: a number that its holder counts on for as long as it lives. No clocks are compared."""

BEAT_SECONDS = 5.0
"""How often a holder shows that it lives."""

GONE_SECONDS = 30.0
"""How long a holder that does not move is looked at before it counts as gone."""

POLL_SECONDS = 1.0
"""How often it is looked at."""

Say = Callable[[str], None]

Wait = Callable[[ClusterGateway, KubernetesObject], Awaitable[None]]
"""Waits until a pod has come to what it was made for."""


@contextmanager
def held_pod(batch: Batch, target: ClusterTarget, timeout_seconds: int, say: Say) -> Iterator[None]:
    """Run the pod that waits beside the volume, for this nemoctl alone, as long as the block lasts.

    Raises
    ------
    OperatorError
        Another nemoctl has it, or it does not run.
    """

    async def wait(gateway: ClusterGateway, pod: KubernetesObject) -> None:
        await wait_for_loader(gateway, pod, timeout_seconds, say)

    with held(batch, render_pod(batch), target, wait, say):
        yield


@contextmanager
def held(batch: Batch, manifest: dict[str, Any], target: ClusterTarget, wait: Wait, say: Say) -> Iterator[None]:
    """Make a pod of the batch's name for this nemoctl alone, wait for it, and take it away when the block ends.

    Raises
    ------
    OperatorError
        Another nemoctl has it, or waiting is no use.
    """
    pod = asyncio.run(_take(batch, manifest, target, say))
    has_ended = threading.Event()
    beating = threading.Thread(target=lambda: asyncio.run(_beat(pod, target, has_ended)), daemon=True)
    beating.start()
    try:
        asyncio.run(_wait(pod, target, wait))
        yield
    except BaseException:
        with suppress(OperatorError):  # what went wrong first is what counts
            _stop(beating, has_ended, pod, target)
        raise
    _stop(beating, has_ended, pod, target)


async def _take(batch: Batch, manifest: dict[str, Any], target: ClusterTarget, say: Say) -> KubernetesObject:
    marks = {HOLDER_ANNOTATION: _name_holder(), BEAT_ANNOTATION: "0"}
    metadata = manifest["metadata"]
    marked = {**manifest, "metadata": {**metadata, "annotations": {**metadata.get("annotations", {}), **marks}}}
    async with open_gateway(target) as gateway:
        while True:
            left = await find(gateway, POD, batch.namespace, batch.pod_name)
            if left is not None:
                await _require_gone(gateway, left, batch, say)
                await take_away(gateway, POD, batch.namespace, batch.pod_name, uid=left["metadata"]["uid"])
            with suppress(ConflictError), explained("create", POD, batch.namespace):
                return await gateway.create(POD, marked)


async def _require_gone(gateway: ClusterGateway, pod: KubernetesObject, batch: Batch, say: Say) -> None:
    """See that nobody holds a pod any more: nothing becomes of it, and nobody takes it away.

    Raises
    ------
    OperatorError
        Somebody does.
    """
    holder = (pod["metadata"].get("annotations") or {}).get(HOLDER_ANNOTATION, "somebody")
    say(f"The pod {batch.pod_name!r} is there already, of {holder}: this looks whether that nemoctl still runs.")
    deadline = time.monotonic() + GONE_SECONDS
    while time.monotonic() < deadline:
        await asyncio.sleep(POLL_SECONDS)
        with explained("get", POD, batch.namespace):
            now = await gateway.get(POD, batch.namespace, batch.pod_name)
        if now is None or _read_life(now) != _read_life(pod):
            raise OperatorError(
                f"Another nemoctl, of {holder}, carries the files of the batch {batch.name!r} just now: wait for it. "
                "If it sends the requests, the same command then follows the Job; if it fetches the results, they are "
                "where that one writes them, and without its --keep the batch is gone."
            )


def _read_life(pod: KubernetesObject) -> tuple[str | None, ...]:
    metadata = pod["metadata"]
    beat = (metadata.get("annotations") or {}).get(BEAT_ANNOTATION)
    return metadata["uid"], metadata.get("deletionTimestamp"), beat


async def _wait(pod: KubernetesObject, target: ClusterTarget, wait: Wait) -> None:
    async with open_gateway(target) as gateway:
        await wait(gateway, pod)


async def _beat(pod: KubernetesObject, target: ClusterTarget, has_ended: threading.Event) -> None:
    """Count on; where that is not allowed, another nemoctl takes this one for gone."""
    with suppress(OperatorError):
        async with open_gateway(target) as gateway:
            for beat in itertools.count(1):
                if await asyncio.to_thread(has_ended.wait, BEAT_SECONDS):
                    return
                with suppress(OperatorError):
                    await gateway.annotate(POD, pod, {BEAT_ANNOTATION: str(beat)})


def _stop(beating: threading.Thread, has_ended: threading.Event, pod: KubernetesObject, target: ClusterTarget) -> None:
    has_ended.set()
    beating.join(BEAT_SECONDS)
    asyncio.run(_give_back(pod, target))


async def _give_back(pod: KubernetesObject, target: ClusterTarget) -> None:
    """Let go of the volume; a pod of the same name that another one made since stays."""
    metadata = pod["metadata"]
    async with open_gateway(target) as gateway:
        await take_away(gateway, POD, metadata["namespace"], metadata["name"], uid=metadata["uid"])


def _name_holder() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = "somebody"
    return f"{user}@{socket.gethostname()}"
