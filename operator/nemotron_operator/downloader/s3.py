"""An S3-compatible storage as an origin: a prefix of a bucket is a repository, and its listing names the commit."""

import logging
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import cached_property, partial
from threading import Lock
from typing import Any

from nemotron_operator.downloader.errors import ChecksumMismatchError, NoDigestError, RevisionNotFoundError
from nemotron_operator.downloader.origin import Description, Piece
from nemotron_operator.downloader.s3_access import SOURCE_FIELD, read_access
from nemotron_operator.downloader.s3_client import CONNECTIONS, make_client
from nemotron_operator.downloader.s3_digest import find_digest
from nemotron_operator.downloader.s3_errors import changed_error, explained_s3_errors
from nemotron_operator.downloader.s3_listing import S3Object, commit_of, list_objects
from nemotron_operator.downloader.s3_manifest import LIMIT_BYTES, parse_manifest
from nemotron_operator.downloader.selection import is_wanted
from nemotron_operator.volume.manifest import MANIFEST_NAME
from nemotron_operator.volume.remote_file import RemoteFile

logger = logging.getLogger(__name__)

READ_BYTES = 64 << 10
"""How much is read from a connection at once: what a killed run loses of a file at most."""


class S3Origin:
    """A prefix of a bucket."""

    revision = ""
    """Nothing but its content names what a prefix holds."""

    def __init__(
        self,
        bucket: str,
        prefix: str,
        endpoint: str | None = None,
        region: str | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._access = read_access(bucket, prefix, endpoint, region, environment)
        self._lock = Lock()
        self._listings: dict[str, Mapping[str, S3Object]] = {}

    @property
    def label(self) -> str:
        """Name it for people and for the manifest."""
        return self._access.label

    def describe(self, revision: str) -> Description:
        """List the prefix, and find a digest of each file: a HEAD request where no manifest lies beside it.

        Raises
        ------
        NoDigestError
            If the storage tells none of a file that every server reads. One that no default pattern brings in is
            left out.
        RevisionNotFoundError
            If `revision` is a commit, and the prefix holds other content now.
        """
        objects = self._list()
        commit = commit_of(objects)
        if revision not in {self.revision, commit}:
            raise RevisionNotFoundError(
                f"{self.label} holds {commit} now and no longer {revision}. Give every version of a model a directory "
                f"of its own, and let {SOURCE_FIELD}.prefix name it."
            )
        announced = self._read_manifest(objects)
        asked = [o for o in objects if o.path != MANIFEST_NAME]
        self._require_agreement(asked, announced)
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            found = list(pool.map(lambda o: announced.get(o.path) or self._ask_digest(o), asked))
        return Description(commit, tuple(file for file in found if file is not None))

    def fetch(self, commit: str, file: RemoteFile, piece: Piece) -> None:
        """Append to the piece what it lacks, of exactly the object that was listed.

        Raises
        ------
        ObjectChangedError
            If the object is another one now.
        """
        listed = self._listing(commit).get(file.path)
        if listed is None:
            raise changed_error(self._access, file.path)
        first = piece.size_bytes
        if first >= file.size_bytes > 0:
            return
        with explained_s3_errors(self._access, file.path):
            answer = self._client.get_object(**self._address(listed), **({"Range": f"bytes={first}-"} if first else {}))
            with closing(answer["Body"]) as body:
                if answer["ETag"].strip('"') != listed.etag:  # a storage that does not know If-Match
                    raise changed_error(self._access, file.path)
                if first and not answer.get("ContentRange", "").startswith(f"bytes {first}-"):
                    piece.restart()  # nor ranges
                for data in body.iter_chunks(READ_BYTES):
                    piece.write(data)

    @cached_property
    def _client(self) -> Any:  # noqa: ANN401 - see make_client
        return make_client(self._access)

    def _list(self) -> tuple[S3Object, ...]:
        with explained_s3_errors(self._access):
            objects = list_objects(self._client, self._access)
        self._listings[commit_of(objects)] = {o.path: o for o in objects}
        return objects

    def _listing(self, commit: str) -> Mapping[str, S3Object]:
        """Give the objects of a commit; list again if it was described by an earlier run."""
        with self._lock:
            if commit not in self._listings:
                self._list()
            return self._listings.get(commit, {})

    def _address(self, listed: S3Object) -> dict[str, str]:
        """Name the object, and the content that it must have."""
        access = self._access
        return {"Bucket": access.bucket, "Key": access.key_prefix + listed.path, "IfMatch": f'"{listed.etag}"'}

    def _read_manifest(self, objects: Sequence[S3Object]) -> Mapping[str, RemoteFile]:
        listed = next((o for o in objects if o.path == MANIFEST_NAME and o.size_bytes <= LIMIT_BYTES), None)
        if listed is None:
            return {}
        with explained_s3_errors(self._access, MANIFEST_NAME):
            answer = self._client.get_object(**self._address(listed))
            with closing(answer["Body"]) as body:
                return parse_manifest(body.read(), self.label)

    def _require_agreement(self, objects: Sequence[S3Object], announced: Mapping[str, RemoteFile]) -> None:
        """Refuse a manifest of other files: it would be found out only when everything is fetched."""
        for listed in objects:
            file = announced.get(listed.path)
            if file is not None and file.size_bytes != listed.size_bytes:
                raise ChecksumMismatchError(
                    f"{listed.path} of {self.label} has {listed.size_bytes} bytes, and {MANIFEST_NAME} beside it says "
                    f"{file.size_bytes}. Upload the directory again as a whole, or remove {MANIFEST_NAME} from it."
                )

    def _ask_digest(self, listed: S3Object) -> RemoteFile | None:
        address = self._address(listed)
        with explained_s3_errors(self._access, listed.path):
            head = self._client.head_object(**address, ChecksumMode="ENABLED")
            digest = find_digest(head, partial(self._ask_first_part_bytes, address))
        if digest is not None:
            return RemoteFile(listed.path, listed.size_bytes, digest)
        if not is_wanted(listed.path, ()):
            logger.warning("%s of %s is left out: the storage tells no digest of it.", listed.path, self.label)
            return None
        raise NoDigestError(
            f"{self._access.address} tells no digest of {listed.path} in {self.label} (ETag {listed.etag}): neither "
            "its sha256 nor an ETag that is an md5, as with keys of KMS or parts of different sizes. Put a manifest "
            f"beside the files: `nemotron-volume inspect --directory DIR --write-manifest` makes {MANIFEST_NAME} from "
            "a copy of them."
        )

    def _ask_first_part_bytes(self, address: Mapping[str, str]) -> int:
        part = self._client.head_object(Bucket=address["Bucket"], Key=address["Key"], PartNumber=1)
        return int(part["ContentLength"])
