"""Access: which repository of which hub is asked for, and as whom."""

from dataclasses import dataclass, field

ENDPOINT_VARIABLE = "HF_ENDPOINT"
"""The environment variable with the address of a mirror, the same that the hub's own client reads."""


@dataclass(frozen=True)
class HubAccess:
    """What every request to the hub needs."""

    repository: str
    """The repository, ORG/NAME."""

    token: str | None = field(default=None, repr=False)
    """The hub's token; None asks as nobody, whatever token lies in the home directory."""

    endpoint: str | None = None
    """The hub's address; None is the client's own."""
