"""An event loop whose clock stands still while anything can run, and otherwise jumps to the next timer.

Hours pass in milliseconds and a test never races with the machine: the loop is the argument that replaces time.
"""

import asyncio
import selectors

from typing_extensions import override

SETTLING_TURNS = 20
"""More than any chain of tasks and callbacks in these tests that takes no time."""


class _JumpingSelector(selectors.SelectSelector):
    now = 0.0

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("every task waits for something that nobody will do")
        self.now += max(0.0, timeout)
        return super().select(0)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Give it to `asyncio.Runner`, or drive it by hand with `advance`."""

    def __init__(self) -> None:
        self._virtual = _JumpingSelector()
        super().__init__(self._virtual)

    @override
    def time(self) -> float:
        return self._virtual.now

    def advance(self, seconds: float) -> None:
        """Run everything that is due within these seconds, in order."""
        self.run_until_complete(asyncio.sleep(seconds))

    def settle(self) -> None:
        """Let everything that can run at this moment run, and what that lets run in turn."""
        for _ in range(SETTLING_TURNS):
            self.advance(0)

    def freeze(self, seconds: float) -> None:
        """Let time pass as it does for a process that is stopped: nothing runs, and then every timer is late."""
        self._virtual.now += seconds
