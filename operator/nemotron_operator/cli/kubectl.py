"""kubectl, which carries what the API server's plain calls do not: it knows every way to log in."""

import shutil
from collections.abc import Sequence

from nemotron_operator.cli.cluster_access import ClusterTarget
from nemotron_operator.errors import OperatorError

KUBECTL = "kubectl"
"""The program."""


def require_kubectl(why: str, advice: str) -> None:
    """See that there is a kubectl.

    Parameters
    ----------
    why
        What it is for, in the middle of a sentence.
    advice
        The way out, in a sentence.

    Raises
    ------
    OperatorError
        There is none.
    """
    if shutil.which(KUBECTL) is None:
        raise OperatorError(f"There is no kubectl on PATH, and {why}. {advice}")


def make_kubectl(target: ClusterTarget, namespace: str, arguments: Sequence[str]) -> list[str]:
    """Make a command line in the same cluster as everything else."""
    login = ["--kubeconfig", str(target.kubeconfig)] if target.kubeconfig else []
    login += ["--context", target.context] if target.context else []
    return [KUBECTL, *login, "--namespace", namespace, *arguments]
