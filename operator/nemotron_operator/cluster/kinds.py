"""The kinds that the operator reads and writes, and their paths in the API."""

from dataclasses import dataclass

from nemotron_operator.constants import API_GROUP, API_VERSION, KIND, PLURAL


@dataclass(frozen=True, slots=True)
class ApiKind:
    """One kind of the API."""

    group: str
    """Empty for the core group."""
    version: str
    plural: str
    name: str

    @property
    def api_version(self) -> str:
        """The `apiVersion` of an object."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None, name: str | None = None, subresource: str | None = None) -> str:
        """Give the path of a collection, an object or its subresource; no namespace means all of them."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{namespace}" if namespace else ""
        return "/".join(part for part in (f"{root}{scope}/{self.plural}", name, subresource) if part)


NEMOTRON = ApiKind(API_GROUP, API_VERSION, PLURAL, KIND)
CLAIM = ApiKind("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
SERVICE_ACCOUNT = ApiKind("", "v1", "serviceaccounts", "ServiceAccount")
SERVICE = ApiKind("", "v1", "services", "Service")
DISRUPTION_BUDGET = ApiKind("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
JOB = ApiKind("batch", "v1", "jobs", "Job")
DEPLOYMENT = ApiKind("apps", "v1", "deployments", "Deployment")
CONTROLLER_REVISION = ApiKind("apps", "v1", "controllerrevisions", "ControllerRevision")
POD = ApiKind("", "v1", "pods", "Pod")
STORAGE_CLASS = ApiKind("storage.k8s.io", "v1", "storageclasses", "StorageClass")
VOLUME = ApiKind("", "v1", "persistentvolumes", "PersistentVolume")
NODE = ApiKind("", "v1", "nodes", "Node")
VERSION = ApiKind("", "", "version", "Version")
LEASE = ApiKind("coordination.k8s.io", "v1", "leases", "Lease")
EVENT = ApiKind("events.k8s.io", "v1", "events", "Event")

LEADER_WORKER_SET = ApiKind("leaderworkerset.x-k8s.io", "v1", "leaderworkersets", "LeaderWorkerSet")
AUTOSCALER = ApiKind("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
SCALED_OBJECT = ApiKind("keda.sh", "v1alpha1", "scaledobjects", "ScaledObject")
NETWORK_POLICY = ApiKind("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy")
HTTP_ROUTE = ApiKind("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute")
INFERENCE_POOL = ApiKind("inference.networking.k8s.io", "v1", "inferencepools", "InferencePool")
LOCAL_QUEUE = ApiKind("kueue.x-k8s.io", "v1beta2", "localqueues", "LocalQueue")
CERTIFICATE = ApiKind("cert-manager.io", "v1", "certificates", "Certificate")

SCALERS = (AUTOSCALER, SCALED_OBJECT)
"""Kinds that decide about the number of replicas."""

ENDED_PHASES = frozenset({"Succeeded", "Failed"})
"""Phases of pods that have ended: they request nothing of a node any more."""

APPLIED_KINDS = (
    CLAIM,
    SERVICE_ACCOUNT,
    SERVICE,
    DISRUPTION_BUDGET,
    JOB,
    DEPLOYMENT,
    AUTOSCALER,
    NETWORK_POLICY,
)
"""Kinds that the operator makes, and that every cluster has."""

OPTIONAL_KINDS = (LEADER_WORKER_SET, SCALED_OBJECT, HTTP_ROUTE, INFERENCE_POOL, CERTIFICATE)
"""Kinds that the operator makes where somebody asks for them, and that others bring to a cluster or not."""

NAMED_KINDS = (LOCAL_QUEUE,)
"""Kinds of which a spec names objects that the operator neither makes nor reads, so that no Role gives it any right to
them. It counts whether the API server knows them, in whichever version."""

CHILD_KINDS = (*APPLIED_KINDS, POD)
"""Kinds that are watched beside the NemotronDeployments, with the operator's label only."""

KINDS_BY_NAME = {kind.name: kind for kind in (NEMOTRON, *CHILD_KINDS, *OPTIONAL_KINDS, CONTROLLER_REVISION)}
"""Kinds by the name that stands in a manifest."""
