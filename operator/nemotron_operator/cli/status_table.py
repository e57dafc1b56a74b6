"""The tables of `nemoctl status`: a page for one deployment, two lines for each of many."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from pydantic import ValidationError
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from nemotron_operator.api.cache import CacheStatus
from nemotron_operator.api.conditions import Condition, ConditionType
from nemotron_operator.api.status import NemotronDeploymentStatus, PlanStatus
from nemotron_operator.cli.download_cells import make_cache_cell, make_download_rows
from nemotron_operator.cli.tables import (
    BAD,
    BUSY,
    GOOD,
    MISSING,
    QUIET,
    add_field,
    format_count,
    format_gib,
    format_seconds,
    indent,
    make_fields_table,
    make_lines_table,
    make_text,
    print_lines,
    print_page,
)
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.units import MIB

_BAD_WHEN_TRUE = frozenset({ConditionType.STALLED})
_BUSY_WHEN_TRUE = frozenset({ConditionType.RECONCILING})


def print_status_list(bodies: Sequence[KubernetesObject]) -> None:
    """Print name, verdict and message of each deployment."""
    print_page(*(part for body in bodies for part in _make_head(body, _read_status(body))))


def print_status_lines(bodies: Sequence[KubernetesObject]) -> None:
    """Print a line for each deployment."""
    table = make_lines_table("name", "ready", "reason", "pods", "serving", "gpus", "cache", "model", "message")
    for body in bodies:
        status = _read_status(body) or NemotronDeploymentStatus()
        ready = _find_condition(status, ConditionType.READY)
        plan = status.plan
        table.add_row(
            make_text(f"{body['metadata']['namespace']}/{body['metadata']['name']}"),
            ready.status if ready else "Unknown",
            make_text(ready.reason if ready else "NotSeen"),
            str(status.replicas or 0),
            str(status.ready_replicas or 0),
            str(plan.gpus) if plan else MISSING,
            make_cache_cell(status.cache),
            make_text(plan.model if plan else MISSING),
            make_text(" ".join(ready.message.split()) if ready else ""),
        )
    print_lines(table)


def print_status_page(body: KubernetesObject, now: datetime) -> None:
    """Print everything that the status of one deployment says."""
    status = _read_status(body)
    parts = list(_make_head(body, status))
    if status is not None and status.conditions:
        parts += ["", indent(_make_fields(status, now)), "", indent(_make_tree(status.conditions, now))]
    print_page(*parts)


def _read_status(body: KubernetesObject) -> NemotronDeploymentStatus | None:
    """Read the status; None when another version of the operator wrote it."""
    try:
        return NemotronDeploymentStatus.model_validate(body.get("status") or {})
    except ValidationError:
        return None


def _make_head(body: KubernetesObject, status: NemotronDeploymentStatus | None) -> Iterator[RenderableType]:
    """Make the title with the verdict, and the message under it."""
    metadata = body["metadata"]
    name = make_text(f"{metadata['namespace']}/{metadata['name']}", "bold")
    ready = _find_condition(status, ConditionType.READY)
    verdict, message = _judge(body, status, ready)
    yield Text.assemble(name, "  ", verdict)
    yield indent(make_text(message))


def _judge(
    body: KubernetesObject, status: NemotronDeploymentStatus | None, ready: Condition | None
) -> tuple[Text, str]:
    """Say whether it is ready, and why not; a status that is older than the spec is no answer."""
    generation = body["metadata"].get("generation", 0)
    if "deletionTimestamp" in body["metadata"]:
        return Text("being deleted", BUSY), "Its pods end first; the volume with the weights stays."
    if status is None:
        return Text("unknown", BUSY), "Another version of the operator wrote this status; `-o yaml` shows it as it is."
    if ready is None or status.observed_generation < generation:
        seen = f"generation {status.observed_generation}" if ready else "nothing of it"
        return Text("not seen yet", BUSY), f"The operator has seen {seen}, the spec is at generation {generation}."
    if ready.status == "True":
        return make_text(f"Ready: {ready.reason}", f"bold {GOOD}"), ready.message
    style = BAD if _find_condition(status, ConditionType.STALLED) else BUSY
    return make_text(f"not ready: {ready.reason}", f"bold {style}"), ready.message


def _find_condition(status: NemotronDeploymentStatus | None, kind: ConditionType) -> Condition | None:
    conditions = status.conditions if status else ()
    return next((condition for condition in conditions if condition.type == kind), None)


def _make_fields(status: NemotronDeploymentStatus, now: datetime) -> Table:
    table = make_fields_table()
    replicas = format_count(status.replicas or 0, "pod")
    add_field(table, "Replicas", f"{replicas}, {status.ready_replicas or 0} ready")
    if status.plan is not None:
        _add_plan(table, status.plan)
    if status.cache is not None:
        _add_cache(table, status.cache, now)
    if status.endpoint is not None:
        add_field(table, "Endpoint", make_text(status.endpoint.url))
    if status.served_names:
        add_field(table, "Served as", make_text(", ".join(status.served_names)))
    if status.serving_revision and status.serving_revision != status.desired_revision:
        revisions = f"revision {status.serving_revision}, {status.desired_revision or 'none'} is desired"
        add_field(table, "Serving", make_text(revisions))
    return table


def _add_plan(table: Table, plan: PlanStatus) -> None:
    add_field(table, "Model", make_text(plan.model))
    size = f"tensor parallel size {plan.tensor_parallel_size}"
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


def _make_tree(conditions: Sequence[Condition], now: datetime) -> Tree:
    """Make a branch for each condition; a message that several share, or that the title told, is told once."""
    tree = Tree(Text("Conditions", "bold"))
    told = {condition.message for condition in conditions if condition.type == ConditionType.READY}
    for condition in conditions:
        state = make_text(f"{condition.type}: {condition.status}", _choose_style(condition))
        line = Text.assemble(state, make_text(f" ({condition.reason})"), (_tell_age(condition, now), QUIET))
        message = make_text(condition.message)
        tree.add(line if condition.message in told else Group(line, indent(message)))
        told.add(condition.message)
    return tree


def _choose_style(condition: Condition) -> str:
    if condition.status == "Unknown":
        return QUIET
    if condition.type in _BAD_WHEN_TRUE | _BUSY_WHEN_TRUE:
        return BAD if condition.type in _BAD_WHEN_TRUE else BUSY
    return GOOD if condition.status == "True" else BUSY


def _tell_age(condition: Condition, now: datetime) -> str:
    try:
        since = datetime.fromisoformat(condition.last_transition_time).astimezone(UTC)
    except ValueError:
        return ""
    return f" for {format_seconds(max(0, int((now - since).total_seconds())))}"
