"""A bundle: a directory that carries one model, and what else a cluster without internet needs for it."""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nemotron_operator.cli.tables import format_count, format_gib
from nemotron_operator.errors import OperatorError
from nemotron_operator.volume.durable import replace_file
from nemotron_operator.volume.manifest import Manifest, read_manifest

FORMAT_VERSION = 1
"""The version of the directory's layout; a reader refuses one that it does not know."""

DESCRIPTION_NAME = "bundle.json"
"""The file that makes a directory a bundle. It is written last."""

IMAGES_NAME = "images.txt"
RESOURCE_NAME = "resource.yaml"
MODELS_NAME = "models"


class BundleError(OperatorError):
    """A directory is no bundle, or not a whole one."""


@dataclass(frozen=True, slots=True)
class BundleDescription:
    """What a bundle carries."""

    repository: str
    revision: str
    """What was asked for: a commit, branch or tag. The claim is named by it."""
    commit: str
    manifest_sha256: str
    size_bytes: int
    files: int

    @property
    def title(self) -> str:
        """What it carries, in words."""
        size = f"{format_count(self.files, 'file')}, {format_gib(self.size_bytes)}"
        return f"{self.repository} at {self.revision} (commit {self.commit[:12]}, {size})"

    def as_json(self) -> dict[str, Any]:
        """Write it as the file has it."""
        return {
            "formatVersion": FORMAT_VERSION,
            "repository": self.repository,
            "revision": self.revision,
            "commit": self.commit,
            "manifestSha256": self.manifest_sha256,
            "bytes": self.size_bytes,
            "files": self.files,
        }


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that was opened: every file is there, with its length; the bytes are not read yet."""

    directory: Path
    description: BundleDescription
    manifest: Manifest

    @property
    def model_directory(self) -> Path:
        """The published directory of the commit."""
        return locate_models(self.directory) / self.description.commit

    @property
    def resource(self) -> Path:
        """The NemotronDeployment to apply."""
        return self.directory / RESOURCE_NAME


def locate_models(directory: Path) -> Path:
    """Say where a bundle has its models: one directory for each commit, as on a volume."""
    return directory / MODELS_NAME


def write_description(directory: Path, description: BundleDescription) -> None:
    """Make the directory a bundle, at once or not at all."""
    replace_file(directory / DESCRIPTION_NAME, (json.dumps(description.as_json(), indent=2) + "\n").encode())


def read_description(directory: Path) -> BundleDescription | None:
    """Read what a bundle carries; None when the directory is none yet.

    Raises
    ------
    BundleError
        There is a description that cannot be read.
    """
    path = directory / DESCRIPTION_NAME
    content = _read_object(path)
    if content is None:
        return None

    def take(field: str) -> Any:  # noqa: ANN401 - as the file has it
        if field not in content:
            raise _refuse_description(path, f"it has no {field}")
        return content[field]

    if (found := take("formatVersion")) != FORMAT_VERSION:
        raise BundleError(
            f"{path}: formatVersion: this nemoctl reads {FORMAT_VERSION} (found {json.dumps(found)}). Import with the "
            "version of nemoctl that exported it."
        )
    return BundleDescription(
        repository=take("repository"),
        revision=take("revision"),
        commit=take("commit"),
        manifest_sha256=take("manifestSha256"),
        size_bytes=take("bytes"),
        files=take("files"),
    )


def _read_object(path: Path) -> dict[str, Any] | None:
    """Read a JSON object; None where there is no file."""
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as error:
        raise _refuse_description(path, "it is not JSON") from error
    if not isinstance(content, dict):
        raise _refuse_description(path, "it is no JSON object")
    return content


def _refuse_description(path: Path, why: str) -> BundleError:
    return BundleError(f"{path}: is not the description of a bundle: {why}. {_COPY_AGAIN}")


def open_bundle(directory: Path) -> Bundle:
    """Open a bundle, and see that every file is there with its length.

    Raises
    ------
    BundleError
        The directory is no bundle, or lacks a file; the message names it.
    """
    description = read_description(directory)
    if description is None:
        raise BundleError(
            f"{directory}: is no bundle: it has no {DESCRIPTION_NAME}, which is written last. `nemoctl bundle export "
            f"--output {shlex.quote(str(directory))}` makes one, and goes on where it was interrupted."
        )
    published = locate_models(directory) / description.commit
    manifest = read_manifest(published)
    if manifest is None or manifest.sha256 != description.manifest_sha256:
        raise BundleError(f"{published}: the manifest is not the one that {DESCRIPTION_NAME} names. {_COPY_AGAIN}")
    for file in manifest.files:
        _check_length(published, file.path, file.size_bytes)
    return Bundle(directory, description, manifest)


_COPY_AGAIN = "Copy the bundle again from where it was made."


def _check_length(published: Path, name: str, size_bytes: int) -> None:
    path = published / name
    found_bytes = path.stat().st_size if path.is_file() else None
    if found_bytes != size_bytes:
        found = "it is missing" if found_bytes is None else f"it has {found_bytes} bytes"
        raise BundleError(f"{path}: must have {size_bytes} bytes, and {found}. {_COPY_AGAIN}")
