"""Kopf's settings, each line with its reason, as measured on kopf 1.45.2 against a misbehaving API server."""

import random
from collections.abc import Iterator

import kopf

from nemotron_operator.cluster.kinds import CHILD_KINDS
from nemotron_operator.constants import FIELD_MANAGER, MANAGED_BY_LABEL

LONGEST_BACKOFF_SECONDS = 8.0
"""Longest pause between two tries of one request."""


class EndlessBackoffs:
    """Pauses between tries that never run out: kopf ends its process when they do. Jittered, so that watches spread."""

    def __iter__(self) -> Iterator[float]:
        """Start a new series of pauses, in seconds."""
        pause = 1.0
        while True:
            yield pause * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
            pause = min(pause * 2, LONGEST_BACKOFF_SECONDS)


def make_settings() -> kopf.OperatorSettings:
    """Make settings for a process that only watches: it stores nothing on the objects and never gives up."""
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True  # a Lease elects the leader; peering is not a lock
    settings.scanning.disabled = True  # no permission to watch definitions and namespaces of the whole cluster
    settings.posting.enabled = False  # events are posted from status changes, once each
    settings.networking.error_backoffs = EndlessBackoffs()
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 5
    settings.watching.connect_timeout = 5
    settings.watching.server_timeout = 300  # a watch that went silent is opened anew
    settings.watching.reconnect_backoff = 0.5
    settings.watching.initial_streaming = True  # without chunks: an expired `continue` token ends the process
    settings.process.ultimate_exiting_timeout = None  # it would kill the whole process when only kopf restarts
    settings.queueing.worker_limit = None  # the handler only hands over, there is nothing to limit
    for kind in CHILD_KINDS:
        # On the server's side: unrelated objects never reach this process.
        settings.watching.label_selectors[kind.group, kind.version, kind.plural] = f"{MANAGED_BY_LABEL}={FIELD_MANAGER}"
    return settings
