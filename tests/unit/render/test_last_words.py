import json
import logging.config
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from nemotron_operator.render.last_words import LARGEST_LOG_BYTES, LOGGERS, render_logging
from nemotron_operator.render.manifests import Manifest
from tests.support.fixtures.deployments import DeploymentBuilder, a_deployment
from tests.support.fixtures.plans import render_cached, server_pod_of
from tests.support.fixtures.specs import deployments
from tests.support.vllm_options import OPTIONS

FILE = "/etc/nemotron/logging.json"
QUIET = "--disable-access-log-for-endpoints=/health,/metrics"


def pod_of(deployment: DeploymentBuilder) -> Manifest:
    return server_pod_of(render_cached(deployment))


def configuration_of(deployment: DeploymentBuilder) -> dict[str, Any]:
    config = json.loads(pod_of(deployment)["metadata"]["annotations"]["nemotron.dev/logging"])
    assert isinstance(config, dict)
    return config


def is_configured(pod: Manifest) -> bool:
    """Tell whether the engine gets a configuration; all of its parts are there, or none."""
    (engine,) = pod["spec"]["containers"]
    parts = {
        "nemotron.dev/logging" in pod["metadata"]["annotations"],
        any(volume["name"] == "logging" for volume in pod["spec"]["volumes"]),
        any(mount["name"] == "logging" for mount in engine["volumeMounts"]),
        any(variable["name"] == "VLLM_LOGGING_CONFIG_PATH" for variable in engine["env"]),
        not any(argument.startswith("--disable-access-log") for argument in engine["args"]),
    }
    assert 1 == len(parts)
    return parts == {True}


def words_of(config: dict[str, Any], path: Path) -> dict[str, Any]:
    """Keep what Python's own logging knows of a configuration, and have it write to a file of the test's."""
    handler = {**config["handlers"]["last words"], "filename": str(path)}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"plain": config["formatters"]["plain"]},
        "handlers": {"last words": handler},
        "loggers": {name: logger for name, logger in config["loggers"].items() if name in LOGGERS},
    }


@pytest.fixture
def forgotten() -> Iterator[None]:
    """Have Python's logging forget the handlers of a test."""
    yield
    for name in LOGGERS:
        for handler in list(logging.getLogger(name).handlers):
            logging.getLogger(name).removeHandler(handler)
            handler.close()


@given(deployments())
def test_the_file_is_the_annotation_that_the_pod_carries(deployment: DeploymentBuilder) -> None:
    pod = pod_of(deployment)
    (engine,) = pod["spec"]["containers"]
    if not is_configured(pod):
        return
    (volume,) = [volume["downwardAPI"] for volume in pod["spec"]["volumes"] if volume["name"] == "logging"]
    field = {"fieldPath": "metadata.annotations['nemotron.dev/logging']"}
    assert {"items": [{"path": "logging.json", "fieldRef": field}]} == volume
    assert {"name": "VLLM_LOGGING_CONFIG_PATH", "value": FILE} in engine["env"]
    assert {"name": "logging", "mountPath": "/etc/nemotron", "readOnly": True} in engine["volumeMounts"]
    assert "FallbackToLogsOnError" == engine["terminationMessagePolicy"]


@pytest.mark.usefixtures("forgotten")
def test_errors_of_the_engines_processes_are_the_last_words_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "termination-log"
    logging.config.dictConfig(words_of(configuration_of(a_deployment()), path))
    logging.getLogger("vllm.v1.engine.core").warning("a warning")
    logging.getLogger("vllm.v1.engine.async_llm").error("the API server's, after the end")
    logging.getLogger("vllm.v1.engine.detokenizer").error("a single request's")
    assert not path.exists()
    cause = ValueError("the cause")
    logging.getLogger("vllm.v1.executor.multiproc_executor").error("WorkerProc failed to start.", exc_info=cause)
    logging.getLogger("vllm.v1.worker.gpu_model_runner").error("Not enough memory")
    words = path.read_text().splitlines()
    assert ["WorkerProc failed to start.", "ValueError: the cause", "Not enough memory"] == [words[0], *words[-2:]]


