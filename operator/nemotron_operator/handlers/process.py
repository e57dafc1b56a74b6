"""The operator's process: connection, cache, queue, watches and HTTP server, started and stopped in order."""

import asyncio
import logging
import os
import random
import signal
import socket
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kubernetes.aio.client import ApiClient

from nemotron_operator.catalog.catalog import load_catalog
from nemotron_operator.cluster.cache import KubernetesObject, ObjectCache
from nemotron_operator.cluster.claim_users import list_bereaved
from nemotron_operator.cluster.connection import connect, read_credentials
from nemotron_operator.cluster.departed_pods import DepartedPods
from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.kinds import CHILD_KINDS, CLAIM, NEMOTRON, ApiKind
from nemotron_operator.cluster.lease import ApiLeaseStore
from nemotron_operator.cluster.observe import ClusterView
from nemotron_operator.cluster.platform import Platform
from nemotron_operator.cluster.relist import affected_keys
from nemotron_operator.cluster.survey import Looked, Survey
from nemotron_operator.cluster.totals import count_active_downloads, sum_cached_bytes, sum_remaining_bytes
from nemotron_operator.config import OperatorConfig
from nemotron_operator.constants import LEASE_NAME
from nemotron_operator.errors import ClusterError, OperatorError
from nemotron_operator.handlers.fleet_monitor import FleetMonitor
from nemotron_operator.handlers.supervisor import WatchSupervisor
from nemotron_operator.reconcile import Reconciler
from nemotron_operator.runtime.clocks import utc_now
from nemotron_operator.runtime.election import LeaderElector
from nemotron_operator.runtime.http_server import HttpServer
from nemotron_operator.runtime.loop_lag import LoopLagMonitor
from nemotron_operator.runtime.metrics import Metrics
from nemotron_operator.runtime.work_queue import WorkQueue

WAIT_SECONDS = 5.0
"""Pause between two looks at an API server that is not there, or does not know the resource yet."""

SETTLE_SECONDS = 0.5
"""Pause between a watch that began anew and listing: the watches of the other kinds begin in the same moment."""

DISCOVERY_SECONDS = 15.0
"""How often to look which optional kinds the API server knows: what brings them may be installed at any time."""

