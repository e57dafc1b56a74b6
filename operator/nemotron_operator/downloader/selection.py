"""Selection: which files of a repository a server needs, and which are never fetched.

Pure. It sees names, sizes and digests; it knows no hub and no disk.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from nemotron_operator.downloader.errors import NoWeightsError

DEFAULT_PATTERNS = (
    "*.safetensors",
    "*.json",
    "*.jinja",
    "*.txt",
    "*.model",
    "*.tiktoken",
    "tokenizer*",
)
"""What a server reads: weights, configuration, tokenizers, chat templates. A star also matches slashes."""

PICKLE_SUFFIXES = (".bin", ".ckpt", ".joblib", ".nemo", ".pickle", ".pkl", ".pt", ".pth")
"""Names of files that run code when they are loaded. No pattern brings them in."""

CODE_SUFFIX = ".py"
"""Names of files that a server runs only if the user trusts them: no default pattern brings them in."""

WEIGHTS_SUFFIX = ".safetensors"
"""Names of files with weights that cannot run code."""


@dataclass(frozen=True)
class RemoteFile:
    """A file of a repository at one commit, as the hub describes it."""

    path: str
    """Where it lies in the repository, with slashes."""

    size_bytes: int
    """How long it is; for large files the size of the content, not of the pointer in git."""

    blob_sha1: str
    """The git object id: of the content if the file is small, of the pointer if it is large."""

    lfs_sha256: str | None = None
    """The digest of the content if the file is large (LFS or Xet)."""


def is_wanted(path: str, extra_patterns: Iterable[str]) -> bool:
    """Say whether a file is fetched: default patterns, except code, or an extra pattern; never a pickle."""
    if path.endswith(PICKLE_SUFFIXES):
        return False
    if any(fnmatchcase(path, pattern) for pattern in extra_patterns):
        return True
    return not path.endswith(CODE_SUFFIX) and any(fnmatchcase(path, pattern) for pattern in DEFAULT_PATTERNS)


def select_files(
    repository: str, commit: str, files: Iterable[RemoteFile], extra_patterns: Iterable[str]
) -> tuple[RemoteFile, ...]:
    """Select the wanted files, in the order of their paths.

    Raises
    ------
    NoWeightsError
        If there is no safetensors file among them.
    """
    offered, patterns = tuple(files), tuple(extra_patterns)
    selected = tuple(sorted((f for f in offered if is_wanted(f.path, patterns)), key=lambda f: f.path))
    if not any(f.path.endswith(WEIGHTS_SUFFIX) for f in selected):
        raise NoWeightsError(
            f"{repository} at {commit} has no {WEIGHTS_SUFFIX} file among its {len(offered)} files. "
            "Pickled weights are never fetched. Choose a repository or a revision with safetensors."
        )
    return selected


def total_bytes(files: Iterable[RemoteFile]) -> int:
    """Add up the sizes."""
    return sum(f.size_bytes for f in files)
