"""A port for a server that is started later, under a number that has to be known before."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def reserved_port() -> Iterator[int]:
    """Find a port that nobody has on any address, and let nobody else find it for as long as the context lasts.

    Notes
    -----
    A socket is bound to it and does not listen: who connects is refused. A server that sets SO_REUSEADDR, as those of
    the standard library do, listens beside it on any address, as often as it likes.
    """
    both = socket.has_dualstack_ipv6()
    with socket.socket(socket.AF_INET6 if both else socket.AF_INET) as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if both:
            holder.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        holder.bind(("", 0))
        port: int = holder.getsockname()[1]
        if sys.platform != "linux":
            holder.close()  # elsewhere it would keep the server out too
        yield port
