"""The fields on the page of `nemoctl status`: plan, cache, endpoint, revisions and rollout, each told in a line."""

from datetime import datetime

from rich.table import Table

from nemotron_operator.api.cache import CacheStatus
from nemotron_operator.api.rollout import RolloutStatus
from nemotron_operator.api.status import NemotronDeploymentStatus, PlanStatus
from nemotron_operator.cli.download_cells import make_download_rows
from nemotron_operator.cli.tables import (
    add_field,
    format_count,
    format_gib,
    format_seconds,
    make_fields_table,
    make_text,
)
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.units import MIB


def make_status_fields(body: KubernetesObject, status: NemotronDeploymentStatus, now: datetime) -> Table:
    """Make a table of what one status says beside its conditions."""
    table = make_fields_table()
    replicas = format_count(status.replicas or 0, "pod")
    add_field(table, "Replicas", f"{replicas}, {status.ready_replicas or 0} ready")
    if status.plan is not None:
        _add_plan(table, status.plan)
    if status.cache is not None:
        _add_cache(table, status.cache, now)
    if status.endpoint is not None:
        add_field(table, "Endpoint", make_text(status.endpoint.url))
        if status.endpoint.hostnames:
            add_field(table, "Hosts", make_text(", ".join(status.endpoint.hostnames)))
    if status.served_names:
        add_field(table, "Served as", make_text(", ".join(status.served_names)))
    _add_revisions(table, status)
    if status.rollout is not None:
        _add_rollout(table, status.rollout, body)
    return table


def _add_revisions(table: Table, status: NemotronDeploymentStatus) -> None:
    serving, desired = status.serving_revision, status.desired_revision
    if serving is not None:
        add_field(table, "Serving", make_text(f"revision {serving}"))
    if desired is not None and serving != desired:
        add_field(table, "Desired", make_text(f"revision {desired}"))
    elif desired is None and serving is not None:
        add_field(table, "Desired", "no revision: the spec cannot be served yet")


def _add_rollout(table: Table, rollout: RolloutStatus, body: KubernetesObject) -> None:
    add_field(table, "Rollout", make_text(f"{rollout.strategy}: {rollout.message}"))
    if rollout.operator_version is not None:
        add_field(table, "Rendered", make_text(f"by operator {rollout.operator_version}"))
    if rollout.available_revision is not None:
        adopt = f"`nemoctl adopt {body['metadata']['name']} -n {body['metadata']['namespace']}`"
        add_field(table, "Update", make_text(f"revision {rollout.available_revision} waits for {adopt}"))


def _add_plan(table: Table, plan: PlanStatus) -> None:
    add_field(table, "Model", make_text(plan.model))
    size = f"tensor parallel size {plan.tensor_parallel_size}"
    size += f", over {plan.nodes_per_replica} nodes" if plan.nodes_per_replica else ""
    gpus = f"{plan.gpus_per_replica} x {plan.accelerator} per replica ({size}), {plan.gpus} in all"
    add_field(table, "GPUs", make_text(gpus))
    weights, kv_cache = format_gib(plan.weights_bytes_per_gpu), format_gib(plan.kv_cache_bytes_per_gpu)
    working = format_gib(plan.working_bytes_per_gpu)
    add_field(table, "One GPU", f"weights {weights}, working memory {working}, KV cache {kv_cache}")
    concurrent = format_count(plan.max_concurrent_full_length, "sequence")
    context = f"{format_count(plan.max_model_len, 'token')}, {concurrent} of full length at a time"
    add_field(table, "Context", context)
    estimate, budget = format_seconds(plan.startup_seconds), format_seconds(plan.startup_budget_seconds)
    add_field(table, "Start-up", f"about {estimate}; counts as failed after {budget}")


def _add_cache(table: Table, cache: CacheStatus, now: datetime) -> None:
    if cache.claim_name is not None:
        add_field(table, "Volume", make_text(cache.claim_name))
    if cache.image is not None:
        add_field(table, "Image", make_text(cache.image))
    if cache.commit is not None:
        add_field(table, "Weights", make_text(str(cache.repository)))
        add_field(table, "", make_text(f"commit {cache.commit}"))
    elif cache.path is not None and cache.image is None:
        hashes = "hashes known" if cache.manifest_sha256 else "hashes not checked"
        add_field(table, "Weights", make_text(f"in {cache.path}, {hashes}"))
    if cache.bytes is not None and cache.files is not None:
        files = format_count(cache.files, "file")
        verified = f", verified {cache.verified_at}" if cache.verified_at else ""
        add_field(table, "", make_text(f"{files}, {format_gib(cache.bytes)}{verified}"))
    if cache.read_bytes_per_second is not None:
        add_field(table, "", f"read at {cache.read_bytes_per_second / MIB:,.0f} MiB/s")
    if cache.progress is not None:
        for name, row in zip(("Download", ""), make_download_rows(cache.progress, now), strict=True):
            add_field(table, name, row)
