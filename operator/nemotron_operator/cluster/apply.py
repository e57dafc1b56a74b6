"""The apply step: bring the cluster to the manifests, writing only what differs and only what is ours."""

from collections.abc import Iterator, Sequence

from nemotron_operator.api.v1alpha1 import Identity
from nemotron_operator.cluster.cache import KubernetesObject, component_of, deployment_of
from nemotron_operator.cluster.checks import Evidence, is_check, is_refuted, observe_check, read_damage, settle
from nemotron_operator.cluster.claim_users import list_forsaken_claims
from nemotron_operator.cluster.difference import is_in_place
from nemotron_operator.cluster.field_owners import disown_replicas, is_owned_as_created, turn_into_applied
from nemotron_operator.cluster.inspection import observe_inspection, read_recorded_inspection
from nemotron_operator.cluster.kinds import (
    CERTIFICATE,
    CLAIM,
    CONTROLLER_REVISION,
    DISRUPTION_BUDGET,
    HTTP_ROUTE,
    INFERENCE_POOL,
    JOB,
    KINDS_BY_NAME,
    NETWORK_POLICY,
    OPTIONAL_KINDS,
    POD,
    SCALERS,
    ApiKind,
)
from nemotron_operator.cluster.observation import (
    claim_of,
    is_adapter_list,
    is_older,
    list_pods_of,
    observe_job,
    read_job_state,
    read_recorded_model,
)
from nemotron_operator.cluster.observe import ClusterView
from nemotron_operator.cluster.ownership import find_foreign, is_orphan
from nemotron_operator.cluster.server_change import find_replaced_servers
from nemotron_operator.cluster.servers import SERVERS
from nemotron_operator.cluster.verification import observe_verification
from nemotron_operator.errors import ConflictError
from nemotron_operator.render.manifests import Manifests
from nemotron_operator.render.metadata import (
    ADAPTER_COMPONENT,
    CACHE_COMPONENT,
    CACHED_MODEL_ANNOTATION,
    FAILED_ANNOTATION,
    INPUTS_LABEL,
    INSPECTED_MODEL_ANNOTATION,
    INSPECTION_COMPONENT,
    VERIFICATION_COMPONENT,
    record_cached_model,
    record_inspected_model,
)
from nemotron_operator.status.observed_jobs import JobState

PRUNED_KINDS = (
    DISRUPTION_BUDGET,
    JOB,
    NETWORK_POLICY,
    HTTP_ROUTE,
    INFERENCE_POOL,
    CERTIFICATE,
)
"""Kinds of which an object that is no longer wanted is deleted. A Deployment without a manifest keeps serving."""


async def apply(manifests: Manifests, identity: Identity, view: ClusterView) -> None:
    """Create what is missing, change what differs, delete what is no longer wanted, in that order.

    Raises
    ------
    ConflictError
        Something changed since it was observed; reconciling again is the answer.
    """
    replaced = await find_replaced_servers(manifests, identity, view)
    # First, since it would scale what shall stop, and KEDA refuses to scale what a HorizontalPodAutoscaler still does.
    for kind, live in _list_unwanted(SCALERS, manifests, identity, view):
        await view.gateway.delete(kind, live)
    for manifest in manifests:
        if manifest["kind"] == CONTROLLER_REVISION.name:
            await _keep_revision(manifest, identity, view)
            continue
        kind = KINDS_BY_NAME[manifest["kind"]]
        if manifest is manifests.server:
            for other, live in replaced:  # before the new one asks for their GPUs
                await view.gateway.delete(other, live)
        await _apply_one(kind, manifest, identity, view)
    for kind, live in _list_unwanted(PRUNED_KINDS, manifests, identity, view):
        await view.gateway.delete(kind, live)
    for kind, live in _list_forsaken(manifests, identity, view):
        await view.gateway.delete(kind, live)


async def _apply_one(kind: ApiKind, manifest: KubernetesObject, identity: Identity, view: ClusterView) -> None:
    namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
    live = view.cache.get(kind, namespace, name)
    if live is None:
        live = await _create(kind, manifest, view)
        if live is None:
            return
        if kind in SERVERS:
            manifest = _without_replicas(manifest)
    _refuse_foreign(live, identity)
    if "deletionTimestamp" in live["metadata"]:
        return  # its deletion is reported, and it is made again then
    if kind is JOB:
        await _tend_job(manifest, live, view)
    elif not is_in_place(manifest, live):
        leaves_replicas = kind in SERVERS and "replicas" not in manifest["spec"]
        if is_owned_as_created(live) or leaves_replicas:
            await _settle_ownership(kind, live, view, leaves_replicas=leaves_replicas)
        view.cache.upsert(kind, await view.gateway.apply(kind, manifest, live["metadata"]["uid"]))


