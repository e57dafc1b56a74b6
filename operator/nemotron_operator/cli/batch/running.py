"""`nemoctl batch`: put many requests to a model as a Job, follow it, and fetch the results."""

import asyncio
import uuid
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

import typer

from nemotron_operator.api.quantity import parse_quantity
from nemotron_operator.cli.batch.following import Following, JobEnd, explain_gone, read_end
from nemotron_operator.cli.batch.holding import held_pod
from nemotron_operator.cli.batch.manifests import (
    REVISION_ANNOTATION,
    Batch,
    render_job,
    render_placer,
    render_pod,
    render_volume,
)
from nemotron_operator.cli.batch.model import BatchModel, read_model
from nemotron_operator.cli.batch.objects import find, find_or_make, list_others, take_away
from nemotron_operator.cli.batch.placing import place
from nemotron_operator.cli.batch.prepared import PreparedRequests, prepared
from nemotron_operator.cli.batch.queue import require_queue
from nemotron_operator.cli.batch.summary import announce, describe_others, summarize
from nemotron_operator.cli.batch.transfer import Counts, fetch_results, read_log, send_requests
from nemotron_operator.cli.cluster_access import ClusterTarget, open_gateway
from nemotron_operator.cli.kubectl import require_kubectl
from nemotron_operator.cli.messages import say
from nemotron_operator.cli.offline import read_offline
from nemotron_operator.cli.output import ManifestFormat, write_document
from nemotron_operator.cli.program import EXIT_REFUSED
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.kinds import CLAIM, JOB
from nemotron_operator.errors import OperatorError


@dataclass(frozen=True, slots=True)
class BatchQuery:
    """What is asked."""

    name: str
    """The resource."""
    input: Path
    output: Path
    is_through_server: bool
    concurrency: int
    system_prompt: str | None
    """None takes the card's."""
    storage_class: str | None
    size: str | None
    keeps: bool
    """Whether Job and volume stay when the results are here."""
    is_detached: bool
    """Whether nobody waits for the results."""
    overwrites: bool
    is_dry_run: bool
    operator_config: Path | None
    target: ClusterTarget
    timeout_seconds: int
    """How long the pod that carries requests and results may take to run."""

    @property
    def partial_output(self) -> Path:
        """Where the answers go of a Job that failed."""
        return self.output.with_name(f"{self.output.name}.partial")


def run_batch(query: BatchQuery) -> int:
    """Run a batch, or come back to one that runs; returns the exit code.

    Raises
    ------
    OperatorError
        The input, the cluster or the output cannot be used; the message names the way out.
    """
    _require_input(query.input)
    _require_output(query)
    model = asyncio.run(_read_model(query))
    rules = model.make_rules(str(query.input), query.system_prompt, is_through_server=query.is_through_server)
    with prepared(query.input, rules) as requests:
        batch = _make_batch(query, model, requests)
        if query.is_dry_run:
            _show(batch)
            return 0
        require_kubectl("requests and results go through it", "Install it.")
        return _Run(query, batch, requests).run()


def _require_input(path: Path) -> None:
    """See that the input can be read before the cluster is asked; its lines wait for the model's rules."""
    try:
        if not path.is_fifo():  # whoever writes into one would take it for read
            path.open("rb").close()
    except OSError as error:
        raise OperatorError(
            f"--input {path}: cannot be read: {error.strerror}. Give the path of a file with a JSON object a line."
        ) from error


def _require_output(query: BatchQuery) -> None:
    if query.output.is_dir():
        raise OperatorError(
            f"--output {query.output}: is a directory. Give a file, such as {query.output / 'results.jsonl'}."
        )
    for path in (query.output, query.partial_output):
        if path.exists() and path.samefile(query.input):
            raise OperatorError(
                f"--output {query.output}: the answers would replace the input, {query.input}. Give another --output."
            )
    if query.output.exists() and not query.overwrites:
        raise OperatorError(f"{query.output}: is there already. Give another --output, or --force to overwrite it.")
    if not query.output.absolute().parent.is_dir():
        raise OperatorError(f"{query.output}: its directory is not there: `mkdir -p {query.output.parent}`.")


