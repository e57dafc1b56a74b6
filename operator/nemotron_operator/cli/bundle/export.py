"""`nemoctl bundle export`: fetch a model where there is internet, with all that a cluster without any needs for it."""

import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import typer

from nemotron_operator.cli.bundle.images import render_images
from nemotron_operator.cli.bundle.layout import (
    IMAGES_NAME,
    RESOURCE_NAME,
    BundleDescription,
    locate_models,
    read_description,
    write_description,
)
from nemotron_operator.cli.bundle.program import Ending, run_program
from nemotron_operator.cli.bundle.progress import describe_progress
from nemotron_operator.cli.bundle.resource import (
    PlannedBundle,
    RefusedError,
    make_body,
    plan_body,
    read_body,
    with_revision,
)
from nemotron_operator.cli.messages import say
from nemotron_operator.cli.offline import Offline, read_offline
from nemotron_operator.cli.program import EXIT_REFUSED
from nemotron_operator.errors import OperatorError
from nemotron_operator.yaml_text import dump_yaml

HUB_CLIENT = "huggingface_hub"
"""The package that the extra `downloader` brings."""

ENDPOINT_VARIABLE = "HF_ENDPOINT"
"""The environment variable that names a mirror of the hub; what a person sets wins over the resource."""


@dataclass(frozen=True, slots=True)
class ExportQuery:
    """What is exported, and to where."""

    model: str | None
    """A name of the catalogue; None takes the resource."""
    resource: Path | None
    revision: str | None
    """None takes the resource's, else the catalogue's."""
    output: Path
    operator_config: Path | None


def export_bundle(query: ExportQuery) -> int:
    """Fetch, verify and describe; returns the exit code. A second run goes on where the first was interrupted.

    Raises
    ------
    OperatorError
        Something cannot be read or written, or the directory holds another bundle; the message names the way out.
    """
    _require_hub_client()
    offline = read_offline(query.operator_config)
    try:
        planned = _plan(query, offline)
    except RefusedError as error:
        say(str(error))
        return EXIT_REFUSED
    origin = planned.download.origin
    _require_same_bundle(query.output, origin.repository, origin.revision)
    say(f"Fetching {origin.label} into {locate_models(query.output)}.")
    ending = _fetch(planned, query.output)
    if not ending.is_complete:
        say(f"{origin.label} is not fetched: {ending.explain()} The same command goes on where this one ended.")
        return EXIT_REFUSED
    description = _describe(planned, ending.outcome)
    _write(query.output, planned, description)
    typer.echo(
        f"{query.output} holds {description.title}.\n"
        f"Carry it into the cluster's network with the images of {query.output / IMAGES_NAME}, then:\n"
        f"  nemoctl bundle import {shlex.quote(str(query.output))} -n NAMESPACE\n"
        f"  kubectl apply -n NAMESPACE -f {shlex.quote(str(query.output / RESOURCE_NAME))}"
    )
    return 0


def _require_hub_client() -> None:
    if find_spec(HUB_CLIENT) is None:
        raise OperatorError(
            "The hub's client is not installed, and export fetches with it. Install it with "
            "`pip install '.[downloader]'` in the operator's sources, or run nemoctl in the operator's image."
        )


def _plan(query: ExportQuery, offline: Offline) -> PlannedBundle:
    body = make_body(query.model, offline) if query.model is not None else read_body(_require(query.resource))
    planned = plan_body(body, offline)
    return planned if query.revision is None else with_revision(planned, query.revision, offline)


def _require(resource: Path | None) -> Path:
    if resource is None:
        raise AssertionError("the command line asks for one of both")
    return resource


def _require_same_bundle(output: Path, repository: str, revision: str) -> None:
    """Refuse to mix two models in one bundle."""
    earlier = read_description(output)
    if earlier is not None and (earlier.repository, earlier.revision) != (repository, revision):
        raise OperatorError(
            f"{output}: holds {earlier.title} already. Give another --output for {repository} at {revision}."
        )


def _fetch(planned: PlannedBundle, output: Path) -> Ending:
    """Run the cache Job's program here."""
    models, origin = locate_models(output), planned.download.origin
    models.mkdir(parents=True, exist_ok=True)
    command = [
        *(sys.executable, "-m", "nemotron_operator.downloader.main"),
        f"--repository={origin.repository}",
        f"--revision={origin.revision}",
        f"--destination={models}",
        f"--termination-message-path={os.devnull}",
    ]
    environment = {"HF_HUB_DISABLE_TELEMETRY": "1", **os.environ}
    if planned.download.endpoint is not None:
        environment.setdefault(ENDPOINT_VARIABLE, planned.download.endpoint)
    return run_program(command, report=_tell_progress, warn=say, environment=environment)


def _tell_progress(progress: Mapping[str, Any]) -> None:
    rate = progress.get("bytesPerSecond") or 0
    say(describe_progress("Fetched", progress.get("bytes", 0), progress.get("totalBytes", 0), rate))


def _describe(planned: PlannedBundle, outcome: Mapping[str, Any]) -> BundleDescription:
    return BundleDescription(
        repository=outcome["repository"],
        revision=planned.download.origin.revision,
        commit=outcome["commit"],
        manifest_sha256=outcome["manifestSha256"],
        size_bytes=outcome["bytes"],
        files=outcome["files"],
    )


def _write(output: Path, planned: PlannedBundle, description: BundleDescription) -> None:
    (output / RESOURCE_NAME).write_text(dump_yaml(planned.body))
    (output / IMAGES_NAME).write_text(render_images(planned.plan, planned.download))
    write_description(output, description)
