"""Everything that calls the hub's own client: resolve a revision, describe its files, fetch them.

The client is imported late: it takes longer than reading the arguments, and a published commit needs no hub.
"""

import glob
import logging
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nemotron_operator.downloader.access import HubAccess
from nemotron_operator.downloader.errors import HubUnavailableError
from nemotron_operator.downloader.hub_errors import explained_hub_errors
from nemotron_operator.downloader.partials import Partial
from nemotron_operator.downloader.selection import RemoteFile

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

COMMIT_PATTERN = re.compile(r"[0-9a-f]{40}")
"""A revision that names itself and can never mean anything else."""

DESCRIPTION_TIMEOUT_SECONDS = 60
"""How long the description of a repository may take. The client alone would wait forever."""

CONTINUING_THREADS = 8
"""How many unfinished files are completed at once: as many as the client fetches at once."""


@dataclass(frozen=True)
class Description:
    """A revision as the hub describes it."""

    commit: str
    """The commit that the revision means now."""

    files: tuple[RemoteFile, ...]
    """All files of the commit."""


def is_commit(revision: str) -> bool:
    """Say whether a revision is a full commit, which needs no hub to be resolved."""
    return COMMIT_PATTERN.fullmatch(revision) is not None


def describe_revision(access: HubAccess, revision: str) -> Description:
    """Resolve the revision to a commit, and list its files with sizes and digests: one request."""
    _quiet_client()
    from huggingface_hub import HfApi

    api = HfApi(endpoint=access.endpoint, token=access.token or False)
    with explained_hub_errors(access, revision):
        model = api.model_info(
            access.repository, revision=revision, files_metadata=True, timeout=DESCRIPTION_TIMEOUT_SECONDS
        )
    if model.sha is None or not is_commit(model.sha):
        raise HubUnavailableError(f"The hub named no commit for {access.repository} at {revision}. Is it a hub?")
    return Description(model.sha, tuple(_read_sibling(access, sibling) for sibling in model.siblings or ()))


def fetch_files(access: HubAccess, commit: str, files: Sequence[RemoteFile], staging: Path) -> None:
    """Fetch the files that staging lacks.

    Raises
    ------
    HubUnavailableError
        If files are missing afterwards. The client returns a half-filled directory without an error when the hub
        stops answering before the first file.
    """
    from huggingface_hub import snapshot_download

    with explained_hub_errors(access, commit):
        snapshot_download(
            access.repository,
            revision=commit,
            local_dir=staging,
            allow_patterns=[glob.escape(file.path) for file in files],
            token=access.token or False,
            endpoint=access.endpoint,
        )
    missing = [file.path for file in files if not (staging / file.path).is_file()]
    if missing:
        raise HubUnavailableError(
            f"The hub stopped answering before {len(missing)} of {len(files)} files of {access.repository} "
            f"were fetched, {missing[0]} among them. The next run fetches the rest."
        )


def continue_files(access: HubAccess, commit: str, partials: Iterable[Partial], staging: Path) -> None:
    """Complete unfinished files from where they end, and put them where the client finds them."""
    with explained_hub_errors(access, commit), ThreadPoolExecutor(CONTINUING_THREADS) as pool:
        list(pool.map(lambda partial: _continue_file(access, commit, partial, staging), partials))


def _continue_file(access: HubAccess, commit: str, partial: Partial, staging: Path) -> None:
    """Append the rest of one file. The client checks its digest before it takes the file for finished."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get

    url = hf_hub_url(access.repository, partial.file.path, revision=commit, endpoint=access.endpoint)
    with partial.path.open("ab") as file:
        http_get(
            url,
            file,
            resume_size=partial.size_bytes,
            headers={"authorization": f"Bearer {access.token}"} if access.token else {},
            expected_size=partial.file.size_bytes,
        )
    target = staging / partial.file.path
    target.parent.mkdir(parents=True, exist_ok=True)
    partial.path.rename(target)


def _read_sibling(access: HubAccess, sibling: "RepoSibling") -> RemoteFile:
    if sibling.size is None or sibling.blob_id is None:
        raise HubUnavailableError(
            f"The hub tells neither size nor digest of {sibling.rfilename} in {access.repository}, "
            "so that its bytes could not be verified. If HF_ENDPOINT names a mirror, it has to serve `blobs=true`."
        )
    lfs_sha256 = sibling.lfs.sha256 if sibling.lfs else None
    return RemoteFile(sibling.rfilename, sibling.size, sibling.blob_id, lfs_sha256)


def _quiet_client() -> None:
    """Leave progress and log lines to us, and ask the hub for nothing but the model.

    Notes
    -----
    The client has bars, a log handler that does not redact, and a request of its own that looks for coding agents.
    """
    from huggingface_hub import constants
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    logging.getLogger("huggingface_hub").handlers.clear()
    constants.HF_HUB_DISABLE_TELEMETRY = True
