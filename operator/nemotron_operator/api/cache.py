"""The volume that keeps the weights: what a user may say of it, and what is told of it."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from nemotron_operator.api.fields import ApiModel, Bytes, Count, ObjectName, Quantity, list_type, require, rule, rules

_NEVER_DELETED = "an existing claim is yours and never deleted: remove cache.retention"


class CacheSpec(ApiModel):
    """The volume that keeps the weights: shared in its namespace by all that name the revision, outliving them."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.existingClaim) || (!has(self.size) && !has(self.storageClassName))",
                "an existing claim has its own size and storage class: remove cache.size and cache.storageClassName",
            ),
            rule("!has(self.existingClaim) || !has(self.retention) || self.retention == 'Retain'", _NEVER_DELETED),
        )
    )

    size: Annotated[
        Quantity | None,
        Field(
            json_schema_extra=rules(
                rule("quantity(self).compareTo(quantity(oldSelf)) >= 0", "a volume only grows: give a larger size")
            )
        ),
    ] = None
    """Size of the volume, in bytes with a suffix; it may grow later. Default: the weights plus a fifth.
    Example: `200Gi`."""

    storage_class_name: Annotated[
        ObjectName | None,
        Field(json_schema_extra=rules(rule("self == oldSelf", "the storage class of a volume cannot change"))),
    ] = None
    """StorageClass of the volume. Default: the cluster's default class. Example: `fast-nvme`."""

    access_modes: Annotated[
        tuple[Literal["ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"], ...],
        Field(max_length=3, json_schema_extra=list_type("atomic")),
    ] = ()
    """Access modes of the volume. Replicas on several nodes need `ReadWriteMany`.
    Default: `[ReadWriteOnce]`. Example: `[ReadWriteMany]`."""

    existing_claim: ObjectName | None = None
    """A claim of your own that the cache Job fills, instead of one made by the operator. Default: none.
    Example: `team-models`."""

    retention: Literal["Retain", "Delete"] = "Retain"
    """What becomes of the operator's volume when the last resource that uses it is deleted: `Retain` keeps it for the
    next one, `Delete` deletes it. It is deleted only if all its users say so. Default: `Retain`. Example: `Delete`."""

    verify: Literal["Never", "OnStart", "Schedule"] = "Never"
    """When the bytes on the volume are read again and held against their SHA-256, beside the download itself: `OnStart`
    in each new pod before its engine starts, `Schedule` by a Job every `verifyIntervalHours`. Files that differ start
    no engine, and are fetched again. Weights of your own, with a manifest, know `OnStart` alone. Default: `Never`.
    Example: `Schedule`."""

    verify_interval_hours: Annotated[int, Field(strict=True, ge=1, le=8760)] = 168
    """Hours between two verifications with `verify: Schedule`. Default: 168, a week. Example: `24`."""

    @model_validator(mode="after")
    def _leaves_an_existing_claim_alone(self) -> Self:
        is_new = self.size is not None or self.storage_class_name is not None
        return require(
            self,
            self.existing_claim is None or not is_new,
            "an existing claim has its own size and storage class: remove cache.size and cache.storageClassName",
        )

    @model_validator(mode="after")
    def _never_deletes_an_existing_claim(self) -> Self:
        return require(self, self.existing_claim is None or self.retention == "Retain", _NEVER_DELETED)


class DownloadProgress(ApiModel):
    """How far a download is, as its Job tells; at most every 15 seconds or 5 percent points."""

    bytes: Bytes
    """What the volume holds, of this run and earlier ones, in bytes. Example: `36342500000`."""

    total_bytes: Bytes
    """What it will hold, in bytes. Example: `72685000000`."""

    percent: Annotated[int, Field(ge=0, le=100)]
    """The share that is there, rounded down. Example: `50`."""

    bytes_per_second: Bytes
    """Mean rate of the running attempt. Example: `480000000`."""

    eta_seconds: Annotated[int | None, Field(ge=0)] = None
    """How long the rest takes at this rate; absent while nothing arrives. Example: `75`."""

    observed_at: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    """When the Job was asked, RFC 3339 in UTC. Example: `"2026-11-24T08:00:00Z"`."""


class CacheStatus(ApiModel):
    """The weights on their volume."""

    claim_name: Annotated[str | None, Field(max_length=253)] = None
    """The PersistentVolumeClaim; absent for weights in an image.
    Example: `model-nvidia-nemotron-70b-0a1b2c3d4e`."""

    image: Annotated[str | None, Field(max_length=512)] = None
    """The OCI image that holds the weights. Example: `registry.example.com/models/nemotron-70b:1`."""

    repository: Annotated[str | None, Field(max_length=600)] = None
    """Repository that was downloaded, or `s3://BUCKET/PREFIX`. Example: `nvidia/Llama-3.1-Nemotron-70B-Instruct-HF`."""

    commit: Annotated[str | None, Field(max_length=64)] = None
    """Commit that was downloaded; of an object store, a digest of its listing. Example: 40 hexadecimal digits."""

    path: Annotated[str | None, Field(max_length=512)] = None
    """Directory of the weights inside the volume. Example: the commit."""

    bytes: Bytes | None = None
    """Size of the downloaded files, in bytes. Example: `72685000000`."""

    files: Count | None = None
    """Number of downloaded files. Example: `26`."""

    manifest_sha256: Annotated[str | None, Field(max_length=64)] = None
    """SHA-256 of the manifest that lists every file with its own hash. Example: 64 hexadecimal digits."""

    verified_at: Annotated[str | None, Field(json_schema_extra={"format": "date-time"})] = None
    """When every byte was last read and held against its hash. Example: `"2026-11-24T08:00:00Z"`."""

    read_bytes_per_second: Bytes | None = None
    """Rate at which the volume was read after the download; the start-up budget goes by it. Absent where it was not
    measured. Example: `1400000000`."""

    progress: DownloadProgress | None = None
    """How far the download is; absent while none runs, or none can be asked. Example: see its fields."""
