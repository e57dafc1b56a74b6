"""Where a model's bytes come from: a hub, an object store, a volume, an image."""

from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from nemotron_operator.api.fields import ApiModel, Flag, ObjectName, require, rule, rules
from nemotron_operator.api.references import ConfigMapKeyReference, SecretKeyReference, SecretReference

URL_PATTERN = r"^https?://[A-Za-z0-9_.:/-]+$"
"""The base URL of a server."""

REPOSITORY_PATTERN = r"^[A-Za-z0-9_.-]{1,96}/[A-Za-z0-9_.-]{1,96}$"
"""A repository of a hub."""

BUCKET_PATTERN = r"^[a-z0-9][a-z0-9.-]*[a-z0-9]$"
"""A bucket of an object store."""

DIRECTORY_PATTERN = r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$"
"""A directory inside of something."""

_STAYS_INSIDE = "must stay inside of what holds it: remove '..'"

DirectoryPath = Annotated[
    str,
    Field(
        min_length=1,
        max_length=512,
        pattern=DIRECTORY_PATTERN,
        json_schema_extra=rules(rule("!self.contains('..')", _STAYS_INSIDE)),
    ),
    AfterValidator(lambda path: require(path, ".." not in path, _STAYS_INSIDE)),
]
"""A directory, relative to what holds it."""


Revision = Annotated[str | None, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_./-]*$")]
"""A commit, tag or branch of a repository."""


class HuggingFaceSource(ApiModel):
    """A repository on a Hugging Face hub, downloaded once into the cache."""

    repository: Annotated[str, Field(min_length=3, max_length=193, pattern=REPOSITORY_PATTERN)]
    """Organisation and name of the repository. Required. Example: `nvidia/Llama-3.1-Nemotron-70B-Instruct-HF`."""

    revision: Revision = None
    """Commit (40 hexadecimal digits, reproducible), tag or branch; the cache Job resolves it once to a commit.
    Default: the catalogue's revision for this model, else `main`. Example: `main`."""

    token_secret_ref: SecretKeyReference | None = None
    """The hub's access token, for gated and private repositories. Only the cache Job gets it, never the server.
    Default: no token. Example: `{name: hub-token, key: token}`."""

    endpoint: Annotated[str | None, Field(max_length=253, pattern=URL_PATTERN)] = None
    """Base URL of a mirror that speaks the hub's API. Default: the operator's `hubEndpoint`, else the public hub.
    Example: `https://hub.example.com`."""

    ca_config_map_ref: ConfigMapKeyReference | None = None
    """Certificates (PEM) of the private CA that signed the hub's or the proxy's certificate, trusted instead of the
    public ones. Default: the operator's `downloadCaConfigMap`, else the public CAs.
    Example: `{name: company-ca, key: ca.crt}`."""


class S3Source(ApiModel):
    """A directory of an S3-compatible object store, downloaded once into the cache."""

    bucket: Annotated[str, Field(min_length=3, max_length=63, pattern=BUCKET_PATTERN)]
    """Name of the bucket. Required. Example: `models`."""

    prefix: DirectoryPath
    """Directory inside the bucket that holds config.json and the weights. Required. Example: `nemotron/70b-fp8`."""

    endpoint: Annotated[str | None, Field(max_length=253, pattern=URL_PATTERN)] = None
    """Base URL of the object store. Default: AWS. Example: `https://minio.example.com:9000`."""

    region: Annotated[str | None, Field(max_length=63, pattern=r"^[a-z0-9-]+$")] = None
    """Region of the bucket. Default: `us-east-1`. Example: `eu-central-1`."""

    credentials_secret_ref: SecretReference | None = None
    """Secret with the keys `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, and `AWS_SESSION_TOKEN` where there is one.
    Only the cache Job gets it. Default: none, the bucket is asked anonymously. Example: `{name: object-store}`."""

    ca_config_map_ref: ConfigMapKeyReference | None = None
    """Certificates (PEM) of the private CA that signed the object store's certificate, trusted instead of the public
    ones. Default: the operator's `downloadCaConfigMap`, else the public CAs.
    Example: `{name: company-ca, key: ca.crt}`."""


class OciImageSource(ApiModel):
    """Weights inside an OCI image, which the kubelet pulls and mounts as an image volume, read-only.

    Needs Kubernetes 1.35, or an older one with the ImageVolume feature gate, and a container runtime that has it.
    """

    reference: Annotated[str, Field(min_length=1, max_length=512, pattern=r"^[A-Za-z0-9_./:@-]+$")]
    """Image, if the operator's configuration allows it (`allowedModelImagePrefixes`). Required.
    Example: `registry.example.com/models/nemotron-70b-fp8@sha256:...`."""

    path: DirectoryPath | None = None
    """Directory inside the image that holds config.json and the weights. Default: the image's root.
    Example: `model`."""


class ClaimSource(ApiModel):
    """Weights that are already on a volume. Nothing is downloaded, and nothing is written there unless asked for."""

    claim_name: ObjectName
    """Name of the PersistentVolumeClaim in the resource's namespace. Required. Example: `team-models`."""

    path: DirectoryPath
    """Directory inside the volume that holds config.json and the weights. Required.
    Example: `llama-3.1-nemotron-70b`."""

    manifest: Flag = False
    """Whether a manifest with the SHA-256 of every file is written beside the weights, once, so that
    `cache.verify` can hold them against it. Default: false, the files are looked at and not read. Example: `true`."""


_ONE_SOURCE = "set exactly one of huggingFace, s3, persistentVolumeClaim and ociImage"


class ModelSource(ApiModel):
    """Where the bytes come from: exactly one member."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "[has(self.huggingFace), has(self.s3), has(self.persistentVolumeClaim), has(self.ociImage)]"
                ".filter(x, x).size() == 1",
                _ONE_SOURCE,
            )
        )
    )

    hugging_face: HuggingFaceSource | None = None
    """A repository on a Hugging Face hub. Default: the catalogue's repository. Example: `{repository: org/name}`."""

    s3: S3Source | None = None
    """A directory of an S3-compatible object store. Default: none.
    Example: `{bucket: models, prefix: nemotron-70b}`."""

    oci_image: OciImageSource | None = None
    """An OCI image that holds the weights. Default: none.
    Example: `{reference: registry.example.com/nemotron-70b}`."""

    persistent_volume_claim: ClaimSource | None = None
    """A volume that already holds the weights. Default: none, the model is downloaded.
    Example: `{claimName: team-models, path: llama-3.1-nemotron-70b}`."""

    @model_validator(mode="after")
    def _has_exactly_one_member(self) -> Self:
        members = (self.hugging_face, self.s3, self.persistent_volume_claim, self.oci_image)
        return require(self, sum(member is not None for member in members) == 1, _ONE_SOURCE)
