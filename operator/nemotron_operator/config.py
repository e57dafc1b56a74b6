"""The operator's configuration: what a platform team decides once for its cluster."""

import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from nemotron_operator.api import descriptions
from nemotron_operator.api.networking import NetworkPeer
from nemotron_operator.api.quantity import QUANTITY_PATTERN
from nemotron_operator.api.validation_words import describe_errors, whole_percent
from nemotron_operator.architecture.errors import ArchitectureError
from nemotron_operator.catalog.engine_options import load_engine_options
from nemotron_operator.catalog.entry import CatalogEntry
from nemotron_operator.constants import GPU_RESOURCE
from nemotron_operator.errors import ConfigError

RELEASE_PATTERN = r"^[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4}$"
"""A release of vLLM, in the three numbers by which releases are compared."""

_TAG = re.compile(r"/?[^/:@]+:v?(?P<version>\d{1,4}\.\d{1,4}\.\d{1,4})(\.post\d+)?([-@+][^/]*)?$")
"""A tag that begins with a release, such as `v0.33.0`, `0.33.0-cu129` or `v0.33.0@sha256:...`; not `v0.33.0rc1`."""


METRIC_PATTERN = r"^[A-Za-z0-9_.:-]{1,253}$"
"""A name of a metric that can be a segment of a path."""


class ConfigModel(BaseModel):
    """A part of the configuration: camelCase in the file, immutable, no unknown fields."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=descriptions.are_wanted,
        validate_by_name=True,
        validate_by_alias=True,
    )


class Toleration(ConfigModel):
    """A taint that the pods of an accelerator profile tolerate."""

    key: str
    """The taint's key."""

    operator: str = "Exists"
    """`Exists` for any value of the taint, `Equal` for one."""

    value: str | None = None
    """The value, with `Equal`."""

    effect: str | None = "NoSchedule"
    """The taint's effect; None tolerates every effect."""


class NetworkPolicyConfig(ConfigModel):
    """Who may connect to the engines of every resource that asks for a NetworkPolicy."""

    gateways: tuple[NetworkPeer, ...] = ()
    """The pods of the gateways that bring requests from outside, such as
    `[{namespaceLabels: {kubernetes.io/metadata.name: envoy-gateway-system}}]`."""

    monitoring: tuple[NetworkPeer, ...] = ()
    """The pods that read the engines' metrics, such as
    `[{namespaceLabels: {kubernetes.io/metadata.name: monitoring}, podLabels: {app: prometheus}}]`."""


class ConfigMapKey(ConfigModel):
    """A key of a ConfigMap."""

    name: str
    """The ConfigMap's name."""

    key: str
    """The key inside the ConfigMap."""


class AcceleratorProfile(ConfigModel):
    """One kind of GPU node: how to find it and what one GPU of it offers."""

    node_labels: Mapping[str, tuple[str, ...]]
    """Node labels and the values that count as this accelerator, as GPU feature discovery writes them."""

    usable_memory_mib: Annotated[int, Field(gt=0)]
    """Memory of one GPU as CUDA reports it to the engine, in MiB; less than the card's label says."""

    gpus_per_node: Annotated[int, Field(ge=1, le=16)] = 8
    """GPUs of one node that one replica may share."""

    resource_name: str = GPU_RESOURCE
    """The extended resource that the pods request."""

    max_num_seqs: Annotated[int, Field(ge=1)] = 1024
    """Sequences in one batch where the resource names none: vLLM's own default for this GPU."""

    max_num_batched_tokens: Annotated[int, Field(ge=1)] = 8192
    """Tokens in one scheduling step where the resource names none: vLLM's own default for this GPU."""

    tolerations: tuple[Toleration, ...] = ()
    """Taints of the GPU nodes that serving pods tolerate."""

    kv_cache_mib: Annotated[int | None, Field(gt=0)] = None
    """KV cache of one GPU in MiB, where the engine is told its size (`VLLM_CPU_KVCACHE_SPACE`); it has to fit into
    `usableMemoryMib` beside the weights all the same. None where it gets what is left."""

    gpu_price_per_hour: Annotated[str | None, Field(pattern=r"^\d{1,6}(\.\d{1,4})?$")] = None
    """What one GPU costs for an hour, in `currency`, as text; None where nobody knows."""

    engine_image: str | None = None
    """The vLLM image for this accelerator, where it is another than `engineImage`."""

    engine_args: tuple[str, ...] = ()
    """Arguments of `vllm serve` that every engine on this accelerator gets, before those of the resource."""

    engine_env: Mapping[str, str] = Field(default_factory=dict)
    """Environment variables that every engine on this accelerator gets; the resource's own win."""


