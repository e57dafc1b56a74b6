"""Whoever logs, a line is one JSON object and names the object that was worked on."""

import asyncio
import json
import logging
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from random import Random
from typing import Any

import pytest

from nemotron_operator.runtime.log_context import about
from nemotron_operator.runtime.logs import QUIET_LOGGERS, LogFormat, LogLevel, configure_logs
from nemotron_operator.runtime.work_queue import WorkQueue

SUBJECT = {"namespace": "team", "name": "nemotron"}


@pytest.fixture
def written() -> Iterator[StringIO]:
    """What the process logs, with everything of logging's as it was afterwards."""
    root, stream = logging.getLogger(), StringIO()
    handlers, levels = root.handlers[:], {name: logging.getLogger(name).level for name in (None, *QUIET_LOGGERS)}
    hooks = sys.excepthook, threading.excepthook
    yield stream
    logging.captureWarnings(capture=False)
    sys.excepthook, threading.excepthook = hooks
    root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def parsed(written: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_a_line_has_time_level_logger_and_message(written: StringIO) -> None:
    configure_logs(LogLevel.INFO, LogFormat.JSON, written)
    before = datetime.now(UTC)
    logging.getLogger("some.library").warning("%d of %d\nlines", 1, 2)
    (line,) = parsed(written)
    told_at = datetime.fromisoformat(line.pop("time"))
    assert {"level": "WARNING", "logger": "some.library", "message": "1 of 2\nlines"} == line
    assert abs((told_at - before).total_seconds()) < 60
    assert UTC.utcoffset(None) == told_at.utcoffset()


def test_an_exception_is_a_field_of_the_same_line(written: StringIO) -> None:
    configure_logs(LogLevel.INFO, LogFormat.JSON, written)
    try:
        int("no")
    except ValueError:
        logging.getLogger("x").exception("It failed")
    (line,) = parsed(written)
    assert "It failed" == line["message"]
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("base 10: 'no'")


def test_lines_inside_name_the_object_and_lines_outside_do_not(written: StringIO) -> None:
    configure_logs(LogLevel.INFO, LogFormat.JSON, written)
    with about(**SUBJECT):
        logging.getLogger("inside").info("a")
    logging.getLogger("outside").info("b")
    assert [SUBJECT, {}] == [{key: line[key] for key in SUBJECT if key in line} for line in parsed(written)]


def test_a_line_of_kopfs_names_the_object_that_its_record_names(written: StringIO) -> None:
    configure_logs(LogLevel.INFO, LogFormat.JSON, written)
    reference = {"apiVersion": "v1", "kind": "Pod", "uid": "u", **SUBJECT}
    logging.getLogger("kopf.objects").warning("Handler failed", extra={"k8s_ref": reference, "k8s_skip": True})
    (line,) = parsed(written)
    assert SUBJECT | {"message": "Handler failed"} == {key: line[key] for key in (*SUBJECT, "message")}
    assert {"time", "level", "logger", "message", *SUBJECT} == line.keys()


async def test_what_the_queue_works_on_is_named_by_whatever_it_calls(written: StringIO) -> None:
    configure_logs(LogLevel.INFO, LogFormat.JSON, written)

    async def work(key: tuple[str, str]) -> None:
        await asyncio.sleep(0)  # both are under way
        logging.getLogger("deep.inside").info("working on %s", key[1])
        if key[1] == "broken":
            raise ValueError("no")

    queue = WorkQueue(work=work, known_keys=list, random=Random(1))  # noqa: S311 - jitter, not a secret
    serving = asyncio.create_task(queue.run())
    for name in ("sound", "broken"):
        queue.add(("team", name))
    await queue.idle()
    queue.stop()
    await serving
    logging.getLogger("after").info("done")
    told = [(line["logger"].split(".")[-1], line.get("name")) for line in parsed(written)]
    assert [("inside", "sound"), ("inside", "broken"), ("work_queue", "broken"), ("after", None)] == told


def test_warnings_are_lines_too(written: StringIO) -> None:
    configure_logs(LogLevel.INFO, LogFormat.JSON, written)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    (line,) = parsed(written)
    assert ("py.warnings", True) == (line["logger"], "DeprecationWarning: old" in line["message"])


def test_what_nobody_caught_is_one_line_before_the_process_ends() -> None:
    program = (
        "from nemotron_operator.runtime.logs import *\n"
        "configure_logs(LogLevel.INFO, LogFormat.JSON)\n"
        "thread = threading.Thread(target=lambda: 1 / 0)\n"
        "thread.start()\n"
        "thread.join()\n"
        "raise ValueError('no')"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in answer.stderr.splitlines()]
    expected = ["A thread ended: division by zero", "The process ends: no"]
    assert (1, expected) == (answer.returncode, [line["message"] for line in lines])
    assert all(line["exception"].startswith("Traceback") for line in lines)


def test_kopf_is_as_quiet_as_before_whatever_the_level(written: StringIO) -> None:
    configure_logs(LogLevel.DEBUG, LogFormat.JSON, written)
    logging.getLogger("kopf.objects").info("Handler succeeded")
    logging.getLogger("nemotron_operator").debug("heard")
    assert ["heard"] == [line["message"] for line in parsed(written) if line["logger"] != "asyncio"]


def test_a_message_with_line_breaks_is_one_line_of_text_and_a_traceback_is_as_long_as_ever(written: StringIO) -> None:
    configure_logs(LogLevel.INFO, LogFormat.TEXT, written)
    try:
        int("no")
    except ValueError:
        logging.getLogger("x").exception("Refused: %s", "a\r\n2026-11-24 ERROR   forged: b")
    first, second, *rest = written.getvalue().splitlines()
    assert first.endswith(r"ERROR   x: Refused: a\r\n2026-11-24 ERROR   forged: b")
    assert (second, "ValueError") == ("Traceback (most recent call last):", rest[-1].split(":")[0])


def test_text_is_a_line_that_names_the_object_once(written: StringIO) -> None:
    configure_logs(LogLevel.INFO, LogFormat.TEXT, written)
    log = logging.getLogger("x")
    log.info("Serving")
    with about(**SUBJECT):
        log.info("Loading: %d of %d", 1, 2)
        log.info("Work on team/nemotron failed")
    told = [line.split(" INFO    x: ")[1] for line in written.getvalue().splitlines()]
    assert ["Serving", "team/nemotron: Loading: 1 of 2", "Work on team/nemotron failed"] == told
