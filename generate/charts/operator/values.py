"""The values of charts/nemotron-operator."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from generate.charts.operator.configuration import ConfigOverlay
from generate.charts.operator.monitoring import DashboardValues, MonitoringValues
from generate.charts.operator.policies import PolicyValues
from generate.charts.operator.rights import RbacValues, ServiceAccountValues
from generate.charts.values import KubernetesObject, Labels, ObjectName, ValuesModel

Registry = Annotated[str, Field(pattern=r"^([A-Za-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)*/?)?$")]
"""A registry, maybe with the path that all its images share; empty for none."""

NamespaceName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
"""The name of a namespace."""

Port = Annotated[int, Field(ge=1, le=65535)]
"""A port."""


class GlobalValues(ValuesModel):
    """What a parent chart may say for all its parts."""

    model_config = ConfigDict(extra="ignore")

    image_registry: Registry = ""
    """Registry of the operator's image where that names none itself, such as `registry.example.com`. Engines have
    theirs in the operator's configuration."""


class ImageValues(ValuesModel):
    """The operator's image."""

    registry: Registry = ""
    """Registry, such as `registry.example.com`. Default: `global.imageRegistry`, then `defaultRegistry`."""

    default_registry: Registry = ""
    """Registry of the release, where nobody names one; empty for what the node adds."""

    repository: Annotated[str, Field(pattern=r"^([A-Za-z0-9.-]+(:[0-9]+)?/)?[a-z0-9._-]+(/[a-z0-9._-]+)*$")] = (
        "nemotron-operator"
    )
    """Name in the registry. It may begin with a registry of its own, which then counts."""

    tag: Annotated[str, Field(pattern=r"^([A-Za-z0-9_][A-Za-z0-9._-]{0,127})?$")] = ""
    """Default: the chart's appVersion."""

    digest: Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64})?$")] = ""
    """For example sha256:4f53... It wins over the tag."""

    pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    """Always, IfNotPresent or Never."""


class CrdValues(ValuesModel):
    """The definition of NemotronDeployment."""

    install: bool = True
    """Whether the chart installs and upgrades it. If not: the chart nemotron-operator-crds, or `kubectl apply
    --server-side -f crds/`."""

    keep: bool = True
    """Whether it, and every NemotronDeployment with it, outlives the release."""


class ApiServerValues(ValuesModel):
    """Where the operator reaches the API server. No policy can name it, as it is no pod."""

    peers: list[KubernetesObject] = []
    """Its addresses as in a NetworkPolicy's `to`, such as [{ipBlock: {cidr: 10.0.0.10/32}}]; empty for any address."""

    ports: Annotated[list[Port], Field(min_length=1)] = [443, 6443]
    """Its ports behind the Service `kubernetes`."""


class OperatorNetworkPolicyValues(ValuesModel):
    """With whom the operator's own pods may speak; the models' policies are in each resource."""

    enabled: bool = False
    """Whether to make a NetworkPolicy for the operator's pods."""

    monitoring: list[KubernetesObject] = []
    """Peers that may read the metrics, as in a NetworkPolicy's `from`; empty for every pod of the cluster."""

    api_server: ApiServerValues = ApiServerValues()
    """Where the operator reaches the API server. No policy can name it, as it is no pod."""

    extra_egress: list[KubernetesObject] = []
    """Further rules as in a NetworkPolicy's `egress`, such as DNS on port 5353, as OpenShift's pods have it."""


class ResourceValues(ValuesModel):
    """Of the operator's container. Its memory grows with the number of pods, Jobs and resources in the cluster."""

    requests: dict[str, str | int | float] = {"cpu": "50m", "memory": "160Mi"}
    """What the scheduler sets aside."""

    limits: dict[str, str | int | float] = {"memory": "512Mi"}
    """No limit of CPU: a throttled leader could lose its Lease."""