async def _read_model(query: BatchQuery) -> BatchModel:
    offline = read_offline(query.operator_config)
    async with open_gateway(query.target) as gateway:
        return await read_model(gateway, query.target.choose_one_namespace(), query.name, offline)


def _make_batch(query: BatchQuery, model: BatchModel, requests: PreparedRequests) -> Batch:
    return Batch(
        model=model,
        requests_sha256=requests.sha256,
        requests=requests.requests,
        size_bytes=requests.size_bytes,
        answer_bytes=requests.answer_bytes,
        is_through_server=query.is_through_server,
        concurrency=query.concurrency,
        storage_class=query.storage_class,
        volume_bytes=None if query.size is None else _parse_size(query.size),
    )


def _parse_size(text: str) -> int:
    try:
        return int(parse_quantity(text))
    except ValueError as error:
        raise OperatorError(f"--size: {error}.") from error


def _show(batch: Batch) -> None:
    weights = batch.unplaced_weights
    carriers = [render_pod(batch)] if weights is None else [render_placer(batch, weights), render_pod(batch)]
    for manifest in (render_volume(batch), *carriers, render_job(batch)):
        typer.echo("---")
        write_document(manifest, ManifestFormat.YAML)


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of the command."""

    query: BatchQuery
    batch: Batch
    requests: PreparedRequests
    say: Callable[[str], None] = say

    def run(self) -> int:
        """Begin where the batch is, and go on to its end."""
        try:
            self._start()
            if self.query.is_detached:
                typer.echo(f"The Job {self.batch.name!r} answers. {self._advise()}")
                return 0
            end = asyncio.run(self._follow())
            return self._finish(end)
        except KeyboardInterrupt:
            self.say(f"Interrupted. The batch goes on without you if its Job was made. {self._advise()}")
            raise typer.Abort from None

    def _start(self) -> None:
        """Make what is not there."""
        if asyncio.run(self._has_job()):
            return
        self.say(announce(self.batch))
        render_job(self.batch)  # what cannot be is refused before anything is made
        asyncio.run(self._require_queue())
        asyncio.run(self._tell_others())
        volume = asyncio.run(self._make_volume())
        with self._held_pod(place(self.batch, volume, self.query.target, self.query.timeout_seconds, self.say)):
            send_requests(self.batch, self.requests, self.query.target)
        asyncio.run(self._make_job())

    async def _has_job(self) -> bool:
        """Tell whether the Job is there, and not to be made anew."""
        batch = self.batch
        async with self._open() as gateway:
            job = await find(gateway, JOB, batch.namespace, batch.name)
            end = None if job is None else read_end(job, [])
            if job is None or (end is not None and not end.is_complete):
                await self._require_same_revision(gateway)
            if job is None:
                return False
            if end is not None and not end.is_complete:
                self.say(f"The Job {batch.name!r} failed before: {end.why} What is left is tried again.")
                await take_away(gateway, JOB, batch.namespace, batch.name)
                return False
        revision = (job["metadata"].get("annotations") or {}).get(REVISION_ANNOTATION, "")
        self.say(f"The Job {batch.name!r} is there already: this follows it.")
        if revision != (batch.model.revision or ""):
            self.say(
                f"It answers with revision {revision or 'of its own time'}, and {batch.model.title} serves "
                f"{batch.model.revision or 'none'} now. To ask anew: {self._name_deletion()}, then the same command."
            )
        return True

    async def _require_same_revision(self, gateway: ClusterGateway) -> None:
        """See that another Job would go on with the revision whose answers are on the volume.

        Raises
        ------
        OperatorError
            It would not.
        """
        batch, now = self.batch, self.batch.model.revision or ""
        volume = await find(gateway, CLAIM, batch.namespace, batch.name)
        began = None if volume is None else (volume["metadata"].get("annotations") or {}).get(REVISION_ANNOTATION)
        if began not in {None, now}:
            raise OperatorError(
                f"The batch {batch.name!r} began with revision {began or 'of its own time'}, and {batch.model.title} "
                f"has {now or 'none'} now. To ask anew: {self._name_deletion()}, then the same command. To have "
                f"answers of both in one file: `kubectl annotate pvc {batch.name} -n {batch.namespace} --overwrite "
                f"{REVISION_ANNOTATION}={now}` first."
            )

    async def _tell_others(self) -> None:
        """Tell what else there is, before a new batch begins: the same file is another one once the model changed."""
        batch, others = self.batch, list[str]()
        async with self._open() as gateway:
            if await find(gateway, CLAIM, batch.namespace, batch.name) is not None:
                return
            with suppress(OperatorError):  # nothing else needs the right to list volumes
                others = await list_others(gateway, batch.namespace, batch.plan.identity.name, batch.name)
        if others:
            self.say(describe_others(batch, others))

    async def _require_queue(self) -> None:
        async with self._open() as gateway:
            await require_queue(gateway, self.batch)

    async def _make_volume(self) -> KubernetesObject:
        async with self._open() as gateway:
            return await find_or_make(gateway, CLAIM, render_volume(self.batch))

    async def _make_job(self) -> None:
        """Make the Job; the pod has let go of the volume."""
        async with self._open() as gateway:
            await find_or_make(gateway, JOB, render_job(self.batch))
        self.say(f"The Job {self.batch.name!r} is made. Ctrl-C leaves it running: {self._advise()}")

    async def _follow(self) -> JobEnd:
        def read(pod: str, container: str) -> str | None:
            return read_log(self.batch, pod, container, self.query.target)

        async with self._open() as gateway:
            return await Following(self.batch, read, self.say).follow(gateway)

    def _finish(self, end: JobEnd) -> int:
        """Fetch the results, and take away what is not needed any more."""
        output = self.query.output if end.is_complete else self.query.partial_output
        counts = self._fetch(output)
        summary = summarize(counts, end.seconds)
        if not end.is_complete:
            self.say(
                f"The Job {self.batch.name!r} failed: {end.why} {output} holds what there is: {summary}. The same "
                f"command tries the rest again; {self._name_deletion()} gives up."
            )
            return EXIT_REFUSED
        if not self.query.keeps:
            asyncio.run(self._clean_up())
        typer.echo(f"{output}: {summary}.")
        return 0 if counts.answered == counts.total else EXIT_REFUSED

    def _fetch(self, output: Path) -> Counts:
        """Fetch into a file beside, which gets its name when it is whole."""
        arriving = output.with_name(f".{output.name}.{uuid.uuid4().hex}.arriving")
        asyncio.run(self._require_volume())
        with self._held_pod(self.batch.once_placed()):
            try:
                counts = fetch_results(self.batch, self.query.target, arriving)
                arriving.replace(output)
            finally:
                arriving.unlink(missing_ok=True)
        return counts

    def _held_pod(self, batch: Batch) -> AbstractContextManager[None]:
        return held_pod(batch, self.query.target, self.query.timeout_seconds, self.say)

    async def _require_volume(self) -> None:
        """See that nobody took the answers away meanwhile: a pod would wait for them in vain."""
        async with self._open() as gateway:
            if await find(gateway, CLAIM, self.batch.namespace, self.batch.name) is None:
                raise OperatorError(
                    f"{explain_gone(self.batch)} {self._name_deletion()} takes away what is left of it."
                )

    async def _clean_up(self) -> None:
        """Take away the volume before the Job: whoever finds no Job then learns that its answers are gone too."""
        async with self._open() as gateway:
            for kind in (CLAIM, JOB):
                await take_away(gateway, kind, self.batch.namespace, self.batch.name, waits=False)

    def _open(self) -> AbstractAsyncContextManager[ClusterGateway]:
        return open_gateway(self.query.target)

    def _advise(self) -> str:
        return f"the same command follows it again and fetches the results; {self._name_deletion()} ends it."

    def _name_deletion(self) -> str:
        return f"`kubectl delete job,pvc {self.batch.name} -n {self.batch.namespace}`"
