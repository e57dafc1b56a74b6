"""Keep the watches alive: kopf runs in a thread of its own, and is started again whenever it ends.

A thread, because kopf counts every task of its event loop as its own and cancels them all when it ends.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Iterable

import kopf

from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.connection import Credentials
from nemotron_operator.cluster.gateway import ReportRequest
from nemotron_operator.cluster.kinds import ApiKind
from nemotron_operator.cluster.relist import Scope
from nemotron_operator.handlers.settings import make_settings
from nemotron_operator.handlers.watches import Deliver, Watching, make_registry

FIRST_PAUSE_SECONDS = 1.0
"""Pause before the first restart."""

LONGEST_PAUSE_SECONDS = 30.0
"""Pauses double up to this."""

HEALTHY_RUN_SECONDS = 60.0
"""A run that lasted this long ended a series of failures."""

STOP_SECONDS = 15.0
"""How long kopf may take to end when it is told to."""

END_SECONDS = 1.0
"""How long kopf may take to end by itself before what is left of it is cancelled."""

SWEEP_SECONDS = 0.1
"""Pause between two rounds of cancelling."""

_log = logging.getLogger(__name__)


class WatchSupervisor:
    """Runs kopf until it is stopped, whatever happens to kopf.

    Parameters
    ----------
    deliver
        Takes each report, in the event loop that runs the supervisor.
    read_credentials
        Makes the credentials of each login; called in kopf's thread.
    list_scope
        Tells, each time that kopf starts, which namespaces to watch; None among them means all.
    report_restart
        Called each time that kopf ended without being told to.
    report_listing
        Called each time that a watch began anew, so that deletions may have been missed.
    list_served_kinds
        Tells, each time that kopf starts, which optional kinds the API server knows.
    report_request
        Told of each request that begins a watch, answered or not, for metrics.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what the process and its watches tell each other
        self,
        deliver: Deliver,
        read_credentials: Callable[[], Awaitable[Credentials]],
        list_scope: Callable[[], Scope],
        report_restart: Callable[[], None],
        report_listing: Callable[[], None],
        list_served_kinds: Callable[[], Iterable[ApiKind]] = tuple,
        report_request: ReportRequest = lambda _verb, _kind, _code: None,
    ) -> None:
        self._deliver = deliver
        self._read_credentials = read_credentials
        self._list_scope = list_scope
        self._report_restart = report_restart
        self._report_listing = report_listing
        self._list_served_kinds = list_served_kinds
        self._report_request = report_request
        self._is_running = False
        self._end_run: Callable[[], None] = lambda: None
        self._begins_anew = False
        self._has_something = asyncio.Event()

    def begin_anew(self) -> None:
        """End the watches that run, and start again at once with the namespaces and kinds that are served now."""
        self._begins_anew = True
        self._has_something.set()
        self._end_run()

    def healthy(self) -> str | None:
        """Say what is wrong with the watches; None when they run."""
        if not self._list_scope():
            return "None of the namespaces can be read; the log says why."
        return None if self._is_running else "The watches are not running; they are started again."

    async def run(self) -> None:
        """Run until cancelled."""
        pause_seconds = FIRST_PAUSE_SECONDS
        loop = asyncio.get_running_loop()
        while True:
            await self._wait_for_something()
            started = loop.time()
            self._begins_anew = False
            await self._run_once()
            if self._begins_anew:
                continue
            self._report_restart()
            if loop.time() - started > HEALTHY_RUN_SECONDS:
                pause_seconds = FIRST_PAUSE_SECONDS
            await asyncio.sleep(pause_seconds * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
            pause_seconds = min(pause_seconds * 2, LONGEST_PAUSE_SECONDS)

    async def _wait_for_something(self) -> None:
        """Wait until there is a namespace to watch: given none, kopf would watch all."""
        while not self._list_scope():
            self._has_something.clear()
            await self._has_something.wait()

    async def _run_once(self) -> None:
        """Run kopf once; its end is logged, not raised. Being cancelled tells it to stop and waits for it."""
        loop, kopf_loop, ending = asyncio.get_running_loop(), asyncio.new_event_loop(), asyncio.Event()
        scope = tuple(self._list_scope())
        thread = loop.run_in_executor(None, self._run_in_thread, loop, kopf_loop, scope, ending)
        self._is_running = True

        def end() -> None:
            with contextlib.suppress(RuntimeError):  # that loop has ended already
                kopf_loop.call_soon_threadsafe(ending.set)

        self._end_run = end
        try:
            await asyncio.shield(thread)
            if not self._begins_anew:
                _log.warning("The watches ended; they are started again.")
        except asyncio.CancelledError:
            end()
            await asyncio.wait([thread], timeout=STOP_SECONDS)
            raise
        except Exception as error:  # noqa: BLE001 - kopf ends on anything that an API server may do
            _log.warning("The watches ended (%s: %s); they are started again.", type(error).__name__, error)
        finally:
            self._is_running = False

    def _run_in_thread(
        self,
        loop: asyncio.AbstractEventLoop,
        kopf_loop: asyncio.AbstractEventLoop,
        scope: Scope,
        ending: asyncio.Event,
    ) -> None:
        def hand_over(kind: ApiKind, event_type: str | None, reported: KubernetesObject) -> None:
            loop.call_soon_threadsafe(self._deliver, kind, event_type, reported)

        def tell_of_listing() -> None:
            loop.call_soon_threadsafe(self._report_listing)

        def tell_of_request(verb: str, kind: str, code: int | str) -> None:
            loop.call_soon_threadsafe(self._report_request, verb, kind, code)

        watching = Watching(hand_over, tell_of_listing, tell_of_request)
        registry = make_registry(watching, self._read_credentials, tuple(self._list_served_kinds()))
        with asyncio.Runner(loop_factory=lambda: kopf_loop) as runner:
            runner.run(_run_kopf(registry, scope, ending))


async def _run_kopf(registry: kopf.OperatorRegistry, scope: Scope, ending: asyncio.Event) -> None:
    """Run kopf until it fails, or until it is told that it is ending; a failure is raised.

    Left alone, kopf may need for ever to end: it waits for every task, and a watch that is cancelled while it sends
    its request takes that for a pause and goes on. So what is left is cancelled until nothing is.
    """

    @kopf.on.cleanup(registry=registry, id="ending")
    async def note_end(**_: object) -> None:
        ending.set()

    operator = asyncio.create_task(
        kopf.operator(
            registry=registry,
            settings=make_settings(),
            clusterwide=None in scope,
            namespaces=[namespace for namespace in scope if namespace is not None],
            stop_flag=ending,
            # Kopf would ask for the user's name, and ends where a user is a number only, as in a container.
            identity="nemotron-operator",  # type: ignore[arg-type]  # the type's name is private to kopf
        )
    )
    is_ending = asyncio.create_task(ending.wait())
    await asyncio.wait([operator, is_ending], return_when=asyncio.FIRST_COMPLETED)
    await asyncio.wait([operator], timeout=END_SECONDS)
    while leftovers := asyncio.all_tasks() - {asyncio.current_task(), operator}:
        for task in leftovers:
            task.cancel()
        await asyncio.wait(leftovers, timeout=SWEEP_SECONDS)
    await asyncio.wait([operator])
    if not operator.cancelled():
        operator.result()
