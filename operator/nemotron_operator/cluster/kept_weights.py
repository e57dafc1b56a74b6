"""Whether the weights of a kept revision are still where its pods would look for them."""

from collections.abc import Iterable

from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.checks import is_refuted, read_damage
from nemotron_operator.cluster.kinds import CLAIM
from nemotron_operator.cluster.observation import list_mounted_claims, read_recorded_model
from nemotron_operator.cluster.observe import ClusterView
from nemotron_operator.constants import FIELD_MANAGER, MANAGED_BY_LABEL
from nemotron_operator.plan.rollout import RevisionRecord
from nemotron_operator.render.engine import MODELS_PATH
from nemotron_operator.render.server_pod import PodTemplate


async def find_without_weights(namespace: str, records: Iterable[RevisionRecord], view: ClusterView) -> frozenset[str]:
    """Find the base revisions whose pods would not start: their volume is gone, is empty, or holds something else.

    What is on a volume of a user's, or in an image, nobody knows: there the weights count as there.
    """
    found = [record.base_revision for record in records if await _is_without_weights(namespace, record, view)]
    return frozenset(found)


async def _is_without_weights(namespace: str, record: RevisionRecord, view: ClusterView) -> bool:
    for name in list_mounted_claims(dict(record.template)):
        claim = await view.find_if_allowed(CLAIM, namespace, name)
        if claim is None or not _may_hold(claim, record.template):
            return True
    return False


def _may_hold(claim: KubernetesObject, template: PodTemplate) -> bool:
    """Tell whether what was recorded on a volume is what a template's engine is told to load, and sound."""
    recorded = read_recorded_model(claim)
    if recorded is None:
        return (claim["metadata"].get("labels") or {}).get(MANAGED_BY_LABEL) != FIELD_MANAGER
    arguments = [argument for container in template["spec"]["containers"] for argument in container.get("args") or ()]
    is_meant = f"{MODELS_PATH}/{recorded.commit}" in arguments
    return is_meant and not is_refuted(recorded, read_damage(claim))
