"""Everything that calls the hub's own client: resolve a revision, describe its files, fetch them.

The client is imported late: it takes longer than reading the arguments, and a published commit needs no hub.
"""

import logging
from dataclasses import dataclass, field
from http import HTTPStatus
from importlib.util import find_spec
from typing import TYPE_CHECKING

from nemotron_operator.downloader.access import HubAccess
from nemotron_operator.downloader.errors import HubUnavailableError
from nemotron_operator.downloader.hub_errors import explained_hub_errors
from nemotron_operator.downloader.origin import Description, Piece
from nemotron_operator.downloader.xet_errors import explained_xet_errors
from nemotron_operator.volume.digest import Digest, DigestKind
from nemotron_operator.volume.place import is_commit
from nemotron_operator.volume.remote_file import RemoteFile

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

XET_FAILURES = 3
"""After how many files that Xet storage did not give no other is asked of it in this run: where a firewall swallows the
packets, each would first wait out the patience of its client (six minutes: client.retry_max_duration of hf_xet 1.8)."""

DESCRIPTION_TIMEOUT_SECONDS = 60
"""How long the description of a repository may take. The client alone would wait forever."""


@dataclass(frozen=True)
class HubOrigin:
    """A repository of a hub."""

    access: HubAccess
    """The repository, its hub and the token."""

    revision: str
    """A commit, a branch or a tag."""

    _failed_by_xet: set[str] = field(default_factory=set, init=False, repr=False, compare=False)
    """The paths of files that Xet storage did not give in this run."""

    @property
    def label(self) -> str:
        """Name the repository."""
        return self.access.repository

    def describe(self, revision: str) -> Description:
        """Resolve the revision to a commit, and list its files with sizes and digests: one request."""
        _quiet_client()
        from huggingface_hub import HfApi

        access = self.access
        api = HfApi(endpoint=access.endpoint, token=access.token or False)
        with explained_hub_errors(access, revision):
            model = api.model_info(
                access.repository, revision=revision, files_metadata=True, timeout=DESCRIPTION_TIMEOUT_SECONDS
            )
        if model.sha is None or not is_commit(model.sha):
            raise HubUnavailableError(f"The hub named no commit for {access.repository} at {revision}. Is it a hub?")
        return Description(model.sha, tuple(_read_sibling(access, sibling) for sibling in model.siblings or ()))

    def fetch(self, commit: str, file: RemoteFile, piece: Piece) -> None:
        """Append what is missing; a whole file comes by Xet where the hub offers that."""
        from huggingface_hub import hf_hub_url

        url = hf_hub_url(self.access.repository, file.path, revision=commit, endpoint=self.access.endpoint)
        with explained_hub_errors(self.access, commit):
            if not (self._may_be_xet(file, piece) and self._fetch_by_xet(url, file, piece)):
                self._fetch_by_http(url, piece)

    def _may_be_xet(self, file: RemoteFile, piece: Piece) -> bool:
        """Say whether to ask for Xet: not for git's own files, nor for the rest of a piece, which it fetches whole."""
        from huggingface_hub import constants

        is_allowed = not constants.HF_HUB_DISABLE_XET and find_spec("hf_xet") is not None
        is_large = file.digest.kind is DigestKind.SHA256
        is_trusted = file.path not in self._failed_by_xet and len(self._failed_by_xet) < XET_FAILURES
        return is_allowed and is_large and not piece.size_bytes and is_trusted

    def _fetch_by_xet(self, url: str, file: RemoteFile, piece: Piece) -> bool:
        """Fetch the file from Xet storage; give False if the hub does not have it there.

        Notes
        -----
        It writes from the beginning to the end (SequentialWriter of xet-data), so that what a killed run leaves is a
        piece that HTTP can complete. Where it fails, the next attempt is by HTTP: the storage is another host than the
        hub, and a firewall may know only one of them.
        """
        from huggingface_hub import constants, get_hf_file_metadata
        from huggingface_hub.file_download import xet_get

        token, timeout_seconds = self.access.token or False, constants.HF_HUB_DOWNLOAD_TIMEOUT
        metadata = get_hf_file_metadata(url, token=token, timeout=timeout_seconds, endpoint=self.access.endpoint)
        if metadata.xet_file_data is None:
            return False
        try:
            with explained_xet_errors(file.path):
                xet_get(
                    incomplete_path=piece.path,
                    xet_file_data=metadata.xet_file_data,
                    headers=self._headers(),
                    expected_size=file.size_bytes,
                    displayed_filename=file.path,
                )
        except HubUnavailableError:
            self._failed_by_xet.add(file.path)
            raise
        return True

    def _fetch_by_http(self, url: str, piece: Piece) -> None:
        """Write what arrives as it arrives.

        Notes
        -----
        The client's session and not its `http_get`: that collects 10 MiB before it writes, and has a patience of its
        own that knows neither a dripping connection nor a bound.
        """
        from huggingface_hub import constants, get_session, hf_raise_for_status

        first_byte = piece.size_bytes
        headers = self._headers() | {"Accept-Encoding": "identity", "Range": f"bytes={first_byte}-"}
        with get_session().stream("GET", url, headers=headers, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT) as response:
            if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                return  # the file ends here
            hf_raise_for_status(response)
            if first_byte and response.status_code == HTTPStatus.OK:
                piece.restart()
            for data in response.iter_bytes():
                piece.write(data)

    def _headers(self) -> dict[str, str]:
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # its stub part has no __all__

        return build_hf_headers(token=self.access.token or False)


def _read_sibling(access: HubAccess, sibling: "RepoSibling") -> RemoteFile:
    if sibling.size is None or sibling.blob_id is None:
        raise HubUnavailableError(
            f"The hub tells neither size nor digest of {sibling.rfilename} in {access.repository}, "
            "so that its bytes could not be verified. If HF_ENDPOINT names a mirror, it has to serve `blobs=true`."
        )
    if sibling.lfs:
        return RemoteFile(sibling.rfilename, sibling.size, Digest(DigestKind.SHA256, sibling.lfs.sha256))
    return RemoteFile(sibling.rfilename, sibling.size, Digest(DigestKind.GIT_BLOB, sibling.blob_id))


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