def _can_be_planned(entry: CatalogEntry) -> CatalogEntry:
    """Read the model's config.json at once: the shipped ones are tested, a platform's own is not."""
    try:
        _ = entry.architecture
    except ArchitectureError as error:
        raise ValueError(str(error)) from error
    return entry


def _must_be_a_release(version: object) -> object:
    """Say in words what the pattern says to programs; YAML reads 0.33 as a number."""
    if isinstance(version, str) and re.fullmatch(RELEASE_PATTERN, version):
        return version
    raise ValueError(
        "must be a release in three numbers, such as 0.33.0: arguments and memory account follow it. For a nightly "
        "build or a release candidate, name the release that it comes closest to"
    )


def _must_name_something(prefix: object) -> object:
    """Refuse what every name begins with."""
    if prefix == "":
        raise ValueError(
            "an empty prefix would allow every image: name a registry or a part of it, such as registry.example.com/, "
            "or leave it out"
        )
    return prefix


ImagePrefix = Annotated[str, Field(min_length=1), BeforeValidator(_must_name_something)]
"""What the names of allowed images begin with."""


class OperatorConfig(ConfigModel):
    """Everything that a platform team may decide for all NemotronDeployments of its cluster."""

    engine_image: str
    """The vLLM image where the resource names none. Pin it by digest in production."""

    engine_version: Annotated[str, Field(pattern=RELEASE_PATTERN), BeforeValidator(_must_be_a_release)]
    """The vLLM version inside `engineImage`, such as `0.33.0`: the argument names that the operator renders and the
    memory account follow it. Beside another `engineImage` than the shipped one it is read from the image's tag, if that
    is a release that this operator knows, and has to be set otherwise."""

    downloader_image: str
    """The image of the Jobs: it holds `nemotron-download`, `nemotron-volume` and `nemotron-verify`."""

    download_cpu: Annotated[str, Field(pattern=QUANTITY_PATTERN)] = "2"
    """CPU that the cache Job requests; hashing and writing keep about two cores busy."""

    download_memory: Annotated[str, Field(pattern=QUANTITY_PATTERN)] = "4Gi"
    """Memory that the cache Job requests."""

    hub_endpoint: Annotated[str | None, Field(pattern=r"^https?://")] = None
    """Base URL of a mirror that all downloads use where the resource names none; None is the public hub."""

    download_env: Mapping[str, str] = Field(default_factory=dict)
    """Environment variables of the cache Jobs: `HTTPS_PROXY`, `NO_PROXY` and the like."""

    download_ca_config_map: ConfigMapKey | None = None
    """A ConfigMap, in the namespace of each resource, with the certificates (PEM) of a private CA, which the cache Jobs
    trust instead of the public ones; resources may name another."""

    show_download_progress: bool = True
    """Whether the operator asks running cache Jobs, at their pods' addresses, how far they are."""

    allowed_model_image_prefixes: tuple[ImagePrefix, ...] = ()
    """A resource may take its weights from an OCI image only if the image's name starts with one of these, by whole
    parts of the name: `registry.example.com/models` does not allow `registry.example.com/models-mine`."""

    network_policy: NetworkPolicyConfig = Field(default_factory=NetworkPolicyConfig)
    """Who may connect to the engines of resources with `networkPolicy`, beside the clients that each of them names."""

    image_volumes: bool | None = None
    """Whether the cluster mounts OCI images as volumes; None goes by the API server's version, as they are mounted by
    default since 1.35. True for an older cluster with the feature gate ImageVolume."""

    allowed_image_prefixes: tuple[ImagePrefix, ...]
    """A resource may name an engine image only if it starts with one of these, by whole parts of the name:
    `vllm/vllm-openai` does not allow `vllm/vllm-openai-mine`."""

    allow_trust_remote_code: bool = False
    """Whether a resource may let a model's repository bring Python code that the engine runs."""

    default_accelerator: str
    """The profile where the resource names none."""

    accelerators: Mapping[str, AcceleratorProfile]
    """The profiles by name. One of a shipped name replaces that as a whole, and what it leaves out is not the shipped
    one's: repeat `nodeLabels`, `usableMemoryMib` and `tolerations`. Other shipped profiles stay."""

    models: tuple[Annotated[CatalogEntry, AfterValidator(_can_be_planned)], ...] = ()
    """Models beside the shipped catalogue: fine-tunes, copies under another name. One of a shipped name replaces it."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    """The currency of prices, ISO 4217."""

    gpu_memory_utilization_percent: Annotated[int, Field(ge=1, le=100), whole_percent(1, 100)] = 92
    """Share of a GPU's memory that the engine may take where the resource says nothing; vLLM's own default."""

    assumed_read_mib_per_second: Annotated[int, Field(ge=1)] = 200
    """Read rate of the cache volume that the start-up budget assumes until the download has measured it, in MiB/s."""

    prometheus_url: Annotated[str | None, Field(max_length=253, pattern=r"^https?://[A-Za-z0-9_.:/-]+$")] = None
    """Address at which KEDA asks Prometheus for the engines' load, such as `http://prometheus-operated.monitoring:9090`;
    None where no resource may be scaled by KEDA."""

    waiting_requests_metric: Annotated[str, Field(pattern=METRIC_PATTERN)] = "vllm_num_requests_waiting"
    """Name under which the custom metrics API has each engine's waiting requests, for HorizontalPodAutoscalers."""

    kv_cache_usage_metric: Annotated[str, Field(pattern=METRIC_PATTERN)] = "vllm_kv_cache_usage_perc"
    """Name under which the custom metrics API has the share of each engine's KV cache in use, 0 to 1, for
    HorizontalPodAutoscalers."""

    resync_seconds: Annotated[int, Field(ge=10)] = 600
    """How often every resource is compared with the cluster although nothing was reported, in seconds."""

    workers: Annotated[int, Field(ge=1, le=64)] = 8
    """Resources reconciled at the same time."""


