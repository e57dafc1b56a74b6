"""The render step: a ServingPlan becomes the objects that should exist. It cannot fail and decides nothing."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from nemotron_operator.api.quantity import format_bytes
from nemotron_operator.constants import API_GROUP, SERVER_PORT_NAME
from nemotron_operator.plan.names import name_download_job
from nemotron_operator.plan.serving_plan import DownloadPlan, ServingPlan
from nemotron_operator.render.engine import MODELS_PATH, SCRATCH_PATH, render_arguments, render_environment
from nemotron_operator.render.metadata import (
    CACHE_COMPONENT,
    INTENT_ANNOTATION,
    REVISION_LABEL,
    SERVER_COMPONENT,
    hash_manifest,
    label_child,
    label_managed,
    record_cached_model,
    refer_to_owner,
    select_pods,
)
from nemotron_operator.render.pods import (
    CONTAINER_SECURITY,
    POD_SECURITY,
    render_affinity,
    render_pod_annotations,
    render_pod_labels,
    render_pull_secrets,
    render_tolerations,
)
from nemotron_operator.render.templating import render_template

Manifest = dict[str, Any]
"""A Kubernetes object as JSON."""

STARTUP_PROBE_PERIOD_SECONDS = 10
"""How often the startup probe asks, in seconds."""

ENDPOINT_REMOVAL_SECONDS = 15
"""How long endpoints and proxies may take to forget a pod that is told to stop, in seconds."""

GRACE_MARGIN_SECONDS = 30
"""Time beyond the drain in which the engine may end by itself, in seconds."""

TERMINAL_EXIT_CODES = (2, 3)
"""Exit codes of the downloader after which trying again cannot help: a wrong argument, a terminal failure."""


@dataclass(frozen=True, slots=True)
class Manifests:
    """The objects that should exist, in the order in which they are applied."""

    claim: Manifest | None
    """The volume; None when it is the user's."""
    service_account: Manifest
    service: Manifest
    disruption_budget: Manifest | None
    """None while there is at most one replica."""
    download_job: Manifest | None
    """None when nothing is left to fetch."""
    server: Manifest | None
    """The Deployment; None while the weights are not there, so that no GPU waits for a download."""

    def __iter__(self) -> Iterator[Manifest]:
        """Go through the objects that are there, in order."""
        present = (getattr(self, field.name) for field in fields(self))
        return (manifest for manifest in present if manifest is not None)

    @property
    def revision(self) -> str | None:
        """The hash of the pod template that should serve."""
        if self.server is None:
            return None
        labels: dict[str, str] = self.server["spec"]["template"]["metadata"]["labels"]
        return labels[REVISION_LABEL]


def render(plan: ServingPlan) -> Manifests:
    """Render every object of one plan."""
    download, is_done = plan.cache.download, plan.cache.is_recorded
    return Manifests(
        claim=_stamp(_render_claim(plan)) if plan.cache.new_claim else None,
        service_account=_stamp(_render_child("service_account", plan, SERVER_COMPONENT)),
        service=_stamp(_render_service(plan)),
        disruption_budget=_stamp(_render_disruption_budget(plan)) if plan.replicas > 1 else None,
        download_job=_stamp(_render_download_job(plan, download)) if download and not is_done else None,
        server=_stamp(_render_server(plan)) if plan.cache.model_path else None,
    )


def _stamp(manifest: Manifest) -> Manifest:
    """Record the hash of the intent on the object, so that a dropped field is noticed later."""
    metadata = manifest["metadata"]
    annotations = {**metadata.get("annotations", {}), INTENT_ANNOTATION: hash_manifest(manifest)}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


def _render_child(template: str, plan: ServingPlan, component: str, **values: object) -> Manifest:
    owner = refer_to_owner(plan.identity)
    return render_template(template, plan=plan, owner=owner, labels=label_child(plan.identity, component), **values)


def _render_claim(plan: ServingPlan) -> Manifest:
    claim, cached = plan.cache.new_claim, plan.cache.cached
    return render_template(
        "claim",
        plan=plan,
        labels=label_managed(),
        storage=format_bytes(claim.size_bytes if claim else 0),
        cached_model=record_cached_model(cached) if cached else None,
    )


