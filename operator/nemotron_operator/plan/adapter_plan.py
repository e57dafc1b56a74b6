"""What is decided about LoRA adapters: how the engine holds them, and where each one is."""

from dataclasses import dataclass

from nemotron_operator.plan.download_plan import DownloadPlan
from nemotron_operator.plan.facts import CachedModel


@dataclass(frozen=True, slots=True)
class LoraPlan:
    """How the engine holds adapters."""

    max_rank: int
    max_loaded: int
    """Adapters that one batch may mix."""
    is_live: bool
    """Whether the pods that run load and unload adapters, so that another list needs no new ones."""


@dataclass(frozen=True, slots=True)
class AdapterPlan:
    """One adapter: where it is, or how it gets there."""

    name: str
    """Under which clients ask for it."""
    path: str | None
    """Its directory inside of what holds the weights; None while it is not there."""
    download: DownloadPlan | None
    """None where it lies beside the weights already."""
    cached: CachedModel | None
    """What the finished download left; None while it has not finished, and where nothing is fetched."""
    is_due: bool
    """Whether its Job is to be there: that waits for the model, whose volume may only then be where pods run."""


@dataclass(frozen=True, slots=True)
class AdapterListPlan:
    """The Job that tells the pods which adapters to load while they run, and sees that they do."""

    job_name: str
    image: str
    adapters: tuple[tuple[str, str], ...]
    """Name and directory, inside of what holds the weights, of each that is there."""
    kept: tuple[str, ...]
    """Names of those that are on their way: what the pods have under these they keep until then."""
    serving_revision: str | None
    """The one revision that all pods are of, of which at least one serves; None while pods are replaced."""
    replicas: int
    wait_seconds: int
    """How long the replicas may take: they may start first."""
    deadline_seconds: int
    """How long the Job may take, all attempts together."""

    def is_due(self, revision: str) -> bool:
        """Tell whether the pods of a revision may be told now: no others are there, which may know no list."""
        return self.serving_revision == revision
