"""`nemoctl status`: what the cluster says of NemotronDeployments. It reads and never writes."""

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from kubernetes.aio.config import list_kube_config_contexts

from nemotron_operator.cli.messages import say
from nemotron_operator.cli.output import OutputFormat, write_document
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.connection import connect, find_kubeconfig
from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.kinds import NEMOTRON
from nemotron_operator.constants import API_GROUP, KIND, PLURAL
from nemotron_operator.errors import ClusterError, OperatorError

POD_NAMESPACE_PATH = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
"""Where a pod finds the namespace that it runs in."""

HTTP_FORBIDDEN, HTTP_NOT_FOUND = 403, 404

ANONYMOUS = "system:anonymous"
"""Whom an API server takes for a client without credentials."""

NAMES_SHOWN = 10
"""How many existing names an error lists when none is like the one that was asked for."""


@dataclass(frozen=True, slots=True)
class StatusQuery:
    """What is asked for, and of which cluster."""

    name: str | None
    namespace: str | None
    all_namespaces: bool
    kubeconfig: Path | None
    context: str | None


def show_status(query: StatusQuery, output: OutputFormat) -> None:
    """Read one deployment or all, and write what their status says.

    Raises
    ------
    OperatorError
        The cluster cannot be asked, or holds no such deployment; the message names the way out.
    """
    # The client library logs what it raises; a person gets it once.
    logging.getLogger().addHandler(logging.NullHandler())
    bodies, namespace = asyncio.run(_read(query))
    if output.is_for_programs:
        answers = [_describe(body) for body in bodies]
        write_document(answers if query.name is None else answers[0], output)
    elif not bodies:
        say(f"There is no {KIND} {_describe_scope(namespace)}.")
    else:
        _print(bodies, query, output)


def _print(bodies: list[KubernetesObject], query: StatusQuery, output: OutputFormat) -> None:
    from nemotron_operator.cli.status_table import print_status_lines, print_status_list, print_status_page

    if output == OutputFormat.WIDE:
        print_status_lines(bodies)
    elif query.name is None:
        print_status_list(bodies)
    else:
        print_status_page(bodies[0], datetime.now(UTC))


def _describe(body: KubernetesObject) -> dict[str, Any]:
    """Take over the status as it stands in the API, whichever version of the operator wrote it."""
    metadata = body["metadata"]
    return {
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "generation": metadata.get("generation", 0),
        "status": body.get("status") or {},
    }


async def _read(query: StatusQuery) -> tuple[list[KubernetesObject], str | None]:
    """Read what is asked for, and tell in which namespace; None means all of them."""
    gateway = ClusterGateway(await connect(query.kubeconfig, query.context))
    namespace = _choose_namespace(query)
    try:
        if query.name is None or namespace is None:
            return (await gateway.list_all(NEMOTRON, namespace))[0], namespace
        return [await _get(gateway, namespace, query.name)], namespace
    except ClusterError as error:
        raise _explain(error, namespace) from error
    finally:
        await gateway.close()


async def _get(gateway: ClusterGateway, namespace: str, name: str) -> KubernetesObject:
    """Read one deployment; an API server says the same of a missing object and a missing kind, so look again."""
    found = await gateway.get(NEMOTRON, namespace, name)
    if found is not None:
        return found
    present = sorted(item["metadata"]["name"] for item in (await gateway.list_all(NEMOTRON, namespace))[0])
    advice = "`nemoctl status --all-namespaces` lists what there is elsewhere."
    if present:
        advice = f"There is: {', '.join(get_close_matches(name, present) or present[:NAMES_SHOWN])}."
    raise OperatorError(f"There is no {KIND} {name!r} in namespace {namespace!r}. {advice}")


def _explain(error: ClusterError, namespace: str | None) -> OperatorError:
    """Say what a person can do, where the gateway speaks to an operator."""
    if error.status_code == HTTP_FORBIDDEN and ANONYMOUS in str(error):
        return OperatorError(
            "The API server takes you for anonymous: the kubeconfig has no credentials for it, or its login command "
            "failed. `kubectl auth whoami` shows more; log in to the cluster again."
        )
    if error.status_code == HTTP_FORBIDDEN:
        flags = "--all-namespaces" if namespace is None else f"-n {namespace}"
        return OperatorError(
            f"Your credentials may not read {PLURAL}.{API_GROUP} {_describe_scope(namespace)}. Check with `kubectl "
            f"auth can-i list {PLURAL} {flags}`, and have the platform team bind a role that may."
        )
    if error.status_code == HTTP_NOT_FOUND:
        return OperatorError(
            f"This cluster does not know {PLURAL}.{API_GROUP}: the operator's definitions are not installed. Install "
            "the chart nemotron-operator-crds, or choose another cluster with --kubeconfig or --context."
        )
    return error


def _describe_scope(namespace: str | None) -> str:
    return "in any namespace" if namespace is None else f"in namespace {namespace!r}"


def _choose_namespace(query: StatusQuery) -> str | None:
    """Choose as kubectl does; None means all of them."""
    if query.all_namespaces:
        return None
    if query.namespace is not None:
        return query.namespace
    kubeconfig = query.kubeconfig or find_kubeconfig()
    if kubeconfig is None:
        return POD_NAMESPACE_PATH.read_text().strip() if POD_NAMESPACE_PATH.exists() else "default"
    return _read_namespace(kubeconfig, query.context)


def _read_namespace(kubeconfig: Path, context: str | None) -> str:
    contexts, current = list_kube_config_contexts(str(kubeconfig))
    chosen = next((each for each in contexts if each["name"] == context), current)
    namespace: str = chosen["context"].get("namespace") or "default"
    return namespace
