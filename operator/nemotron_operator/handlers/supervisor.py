"""Keep the watches alive: kopf runs in a thread of its own, and is started again whenever it ends.

A thread, because kopf counts every task of its event loop as its own and cancels them all when it ends.
"""

import asyncio
import concurrent.futures
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import kopf

from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.connection import Credentials
from nemotron_operator.cluster.kinds import ApiKind
from nemotron_operator.handlers.settings import make_settings
from nemotron_operator.handlers.watches import Deliver, make_registry

FIRST_PAUSE_SECONDS = 1.0
"""Pause before the first restart."""

LONGEST_PAUSE_SECONDS = 30.0
"""Pauses double up to this."""

HEALTHY_RUN_SECONDS = 60.0
"""A run that lasted this long ended a series of failures."""

STOP_SECONDS = 15.0
"""How long kopf may take to end when it is told to."""

_log = logging.getLogger(__name__)


class WatchSupervisor:
    """Runs kopf until it is stopped, whatever happens to kopf.

    Parameters
    ----------
    deliver
        Takes each report, in the event loop that runs the supervisor.
    read_credentials
        Makes the credentials of each login; called in kopf's thread.
    namespaces
        Namespaces to watch; empty for all.
    report_restart
        Called each time that kopf ended without being told to.
    report_listing
        Called each time that a watch began anew, so that deletions may have been missed.
    """

    def __init__(
        self,
        deliver: Deliver,
        read_credentials: Callable[[], Awaitable[Credentials]],
        namespaces: Sequence[str],
        report_restart: Callable[[], None],
        report_listing: Callable[[], None],
    ) -> None:
        self._deliver = deliver
        self._read_credentials = read_credentials
        self._namespaces = tuple(namespaces)
        self._report_restart = report_restart
        self._report_listing = report_listing
        self._is_running = False

    def healthy(self) -> str | None:
        """Say what is wrong with the watches; None when they run."""
        return None if self._is_running else "The watches are not running; they are started again."

    async def run(self) -> None:
        """Run until cancelled."""
        pause_seconds = FIRST_PAUSE_SECONDS
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            await self._run_once(loop)
            self._report_restart()
            if loop.time() - started > HEALTHY_RUN_SECONDS:
                pause_seconds = FIRST_PAUSE_SECONDS
            await asyncio.sleep(pause_seconds * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
            pause_seconds = min(pause_seconds * 2, LONGEST_PAUSE_SECONDS)

    async def _run_once(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run kopf once; its end is logged, not raised. Being cancelled tells it to stop and waits for it."""
        stop: concurrent.futures.Future[Callable[[], object]] = concurrent.futures.Future()
        thread = loop.run_in_executor(None, self._run_in_thread, loop, stop)
        self._is_running = True
        try:
            await asyncio.shield(thread)
            _log.warning("The watches ended; they are started again.")
        except asyncio.CancelledError:
            stop.add_done_callback(lambda known: known.result()())
            await asyncio.wait([thread], timeout=STOP_SECONDS)
            raise
        except Exception as error:  # noqa: BLE001 - kopf ends on anything that an API server may do
            _log.warning("The watches ended (%s: %s); they are started again.", type(error).__name__, error)
        finally:
            self._is_running = False

    def _run_in_thread(
        self, loop: asyncio.AbstractEventLoop, stop: concurrent.futures.Future[Callable[[], object]]
    ) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self._run_kopf(loop, stop))

    async def _run_kopf(
        self, loop: asyncio.AbstractEventLoop, stop: concurrent.futures.Future[Callable[[], object]]
    ) -> None:
        """Run kopf in this thread's event loop, and hand out what stops it.

        It is cancelled and not told by kopf's stop flag: when kopf ends by itself, the task that waits for the flag
        is left over, and a flag of another thread would then keep this loop from ending for ever.
        """

        def hand_over(kind: ApiKind, event_type: str | None, reported: KubernetesObject) -> None:
            loop.call_soon_threadsafe(self._deliver, kind, event_type, reported)

        def tell_of_listing() -> None:
            loop.call_soon_threadsafe(self._report_listing)

        kopf_task = asyncio.create_task(
            kopf.operator(
                registry=make_registry(hand_over, self._read_credentials, tell_of_listing),
                settings=make_settings(),
                clusterwide=not self._namespaces,
                namespaces=self._namespaces,
            )
        )
        stop.set_result(partial(asyncio.get_running_loop().call_soon_threadsafe, kopf_task.cancel))
        await kopf_task
