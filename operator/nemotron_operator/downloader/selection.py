"""Selection: which files of a repository a server needs, and which are never fetched.

Pure. It sees names, sizes and digests; it knows no origin and no disk.
"""

import logging
from collections.abc import Iterable
from fnmatch import fnmatchcase

from nemotron_operator.downloader.errors import NoWeightsError
from nemotron_operator.volume.manifest import MANIFEST_NAME
from nemotron_operator.volume.piece import is_safe_path
from nemotron_operator.volume.remote_file import RemoteFile
from nemotron_operator.volume.weights import WEIGHTS_SUFFIX, find_twins

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


logger = logging.getLogger(__name__)


def is_wanted(path: str, extra_patterns: Iterable[str]) -> bool:
    """Say whether a file is fetched: default patterns, except code, or an extra pattern; never a pickle.

    Notes
    -----
    Nor a path that leads out of the directory, whatever an origin lists.
    """
    if path.casefold().endswith(PICKLE_SUFFIXES) or not is_safe_path(path):
        return False
    if _is_named(path, extra_patterns):
        return True
    return not path.casefold().endswith(CODE_SUFFIX) and _is_named(path, DEFAULT_PATTERNS)


def select_files(
    label: str, commit: str, files: Iterable[RemoteFile], extra_patterns: Iterable[str]
) -> tuple[RemoteFile, ...]:
    """Select the wanted files, in the order of their paths; of weights that are there twice, those that vLLM loads.

    Notes
    -----
    What an extra pattern names is selected in any case: a server may be told to load the other format.

    Raises
    ------
    NoWeightsError
        If there is no safetensors file among them.
    """
    patterns = tuple(extra_patterns)
    offered = tuple(file for file in files if file.path != MANIFEST_NAME)  # one of our own is written beside the files
    wanted = sorted((f for f in offered if is_wanted(f.path, patterns)), key=lambda f: f.path)
    twins = {path for path in find_twins(f.path for f in wanted) if not _is_named(path, patterns)}
    if twins:
        logger.info("Not fetched, since vLLM does not load them beside the others: %s.", ", ".join(sorted(twins)))
    selected = tuple(file for file in wanted if file.path not in twins)
    if not any(f.path.endswith(WEIGHTS_SUFFIX) for f in selected):
        raise NoWeightsError(
            f"{label} at {commit} has no {WEIGHTS_SUFFIX} file among its {len(offered)} files. "
            "Pickled weights are never fetched. Choose a repository or a revision with safetensors."
        )
    return selected


def _is_named(path: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)
