"""What a batch comes to, in a sentence, and what a person is told before it begins."""

from nemotron_operator.cli.batch.manifests import Batch
from nemotron_operator.cli.batch.model import find_engine
from nemotron_operator.cli.batch.transfer import Counts
from nemotron_operator.cli.tables import format_count, format_seconds


def announce(batch: Batch) -> str:
    """Say what is about to be asked, and what it takes."""
    what = f"{format_count(batch.requests, 'request')} to {batch.model.title}, as the batch {batch.name!r}"
    if batch.is_through_server:
        return f"{what}: through {batch.plan.base_url}, no GPU of its own."
    limits = find_engine(batch.model.require_engine())["resources"].get("limits") or {}
    gpus = int(limits.get(batch.plan.pod.gpu_resource, 0))
    return f"{what}: in an engine of its own, which takes {format_count(gpus, 'GPU')} beside those that serve."


def describe_others(batch: Batch, others: list[str]) -> str:
    """Say that a new batch leaves others where they are."""
    return (
        f"There are other batches of {batch.model.title}: {', '.join(others)}. Such a batch was made of other lines, "
        "the other way (with or without --through-server), for a resource of this name that was deleted since, or when "
        "the model said something else of temperature, top_p, system prompt or name; the command that made it fetches "
        "its answers while all that is as it was. Its Job may still run. One that nobody needs goes with `kubectl "
        f"delete job,pvc BATCH -n {batch.namespace}`, BATCH being its name."
    )


def summarize(counts: Counts, seconds: int) -> str:
    """Say what came of it."""
    parts = [f"{counts.answered:,} answered", f"{counts.failed:,} failed"]
    if counts.missing:
        parts.append(f"{counts.missing:,} not asked")
    done = counts.answered + counts.failed
    if seconds:
        parts += [f"{format_rate(done / seconds)} requests/s", format_seconds(seconds)]
    return ", ".join(parts)


def format_rate(rate: float) -> str:
    """Write a rate with the digits that it has: long answers come in hundredths of one a second."""
    return f"{rate:.1f}" if rate >= 1 else f"{rate:.2g}"