class OperatorChartValues(ValuesModel):
    """What a platform team may decide when it installs the operator."""

    global_: Annotated[GlobalValues, Field(alias="global")] = GlobalValues()
    """Of a parent chart."""

    replica_count: Annotated[int, Field(ge=0)] = 1
    """Replicas of the operator. One acts, the others stand by: a Lease elects it. 0 installs definition and permissions
    only."""

    image: ImageValues = ImageValues()
    """The operator's image, which the cache Job and the verification Job of each model run too."""

    image_pull_secrets: list[ObjectName] = []
    """Secrets of the release's namespace for a private registry, as [{name: registry}]. The Jobs run in the namespaces
    of the models; their Secrets are named in each resource, in spec.podTemplate.imagePullSecrets."""

    watch_namespaces: Annotated[list[NamespaceName], Field(json_schema_extra={"uniqueItems": True})] = []
    """Namespaces that the operator serves; empty for all. With names it gets a Role in each of them and no ClusterRole
    at all; they must exist."""

    crds: CrdValues = CrdValues()
    """The definition of NemotronDeployment."""

    rbac: RbacValues = RbacValues()
    """Permissions."""

    service_account: ServiceAccountValues = ServiceAccountValues()
    """The operator's ServiceAccount."""

    config: ConfigOverlay = ConfigOverlay()
    """Overlays the operator's shipped configuration: accelerators, images, allowedImagePrefixes and so on. For
    downloads: hubEndpoint (a mirror), downloadEnv (proxies), downloadCaConfigMap (a private CA), showDownloadProgress;
    for weights in images: allowedModelImagePrefixes, imageVolumes; who may connect to models with a NetworkPolicy:
    networkPolicy; for autoscaling by KEDA: prometheusUrl. Every field: docs/reference/configuration.md of the sources.
    downloaderImage is the image above unless it is named here."""

    network_policy: OperatorNetworkPolicyValues = OperatorNetworkPolicyValues()
    """With whom the operator's own pods may speak; the models' policies are in each resource."""

    monitoring: MonitoringValues = MonitoringValues()
    """What the Prometheus Operator reads. Nothing is made unless it is asked for."""

    dashboards: DashboardValues = DashboardValues()
    """Dashboards for Grafana."""

    policies: PolicyValues = PolicyValues()
    """Rules of the platform for every NemotronDeployment, which the API server enforces."""

    log_format: Literal["text", "json"] = "json"
    """What the operator's log is: lines for a person, or one JSON object a line."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """The least that the operator's log tells."""

    resources: ResourceValues = ResourceValues()
    """Of the operator's container. Its memory grows with the number of pods, Jobs and resources in the cluster."""

    priority_class_name: str = ""
    """PriorityClass of the operator's pods, such as `system-cluster-critical`."""

    pod_labels: Labels = {}
    """Further labels of the operator's pods."""

    pod_annotations: Labels = {}
    """Further annotations of the operator's pods."""

    extra_env: list[Annotated[KubernetesObject, Field(json_schema_extra={"required": ["name"]})]] = []
    """Further environment variables of the operator, such as [{name: HTTPS_PROXY, value: ...}]."""

    node_selector: Labels = {}
    """Labels of the nodes that may run the operator. It needs no GPU."""

    tolerations: list[KubernetesObject] = []
    """Taints that it tolerates."""

    affinity: KubernetesObject = {}
    """Further rules for its place. Several replicas spread over nodes without any."""

    common_labels: Labels = {}
    """Labels of everything that the chart makes."""

    common_annotations: Labels = {}
    """Annotations of everything that the chart makes."""

    name_override: Annotated[str, Field(pattern=r"^([a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?)?$")] = ""
    """Name of everything that the chart makes; default: the release's."""

    extra_objects: list[
        Annotated[KubernetesObject, Field(json_schema_extra={"required": ["apiVersion", "kind", "metadata"]})]
    ] = []
    """Further objects of the release, each a map, as they are. No NemotronDeployments: Helm asks for their definition
    before it installs anything, so they belong in a release of their own."""
