"""Everything that status speaks of, as it was seen after applying: plain values, no API objects."""

from dataclasses import dataclass, field

from nemotron_operator.plan.node_pool import NodeGpus
from nemotron_operator.status.observed_jobs import ObservedCheck, ObservedInspection, ObservedJob, ObservedVerification
from nemotron_operator.status.observed_network import ObservedNetwork
from nemotron_operator.status.observed_pods import FailedPod, ObservedPod
from nemotron_operator.status.observed_servers import ObservedScaler, ObservedServer


@dataclass(frozen=True, slots=True)
class ObservedClaim:
    """The volume."""

    name: str
    bound: bool
    place: str = ""
    """From where it can be reached, in words, such as a zone; looked up only when a pod cannot get there."""


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything that status speaks of."""

    server: ObservedServer | None = None
    server_pods: tuple[ObservedPod, ...] = ()
    worker_pods: tuple[ObservedPod, ...] = ()
    """The pods that those lead, where a replica is a group of pods on several nodes."""
    ending_pods: tuple[ObservedPod, ...] = ()
    """Pods of groups that are made anew since one of their pods failed, for as long as they are there."""
    leaving_pods: tuple[str, ...] = ()
    """Names of the pods that were told to go, serving or led, and still hold their GPUs."""
    failed_pods: tuple[FailedPod, ...] = ()
    """Serving pods that ended for ever, and those that they led."""
    cache_pods: tuple[ObservedPod, ...] = ()
    job: ObservedJob | None = None
    verification_pods: tuple[ObservedPod, ...] = ()
    verifications: tuple[ObservedVerification, ...] = ()
    """The verification Jobs, whatever question they ask of whatever revision."""
    inspection_pods: tuple[ObservedPod, ...] = ()
    inspection: ObservedInspection | None = None
    claim: ObservedClaim | None = None
    scalers: tuple[ObservedScaler, ...] = ()
    """What decides about the replicas: two while one takes the other's place."""
    checks: tuple[ObservedCheck, ...] = ()
    """The check Jobs, whichever date or request they are for."""
    adapter_jobs: tuple[ObservedJob, ...] = ()
    """The Jobs that fetch adapters, and the one that tells the pods of them."""
    adapter_pods: tuple[ObservedPod, ...] = ()
    gpu_nodes: tuple[NodeGpus, ...] | None = None
    """The nodes that a replica may run on, looked up only while one waits for GPUs; None where nobody may know."""
    network: ObservedNetwork = field(default_factory=ObservedNetwork)
    check_request: str | None = None
    """When somebody asked for a check, as it was written: any text."""

    def find_adapter_job(self, name: str) -> ObservedJob | None:
        """Find one of the Jobs of adapters."""
        return next((job for job in self.adapter_jobs if job.name == name), None)

    def find_verification(self, name: str) -> ObservedVerification | None:
        """Find the Job of one question to one revision; the others asked something else."""
        return next((job for job in self.verifications if job.name == name), None)

    def find_scaler(self, kind: str) -> ObservedScaler | None:
        """Find the scaler of a kind."""
        return next((scaler for scaler in self.scalers if scaler.kind == kind), None)

    @property
    def ready_pods(self) -> int:
        """Count the pods that serve. The Service goes by the pods; a Deployment's own count lags behind them."""
        return sum(pod.ready for pod in self.server_pods)

    @property
    def holding_pods(self) -> tuple[str, ...]:
        """List the names of the pods that hold GPUs, whatever is desired: until they have ended."""
        return (*(pod.name for pod in (*self.server_pods, *self.worker_pods) if pod.node), *self.leaving_pods)

    @property
    def ready_revisions(self) -> tuple[str, ...]:
        """List the revisions of the pods that serve, without repetition."""
        return tuple(dict.fromkeys(pod.revision for pod in self.server_pods if pod.ready))
