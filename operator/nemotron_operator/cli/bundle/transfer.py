"""Sending a bundle's model to `nemotron-volume receive`, here or in a pod."""

import time
from collections.abc import Sequence

from nemotron_operator.cli.bundle.archive import write_archive
from nemotron_operator.cli.bundle.layout import Bundle
from nemotron_operator.cli.bundle.program import Ending, run_program
from nemotron_operator.cli.bundle.progress import TransferProgress
from nemotron_operator.cli.messages import say
from nemotron_operator.cli.offline import is_commit


def make_receive_arguments(bundle: Bundle, destination: str) -> list[str]:
    """Make the receiver's arguments: a branch or tag shall mean this commit on the volume from then on."""
    revision = bundle.description.revision
    return [
        "receive",
        f"--destination={destination}",
        *([] if is_commit(revision) else [f"--revision={revision}"]),
    ]


def send_bundle(bundle: Bundle, command: Sequence[str]) -> Ending:
    """Send the model to a receiver, which reads it again and publishes it.

    Raises
    ------
    BundleError
        A file of the bundle is damaged; the receiver then publishes nothing.
    OperatorError
        The receiver cannot be started.
    """
    progress = TransferProgress("Sent", bundle.description.size_bytes, say, time.monotonic)
    say(f"Sending {bundle.description.title}.")
    return run_program(command, feed=lambda stream: write_archive(bundle, stream, progress.add))
