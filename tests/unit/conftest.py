"""What no unit test may leave behind."""

import signal
from collections.abc import Iterator

import pytest

from nemotron_operator.termination import ending


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    """Let signals come as before: the programs of the Jobs would wait for some, and tests call them in here."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    if handlers[signal.SIGINT] is signal.SIG_IGN:  # so a shell starts what it does not wait for: `make test &`
        signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ending, "_end_on", lambda *_: None)
        yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
