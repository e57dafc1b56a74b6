"""The values of the platform's rules: optional ValidatingAdmissionPolicies."""

from typing import Annotated, Literal

from pydantic import Field

from generate.charts.values import Labels, ValuesModel

Source = Literal["huggingFace", "ociImage", "persistentVolumeClaim", "s3"]
"""Where weights may come from, by the names in `spec.model.source`."""


class PolicyValues(ValuesModel):
    """Rules of the platform for every NemotronDeployment, which the API server enforces."""

    enabled: bool = False
    """Whether to make the ValidatingAdmissionPolicies. Each rule below counts once it is set: docs/policies.md."""

    action: Literal["Deny", "Warn", "Audit"] = "Deny"
    """What happens to a resource that breaks a rule: refused, told to who writes it, or noted in the audit log."""

    namespace_selector: Labels = {}
    """Labels of the namespaces for which the rules hold; empty for all that the operator serves."""

    allowed_registries: list[Annotated[str, Field(pattern=r"^[a-zA-Z0-9._:/-]*[a-zA-Z0-9._-]/?$")]] = []
    """Registries or parts of them, such as registry.example.com/models, for engine images and for images with weights,
    compared as they are written; empty for any. `config.allowedImagePrefixes` holds all the same."""

    allowed_sources: list[Source] = []
    """Where weights may come from; empty for anywhere. A resource that names no source takes huggingFace, and one with
    cache.existingClaim takes a persistentVolumeClaim too: what is on it already is served."""

    allowed_model_organizations: list[Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]] = []
    """Models and adapters of a hub must come from one of these, such as nvidia, in upper or lower case, and no resource
    may name a hub of its own but one of allowedEndpoints. Empty for any. What an object store, a volume or an image
    holds has no organisation: see allowedSources."""

    allowed_endpoints: list[Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9_.:/-]+$")]] = []
    """Hubs and object stores that a resource may name as endpoint, beside `config.hubEndpoint`, or the public hub
    where that is not set; empty for any."""

    max_gpus_per_resource: Annotated[int, Field(ge=0)] = 0
    """GPUs that one resource may take, over all its replicas; 0 for any number. Counted as written in the resource, and
    once more, as planned, on the Deployment or LeaderWorkerSet that is made of it."""

    require_digests: bool = False
    """Whether the engine images and the images with weights that a resource names must be named by digest."""

    forbid_trust_remote_code: bool = False
    """Whether a model's repository may bring no Python code that the engine runs."""

    require_secret_access: bool = False
    """Whether whoever names a Secret in a resource must be allowed to read it. Under GitOps that is the account which
    applies, not the one who wrote."""
