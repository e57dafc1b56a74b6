"""The engine without the operator: the rendered pod, alone, from its container's start to the first token."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

from lab.errors import LabError
from nemotron_operator.constants import COMPONENT_LABEL
from nemotron_operator.verifier.conversation import ask
from nemotron_operator.verifier.question import Question
from tests.bench.sightings import container, has_address
from tests.bench.watches import Watches
from tests.support.cluster import Namespace

BARE = "bare"
"""Name and component of the pod."""

START_SECONDS = 300
"""How long an engine may take to start; half a minute on a quiet machine."""

ANSWER_SECONDS = 120
"""How long the answer may take; it takes a second or two."""

_POLL_SECONDS = 0.1

_HEALTH_TIMEOUT_SECONDS = 5

_OF_THE_OPERATOR = ("serviceAccountName", "serviceAccount", "terminationGracePeriodSeconds", "initContainers")
"""What the pod cannot have without the resource, what would only make its end slow, and the probe beside it."""

_OF_THE_CONTAINER = ("startupProbe", "readinessProbe", "livenessProbe", "lifecycle")
"""What a bare engine does not have."""


@dataclass(frozen=True)
class BareStart:
    """How long the engine took on its own."""

    load_seconds: float
    """From its container's start to /health."""

    first_token_seconds: float
    """From its container's start to the first token of the answer."""


def measure_bare_engine(
    watches: Watches, namespace: Namespace, template: Mapping[str, Any], question: Question
) -> BareStart:
    """Run the pod, ask it as soon as it answers, and remove it."""
    namespace.apply(make_bare_pod(template))
    pod = watches.wait_for("the bare pod's address", has_address(BARE), namespace.name, START_SECONDS)
    url = find_url(pod.body)
    healthy = wait_for_health(url)
    asked = time.monotonic()
    answer = asyncio.run(ask(aim(question, url), ANSWER_SECONDS))
    started = watches.wait_for("the bare container's start", container(BARE, "start"), namespace.name, START_SECONDS)
    namespace.kubectl("delete", "pod", BARE, "--grace-period=1")
    return BareStart(healthy - started.seconds, asked + answer.first_token_seconds - started.seconds)


def make_bare_pod(template: Mapping[str, Any]) -> dict[str, Any]:
    """Make a plain pod of a Deployment's template: same image, arguments, environment and volumes, and no probes.

    Its annotations are one of the volumes: how the engine logs.
    """
    spec = {key: value for key, value in template["spec"].items() if key not in _OF_THE_OPERATOR}
    spec["containers"] = [
        {key: value for key, value in engine.items() if key not in _OF_THE_CONTAINER} for engine in spec["containers"]
    ]
    # Its own label: the Service and the operator select by the others.
    annotations = template["metadata"].get("annotations") or {}
    metadata = {"name": BARE, "labels": {COMPONENT_LABEL: BARE}, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {**spec, "restartPolicy": "Never"}}


def read_question(job: Mapping[str, Any]) -> Question:
    """Read what a verification Job asks from its arguments."""
    (verify,) = job["spec"]["template"]["spec"]["containers"]
    options = dict(_read_options(verify["args"]))
    return Question(
        base_url=options["base-url"],
        model=options["model"],
        prompt=options["prompt"],
        system_prompt=options["system-prompt"],
        max_tokens=int(options["max-tokens"]),
    )


def aim(question: Question, url: str) -> Question:
    """Put the same question to another server."""
    return replace(question, base_url=f"{url}/v1")


def find_url(pod: Mapping[str, Any]) -> str:
    """Return the address of a pod's engine, to which the lab's network leads."""
    (engine,) = pod["spec"]["containers"]
    return f"http://{pod['status']['podIP']}:{engine['ports'][0]['containerPort']}"


def wait_for_health(url: str) -> float:
    """Ask again and again until the engine is healthy; return when, by the monotonic clock."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if _is_healthy(url):
            return time.monotonic()
        time.sleep(_POLL_SECONDS)
    raise LabError(f"{url}/health did not answer within {START_SECONDS} s")


def _is_healthy(url: str) -> bool:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=_HEALTH_TIMEOUT_SECONDS)
    with closing(connection), suppress(OSError, HTTPException):
        connection.request("GET", "/health")
        return connection.getresponse().status == HTTPStatus.OK
    return False


def _read_options(arguments: Iterable[str]) -> Iterable[tuple[str, str]]:
    for argument in arguments:
        name, _, value = argument.removeprefix("--").partition("=")
        yield name, value.replace("$$", "$")
