"""Runtime: the process's own log, as lines for a person or as one JSON object a line, whoever logs."""

import logging
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from types import TracebackType
from typing import Any, TextIO

from pythonjsonlogger.json import JsonFormatter
from typing_extensions import override

from nemotron_operator.runtime.log_context import Subject, current_subject

TEXT_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"

QUIET_LOGGERS = ("kopf", "kopf.objects", "kopf.activities")
"""Kopf logs each event that it hands over, and each step of its own start."""

_UNCAUGHT = logging.getLogger("nemotron_operator")


class LogFormat(StrEnum):
    """How the log is written."""

    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    """What is told, and everything graver."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


class TextLines(logging.Formatter):
    """Writes a record as one line that names the object that it is about, and a traceback below it."""

    def __init__(self) -> None:
        super().__init__(TEXT_FORMAT)

    @override
    def formatMessage(self, record: logging.LogRecord) -> str:
        """Put the object before a message that does not name it; no word of somebody else's begins a line."""
        record.message = record.message.replace("\r", "\\r").replace("\n", "\\n")
        subject = find_subject(record)
        if subject is not None and "/".join(subject) not in record.message:
            record.message = f"{'/'.join(subject)}: {record.message}"
        return super().formatMessage(record)


class JsonLines(JsonFormatter):
    """Writes a record as one line: time, level, logger, message, the object that it is about, and what went wrong."""

    @override
    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        """Fill in the fields, in the order in which a person reads them."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        log_data["time"] = moment.replace("+00:00", "Z")
        log_data["level"] = record.levelname
        log_data["logger"] = record.name
        log_data["message"] = record.getMessage()
        subject = find_subject(record)
        if subject is not None:
            log_data |= subject._asdict()
        if "exc_info" in message_dict:
            log_data["exception"] = message_dict["exc_info"]
        if "stack_info" in message_dict:
            log_data["stack"] = message_dict["stack_info"]


def configure_logs(level: LogLevel, form: LogFormat, stream: TextIO | None = None) -> None:
    """Send everything that anybody in this process logs to a stream, stderr by default, in one form.

    With JSON, also what Python prints elsewhere: warnings, and what nobody caught.
    """
    handler = logging.StreamHandler(stream)
    is_json = form is LogFormat.JSON
    handler.setFormatter(JsonLines() if is_json else TextLines())
    logging.basicConfig(level=level.value, handlers=[handler], force=True)
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
    logging.captureWarnings(is_json)
    if is_json:
        sys.excepthook = _log_uncaught
        threading.excepthook = _log_uncaught_in_thread


def find_subject(record: logging.LogRecord) -> Subject | None:
    """Find which object a line is about; one of kopf's own says so in the record."""
    reference: object = getattr(record, "k8s_ref", None)
    if isinstance(reference, Mapping):
        return Subject(*(str(reference.get(field) or "") for field in Subject._fields))
    return current_subject()


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    _UNCAUGHT.critical("The process ends: %s", str(error) or kind.__name__, exc_info=(kind, error, trace))


def _log_uncaught_in_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is not None:
        _UNCAUGHT.critical(
            "A thread ended: %s",
            ended.exc_value,
            exc_info=(ended.exc_type, ended.exc_value, ended.exc_traceback),
        )