@pytest.mark.usefixtures("forgotten")
def test_the_last_words_are_bounded_whatever_clients_send(tmp_path: Path) -> None:
    """What the kubelet mounted cannot be renamed; here something is in the way."""
    (tmp_path / "termination-log.1" / "in the way").mkdir(parents=True)
    path = tmp_path / "termination-log"
    logging.config.dictConfig(words_of(configuration_of(a_deployment()), path))
    for number in range(40):
        logging.getLogger("vllm.v1.engine.core").error("%d %s", number, "x" * 16_384)
    assert LARGEST_LOG_BYTES - 20_000 < path.stat().st_size <= LARGEST_LOG_BYTES
    assert path.read_text().startswith("0 ")


@pytest.mark.parametrize(
    ("env", "arguments", "level"),
    [
        ({}, [], "INFO"),
        ({"VLLM_LOGGING_LEVEL": "debug"}, [], "DEBUG"),
        ({"VLLM_LOGGING_LEVEL": "DEBUG"}, ["--log-level=ERROR"], "ERROR"),
        ({}, ["--log-level", "WARNING"], "WARNING"),
    ],
)
def test_the_level_is_the_users(env: dict[str, str], arguments: list[str], level: str) -> None:
    config = configuration_of(a_deployment().with_env(**env).with_extra_args(*arguments))
    own = (
        config["handlers"]["vllm"]["level"],
        config["loggers"]["vllm"]["level"],
        config["formatters"]["vllm"]["log_level"],
    )
    assert (level, level, level) == own
    assert "ERROR" == config["handlers"]["last words"]["level"]


@pytest.mark.parametrize(
    "deployment",
    [
        a_deployment().with_env(VLLM_CONFIGURE_LOGGING="0"),
        a_deployment().with_env(VLLM_LOGGING_STREAM="ext://sys.stderr"),
        a_deployment().with_env(VLLM_LOGGING_PREFIX="[a] "),
        a_deployment().with_env(VLLM_LOGGING_LEVEL="LOUD"),
        a_deployment().with_env(FORCE_COLOR="1"),
        a_deployment().having(
            "engine.env", [{"name": "VLLM_LOGGING_LEVEL", "secretKeyRef": {"name": "a", "key": "level"}}]
        ),
        a_deployment().with_extra_args('--logging-config={"formatter": "json"}'),
        a_deployment().with_extra_args("--logging-config.formatter=json"),
        a_deployment().having("engine.image", "vllm/vllm-openai:nightly"),
    ],
)
def test_who_says_how_to_log_is_left_alone(deployment: DeploymentBuilder) -> None:
    pod = pod_of(deployment)
    assert not is_configured(pod)
    assert QUIET.partition("=")[0] in OPTIONS
    assert QUIET in pod["spec"]["containers"][0]["args"]


def test_a_users_quiet_paths_are_taken_in_either_way() -> None:
    deployment = a_deployment().with_extra_args("--disable-access-log-for-endpoints=/v1/models, /ping")
    assert ["/v1/models", "/ping"] == configuration_of(deployment)["filters"]["quiet"]["excluded_paths"]
    args = pod_of(deployment.with_env(VLLM_CONFIGURE_LOGGING="0"))["spec"]["containers"][0]["args"]
    assert QUIET not in args


def test_nobody_puts_another_configuration_in_its_place() -> None:
    """A logging configuration can name any class of the image: it loads code."""
    theirs = a_deployment().having("podTemplate.annotations", {"nemotron.dev/logging": "{}"})
    assert configuration_of(a_deployment()) == configuration_of(theirs)


def test_the_configuration_is_always_the_same_text() -> None:
    assert render_logging("INFO", ["/a"]) == render_logging("INFO", ("/a",))
