"""What others made of the objects around the Service."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ObservedParent:
    """What one controller says of a route or a pool that shall lead from its Gateway."""

    gateway: str
    """The Gateway's name."""
    namespace: str
    section_name: str | None
    """The listener; None for all that fit."""
    controller: str
    refusal: str
    """Why it does not act on it, in its own words; empty where it does."""


@dataclass(frozen=True, slots=True)
class ObservedCertificate:
    """The certificate that cert-manager was asked for."""

    is_issued: bool = False
    has_failed: bool = False
    """Whether an attempt failed; cert-manager tries again, after ever longer pauses."""
    words: str = ""
    """What cert-manager says."""
    expires_at: str = ""
    """RFC 3339; empty before there is one."""


@dataclass(frozen=True, slots=True)
class ObservedNetwork:
    """What others made of the objects around the Service; None of what is not there."""

    route: tuple[ObservedParent, ...] | None = None
    pool: tuple[ObservedParent, ...] | None = None
    certificate: ObservedCertificate | None = None