_OWNER = "the operator's configuration"
"""What the fields are fields of, in messages."""

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml where PyYAML brings it."""


def load_config(path: Path | None = None) -> OperatorConfig:
    """Read the shipped configuration, overlaid with the file at `path`.

    Every field is replaced, but that accelerator profiles of other names stay.

    Raises
    ------
    ConfigError
        The file is missing, is not YAML, or has a field or value that is not allowed.
    """
    shipped = _load(resources.files(__package__).joinpath("default_config.yaml").read_text())
    if path is None:
        return OperatorConfig.model_validate(shipped)
    overlay = _read_overlay(path)
    overlay = {**_tell_engine_version(path, overlay, shipped["engineImage"]), **overlay}
    added = overlay.get("accelerators") or {}
    if not isinstance(added, dict):
        raise ConfigError(f"{path}: accelerators: must be a mapping of profiles by name (found {added!r}).")
    accelerators = {**shipped["accelerators"], **added}
    try:
        config = OperatorConfig.model_validate({**shipped, **overlay, "accelerators": accelerators})
    except ValidationError as error:
        raise ConfigError(f"{path}: {describe_errors(error, OperatorConfig, _OWNER)}") from error
    if config.default_accelerator not in config.accelerators:
        known = ", ".join(sorted(config.accelerators))
        raise ConfigError(f"{path}: defaultAccelerator: {config.default_accelerator!r} is no profile; known: {known}.")
    return config


def find_tagged_release(image: str) -> str | None:
    """Read the vLLM version from an image's tag; None where that does not begin with a release."""
    tag = _TAG.search(image)
    return tag["version"] if tag else None


def _tell_engine_version(path: Path, overlay: Mapping[str, Any], shipped_image: str) -> dict[str, str]:
    """Tell the vLLM of an image of the file's own: the shipped version is that of the shipped image only."""
    image = overlay.get("engineImage")
    is_shipped = isinstance(image, str) and _strip_digest(image) == _strip_digest(shipped_image)
    if "engineVersion" in overlay or is_shipped or not isinstance(image, str):
        return {}
    version = find_tagged_release(image)
    # Any other number may be the image's own, and a guess would refuse or plan models wrongly.
    if version is None or version not in load_engine_options():
        known = ", ".join(load_engine_options())
        raise ConfigError(
            f"{path}: engineVersion: is required, as the name of engineImage {image!r} does not tell by a tag that is "
            f"known ({known}) which vLLM is in it. Set engineVersion to its release, such as 0.33.0."
        )
    return {"engineVersion": version}


def _strip_digest(image: str) -> str:
    """Take an image's name without its digest: pinned, it is the same image."""
    return image.partition("@")[0]


def _load(text: str) -> Any:  # noqa: ANN401 - whatever a file holds
    return yaml.load(text, _Loader)  # noqa: S506 - either of the safe loaders


def _read_overlay(path: Path) -> dict[str, Any]:
    try:
        overlay = _load(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}). Give the path of a YAML file.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not YAML: {error}") from error
    if overlay is None:
        return {}
    if not isinstance(overlay, dict):
        raise ConfigError(f"{path}: must be a mapping of fields, found {type(overlay).__name__}.")
    return overlay
