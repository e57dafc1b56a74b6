"""Render how the engine logs, so that the cause of its end is what the kubelet keeps of it.

With `FallbackToLogsOnError` alone the kubelet keeps the last 2 kB of the log, which are the API server's: that some
process of the engine failed, "see root cause above". The processes themselves log their errors first, and those are
written to the termination log as well. Read in vLLM 0.32 and 0.33: vllm/logger.py, vllm/logging_utils,
vllm/entrypoints/launchers/utils/server_utils.py.
"""

import json
from collections.abc import Sequence
from typing import Any

from nemotron_operator.constants import API_GROUP
from nemotron_operator.plan.serving_plan import EngineLogPlan

LOGGING_ANNOTATION = f"{API_GROUP}/logging"
"""Annotation of a serving pod: Python's logging configuration of its engine, in JSON. The pod mounts it as a file."""

LOGGING_PATH, LOGGING_FILE = "/etc/nemotron", "logging.json"
"""Where it is mounted, and under which name."""

CONFIGURATION_VARIABLE = "VLLM_LOGGING_CONFIG_PATH"
"""Where vLLM looks for it, in each of its processes."""

TERMINATION_LOG = "/dev/termination-log"
"""The kubelet's own default; it keeps the last 4096 bytes."""

LOGGERS = ("vllm.v1.engine.core", "vllm.v1.executor", "vllm.v1.worker")
"""Which loggers tell why an engine ends: its core, what starts its workers, and the workers. Those of the API server
come later and tell that it has ended, and some tell of single requests."""

LARGEST_LOG_BYTES = 262_144
"""Where the file ends. The core also logs a request that it cannot read (`_handle_request_preproc_error`), and nobody
else bounds what is on the node."""


def render_logging_annotation(log: EngineLogPlan) -> dict[str, str]:
    """Render the annotation that carries the configuration, where there is one."""
    return {} if log.level is None else {LOGGING_ANNOTATION: render_logging(log.level, log.quiet_paths)}


def render_logging(level: str, quiet_paths: Sequence[str]) -> str:
    """Render the configuration: vLLM's own, uvicorn's without the quiet paths, and the last words beside them."""
    config = {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "quiet": {
                "()": "vllm.logging_utils.uvicorn_logging.UvicornAccessLogFilter",
                "excluded_paths": list(quiet_paths),
            }
        },
        "formatters": _render_formatters(level),
        "handlers": _render_handlers(level),
        "loggers": {
            "vllm": {"handlers": ["vllm"], "level": level, "propagate": False},
            **{name: {"handlers": ["last words"]} for name in LOGGERS},
            # vLLM gives this file to uvicorn too, in place of what `--disable-access-log-for-endpoints` makes.
            "uvicorn": {"handlers": ["uvicorn"], "level": "INFO", "propagate": False},
            "uvicorn.error": {"level": "INFO"},
            "uvicorn.access": {"handlers": ["access"], "level": "INFO", "propagate": False},
        },
    }
    return json.dumps(config, sort_keys=True, separators=(",", ":"))


def render_logging_volume(log: EngineLogPlan) -> dict[str, Any] | None:
    """Render the volume that shows the annotation as a file; None where nothing is configured."""
    if log.level is None:
        return None
    field = {"fieldPath": f"metadata.annotations['{LOGGING_ANNOTATION}']"}
    return {"name": "logging", "downwardAPI": {"items": [{"path": LOGGING_FILE, "fieldRef": field}]}}


def _render_formatters(level: str) -> dict[str, Any]:
    return {
        "vllm": {
            "()": "vllm.logging_utils.NewLineFormatter",
            "datefmt": "%m-%d %H:%M:%S",
            "fmt": "(%(vllm_process_name)s pid=%(process)d) %(levelname)s %(asctime)s"
            " [%(fileinfo)s:%(lineno)d] %(message)s",
            "log_level": level,
        },
        "plain": {"format": "%(message)s"},
        "uvicorn": {"()": "uvicorn.logging.DefaultFormatter", "fmt": "%(levelprefix)s %(message)s", "use_colors": None},
        "access": {
            "()": "uvicorn.logging.AccessFormatter",
            "fmt": '%(levelprefix)s %(client_addr)s - "%(request_line)s" %(status_code)s',
        },
    }


def _render_handlers(level: str) -> dict[str, Any]:
    stream = {"class": "logging.StreamHandler", "stream": "ext://sys.stdout"}
    return {
        # vLLM looks for a handler of this name where it wants to know how its log looks.
        "vllm": {**stream, "formatter": "vllm", "level": level},
        "uvicorn": {**stream, "formatter": "uvicorn", "stream": "ext://sys.stderr"},
        "access": {**stream, "formatter": "access", "filters": ["quiet"]},
        "last words": {
            # What the kubelet mounted cannot be renamed: at its largest size the file just takes no more.
            "class": "logging.handlers.RotatingFileHandler",
            "filename": TERMINATION_LOG,
            "maxBytes": LARGEST_LOG_BYTES,
            "backupCount": 1,
            "delay": True,
            "formatter": "plain",
            "level": "ERROR",
        },
    }
