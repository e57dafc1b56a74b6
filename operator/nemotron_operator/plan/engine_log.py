"""The log's part of the plan: how the engine logs, unless the user has said so himself."""

from nemotron_operator.plan.extra_arguments import find_value, list_names
from nemotron_operator.plan.serving_plan import EngineLogPlan, EnginePlan

LEVEL_VARIABLE = "VLLM_LOGGING_LEVEL"
"""The one variable of vLLM's logging that goes together with a configuration of ours."""

DEFAULT_LEVEL = "INFO"
"""vLLM's own."""

LEVELS = frozenset({"CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG", "NOTSET"})
"""What vLLM takes for a level (vllm/config/logging.py)."""

USERS_OWN, USERS_PREFIX = frozenset({"FORCE_COLOR", "NO_COLOR", "VLLM_CONFIGURE_LOGGING"}), "VLLM_LOGGING_"
"""Variables that say how to log, and how the others of them begin."""

USERS_ARGUMENT = "--logging-config"
"""The argument that says how to log; one of its keys switches every configuration off."""

QUIET_ARGUMENT = "--disable-access-log-for-endpoints"
"""The argument that keeps requests for some paths out of the log. It says nothing beside a configuration, which has to
leave them out itself (vllm/entrypoints/launchers/utils/server_utils.py)."""

QUIET_PATHS = ("/health", "/metrics")
"""What is asked for every few seconds: it would drown the last lines before an end."""


def plan_engine_log(engine: EnginePlan) -> EngineLogPlan:
    """Decide how the engine logs: as the user says, where he does, and otherwise so that it tells why it ends.

    Notes
    -----
    What is configured names formatters of vLLM's own. A version that is not known may have others.
    """
    level, quiet = _find_level(engine), find_value(engine.extra_args, QUIET_ARGUMENT)
    if not engine.are_options_known or level not in LEVELS or _is_users_own(engine):
        return EngineLogPlan(level=None, quiet_paths=QUIET_PATHS if quiet is None else ())
    paths = QUIET_PATHS if quiet is None else tuple(path.strip() for path in quiet.split(",") if path.strip())
    return EngineLogPlan(level=level, quiet_paths=paths)


def _find_level(engine: EnginePlan) -> str:
    """Find the level as vLLM does: the argument before the variable. One from a Secret is not known here."""
    from_env = next((variable.value or "" for variable in engine.env if variable.name == LEVEL_VARIABLE), DEFAULT_LEVEL)
    return (find_value(engine.extra_args, "--log-level") or from_env).upper()


def _is_users_own(engine: EnginePlan) -> bool:
    names = {variable.name for variable in engine.env} - {LEVEL_VARIABLE}
    are_set = any(name in USERS_OWN or name.startswith(USERS_PREFIX) for name in names)
    return are_set or USERS_ARGUMENT in list_names(engine.extra_args)
