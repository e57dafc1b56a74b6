"""What an engine that ended said: the cause, if the table knows it, else the part of its last words that matters."""

import re

from nemotron_operator.status.causes import Cause
from nemotron_operator.status.gpu_causes import GENERAL_GPU_CAUSES, GPU_CAUSES
from nemotron_operator.status.start_causes import GENERAL_START_CAUSES, START_CAUSES

LAST_WORDS_LENGTH = 700
"""How much of a container's last words a condition repeats, from their end."""

CAUSES: tuple[Cause, ...] = (*GPU_CAUSES, *START_CAUSES, *GENERAL_GPU_CAUSES, *GENERAL_START_CAUSES)
"""Every row; what holds of many failures comes last."""

_ERROR = re.compile(r"^[\w.]*(?:Error|Exception): .*", re.MULTILINE)
"""The line of a traceback that says what went wrong."""

_WRAPPERS = (
    "Engine core initialization failed",
    "WorkerProc initialization failed",
    "Frontend process failed during engine core initialization",
    "EngineCore encountered an issue",
    "please check the stack trace above for the root cause",
)
"""What vLLM says of a failure that it has told above (v1/engine/utils.py, v1/engine/exceptions.py,
v1/executor/multiproc_executor.py)."""


def find_cause(last_words: str) -> tuple[Cause, dict[str, str]] | None:
    """Find the first row that knows these words, with what they tell; None when no row does."""
    for row in CAUSES:
        if (told := row.read(last_words)) is not None:
            return row, told
    return None


def choose_last_words(last_words: str) -> str:
    """Choose what to repeat: the error above those that only point to it, else the last whole lines."""
    errors = [found[0] for found in _ERROR.finditer(last_words)]
    told = [error for error in errors if not any(words in error for words in _WRAPPERS)]
    if told and errors[-1] is not told[-1]:
        return told[-1][:LAST_WORDS_LENGTH]
    return _take_last_lines(last_words)


def _take_last_lines(words: str) -> str:
    """Take whole lines from the end; of a single line that is too long, its end."""
    tail = words.strip()[-LAST_WORDS_LENGTH:]
    is_cut = len(tail) < len(words.strip())
    return tail.partition("\n")[2] if is_cut and "\n" in tail else tail
