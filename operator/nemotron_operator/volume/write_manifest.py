"""A manifest for a directory of the user's: from now on its files can be proven."""

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from nemotron_operator.volume.durable import replace_file
from nemotron_operator.volume.manifest import MANIFEST_NAME, Manifest, ManifestFile, make_manifest
from nemotron_operator.volume.verify import HASHING_THREADS, read_file


def write_manifest(directory: Path, paths: Sequence[str]) -> Manifest:
    """Read every file, and write down its size and digest.

    Notes
    -----
    There is no repository, so the directory's name stands for it, and the digest of the list stands for the commit.
    """
    with ThreadPoolExecutor(HASHING_THREADS) as pool:
        files = list(pool.map(lambda path: read_file(directory, path), paths))
    manifest = make_manifest(directory.resolve().name, _commit_of(files), (), files)
    replace_file(directory / MANIFEST_NAME, manifest.render())
    return manifest


def _commit_of(files: Sequence[ManifestFile]) -> str:
    listing = json.dumps(sorted((file.path, file.size_bytes, file.sha256) for file in files))
    return hashlib.sha256(listing.encode()).hexdigest()[:40]