def _render_service(plan: ServingPlan) -> Manifest:
    return _render_child(
        "service", plan, SERVER_COMPONENT, selector=select_pods(plan.identity), port_name=SERVER_PORT_NAME
    )


def _render_disruption_budget(plan: ServingPlan) -> Manifest:
    return _render_child("disruption_budget", plan, SERVER_COMPONENT, selector=select_pods(plan.identity))


def _render_download_job(plan: ServingPlan, download: DownloadPlan) -> Manifest:
    facts_for_people = {
        f"{API_GROUP}/repository": download.repository,
        f"{API_GROUP}/revision": download.revision,
        f"{API_GROUP}/expected-bytes": str(download.expected_bytes),
    }
    return _render_child(
        "download_job",
        plan,
        CACHE_COMPONENT,
        job_name=name_download_job(plan.identity.name, plan.cache.claim_name, download.repository, download.revision),
        terminal_exit_codes=TERMINAL_EXIT_CODES,
        pod_labels=render_pod_labels(plan, CACHE_COMPONENT),
        pod_annotations=render_pod_annotations(plan, facts_for_people),
        download_arguments=_render_download_arguments(download),
        download_environment=_render_download_environment(download),
        **_render_shared_pod_values(plan),
    )


def _render_download_arguments(download: DownloadPlan) -> list[str]:
    return [
        f"--repository={download.repository}",
        f"--revision={download.revision}",
        f"--destination={MODELS_PATH}",
    ]


def _render_download_environment(download: DownloadPlan) -> list[dict[str, Any]]:
    literals = {"HF_HOME": f"{SCRATCH_PATH}/huggingface", "HF_HUB_DISABLE_TELEMETRY": "1", "HOME": SCRATCH_PATH}
    if download.endpoint is not None:
        literals["HF_ENDPOINT"] = download.endpoint
    environment: list[dict[str, Any]] = [{"name": name, "value": value} for name, value in sorted(literals.items())]
    if download.token is not None:
        reference = {"name": download.token.name, "key": download.token.key}
        environment.append({"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": reference}})
    return environment


def _render_server(plan: ServingPlan) -> Manifest:
    return _render_child(
        "server",
        plan,
        SERVER_COMPONENT,
        selector=select_pods(plan.identity),
        pod_template=_label_revision(_render_server_pod(plan)),
    )


def _render_server_pod(plan: ServingPlan) -> Manifest:
    return render_template(
        "server_pod",
        plan=plan,
        port_name=SERVER_PORT_NAME,
        gpus=str(plan.pod.gpus),
        pod_labels=render_pod_labels(plan, SERVER_COMPONENT),
        pod_annotations=render_pod_annotations(plan, {}),
        grace_period_seconds=ENDPOINT_REMOVAL_SECONDS + plan.pod.drain_seconds + GRACE_MARGIN_SECONDS,
        endpoint_removal_seconds=ENDPOINT_REMOVAL_SECONDS,
        startup_period_seconds=STARTUP_PROBE_PERIOD_SECONDS,
        startup_failures=math.ceil(plan.startup.budget_seconds / STARTUP_PROBE_PERIOD_SECONDS),
        arguments=render_arguments(plan),
        environment=render_environment(plan),
        shared_memory=format_bytes(plan.pod.shared_memory_bytes),
        **_render_shared_pod_values(plan),
    )


def _render_shared_pod_values(plan: ServingPlan) -> dict[str, object]:
    """Render what cache and serving pods have in common: where they run, as whom, and what they mount."""
    return {
        "affinity": render_affinity(plan),
        "tolerations": render_tolerations(plan),
        "image_pull_secrets": render_pull_secrets(plan),
        "pod_security": POD_SECURITY,
        "container_security": CONTAINER_SECURITY,
        "models_path": MODELS_PATH,
        "scratch_path": SCRATCH_PATH,
    }


def _label_revision(pod_template: Manifest) -> Manifest:
    metadata = pod_template["metadata"]
    labels = {**metadata["labels"], REVISION_LABEL: hash_manifest(pod_template)}
    return {**pod_template, "metadata": {**metadata, "labels": labels}}
