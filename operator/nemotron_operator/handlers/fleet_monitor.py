"""Looks at all resources every few seconds, and at each scrape, for the metrics of this process while it leads."""

import asyncio
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from nemotron_operator.cluster.cache import KubernetesObject, ObjectCache
from nemotron_operator.cluster.fleet import FleetReader
from nemotron_operator.cluster.kinds import NEMOTRON, ApiKind
from nemotron_operator.cluster.starts import StartTracker
from nemotron_operator.runtime.clocks import loop_time, utc_now
from nemotron_operator.runtime.metrics import Metrics

LOOK_SECONDS = 5.0
"""How often to look where nobody scrapes: what a resource holds for a shorter time may count for none, or for all."""

_log = logging.getLogger(__name__)


class FleetMonitor:
    """Feeds the metrics of single resources. One that stands by knows no resource, and tells of none."""

    def __init__(self, cache: ObjectCache, metrics: Metrics, gpu_resources: Iterable[str]) -> None:
        self._cache = cache
        self._metrics = metrics
        self._reader = FleetReader(cache, gpu_resources)
        self._starts = StartTracker(cache)

    def begin(self) -> None:
        """Begin with a cache that is complete; what is there already began without us."""
        self._look()
        self._metrics.fleet.look = self._look

    def take_report(self, kind: ApiKind, reported: KubernetesObject) -> None:
        """Take a report of a watch at once: the moment in which a spec changes stands nowhere."""
        if kind is not NEMOTRON:
            return
        metadata = reported["metadata"]
        known = self._cache.get(NEMOTRON, metadata["namespace"], metadata["name"])
        with _survived():
            if known is not None and (phases := self._starts.take(known, utc_now())):
                self._metrics.count_start(phases)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._look()

    def _look(self) -> None:
        with _survived():
            self._metrics.fleet.take(self._reader.report_all(), loop_time())
            for phases in self._starts.look(self._cache.list_all(NEMOTRON), utc_now()):
                self._metrics.count_start(phases)


@contextmanager
def _survived() -> Iterator[None]:
    """Log what fails: whatever is wrong with a resource, its metrics must not keep the operator from its work."""
    try:
        yield
    except Exception:  # noqa: BLE001 - see above
        _log.exception("The resources could not be counted for the metrics; next try in %.0f s", LOOK_SECONDS)
