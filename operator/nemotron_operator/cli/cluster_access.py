"""Which cluster and namespace a command means, and what a person can do where the API server refuses."""

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from kubernetes.aio.config import list_kube_config_contexts

from nemotron_operator.cluster.connection import connect, find_kubeconfig
from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.kinds import NEMOTRON, ApiKind
from nemotron_operator.errors import HTTP_FORBIDDEN, HTTP_NOT_FOUND, ClusterError, ConflictError, OperatorError

POD_NAMESPACE_PATH = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
"""Where a pod finds the namespace that it runs in."""


ANONYMOUS = "system:anonymous"
"""Whom an API server takes for a client without credentials."""

_READING = frozenset({"get", "list"})

_NO_RIGHT = 'User "'
"""How the API server begins to say who lacks a right; quotas and policies refuse with the same status."""

_HINT_FOR_OPERATORS = " The operator's ClusterRole"
"""How the gateway begins its advice, which is none for a person."""

_NO_NAMESPACE = 'namespaces "'
"""How the API server names a namespace that is not there."""


@dataclass(frozen=True, slots=True)
class ClusterTarget:
    """The cluster and the namespace, as the command line names them; None is not said."""

    namespace: str | None = None
    all_namespaces: bool = False
    kubeconfig: Path | None = None
    context: str | None = None

    def choose_namespace(self) -> str | None:
        """Choose as kubectl does; None means all of them."""
        return None if self.all_namespaces else self.choose_one_namespace()

    def choose_one_namespace(self) -> str:
        """Choose as kubectl does, for a command that works in one namespace."""
        if self.namespace is not None:
            return self.namespace
        kubeconfig = self.kubeconfig or find_kubeconfig()
        if kubeconfig is None:
            return POD_NAMESPACE_PATH.read_text().strip() if POD_NAMESPACE_PATH.exists() else "default"
        return _read_namespace(kubeconfig, self.context)


@asynccontextmanager
async def open_gateway(target: ClusterTarget) -> AsyncIterator[ClusterGateway]:
    """Connect for as long as the block lasts.

    Raises
    ------
    ConfigError
        There is no usable configuration; the message names the file and the way out.
    """
    # The client library logs what it raises; a person gets it once.
    logging.getLogger().addHandler(logging.NullHandler())
    gateway = ClusterGateway(await connect(target.kubeconfig, target.context))
    try:
        yield gateway
    finally:
        await gateway.close()


@contextmanager
def explained(verb: str, kind: ApiKind, namespace: str | None) -> Iterator[None]:
    """Say what a person can do, where the gateway speaks to an operator.

    Parameters
    ----------
    verb
        What the block asks for, in the word that `kubectl auth can-i` takes.
    namespace
        Where; None means in all of them.
    """
    try:
        yield
    except ConflictError:
        raise
    except ClusterError as error:
        raise _explain(error, verb, kind, namespace) from error


def describe_scope(namespace: str | None) -> str:
    """Name a namespace, or all of them, in a sentence."""
    return "in any namespace" if namespace is None else f"in namespace {namespace!r}"


def _explain(error: ClusterError, verb: str, kind: ApiKind, namespace: str | None) -> OperatorError:
    resource = f"{kind.plural}.{kind.group}" if kind.group else kind.plural
    if error.status_code == HTTP_FORBIDDEN and ANONYMOUS in str(error):
        return OperatorError(
            "The API server takes you for anonymous: the kubeconfig has no credentials for it, or its login command "
            "failed. `kubectl auth whoami` shows more; log in to the cluster again."
        )
    if error.status_code == HTTP_FORBIDDEN and _NO_RIGHT not in str(error):
        return OperatorError(f"The API server refuses: {str(error).partition(_HINT_FOR_OPERATORS)[0]}")
    if error.status_code == HTTP_FORBIDDEN:
        flags = "--all-namespaces" if namespace is None else f"-n {namespace}"
        return OperatorError(
            f"Your credentials may not {'read' if verb in _READING else verb} {resource} {describe_scope(namespace)}. "
            f"Check with `kubectl auth can-i {verb} {kind.plural} {flags}`, and have the platform team bind a role "
            "that may."
        )
    if error.status_code == HTTP_NOT_FOUND and kind == NEMOTRON:
        return OperatorError(
            f"This cluster does not know {resource}: the operator's definitions are not installed. Install "
            "the chart nemotron-operator-crds, or choose another cluster with --kubeconfig or --context."
        )
    if error.status_code == HTTP_NOT_FOUND and _NO_NAMESPACE in str(error):
        return OperatorError(f"There is no namespace {namespace!r}. `kubectl create namespace {namespace}` makes it.")
    return error


def _read_namespace(kubeconfig: Path, context: str | None) -> str:
    contexts, current = list_kube_config_contexts(str(kubeconfig))
    chosen = next((each for each in contexts if each["name"] == context), current)
    namespace: str = chosen["context"].get("namespace") or "default"
    return namespace
