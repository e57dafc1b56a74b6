"""Runtime: the clocks that its classes take as arguments unless a test gives others."""

import asyncio
from datetime import UTC, datetime


def loop_time() -> float:
    """Tell the running loop's monotonic time in seconds: the clock that its timers go by."""
    return asyncio.get_running_loop().time()


def utc_now() -> datetime:
    """Tell the wall clock, for what people read. Never measure a duration with it: it jumps."""
    return datetime.now(UTC)
