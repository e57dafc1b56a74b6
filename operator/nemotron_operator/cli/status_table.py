"""The tables of `nemoctl status`: a page for one deployment, two lines for each of many."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from pydantic import ValidationError
from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from nemotron_operator.api.conditions import Condition, ConditionType
from nemotron_operator.api.status import NemotronDeploymentStatus
from nemotron_operator.cli.download_cells import make_cache_cell
from nemotron_operator.cli.status_fields import make_status_fields
from nemotron_operator.cli.tables import (
    BAD,
    BUSY,
    GOOD,
    MISSING,
    QUIET,
    format_seconds,
    indent,
    make_lines_table,
    make_text,
    print_lines,
    print_page,
)
from nemotron_operator.cluster.cache import KubernetesObject

_BAD_WHEN_TRUE = frozenset({ConditionType.STALLED})
_BUSY_WHEN_TRUE = frozenset({ConditionType.RECONCILING, ConditionType.UPDATE_AVAILABLE})


def print_status_list(bodies: Sequence[KubernetesObject]) -> None:
    """Print name, verdict and message of each deployment."""
    print_page(*(part for body in bodies for part in _make_head(body, _read_status(body))))


def print_status_lines(bodies: Sequence[KubernetesObject]) -> None:
    """Print a line for each deployment."""
    table = make_lines_table(
        "name", "ready", "reason", "pods", "serving", "gpus", "cache", "model", "update", "message"
    )
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
            make_text(_find_waiting_revision(status) or MISSING),
            make_text(" ".join(ready.message.split()) if ready else ""),
        )
    print_lines(table)


def print_status_page(body: KubernetesObject, now: datetime) -> None:
    """Print everything that the status of one deployment says."""
    status = _read_status(body)
    parts = list(_make_head(body, status))
    if status is not None and status.conditions:
        parts += ["", indent(make_status_fields(body, status, now)), "", indent(_make_tree(status.conditions, now))]
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
    waits = Text("  update available", BUSY) if status and _find_waiting_revision(status) else Text()
    yield Text.assemble(name, "  ", verdict, waits)
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


def _find_waiting_revision(status: NemotronDeploymentStatus) -> str | None:
    """Find the revision that waits to be adopted."""
    return status.rollout.available_revision if status.rollout else None


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