def _without_replicas(manifest: KubernetesObject) -> KubernetesObject:
    """Leave out how many replicas there shall be: it was decided as if there was none, and a scaler may have one.

    The change makes it known, and it is decided again.
    """
    kept = {field: value for field, value in manifest["spec"].items() if field != "replicas"}
    return {**manifest, "spec": kept}


async def _keep_revision(manifest: KubernetesObject, identity: Identity, view: ClusterView) -> None:
    """Keep a revision, or raise the number of one that is kept and serves again. No watch reports them.

    One that failed before gets another try, and one that other inputs come to as well is found by those of now.
    """
    try:
        await view.gateway.create(CONTROLLER_REVISION, manifest)
    except ConflictError:
        metadata = manifest["metadata"]
        live = await view.gateway.get(CONTROLLER_REVISION, metadata["namespace"], metadata["name"])
        if live is None:
            raise
        if is_orphan(live, identity):  # of an earlier resource of the same name: it says the same, and dies with nobody
            await view.gateway.delete(CONTROLLER_REVISION, live)
            await view.gateway.create(CONTROLLER_REVISION, manifest)
            return
        _refuse_foreign(live, identity)
        inputs = {INPUTS_LABEL: metadata["labels"][INPUTS_LABEL]}
        await view.gateway.renumber(live, manifest["revision"], inputs, {FAILED_ANNOTATION: None})


async def _create(kind: ApiKind, manifest: KubernetesObject, view: ClusterView) -> KubernetesObject | None:
    """Create an object; return the one that has its name already, if any: ours without its label, or foreign."""
    try:
        view.cache.upsert(kind, await view.gateway.create(kind, manifest))
    except ConflictError:
        live = await view.gateway.get(kind, manifest["metadata"]["namespace"], manifest["metadata"]["name"])
        if live is None:
            raise
        return live
    return None


async def _settle_ownership(kind: ApiKind, live: KubernetesObject, view: ClusterView, *, leaves_replicas: bool) -> None:
    """Turn the ownership from a creation into that of an apply, once, before the first apply.

    Server-side apply removes a dropped field only if an earlier apply owned it, and a creation counts as an update.
    client-go calls this the upgrade of managed fields (k8s.io/client-go/util/csaupgrade). A number of replicas that is
    left to a scaler has to stay instead.
    """
    newest = await view.gateway.get(kind, live["metadata"]["namespace"], live["metadata"]["name"])
    if newest is None:
        raise ConflictError(f"{kind.name} {live['metadata']['name']!r} vanished.")
    known = newest["metadata"]["managedFields"]
    settled = turn_into_applied(known)
    if leaves_replicas:
        settled = disown_replicas(settled)
    if settled != known:
        await view.gateway.patch_managed_fields(kind, newest, settled)


async def _tend_job(manifest: KubernetesObject, live: KubernetesObject, view: ClusterView) -> None:
    """Keep a complete Job, and delete one that has to run anew: a Job's template cannot be changed.

    One that is complete has done its work, whatever a new template would say.
    """
    own_pods = list_pods_of(
        live, view.cache.list_children(POD, live["metadata"]["namespace"], deployment_of(live) or "")
    )
    if component_of(live) == INSPECTION_COMPONENT:
        await _tend_inspection(manifest, live, own_pods, view)
    elif component_of(live) == ADAPTER_COMPONENT:
        await _tend_adapter(manifest, live, own_pods, view)
    elif component_of(live) == VERIFICATION_COMPONENT:
        verification = observe_verification(live, own_pods)
        if _is_lost(live, own_pods, verification.answer) or _is_outdated(manifest, live):
            await view.gateway.delete(JOB, live)
    elif is_check(live):
        check = observe_check(live, own_pods)
        has_no_word = check.state is JobState.FAILED and check.failure is None and not own_pods
        if has_no_word or _is_outdated(manifest, live):
            await view.gateway.delete(JOB, live)
    else:
        await _tend_download(manifest, live, own_pods, view)


async def _tend_download(
    manifest: KubernetesObject, live: KubernetesObject, own_pods: Sequence[KubernetesObject], view: ClusterView
) -> None:
    """Record what a complete download said, unless the volume was made anew since: then it runs again.

    It also runs again, and at once, where what it brought was found to be damaged since: the new Job carries what was
    found, and the old one the record, so that there is never neither.
    """
    job, namespace = observe_job(live, own_pods), live["metadata"]["namespace"]
    claim = await view.find(CLAIM, namespace, claim_of(live))
    damages = [read_damage(manifest), read_damage(claim) if claim else None]
    if job.result is not None and any(is_refuted(job.result, damage) for damage in damages):
        await view.gateway.delete(JOB, live)
        await _create(JOB, manifest, view)
    elif _is_lost(live, own_pods, job.result) or is_older(live, claim) or _is_outdated(manifest, live):
        await view.gateway.delete(JOB, live)
    elif job.result is not None:
        evidence = Evidence(view.cache.list_children(JOB, namespace, deployment_of(live) or ""), own_pods)
        settled = settle(claim_of(live), job.result, read_damage(live), evidence)
        if read_recorded_model(live) != settled:
            annotations = {CACHED_MODEL_ANNOTATION: record_cached_model(settled)}
            view.cache.upsert(JOB, await view.gateway.annotate(JOB, live, annotations))


