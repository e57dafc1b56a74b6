"""Names that the whole operator and its users share. Changing one is a change of API."""

API_GROUP = "nemotron.dev"
"""The API group of our resources: a domain of our own, never one of Kubernetes or NVIDIA."""

API_VERSION = "v1alpha1"
"""The served and stored version of the API group."""

KIND = "NemotronDeployment"
"""The kind of the resource that a user writes."""

PLURAL = "nemotrondeployments"
"""The name of the resource in the API's paths."""

FIELD_MANAGER = "nemotron-operator"
"""The owner that the API server records for every field that the operator applies."""

LEASE_NAME = "nemotron-operator"
"""Name of the Lease unless another is given: operators that serve all namespaces exclude each other by it."""

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
"""The recommended label that says which tool manages an object; watches select on it."""

DEPLOYMENT_LABEL = f"{API_GROUP}/deployment"
"""Label of a child: the name of the NemotronDeployment that it belongs to."""

COMPONENT_LABEL = f"{API_GROUP}/component"
"""Label of a child: what it does, `server`, `cache` or `verification`."""

GPU_RESOURCE = "nvidia.com/gpu"
"""The extended resource that NVIDIA's device plugin advertises, also what DRA clusters map GPUs to."""

SERVER_PORT_NAME = "http"
"""The name of vLLM's port, the same in pod, Service and probes."""

QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
"""Label by which Kueue queues the pods of an object: the name of one of its LocalQueues."""
