"""Everything that the planner may know about the cluster: one frozen value."""

from collections.abc import Mapping
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
class StorageClassFact:
    """A StorageClass of the cluster."""

    name: str
    provisioner: str
    is_default: bool
    created_at: str
    """RFC 3339. Of several defaults the newest counts."""
    can_grow: bool
    """Whether its volumes may be made larger."""
    waits_for_consumer: bool
    """Whether a volume is made only where its first pod runs, instead of at once and anywhere."""


@dataclass(frozen=True, slots=True)
class ClaimUser:
    """A resource that names a volume."""

    name: str
    uid: str
    retention: str
    """`Retain` or `Delete`: what shall become of the volume without users."""


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
    read_bytes_per_second: int | None = None
    """Rate at which the volume was read when the model was downloaded; None where it was not measured."""
    adapter_rank: int | None = None
    """The largest rank of a LoRA adapter; None for a model."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Files on the volume that were not any more what was downloaded: they are to be fetched again."""

    found_at: str
    """RFC 3339. What was verified before, or in that second, is refuted."""
    message: str
    """Which files, in the words of the program that found them."""
    read_bytes_per_second: int | None = None
    """The read rate that was recorded before. It stays, since pods were made with it, and may serve still."""


@dataclass(frozen=True, slots=True)
class InspectedModel:
    """What a Job found in a directory of the user's volume."""

    size_bytes: int
    files: int
    manifest_sha256: str | None
    """Of the manifest that stands beside the files; None where there is none."""


@dataclass(frozen=True, slots=True)
class ServingFact:
    """A Deployment whose pods are all of one revision, of which at least one is ready."""

    revision: str
    replicas: int
    """Pods that are ready."""
    is_whole: bool = True
    """Whether these are all that it wants, and no other is there."""


@dataclass(frozen=True, slots=True)
class LiveTls:
    """How the pods are spoken with of what serves, or is to."""

    secret_name: str | None
    """The Secret with their certificate; None where they speak HTTP."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was observed before planning.

    Claims, Jobs and Deployments are looked up under the names that this resource would give them.
    """

    foreign_objects: tuple[ForeignObject, ...] = ()
    foreign_group_objects: tuple[ForeignObject, ...] = ()
    """Those with names that are needed only where a replica is spread over several nodes."""
    claims: dict[str, ClaimFact] = field(default_factory=dict)
    """Claims of the namespace by name: those that were looked up and exist."""
    cached_models: dict[str, CachedModel] = field(default_factory=dict)
    """What is on the volumes, by the name of the cache Job that would fetch it."""
    cached_adapters: dict[str, CachedModel] = field(default_factory=dict)
    """The adapters that are on the volume, by the name of the Job that fetched each."""
    recorded_claims: frozenset[str] = frozenset()
    """Claims that carry the record of what is on them, so that no Job is needed to know."""
    damage: Damage | None = None
    """What is wrong with the volume; None where nothing is known to be, and once it was fetched again."""
    check_due: str | None = None
    """Since when every byte is to be read again, RFC 3339, which names the check; None while none is due."""
    storage_classes: tuple[StorageClassFact, ...] | None = None
    """Those of the cluster; None where nobody has to know, as for a claim that is there, or may."""
    inspected: InspectedModel | None = None
    """What was found in the user's directory; None before somebody looked, and where nobody has to."""
    api_server_version: tuple[int, int] | None = None
    """Major and minor number; None where nobody has to know."""
    claim_users: tuple[ClaimUser, ...] = ()
    """The resources of the namespace that name the same volume, this one among them, by name."""
    serving: ServingFact | None = None
    """What serves; None while no pod does, and while some are replaced."""
    live_replicas: int | None = None
    """How many replicas what serves is told to have, by whomever; None where there is nothing that serves."""
    has_live_groups: bool | None = None
    """Whether what serves is made of groups of pods; None where there is nothing that serves."""
    live_tls: LiveTls | None = None
    """How what serves is spoken with; None where there is nothing that serves."""
    live_port: int | None = None
    """On which port the pods serve of what serves; None where there is nothing that serves."""
    ready_ports: tuple[int, ...] = ()
    """On which ports those that are ready do, of whatever revision."""
    missing_apis: frozenset[str] = frozenset()
    """Kinds that the spec asks for and the API server does not know, or does not let the operator use."""
    forbidden_apis: Mapping[str, str] = field(default_factory=dict)
    """What the API server says of those that it knows."""
    answered_job: str | None = None
    """The verification Job whose question was answered as expected, as the status remembers it."""
