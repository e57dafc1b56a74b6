"""`nemoctl bundle import --directory`: copy a bundle's model into a path of this machine, as the cache Job would."""

import os
import sys
from pathlib import Path

import typer

from nemotron_operator.cli.bundle.layout import Bundle
from nemotron_operator.cli.bundle.transfer import make_receive_arguments, send_bundle
from nemotron_operator.cli.messages import say
from nemotron_operator.cli.program import EXIT_REFUSED
from nemotron_operator.errors import OperatorError
from nemotron_operator.volume.place import Place
from nemotron_operator.volume.publish import find_published


def import_into_directory(bundle: Bundle, directory: Path) -> int:
    """Copy the model, read it again and publish it; returns the exit code.

    Raises
    ------
    OperatorError
        There is no such directory, it holds another download of the commit, or the bundle is damaged; the message
        names the file and the way out.
    """
    if not directory.is_dir():
        raise OperatorError(f"{directory}: is no directory. Mount the volume there first, or make it with mkdir.")
    description, place = bundle.description, Place(directory, bundle.description.commit)
    published = find_published(place, bundle.manifest.extra_patterns)
    if published is not None and published.sha256 == description.manifest_sha256:
        typer.echo(f"{place.published} holds {description.title} already.")
        return 0
    command = [
        *(sys.executable, "-m", "nemotron_operator.volume.main"),
        *make_receive_arguments(bundle, str(directory)),
        f"--termination-message-path={os.devnull}",
    ]
    ending = send_bundle(bundle, command)
    if not ending.is_complete:
        say(f"{description.title} is not imported into {directory}: {ending.explain()}")
        return EXIT_REFUSED
    if ending.outcome.get("manifestSha256") != description.manifest_sha256:
        raise OperatorError(
            f"{place.published} is there already, of another download: {ending.outcome.get('files')} files, manifest "
            f"{ending.outcome.get('manifestSha256')}. It was verified and stays. Remove it, and import again."
        )
    typer.echo(
        f"{place.published} holds {description.title}, every byte verified.\n"
        "A resource serves it from the claim of that volume with spec.model.source.persistentVolumeClaim: "
        f"{{claimName: CLAIM, path: {description.commit}}}."
    )
    return 0
