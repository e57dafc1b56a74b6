"""What a platform may add to the pods: an allow-list, so that nobody gets more than the platform team meant."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from nemotron_operator.api.fields import (
    KEYS_ARE_QUALIFIED,
    LABELS_ARE_FREE,
    RESERVED_LABELS,
    ApiModel,
    LabelValue,
    MapKey,
    ObjectName,
    Quantity,
    list_type,
    require,
    rule,
    rules,
)


class TolerationSpec(ApiModel):
    """A taint that the serving pods tolerate, beside those of the accelerator profile."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule("has(self.key) || self.operator == 'Exists'", "without a key the operator must be Exists"),
            rule("!has(self.value) || self.operator == 'Equal'", "with the operator Exists there is no value"),
        )
    )

    key: MapKey | None = None
    """Key of the taint. Default: every key, with operator `Exists`. Example: `dedicated`."""

    operator: Literal["Exists", "Equal"] = "Equal"
    """`Exists` matches any value, `Equal` one. Default: `Equal`. Example: `Exists`."""

    value: LabelValue | None = None
    """Value of the taint, with `Equal`. Default: the empty value. Example: `inference`."""

    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Effect of the taint. Default: every effect. Example: `NoSchedule`."""

    @model_validator(mode="after")
    def _fits_its_operator(self) -> Self:
        require(self, self.key is not None or self.operator == "Exists", "without a key the operator must be Exists")
        return require(
            self, self.value is None or self.operator == "Equal", "with the operator Exists there is no value"
        )


class PodTemplateSpec(ApiModel):
    """What a platform may add to the pods. Nothing here raises privileges or mounts a host's files."""

    labels: Annotated[
        dict[MapKey, LabelValue], Field(max_length=32, json_schema_extra=rules(KEYS_ARE_QUALIFIED, LABELS_ARE_FREE))
    ] = Field(default_factory=dict)
    """Labels added to serving and cache pods. The operator's own labels win. Default: none.
    Example: `{team: search}`."""

    annotations: Annotated[
        dict[MapKey, Annotated[str, Field(max_length=4096)]],
        Field(max_length=32, json_schema_extra=rules(KEYS_ARE_QUALIFIED)),
    ] = Field(default_factory=dict)
    """Annotations added to serving and cache pods. Default: none. Example: `{cost-center: "4711"}`."""

    node_selector: Annotated[
        dict[MapKey, LabelValue], Field(max_length=16, json_schema_extra=rules(KEYS_ARE_QUALIFIED))
    ] = Field(default_factory=dict)
    """Node labels that serving pods need beside those of the accelerator profile. Default: none.
    Example: `{topology.kubernetes.io/zone: eu-1a}`."""

    tolerations: Annotated[tuple[TolerationSpec, ...], Field(max_length=16, json_schema_extra=list_type("atomic"))] = ()
    """Taints tolerated beside those of the accelerator profile. Default: none. Example: `[{key: dedicated, operator:
    Exists}]`."""

    priority_class_name: ObjectName | None = None
    """PriorityClass of the serving pods. Default: the cluster's default. Example: `production`."""

    runtime_class_name: ObjectName | None = None
    """RuntimeClass of the serving pods. Default: the cluster's default. Example: `nvidia`."""

    image_pull_secrets: Annotated[
        tuple[ObjectName, ...], Field(max_length=8, json_schema_extra=list_type("atomic"))
    ] = ()
    """Secrets of the namespace with registry credentials. Default: none. Example: `[registry]`."""

    cpu: Quantity | None = None
    """CPU cores that one serving pod requests; there is no CPU limit. Default: two, and two for each GPU.
    Example: `"32"`."""

    memory: Quantity | None = None
    """Host memory that one serving pod requests, in bytes with a suffix. Default: 16Gi, 8Gi for each GPU, and the size
    of /dev/shm. Example: `256Gi`."""

    @model_validator(mode="after")
    def _leaves_reserved_labels_alone(self) -> Self:
        reserved = [key for key in self.labels if key in RESERVED_LABELS or key.startswith("batch.kubernetes.io/")]
        return require(self, not reserved, "labels of the Job and Deployment controllers cannot be set")
