"""People with the cluster's own roles: who edits a namespace runs models there, who views it sees them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.control_plane import ControlPlane
from lab.operator_process import Account, write_operator_kubeconfig
from tests.support.cluster import Namespace, a_resource, wait_until

pytestmark = pytest.mark.usefixtures("operator")


def somebody_who_may(role: str, namespace: Namespace) -> Path:
    """Make somebody with one of the cluster's roles in a namespace; return a kubeconfig."""
    account = Account(namespace.name, f"may-{role}")
    namespace.kubectl("create", "serviceaccount", account.name)
    subject = f"--serviceaccount={namespace.name}:{account.name}"
    namespace.kubectl("create", "rolebinding", account.name, f"--clusterrole={role}", subject)
    return write_operator_kubeconfig(namespace.plane, account=account)


def run(plane: ControlPlane, kubeconfig: Path, *command: str, text: str = "") -> tuple[int, str]:
    """Run kubectl or nemoctl as somebody; return the exit code and what was said."""
    programs = {"kubectl": plane.binaries.kubectl, "nemoctl": Path(sys.executable).with_name("nemoctl")}
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "COLUMNS": "200"}
    answer = subprocess.run(
        [str(programs[command[0]]), *command[1:]],
        env=environment,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.returncode, answer.stdout + answer.stderr


def test_who_edits_a_namespace_runs_models_there_and_who_views_sees_them(
    plane: ControlPlane, namespace: Namespace
) -> None:
    editor, viewer = (somebody_who_may(role, namespace) for role in ("edit", "view"))
    where = ("-n", namespace.name)
    may = ("kubectl", *where, "auth", "can-i", "create", "nemotrondeployments")
    wait_until("the role is aggregated", lambda: run(plane, editor, *may)[0] == 0)

    written = json.dumps(a_resource())
    assert 0 == run(plane, editor, "kubectl", *where, "apply", "-f", "-", text=written)[0]
    namespace.wait_until_ready()
    scaled = ("kubectl", *where, "scale", "nemotrondeployment", "nemotron", "--replicas=2")
    for command in (
        ("nemoctl", "status", "nemotron", *where),
        ("nemoctl", "history", "nemotron", *where),
        ("nemoctl", "suspend", "nemotron", *where, "--wait"),
        ("nemoctl", "resume", "nemotron", *where),
        ("nemoctl", "cache", "ls", *where),
        scaled,
    ):
        code, said = run(plane, editor, *command)
        assert 0 == code, said

    assert 0 == run(plane, viewer, "nemoctl", "status", "nemotron", *where)[0]
    code, said = run(plane, viewer, "nemoctl", "suspend", "nemotron", *where)
    assert (2, True) == (code, "may not patch nemotrondeployments.nemotron.dev" in said)
    claimed = ("kubectl", *where, "patch", "nemo", "nemotron", "--subresource=status", "--type=merge")
    code, said = run(plane, editor, *claimed, "-p", '{"status": {"readyReplicas": 9}}')
    assert (1, True) == (code, "forbidden" in said)
