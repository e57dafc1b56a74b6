"""Hash what decides about the pods and is not the operator's: it tells a changed wish from a changed operator."""

import hashlib
import json
from typing import Any

from nemotron_operator.api.spec import NemotronDeploymentSpec
from nemotron_operator.plan.adapter_plan import AdapterPlan
from nemotron_operator.plan.serving_plan import CachePlan

_NOT_IN_PODS: dict[str, Any] = {
    "autoscaling": True,
    "cache": True,  # where the weights are counts, below, not how they got there
    "inference_pool": True,
    "model": {"source": True, "adapters": True},  # where each adapter is counts, below, unless it is loaded live
    "network_policy": True,
    "plan_policy": True,
    "queue_name": True,  # a label of the object that makes the pods
    "replicas": True,
    "rollout": {"strategy": True},
    "route": True,
    "suspend": True,
    "verification": True,
}
"""Fields of the spec that no pod shows: a change of them takes no new defaults."""

_LENGTH = 12


def hash_inputs(spec: NemotronDeploymentSpec, cache: CachePlan, adapters: tuple[AdapterPlan, ...] = ()) -> str:
    """Hash the fields of the spec that pods show, and where the weights are.

    Notes
    -----
    What has its default, or is not so, is left out: a later operator that knows more hashes the same. Any other change
    of what is hashed would replace every pod at the next upgrade.
    """
    wanted = spec.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=_NOT_IN_PODS)
    weights = {
        "adapters": {} if spec.engine.lora.loading == "Live" else {each.name: each.path for each in adapters},
        "claimName": cache.claim_name,
        "image": cache.image,
        "isCompiledCodeKept": cache.compiled_key is not None,
        "isForOneNode": cache.is_for_one_node,
        "isVerifiedFirst": cache.start_check_image is not None,
        "path": cache.model_path,
    }
    known = {name: value for name, value in weights.items() if value}
    text = json.dumps({"spec": _prune(wanted), "weights": known}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]


def _prune(part: dict[str, Any]) -> dict[str, Any]:
    """Leave out parts in which nothing is left that pods show."""
    pruned = {name: _prune(value) if isinstance(value, dict) else value for name, value in part.items()}
    return {name: value for name, value in pruned.items() if value != {}}
