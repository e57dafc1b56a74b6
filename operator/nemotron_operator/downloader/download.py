"""One download from the first question to the published directory: the order of the steps, and nothing else."""

import logging
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from nemotron_operator.downloader.adapter import read_rank, require_adapter
from nemotron_operator.downloader.fetching import Fetching
from nemotron_operator.downloader.origin import Description, Origin
from nemotron_operator.downloader.outcome import Complete
from nemotron_operator.downloader.patience import Patience, persist
from nemotron_operator.downloader.progress import Meter
from nemotron_operator.downloader.progress_report import reported
from nemotron_operator.downloader.progress_server import served
from nemotron_operator.downloader.resolve import known_commit, resolve
from nemotron_operator.downloader.selection import select_files
from nemotron_operator.volume.manifest import Manifest, make_manifest
from nemotron_operator.volume.place import Place, locked
from nemotron_operator.volume.publish import find_published, publish, take_back
from nemotron_operator.volume.read_rate import measure_read_rate
from nemotron_operator.volume.refs import Ref
from nemotron_operator.volume.refusals import explained_volume_errors
from nemotron_operator.volume.remote_file import RemoteFile, total_bytes
from nemotron_operator.volume.space import held_bytes, require_space

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    origin: Origin
    """The repository or bucket, and the revision."""

    destination: Path
    """The directory on the volume that gets one directory per commit."""

    extra_patterns: tuple[str, ...] = ()
    """Patterns of files besides the default ones."""

    patience: Patience = field(default_factory=Patience)
    """When to ask the origin again."""

    is_adapter: bool = False
    """Whether it has to be a LoRA adapter."""

    progress_port: int | None = None
    """Where to serve the progress; None or 0 serves it nowhere."""


def download(request: Request) -> Complete:
    """Bring the revision onto the volume, or find it there.

    Raises
    ------
    ExplainedError
        For every cause that has a name.
    """
    started = time.monotonic()
    with explained_volume_errors(request.destination):
        manifest, fetched_bytes = _find_or_fetch(request)
        read_rate = _measure_read_rate(request, manifest) if fetched_bytes else None
    return Complete(
        repository=request.origin.label,
        commit=manifest.commit,
        size_bytes=manifest.size_bytes,
        files=len(manifest.files),
        manifest_sha256=manifest.sha256,
        seconds=time.monotonic() - started,
        fetched_bytes=fetched_bytes,
        read_bytes_per_second=read_rate,
        adapter_rank=_read_rank(request, manifest),
    )


def _read_rank(request: Request, manifest: Manifest) -> int | None:
    if not request.is_adapter:
        return None
    return read_rank(request.origin.label, Place(request.destination, manifest.commit).published)


def _measure_read_rate(request: Request, manifest: Manifest) -> int | None:
    published = Place(request.destination, manifest.commit).published
    return measure_read_rate(published / path for path in manifest.weights)


def _find_or_fetch(request: Request) -> tuple[Manifest, int]:
    """Give the manifest of the published directory, and how many bytes were fetched for it."""
    origin = request.origin
    ref = Ref(request.destination, origin.label, origin.revision)
    commit = known_commit(origin, ref)
    if commit is not None:
        published = find_published(Place(request.destination, commit), request.extra_patterns)
        if published is not None:
            return published, 0
    description = resolve(origin, ref, lambda revision: _describe(request, revision))
    place = Place(request.destination, description.commit)
    with locked(place):
        published = find_published(place, request.extra_patterns)
        if published is not None:
            return published, 0
        files = select_files(origin.label, place.commit, description.files, request.extra_patterns)
        if request.is_adapter:
            require_adapter(origin.label, place.commit, files)
        take_back(place)
        return _fill_and_publish(request, place, files)


def _describe(request: Request, revision: str) -> Description:
    return persist(lambda: request.origin.describe(revision), lambda: 0, request.patience, time.sleep)


def _fill_and_publish(request: Request, place: Place, files: tuple[RemoteFile, ...]) -> tuple[Manifest, int]:
    """Fetch what staging lacks, verify all of it, and publish; give how much came."""
    label, staging, size_bytes = request.origin.label, place.staging, total_bytes(files)
    require_space(place, label, files)
    logger.info("%d files, %d bytes, of which %d are here.", len(files), size_bytes, held_bytes(staging, files))
    fetching = Fetching(request.origin, place.commit, staging, request.patience)
    meter = Meter(lambda: held_bytes(staging, files), size_bytes)
    with served(meter, request.progress_port, label), reported(meter, sys.stdout):
        verified, fetched_bytes = fetching.fetch_all(files)
    manifest = make_manifest(label, place.commit, request.extra_patterns, verified)
    publish(place, manifest)
    return manifest, fetched_bytes
