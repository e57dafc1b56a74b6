"""The manifest that lies beside the files in a bucket: what a published directory of a volume holds, copied whole."""

import json
import logging

from nemotron_operator.volume.digest import Digest, DigestKind
from nemotron_operator.volume.manifest import MANIFEST_NAME
from nemotron_operator.volume.remote_file import RemoteFile

logger = logging.getLogger(__name__)

LIMIT_BYTES = 16 << 20
"""The size of a manifest that nobody could mean: it is not read."""


def parse_manifest(content: bytes, label: str) -> dict[str, RemoteFile]:
    """Give the files by path, each with its sha256; nothing if it is no manifest.

    Notes
    -----
    What it says is checked like every other digest, so a wrong one stops a download and harms nothing.
    """
    try:
        listed = [
            RemoteFile(file["path"], file["bytes"], Digest(DigestKind.SHA256, file["sha256"]))
            for file in json.loads(content)["files"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        logger.warning("%s of %s cannot be read, and is not used: %r.", MANIFEST_NAME, label, error)
        return {}
    return {file.path: file for file in listed}
