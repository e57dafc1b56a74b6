"""Everything that the planner may know about the cluster: one frozen value."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ForeignObject:
    """An object that has a name we need and belongs to somebody else."""

    kind: str
    name: str
    owner: str
    """Who owns it, in words: a controller, or the tool that made it."""


@dataclass(frozen=True, slots=True)
class ClaimFact:
    """A PersistentVolumeClaim that exists."""

    size_bytes: int
    """What it requests now, in bytes."""
    storage_class_name: str | None
    access_modes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CachedModel:
    """What a cache Job left on the volume, in its own words."""

    repository: str
    commit: str
    size_bytes: int
    files: int
    manifest_sha256: str
    verified_at: str
    """RFC 3339."""


@dataclass(frozen=True, slots=True)
class ServingFact:
    """A Deployment at rest: every pod that it wants is there, of one revision, and ready."""

    revision: str
    replicas: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What was observed before planning.

    Claims, Jobs and Deployments are looked up under the names that this resource would give them.
    """

    foreign_objects: tuple[ForeignObject, ...] = ()
    claims: dict[str, ClaimFact] = field(default_factory=dict)
    """Claims of the namespace by name: those that were looked up and exist."""
    cached_models: dict[str, CachedModel] = field(default_factory=dict)
    """What is on the volumes, by the name of the cache Job that would fetch it."""
    recorded_claims: frozenset[str] = frozenset()
    """Claims that carry the record of what is on them, so that no Job is needed to know."""
    serving: ServingFact | None = None
    """What serves, if it is whole; None while pods start, are replaced or are missing."""
    answered_job: str | None = None
    """The verification Job whose question was answered as expected, as the status remembers it."""
