"""The values of the platform's rules: optional ValidatingAdmissionPolicies."""

from typing import Annotated, Literal

from pydantic import Field

from generate.charts.values import Labels, ValuesModel


class PolicyValues(ValuesModel):
    """Rules of the platform for every NemotronDeployment, which the API server enforces."""

    enabled: bool = False
    """Whether to make the ValidatingAdmissionPolicies; each rule below counts once it is set."""

    action: Literal["Deny", "Warn", "Audit"] = "Deny"
    """What happens to a resource that breaks a rule."""

    namespace_selector: Labels = {}
    """Labels of the namespaces for which the rules hold; empty for all."""

    allowed_registries: list[Annotated[str, Field(min_length=1)]] = []
    """Engine images must start with one of these."""

    allowed_model_organizations: list[Annotated[str, Field(min_length=1)]] = []
    """Models must come from one of these, such as nvidia in nvidia/Llama-3_3-Nemotron-Super-49B-v1_5."""

    max_gpus_per_resource: Annotated[int, Field(ge=0)] = 0
    """GPUs that one resource may ask for, over all its replicas; 0 for any number."""

    require_digests: bool = False
    """Whether engine images and images with weights must be named by digest."""

    forbid_trust_remote_code: bool = False
    """Whether a model's repository may bring no Python code that the engine runs."""

    require_secret_access: bool = False
    """Whether whoever names a Secret in a resource must be allowed to read it."""
