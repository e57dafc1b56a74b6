"""The operator's process: killed, told to stop, without permission or cluster."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lab.control_plane import ControlPlane
from lab.operator_process import RELEASE, write_operator_kubeconfig
from tests.support.cluster import Namespace, RunningOperator, a_resource, wait_until

pytestmark = pytest.mark.usefixtures("operator")

OPERATOR = Path(sys.executable).with_name("nemotron-operator")


def test_killed_in_the_middle_of_a_download_it_goes_on_where_it_was(
    namespace: Namespace, operator: RunningOperator
) -> None:
    namespace.apply(a_resource(podTemplate={"annotations": {"lab.nemotron.dev/fetch-seconds": "4"}}))
    namespace.wait_for_reason("nemotron", "ModelCached", "Downloading")

    operator.component.stop(signal.SIGKILL)
    wait_until("the job is done", lambda: namespace.list("job")[0]["status"].get("succeeded"))
    operator.restart()

    namespace.wait_until_ready()
    assert len(namespace.list("job")) == 1


def test_what_was_deleted_while_it_was_away_comes_back(namespace: Namespace, operator: RunningOperator) -> None:
    namespace.apply(a_resource())
    namespace.wait_until_ready()

    operator.component.stop(signal.SIGKILL)
    namespace.kubectl("delete", "service", "nemotron")
    operator.restart()

    wait_until("the service is back", lambda: namespace.get("service", "nemotron"))


def test_a_resource_deleted_while_it_was_away_leaves_nothing_behind(
    namespace: Namespace, operator: RunningOperator
) -> None:
    namespace.apply(a_resource())
    namespace.wait_until_ready()

    operator.component.stop(signal.SIGKILL)
    namespace.kubectl("delete", "nemo", "nemotron", "--timeout=10s")
    operator.restart()

    wait_until("the deployment is gone", lambda: namespace.get("deployment", "nemotron") is None)


def test_told_to_stop_it_ends_within_seconds_and_without_error(plane: ControlPlane) -> None:
    process = subprocess.Popen(
        [str(OPERATOR), "run", "--http-host=127.0.0.1", "--http-port=0", "--namespace=default"],
        env={"KUBECONFIG": str(write_operator_kubeconfig(plane))},
        stderr=subprocess.PIPE,
        text=True,
    )
    if process.stderr is None:
        raise AssertionError("stderr is a pipe")
    wait_until("it serves", lambda: "Serving" in (process.stderr.readline() if process.stderr else ""))

    process.send_signal(signal.SIGTERM)

    assert process.wait(timeout=15) == 0
    process.stderr.close()


def test_a_kubeconfig_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere"

    answer = _run("--kubeconfig", str(missing))

    assert (2, f"There is no kubeconfig at {missing}" in answer.stderr) == (answer.returncode, True)
    assert "Traceback" not in answer.stderr


def test_a_kubeconfig_that_is_broken_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "config"
    broken.write_text("clusters: [")

    answer = _run("--kubeconfig", str(broken))

    assert (2, f"The kubeconfig {broken} cannot be used" in answer.stderr) == (answer.returncode, True)
    assert "Traceback" not in answer.stderr


def test_an_api_server_that_is_not_there_is_named_and_waited_for(tmp_path: Path) -> None:
    nobody = tmp_path / "config"
    nobody.write_text(
        "{apiVersion: v1, kind: Config, current-context: c, clusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}],"
        " contexts: [{name: c, context: {cluster: c, user: u}}], users: [{name: u, user: {token: t}}]}"
    )
    process = subprocess.Popen(
        [str(OPERATOR), "run", "--http-host=127.0.0.1", "--http-port=0", "--kubeconfig", str(nobody)],
        stderr=subprocess.PIPE,
        text=True,
    )

    def said() -> bool:
        line = process.stderr.readline() if process.stderr else ""
        return "No API server answers at http://127.0.0.1:9" in line

    wait_until("it says so", said)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=15) == 0
    if process.stderr:
        process.stderr.close()


def test_the_chart_grants_no_access_to_secrets(plane: ControlPlane) -> None:
    subject = f"system:serviceaccount:nemotron-system:{RELEASE}"
    forbidden = ["get secrets", "list configmaps", "create pods", "create pods/exec", "delete persistentvolumes"]

    answers = {question: _can(plane, subject, question) for question in (*forbidden, "create deployments.apps")}

    assert {**dict.fromkeys(forbidden, "no"), "create deployments.apps": "yes"} == answers


def _can(plane: ControlPlane, subject: str, question: str) -> str:
    verb, resource = question.split()
    kubectl = [str(plane.binaries.kubectl), "--kubeconfig", str(plane.kubeconfig)]
    command = [*kubectl, "auth", "can-i", verb, resource, "--as", subject, "--all-namespaces"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(OPERATOR), "run", "--http-port=0", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
