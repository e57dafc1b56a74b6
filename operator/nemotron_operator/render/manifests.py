"""The render step: a ServingPlan becomes the objects that should exist. It cannot fail and decides nothing."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from nemotron_operator.api.quantity import format_bytes
from nemotron_operator.constants import QUEUE_LABEL, SERVER_PORT_NAME
from nemotron_operator.plan.names import name_groups
from nemotron_operator.plan.rollout import RolloutPlan
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.render.adapter_list import render_adapter_list_job
from nemotron_operator.render.check import render_check_job
from nemotron_operator.render.child import render_child
from nemotron_operator.render.inspect_job import render_inspect_job
from nemotron_operator.render.jobs import render_adapter_jobs, render_download_job, render_verify_job
from nemotron_operator.render.metadata import (
    BASE_REVISION_ANNOTATION,
    INPUTS_LABEL,
    INTENT_ANNOTATION,
    OPERATOR_VERSION_ANNOTATION,
    PROGRESS_DEADLINE_ANNOTATION,
    ROLLOUT_ANNOTATION,
    SERVER_COMPONENT,
    hash_manifest,
    label_managed,
    read_revision,
    record_cached_model,
    record_damage,
    refer_to_user,
    select_group_pods,
    select_pods,
)
from nemotron_operator.render.network import (
    render_certificate,
    render_inference_pool,
    render_network_policy,
    render_route,
)
from nemotron_operator.render.revision_record import begin_rollout, format_rollout, render_record
from nemotron_operator.render.scaler import render_scaler
from nemotron_operator.render.serving_kind import serves_by_groups
from nemotron_operator.render.templating import render_template
from nemotron_operator.render.tls import serves_https

Manifest = dict[str, Any]
"""A Kubernetes object as JSON."""


@dataclass(frozen=True, slots=True)
class Manifests:
    """The objects that should exist, in the order in which they are applied."""

    claim: Manifest | None
    """The volume; None when it is the user's."""
    service_account: Manifest
    service: Manifest
    network_policy: Manifest | None
    """None where the namespace decides who may connect."""
    certificate: Manifest | None
    """What cert-manager is asked for; None where a Secret holds the certificate, or nothing is encrypted."""
    disruption_budget: Manifest | None
    """None where there is at most one replica."""
    download_job: Manifest | None
    """None when nothing is left to fetch."""
    adapter_jobs: tuple[Manifest, ...]
    """The Jobs that fetch adapters; one that has done so stays, as it carries the record."""
    adapter_list_job: Manifest | None
    """None where no adapter is loaded by pods that run, and until the revision serves. One that has seen them loaded
    stays, and says so."""
    inspect_job: Manifest | None
    """None where there is no weight of the user's to look at. One that has found them stays: it carries the record."""
    check_job: Manifest | None
    """None while no check of the volume is due."""
    revision_record: Manifest | None
    """What is kept of a revision that is new; None where it is kept already."""
    server: Manifest | None
    """The Deployment or LeaderWorkerSet; None while the weights are not there, so that no GPU waits for a download."""
    scaler: Manifest | None
    """What decides about the replicas; None where the spec does."""
    inference_pool: Manifest | None
    route: Manifest | None
    verify_job: Manifest | None
    """None until the revision serves, and again once it has answered."""

    def __iter__(self) -> Iterator[Manifest]:
        """Go through the objects that are there, in order."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, tuple):
                yield from value
            elif value is not None:
                yield value

    @property
    def revision(self) -> str | None:
        """The hash of the pod template that should serve."""
        return read_revision(self.server) if self.server else None


def render(plan: ServingPlan, rollout: RolloutPlan | None = None) -> Manifests:
    """Render every object of one plan.

    Parameters
    ----------
    rollout
        Which pods shall serve; by default those that this version renders, as where nothing serves yet.
    """
    download, is_done = plan.cache.download, plan.cache.is_recorded
    if not plan.has_all_files:
        rollout = None
    elif rollout is None:
        rollout = begin_rollout(plan)
    server = _stamp(_render_server(plan, rollout)) if rollout is not None else None
    inspection = plan.cache.inspection
    return Manifests(
        claim=_stamp(_render_claim(plan)) if plan.cache.new_claim else None,
        service_account=_stamp(render_child("service_account", plan, SERVER_COMPONENT)),
        service=_stamp(_render_service(plan, rollout)),
        network_policy=_stamp_any(render_network_policy(plan)),
        certificate=_stamp_any(render_certificate(plan)),
        disruption_budget=_stamp(_render_disruption_budget(plan, rollout)) if plan.most_replicas > 1 else None,
        download_job=_stamp(render_download_job(plan, download)) if download and not is_done else None,
        adapter_jobs=tuple(map(_stamp, render_adapter_jobs(plan))),
        adapter_list_job=_render_due_adapter_list_job(plan, rollout) if rollout is not None else None,
        inspect_job=_stamp(render_inspect_job(plan, inspection)) if inspection else None,
        check_job=_stamp(render_check_job(plan, plan.cache.check)) if plan.cache.check else None,
        revision_record=render_record(plan, rollout.record) if rollout is not None and rollout.record else None,
        server=server,
        scaler=_stamp_any(render_scaler(plan, rollout)),
        inference_pool=_stamp_any(render_inference_pool(plan, rollout)),
        route=_stamp_any(render_route(plan)),
        verify_job=_render_due_verify_job(plan, rollout) if rollout is not None else None,
    )


def _render_due_verify_job(plan: ServingPlan, rollout: RolloutPlan) -> Manifest | None:
    """Ask what the spec asks for: what was taken back in its place has answered before."""
    verification, name, revision = plan.verification, plan.identity.name, rollout.revision
    if verification is None or rollout.failure is not None or not verification.is_due(name, revision):
        return None
    return _stamp(render_verify_job(plan, verification, verification.name_job(name, revision)))


def _render_due_adapter_list_job(plan: ServingPlan, rollout: RolloutPlan) -> Manifest | None:
    """Tell the pods that the spec asks for: those of another revision may have no room for adapters, and load none."""
    listed = plan.adapter_list
    if listed is None or rollout.failure is not None or not listed.is_due(rollout.revision):
        return None
    return _stamp(render_adapter_list_job(plan, listed))


def _stamp(manifest: Manifest) -> Manifest:
    """Record the hash of the intent on the object, so that a dropped field is noticed later."""
    metadata = manifest["metadata"]
    annotations = {**metadata.get("annotations", {}), INTENT_ANNOTATION: hash_manifest(manifest)}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


def _stamp_any(manifest: Manifest | None) -> Manifest | None:
    return None if manifest is None else _stamp(manifest)


def _render_claim(plan: ServingPlan) -> Manifest:
    claim, cached = plan.cache.new_claim, plan.cache.cached
    return render_template(
        "claim",
        plan=plan,
        labels=label_managed(),
        storage=format_bytes(claim.size_bytes if claim else 0),
        owners=[refer_to_user(user) for user in claim.owners] if claim else [],
        cached_model=record_cached_model(cached) if cached else None,
        damaged_model=record_damage(plan.cache.damage) if plan.cache.damage else None,
    )


def _render_service(plan: ServingPlan, rollout: RolloutPlan | None) -> Manifest:
    return render_child(
        "service",
        plan,
        SERVER_COMPONENT,
        selector=select_pods(plan.identity),
        port_name=SERVER_PORT_NAME,
        app_protocol="https" if serves_https(plan, rollout) else "http",
    )


def _render_disruption_budget(plan: ServingPlan, rollout: RolloutPlan | None) -> Manifest:
    """Render how many pods may be drained at a time; one that is led takes its whole replica with it."""
    is_group = serves_by_groups(plan, rollout)
    selector = select_group_pods(plan.identity) if is_group else {"matchLabels": select_pods(plan.identity)}
    return render_child("disruption_budget", plan, SERVER_COMPONENT, selector=selector)


def _render_server(plan: ServingPlan, rollout: RolloutPlan) -> Manifest:
    """Render what makes the pods: a Deployment, or where a replica is a group of pods, a LeaderWorkerSet."""
    surges, is_group = rollout.strategy == "Surge", rollout.worker_template is not None
    annotations = {
        BASE_REVISION_ANNOTATION: rollout.base_revision,
        INPUTS_LABEL: rollout.inputs,
        OPERATOR_VERSION_ANNOTATION: rollout.operator_version,
        ROLLOUT_ANNOTATION: format_rollout(rollout),
    }
    if is_group:
        annotations[PROGRESS_DEADLINE_ANNOTATION] = str(plan.startup.progress_deadline_seconds)
    server = render_child(
        "server_groups" if is_group else "server",
        plan,
        SERVER_COMPONENT,
        groups_name=name_groups(plan.identity.name),
        annotations=annotations,
        replicas=plan.count_replicas_to_set(is_group=is_group),
        selector=select_pods(plan.identity),
        pod_template=rollout.pod_template,
        worker_template=rollout.worker_template,
        group_size=rollout.group_size,
        max_surge=1 if surges else 0,
        max_unavailable=0 if surges else 1,
    )
    return _queue(server, plan.queue_name)


def _queue(server: Manifest, queue_name: str | None) -> Manifest:
    """Let Kueue queue the pods: it labels them itself, each kind in its own way."""
    if queue_name is None:
        return server
    metadata = server["metadata"]
    return {**server, "metadata": {**metadata, "labels": {**metadata["labels"], QUEUE_LABEL: queue_name}}}
