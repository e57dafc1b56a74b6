"""`nemoctl render`: the objects that the operator would apply, from the same code."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from nemotron_operator.api.v1alpha1 import InvalidDeployment, ParsedDeployment
from nemotron_operator.cli.documents import Document, read_documents
from nemotron_operator.cli.messages import say
from nemotron_operator.cli.offline import PLACEHOLDER_UID, Offline, is_commit, read_offline
from nemotron_operator.cli.output import ManifestFormat, write_document
from nemotron_operator.cli.program import EXIT_REFUSED
from nemotron_operator.errors import OperatorError
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.render.manifests import Manifest, Manifests, render
from nemotron_operator.status.judgement import Decision
from nemotron_operator.status.planned import find_planned


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """What the command line adds to the files."""

    config: Path | None
    namespace: str
    """Namespace of deployments that name none."""
    commit: str | None
    """What the download is assumed to have fetched; None takes the pinned revision."""


def render_files(paths: Sequence[Path], options: RenderOptions, output: ManifestFormat) -> int:
    """Render every deployment of the files; returns the exit code.

    Raises
    ------
    OperatorError
        A file, the configuration or the commit cannot be used; the message names it and the way out.
    """
    if options.commit is not None and not is_commit(options.commit):
        raise OperatorError(f"--commit: must be 40 hexadecimal digits (found {options.commit!r}): a branch moves on.")
    documents = read_documents(paths, options.namespace)
    offline = read_offline(options.config)
    for skipped in documents.skipped:
        say(skipped)
    rendered = [_render(document, options, offline) for document in documents.deployments]
    _write([manifest for manifests in rendered if manifests is not None for manifest in manifests], output)
    return EXIT_REFUSED if None in rendered else 0


def _render(document: Document, options: RenderOptions, offline: Offline) -> Manifests | None:
    """Render one deployment; None when it is refused."""
    deployment = document.deployment
    title = f"{document.source}: {deployment.identity.name}"
    if isinstance(deployment, InvalidDeployment):
        _refuse(deployment, title)
        return None
    deployment = _complete_identity(deployment)
    commit = options.commit or offline.find_commit(deployment)
    plan = offline.decide(deployment, commit)
    if not isinstance(plan, ServingPlan):
        _refuse(plan, title)
        return None
    if plan.warning is not None:
        say(f"{title}: {find_planned(plan, None).finding.message}")
    if plan.cache.model_path is None:
        say(f"{title}: the Deployment follows when the download is finished; --commit COMMIT shows it.")
    elif plan.waits_for_adapters:
        say(f"{title}: the Deployment follows when every adapter is there; a commit as its revision shows it.")
    return _without_a_record(render(plan), plan)


def _refuse(decision: Decision, title: str) -> None:
    finding = find_planned(decision, None).finding
    say(f"{title}: {finding.reason}: {finding.message}")


def _complete_identity(deployment: ParsedDeployment) -> ParsedDeployment:
    """Fill in what the API server would; a file that came from a cluster has the real uid."""
    identity = deployment.identity
    return replace(deployment, identity=replace(identity, uid=identity.uid or PLACEHOLDER_UID))


def _without_a_record(manifests: Manifests, plan: ServingPlan) -> Manifests:
    """Take back the volume's record of a download that was only assumed.

    Applied by hand, the record would make the operator serve from a volume that holds nothing.
    """
    before_download = replace(plan, cache=replace(plan.cache, cached=None))
    return replace(manifests, claim=render(before_download).claim)


def _write(manifests: Sequence[Manifest], output: ManifestFormat) -> None:
    if output == ManifestFormat.JSON:
        write_document({"apiVersion": "v1", "kind": "List", "items": list(manifests)}, output)
        return
    for manifest in manifests:
        typer.echo("---")
        write_document(manifest, output)