async def _tend_adapter(
    manifest: KubernetesObject, live: KubernetesObject, own_pods: Sequence[KubernetesObject], view: ClusterView
) -> None:
    """Record which adapter a Job fetched, unless the volume was made anew since: then it does its work again.

    That the pods were told of a list, and loaded it, has no record: the complete Job is one.
    """
    result = observe_job(live, own_pods).result
    is_outlived = is_older(live, await view.find(CLAIM, live["metadata"]["namespace"], claim_of(live)))
    if is_adapter_list(live):
        if is_outlived or _is_outdated(manifest, live):
            await view.gateway.delete(JOB, live)
    elif _is_lost(live, own_pods, result) or is_outlived or _is_outdated(manifest, live):
        await view.gateway.delete(JOB, live)
    elif result is not None and read_recorded_model(live) is None:
        annotations = {CACHED_MODEL_ANNOTATION: record_cached_model(result)}
        view.cache.upsert(JOB, await view.gateway.annotate(JOB, live, annotations))


async def _tend_inspection(
    manifest: KubernetesObject, live: KubernetesObject, own_pods: Sequence[KubernetesObject], view: ClusterView
) -> None:
    """Record what an inspection found, unless the user made the volume anew since: then it looks again."""
    result = observe_inspection(live, own_pods).result
    is_outlived = is_older(live, await view.find(CLAIM, live["metadata"]["namespace"], claim_of(live)))
    if _is_lost(live, own_pods, result) or is_outlived or _is_outdated(manifest, live):
        await view.gateway.delete(JOB, live)
    elif result is not None and read_recorded_inspection(live) is None:
        annotations = {INSPECTED_MODEL_ANNOTATION: record_inspected_model(result)}
        view.cache.upsert(JOB, await view.gateway.annotate(JOB, live, annotations))


def _is_lost(live: KubernetesObject, own_pods: Sequence[KubernetesObject], result: object) -> bool:
    """Tell whether the pods of a complete Job were collected before their report was read."""
    return read_job_state(live) is JobState.COMPLETE and result is None and not own_pods


def _is_outdated(manifest: KubernetesObject, live: KubernetesObject) -> bool:
    return read_job_state(live) is not JobState.COMPLETE and not is_in_place(manifest, live)


def _list_unwanted(
    kinds: Sequence[ApiKind], manifests: Manifests, identity: Identity, view: ClusterView
) -> Iterator[tuple[ApiKind, KubernetesObject]]:
    wanted = {(manifest["kind"], manifest["metadata"]["name"]) for manifest in manifests}
    for kind in kinds:
        if kind in OPTIONAL_KINDS and kind not in view.platform.served_kinds:
            continue  # what is not rendered for want of the kind is wanted all the same
        for live in view.cache.list_children(kind, identity.namespace, identity.name):
            is_unwanted = (kind.name, live["metadata"]["name"]) not in wanted
            if kind is JOB and component_of(live) == CACHE_COMPONENT and _is_left(live, manifests):
                continue
            if is_unwanted and "deletionTimestamp" not in live["metadata"] and find_foreign(live, identity) is None:
                yield kind, live


def _list_forsaken(
    manifests: Manifests, identity: Identity, view: ClusterView
) -> Iterator[tuple[ApiKind, KubernetesObject]]:
    """List the volumes that nobody uses any more and shall go, with the Jobs whose pods hold them."""
    for claim in list_forsaken_claims(manifests, identity, view.cache):
        yield CLAIM, claim
        for job in view.cache.list_children(JOB, identity.namespace, identity.name):
            # A pod holds its volume as long as it is there, also one that has ended.
            is_on_volume = component_of(job) in {ADAPTER_COMPONENT, CACHE_COMPONENT}
            if is_on_volume and claim_of(job) == claim["metadata"]["name"]:
                yield JOB, job


def _is_left(job: KubernetesObject, manifests: Manifests) -> bool:
    """Tell whether the log of a Job of the cache may still be read although it is not wanted any more.

    That of a download until its time to live ends, that of a check that found damage while that is repaired.
    """
    if is_check(job):
        return read_job_state(job) is JobState.FAILED and manifests.server is None
    return read_job_state(job) is JobState.COMPLETE


def _refuse_foreign(live: KubernetesObject, identity: Identity) -> None:
    """Stop when an object changed hands between looking and applying."""
    foreign = find_foreign(live, identity)
    if foreign is not None:
        raise ConflictError(f"{foreign.kind} {foreign.name!r} belongs to {foreign.owner}; it was not touched.")
