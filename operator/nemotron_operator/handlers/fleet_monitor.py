"""Looks at all resources every few seconds, and at each scrape, for the metrics of this process while it leads."""

import asyncio
import logging
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager

from nemotron_operator.cluster.cache import Key, KubernetesObject, ObjectCache, key_of
from nemotron_operator.cluster.fleet import FleetReader
from nemotron_operator.cluster.kinds import NEMOTRON, ApiKind
from nemotron_operator.cluster.starts import StartTracker
from nemotron_operator.runtime.clocks import loop_time, utc_now
from nemotron_operator.runtime.log_context import about
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
        self._causes: dict[tuple[str, Key], str] = {}
        """Why what could not be counted, as it was logged last, by what was done and the resource."""

    def begin(self) -> None:
        """Begin with a cache that is complete; what is there already began without us."""
        self._look()
        self._metrics.fleet.look = self._look

    def take_report(self, kind: ApiKind, reported: KubernetesObject) -> None:
        """Take a report of a watch at once: the moment in which a spec changes stands nowhere."""
        if kind is not NEMOTRON:
            return
        key = key_of(reported)
        known = self._cache.get(NEMOTRON, *key)
        with self._survive_start(key):
            if known is not None and (phases := self._starts.take(known, utc_now())):
                self._metrics.count_start(phases)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._look()

    def _look(self) -> None:
        for phases in self._starts.look(self._cache.list_all(NEMOTRON), utc_now(), self._survive_start):
            self._metrics.count_start(phases)
        starts = {key: begun_at.timestamp() for key, begun_at in self._starts.list_begun().items()}
        self._metrics.fleet.take(self._reader.report_all(self._survive_report), loop_time(), starts)

    def _survive_report(self, key: Key) -> AbstractContextManager[None]:
        return self._survive("GPUs and conditions", key)

    def _survive_start(self, key: Key) -> AbstractContextManager[None]:
        return self._survive("start", key)

    @contextmanager
    def _survive(self, what: str, key: Key) -> Iterator[None]:
        """Log what fails, once for each cause, and go on: one resource keeps neither the others nor the operator."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - see above
            cause = repr(error)
            if self._causes.get((what, key)) != cause:
                self._causes[what, key] = cause
                with about(*key):
                    _log.exception(
                        "The %s of %s/%s cannot be counted for the metrics, and will be left out", what, *key
                    )
