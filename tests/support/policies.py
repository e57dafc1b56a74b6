"""What each rule of the chart's policies refuses, and the policies as the chart renders them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.cluster import FP8, Body
from tests.support.helm import CHART, Helm

DIGEST = f"@sha256:{'4f' * 32}"

HUB = "https://hub.example.com"

RULES: dict[str, Any] = {
    "allowedRegistries": ["registry.example.com/models/", "vllm/vllm-openai"],
    "allowedSources": ["huggingFace", "ociImage"],
    "allowedModelOrganizations": ["nvidia", "MysticBeing"],
    "allowedEndpoints": [HUB],
    "maxGpusPerResource": 8,
    "requireDigests": True,
    "forbidTrustRemoteCode": True,
    "requireSecretAccess": True,
}
"""Every rule, each as a platform might set it."""


@dataclass(frozen=True)
class BrokenRule:
    """A resource that breaks some rules and no other."""

    rules: tuple[str, ...]
    spec: Body
    words: str
    """What whoever wrote it is told: the field, its value."""


def from_hub(**source: object) -> Body:
    """Make a spec with a repository of an allowed organisation."""
    return {"model": {"source": {"huggingFace": {"repository": "nvidia/x", **source}}}}


def from_image(reference: str) -> Body:
    """Make a spec with weights in an image."""
    return {"model": {"name": FP8, "source": {"ociImage": {"reference": reference}}}}


def with_adapter(**adapter: object) -> Body:
    """Make a spec with one adapter."""
    return {"model": {"name": FP8, "adapters": [{"name": "sql", **adapter}]}}


def with_image(image: str) -> Body:
    """Make a spec with an engine image of its own."""
    return {"engine": {"image": image}}


BROKEN: tuple[BrokenRule, ...] = (
    BrokenRule(("allowedRegistries",), with_image(f"evil.example.com/vllm{DIGEST}"), "spec.engine.image: evil."),
    # What only begins like an allowed one is another's.
    BrokenRule(("allowedRegistries",), with_image(f"vllm/vllm-openai-evil{DIGEST}"), "image: vllm/vllm-openai-evil@"),
    BrokenRule(("allowedRegistries",), with_image(f"registry.example.com/modelsx/y{DIGEST}"), "example.com/modelsx/"),
    BrokenRule(("allowedRegistries",), with_image(f"registryxexample.com/models/y{DIGEST}"), "registryxexample.com/"),
    BrokenRule(("allowedRegistries",), from_image(f"evil.example.com/w{DIGEST}"), "ociImage.reference: evil."),
    BrokenRule(("requireDigests",), with_image("vllm/vllm-openai:v0.33.0"), "vllm/vllm-openai:v0.33.0@sha256:..."),
    BrokenRule(("requireDigests",), from_image("registry.example.com/models/w:1"), "ociImage.reference: registry."),
    BrokenRule(
        ("allowedSources",),
        {"model": {"name": FP8, "source": {"persistentVolumeClaim": {"claimName": "a", "path": "b"}}}},
        "spec.model.source: persistentVolumeClaim is no place",
    ),
    # The cache Job takes what it finds there for the model's files.
    BrokenRule(
        ("allowedSources",),
        {"cache": {"existingClaim": "theirs"}},
        "spec.cache.existingClaim: persistentVolumeClaim is no place",
    ),
    BrokenRule(("allowedSources",), with_adapter(s3={"bucket": "loras", "prefix": "sql"}), "adapters[sql]: s3 is no"),
    BrokenRule(("allowedModelOrganizations",), {"model": {"name": "evil/x"}}, "spec.model.name: evil/x is of no"),
    BrokenRule(
        ("allowedModelOrganizations",),
        {"model": {"source": {"huggingFace": {"repository": "nvidia-evil/x"}}}},
        "huggingFace.repository: nvidia-evil/x is of no organisation",
    ),
    BrokenRule(
        ("allowedModelOrganizations",),
        with_adapter(huggingFace={"repository": "evil/lora"}),
        "spec.model.adapters[sql].huggingFace.repository: evil/lora is of no organisation",
    ),
    # A hub of one's own has any organisation that one wants.
    BrokenRule(
        ("allowedEndpoints", "allowedModelOrganizations"),
        from_hub(endpoint=f"{HUB}.evil.example.com"),
        f"huggingFace.endpoint: {HUB}.evil.example.com is no server",
    ),
    BrokenRule(
        ("allowedEndpoints", "allowedSources"),
        with_adapter(s3={"bucket": "loras", "prefix": "sql", "endpoint": "https://evil.example.com"}),
        "adapters[sql]",
    ),
    BrokenRule(("maxGpusPerResource",), {"parallelism": {"tensor": 4, "pipeline": 2}, "replicas": 2}, "16 GPUs are"),
    BrokenRule(("maxGpusPerResource",), {"replicas": 9}, "9 GPUs are asked for, and the platform allows 8"),
    BrokenRule(
        ("maxGpusPerResource",),
        {"parallelism": {"tensor": 4}, "autoscaling": {"maxReplicas": 3}},
        "spec.autoscaling, spec.parallelism: 12 GPUs are asked for",
    ),
    BrokenRule(("maxGpusPerResource",), {"autoscaling": {"maxReplicas": 2}}, "spec.parallelism.tensor: with"),
    BrokenRule(("forbidTrustRemoteCode",), {"model": {"name": FP8, "trustRemoteCode": True}}, "trustRemoteCode: true"),
)

KEPT: tuple[Body, ...] = (
    {},
    with_image(f"vllm/vllm-openai:v0.33.0{DIGEST}"),
    from_image(f"registry.example.com/models/w{DIGEST}"),
    from_hub(endpoint=f"{HUB}/"),
    with_adapter(huggingFace={"repository": "nvidia/lora"}),
    with_adapter(path="loras/sql"),
    {"parallelism": {"tensor": 4}, "replicas": 2},
    {"parallelism": {"tensor": 4}, "autoscaling": {"maxReplicas": 2}},
    {"replicas": 100, "suspend": True},
    {"autoscaling": {"maxReplicas": 8}, "suspend": True},
    {"model": {"name": FP8, "trustRemoteCode": False}},
    # The hub's names are the same in upper case.
    {"model": {"name": "NVIDIA/x"}},
    {"cache": {"size": "200Gi"}},
)
"""What keeps every rule."""


@dataclass(frozen=True)
class GpuChange:
    """A change of a resource that was there before `maxGpusPerResource: 8`, or that came past it."""

    before: Body
    patch: Body
    words: str = ""
    """What whoever changes it is told; nothing where the change is admitted."""


WITHOUT_TENSOR: Body = {"autoscaling": {"maxReplicas": 2}}
"""Nobody knows how many GPUs each of these replicas takes."""

UNWRITTEN = "spec.parallelism.tensor: with spec.autoscaling"

GPU_CHANGES: tuple[GpuChange, ...] = (
    # The plan could take eight GPUs for each of eight replicas.
    GpuChange({"autoscaling": {"maxReplicas": 8}, "suspend": True}, {"suspend": False}, UNWRITTEN),
    GpuChange({"autoscaling": {"maxReplicas": 8}, "suspend": True}, {"suspend": False, "parallelism": {"tensor": 1}}),
    # So it stands after `kubectl scale`, which asks no policy of the spec.
    GpuChange(
        {"parallelism": {"tensor": 8}, "replicas": 100}, {"autoscaling": {"maxReplicas": 100}}, "800 GPUs are asked for"
    ),
    GpuChange({"parallelism": {"tensor": 8}, "replicas": 100}, {"autoscaling": {"maxReplicas": 1}}),
    GpuChange(
        {"parallelism": {"tensor": 8}, "replicas": 100, "autoscaling": {"maxReplicas": 1}},
        {"autoscaling": None},
        "800 GPUs are asked for",
    ),
    GpuChange(WITHOUT_TENSOR, {"autoscaling": {"maxReplicas": 3}}, UNWRITTEN),
    GpuChange(WITHOUT_TENSOR, {"autoscaling": {"maxReplicas": 1}, "service": {"port": 9000}}),
    GpuChange(WITHOUT_TENSOR, {"suspend": True}),
    # What the plan makes the GPUs of a replica of.
    GpuChange(WITHOUT_TENSOR, {"model": {"name": "evil/x"}}, UNWRITTEN),
    GpuChange(WITHOUT_TENSOR, {"engine": {"maxModelLen": 131072}}, UNWRITTEN),
    GpuChange(WITHOUT_TENSOR, {"accelerator": "H200"}, UNWRITTEN),
    GpuChange(WITHOUT_TENSOR, {"parallelism": {"pipeline": 2}}, UNWRITTEN),
    GpuChange(WITHOUT_TENSOR, {"planPolicy": "Warn"}, UNWRITTEN),
    GpuChange({"parallelism": {"tensor": 1}, **WITHOUT_TENSOR}, {"parallelism": None}, UNWRITTEN),
    GpuChange({"parallelism": {"tensor": 8}, "autoscaling": {"maxReplicas": 4}}, {"autoscaling": {"maxReplicas": 3}}),
)

SECRETS: dict[str, Body] = {
    "spec.model.source.huggingFace.tokenSecretRef": from_hub(tokenSecretRef={"name": "hidden", "key": "k"}),
    "spec.model.source.s3.credentialsSecretRef": {
        "model": {
            "name": FP8,
            "source": {"s3": {"bucket": "bucket", "prefix": "p", "credentialsSecretRef": {"name": "hidden"}}},
        }
    },
    "spec.model.adapters[].huggingFace.tokenSecretRef": with_adapter(
        huggingFace={"repository": "nvidia/lora", "tokenSecretRef": {"name": "hidden", "key": "k"}}
    ),
    "spec.model.adapters[].s3.credentialsSecretRef": with_adapter(
        s3={"bucket": "bucket", "prefix": "p", "credentialsSecretRef": {"name": "hidden"}}
    ),
    "spec.engine.env[].secretKeyRef": {
        "engine": {"env": [{"name": "HEADERS", "secretKeyRef": {"name": "hidden", "key": "k"}}]}
    },
    "spec.apiKeySecretRef": {"apiKeySecretRef": {"name": "hidden", "key": "k"}},
    "spec.tls.secretName": {"tls": {"secretName": "hidden"}},
    "spec.podTemplate.imagePullSecrets": {"podTemplate": {"imagePullSecrets": ["hidden"]}},
}
"""Every field of the definition that names a Secret, with a spec in which it names one that is not for everybody."""


def render_policies(helm: Helm, name: str, *, config: Mapping[str, object] | None = None, **policies: object) -> str:
    """Render the chart's policies alone, under a name."""
    values = {"nameOverride": name, "policies": {"enabled": True, **policies}, "config": config or {}}
    return helm.run(
        "template", name, str(CHART), "--kube-version=1.37", "--show-only=templates/policies.yaml", values=values
    )