STOP_SECONDS = 25.0
"""How long a replica that leads may take to finish; the pod's grace period is 30 s."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ProcessOptions:
    """What the command line decides."""

    kubeconfig: Path | None
    context: str | None
    namespaces: tuple[str, ...]
    """Namespaces to serve; empty for all."""
    http_host: str
    http_port: int
    lease_namespace: str | None
    """Namespace of the Lease; None runs without an election, as the only replica."""
    lease_name: str = LEASE_NAME
    """Shared by those who must not act at the same time: who serves the same namespaces."""


class OperatorProcess:
    """One replica of the operator."""

    def __init__(self, config: OperatorConfig, options: ProcessOptions, client: ApiClient) -> None:
        self._options = options
        self._config = config
        self._client = client
        self._metrics = Metrics()
        self._metrics.resync_period.set(config.resync_seconds)
        self._elector: LeaderElector | None = None
        self._cache = ObjectCache()
        self._departed = DepartedPods()
        gpu_resources = {profile.resource_name for profile in config.accelerators.values()}
        self._fleet = FleetMonitor(self._cache, self._metrics, gpu_resources)
        self._platform = Platform(served_kinds=frozenset())  # until it was looked
        self._gateway = ClusterGateway(client, may_write=self._may_write, report_request=self._metrics.count_request)
        self._survey = Survey(self._gateway, self._cache, self._platform, options.namespaces)
        self._identity = f"{socket.gethostname()}-{os.getpid()}"
        self._queue = self._make_queue()
        self._metrics.workqueue_failing.set_function(self._queue.count_failing)
        self._relist_now = asyncio.Event()
        self._supervisor = WatchSupervisor(
            self._take_report,
            partial(read_credentials, client),
            lambda: self._survey.scope,
            self._metrics.kopf_restarts.inc,
            self._relist_now.set,
            lambda: self._platform.served_kinds,
            self._metrics.count_request,
        )
        self._lag = LoopLagMonitor(observe=self._metrics.event_loop_lag.observe)
        self._waits_for = "The operator has just started."
        self._stopping = asyncio.Event()
        self._is_acting = False

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT.

        Raises
        ------
        LeadershipLostError
            Another replica may lead now: this process must end.
        """
        _listen_to_signals(self._stopping)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._gateway.close)
            server = self._make_http_server()
            await server.start()
            stack.push_async_callback(server.stop)
            _log.info("Health and metrics on http://%s:%d", self._options.http_host, server.port)
            await self._run_until_stopped()

    async def _run_until_stopped(self) -> None:
        """Lead or stand by; a leader finishes what it has begun while its Lease is renewed, and gives it back then."""
        leading = asyncio.create_task(self._lead_or_stand_by(), name="lead")
        others = [asyncio.create_task(self._lag.run()), asyncio.create_task(self._stopping.wait())]
        try:
            await asyncio.wait([leading, *others], return_when=asyncio.FIRST_COMPLETED)
            if self._is_acting:
                await asyncio.wait([leading], timeout=STOP_SECONDS)
            if leading.done():
                leading.result()
        finally:
            for task in (leading, *others):
                task.cancel()
            await asyncio.gather(leading, *others, return_exceptions=True)

    async def _lead_or_stand_by(self) -> None:
        if self._options.lease_namespace is None:
            await self._act()
            return
        # The elector must read and write the Lease before it leads: its gateway has no fence.
        gateway = ClusterGateway(self._client, report_request=self._metrics.count_request)
        store = ApiLeaseStore(gateway, self._options.lease_namespace, self._options.lease_name)
        self._elector = LeaderElector(store, f"{self._identity}-{time.time_ns()}")
        self._waits_for = ""  # a replica that stands by is ready to take over
        try:
            await self._elector.run(self._act)
        finally:
            self._metrics.leader.set(0)
            await self._elector.release()

    async def _act(self) -> None:
        """Do the operator's work until told to stop: list everything before deciding, then let the watches tell."""
        self._is_acting = True
        self._metrics.leader.set(1)
        await self._wait_for_resource()
        while (await self._look()).problems and not self._stopping.is_set():
            await self._pause()  # who does not know a kind would take what is there for missing
        self._relist_now.set()
        await self._relist_once()
        if self._stopping.is_set():
            return
        for key in self._cache.list_deployment_keys():  # what a look had listed before was no news any more
            self._queue.add(key)
        self._fleet.begin()
        _log.info("Serving %d NemotronDeployments", self._cache.count(NEMOTRON))
        tasks = [
            asyncio.create_task(self._queue.run(), name="queue"),
            asyncio.create_task(self._supervisor.run(), name="watches"),
            asyncio.create_task(self._relist_periodically(), name="relist"),
            asyncio.create_task(self._discover_periodically(), name="discovery"),
            asyncio.create_task(self._fleet.run(), name="fleet"),
            asyncio.create_task(self._stopping.wait(), name="stopping"),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._queue.stop()
            for task in tasks[1:]:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _wait_for_resource(self) -> None:
        """Wait until the API server answers and knows the resource; say what is missing, once for each cause."""
        while not self._stopping.is_set():
            try:
                if await self._gateway.is_served(NEMOTRON):
                    return
                problem = f"The API server does not know {NEMOTRON.name}: install it with `kubectl apply -f crds/`."
            except ClusterError as error:
                problem = str(error)
            if problem != self._waits_for:
                _log.warning("%s Trying again every %d s.", problem, WAIT_SECONDS)
            self._waits_for = problem
            await self._pause()

    async def _relist_once(self) -> None:
        """List anew until it succeeds. What changed before a failure was taken over, and nobody was told of it."""
        has_failed = False
        while self._relist_now.is_set() and not self._stopping.is_set():
            self._relist_now.clear()  # being asked while it lists, it lists again
            try:
                affected = await self._survey.relist()
                for key in affected.union(self._cache.list_deployment_keys() if has_failed else ()):
                    self._queue.add(key)
                has_failed = False
            except ClusterError as error:
                has_failed = True
                self._relist_now.set()
                if str(error) != self._waits_for:
                    _log.warning("%s Trying again every %d s.", error, WAIT_SECONDS)
                self._waits_for = str(error)
                await self._pause()
            else:
                self._waits_for = ""
                if self._survey.is_complete:
                    self._metrics.last_resync.set_to_current_time()

    async def _relist_periodically(self) -> None:
        """List anew at every resync period, and whenever a watch began anew: deletions before that are not reported."""
        while True:
            pause = self._config.resync_seconds * random.uniform(0.9, 1.1)  # noqa: S311 - jitter, not a secret
            with suppress(TimeoutError):
                await asyncio.wait_for(self._relist_now.wait(), pause)
                await asyncio.sleep(SETTLE_SECONDS)
            self._relist_now.set()
            await self._relist_once()

    async def _discover_periodically(self) -> None:
        """Watch a kind or a namespace as soon as there is one, and stop to when there is none any more."""
        while True:
            await asyncio.sleep(DISCOVERY_SECONDS * random.uniform(0.9, 1.1))  # noqa: S311 - jitter, not a secret
            if (await self._look()).has_changed:
                self._supervisor.begin_anew()
                self._relist_now.set()
                for key in self._cache.list_deployment_keys():
                    self._queue.add(key)

    async def _look(self) -> Looked:
        """Look which namespaces and optional kinds can be served, and say what changed or gave no answer."""
        known = self._platform.served_kinds
        looked = await self._survey.look()
        for problem in looked.problems:
            _log.warning("%s Which namespaces and optional kinds there are is asked again.", problem)
        if self._platform.served_kinds != known:
            names = ", ".join(sorted(kind.name for kind in self._platform.served_kinds)) or "none"
            _log.info("Optional kinds that the API server knows: %s", names)
        return looked

    async def _pause(self) -> None:
        """Wait a little, less if told to stop."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), WAIT_SECONDS)

    def _take_report(self, kind: ApiKind, event_type: str | None, reported: KubernetesObject) -> None:
        """Take one report of a watch: remember it, and let the resources look again that it concerns."""
        is_news = self._cache.remove(kind, reported) if event_type == "DELETED" else self._cache.upsert(kind, reported)
        if is_news:
            self._fleet.take_report(kind, reported)
            self._departed.take_report(kind, reported, self._cache)
        # The operator's own write to a volume is no news here, and yet is for the others that share it.
        if is_news or kind is CLAIM:
            affected = affected_keys(kind, reported, self._cache)
            bereaved = list_bereaved(reported, self._cache) if (kind, event_type) == (NEMOTRON, "DELETED") else set()
            for key in affected | bereaved:
                self._queue.add(key)

    def _may_write(self) -> bool:
        return self._elector is None or self._elector.is_leader()

    def _ready(self) -> str | None:
        """Say what this replica waits for; None when it is ready. One that stands by watches nothing yet."""
        return self._waits_for or (self._supervisor.healthy() if self._is_acting else None)

    def _make_queue(self) -> WorkQueue:
        reconciler = Reconciler(
            view=ClusterView(self._cache, self._gateway, self._platform, departed=self._departed),
            config=self._config,
            catalog=load_catalog().extend(self._config.models),
            now=utc_now,
            reporter=self._identity,
        )
        return WorkQueue(
            work=reconciler.reconcile,
            known_keys=self._cache.list_deployment_keys,
            random=random.Random(),  # noqa: S311 - jitter, not a secret
            workers=self._config.workers,
            resync_seconds=self._config.resync_seconds,
            observer=self._metrics,
            told_errors=(OperatorError,),
        )

    def _make_http_server(self) -> HttpServer:
        for kind in (NEMOTRON, *CHILD_KINDS):
            self._metrics.cache_objects.labels(kind.name).set_function(partial(self._cache.count, kind))
        self._metrics.downloads_active.set_function(partial(count_active_downloads, self._cache))
        self._metrics.downloads_remaining_bytes.set_function(partial(sum_remaining_bytes, self._cache))
        self._metrics.cached_bytes.set_function(partial(sum_cached_bytes, self._cache))
        return HttpServer(
            self._options.http_host,
            self._options.http_port,
            healthy=self._lag.healthy,
            ready=self._ready,
            registry=self._metrics.registry,
        )


async def run_operator(config: OperatorConfig, options: ProcessOptions) -> None:
    """Run one replica of the operator until it is told to stop.

    Raises
    ------
    ConfigError
        The cluster's address or credentials cannot be read.
    LeadershipLostError
        Another replica may lead now.
    """
    client = await connect(options.kubeconfig, options.context)
    await OperatorProcess(config, options, client).run()


def _listen_to_signals(stopping: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _stop, stopping, number)


def _stop(stopping: asyncio.Event, number: signal.Signals) -> None:
    _log.info("Told to stop by %s: what has begun is finished first, for at most %d s.", number.name, STOP_SECONDS)
    stopping.set()
