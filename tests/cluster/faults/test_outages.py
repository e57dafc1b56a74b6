"""Longer trouble: a dead API server, a lost permission, a definition that is gone for a while."""

import signal
import time

import pytest

from lab.control_plane import ControlPlane
from lab.operator_process import install_chart
from lab.removed_definitions import delete_definitions
from tests.support.cluster import Namespace, RunningOperator, a_resource, wait_until
from tests.support.faults.acts import refuse
from tests.support.faults.proxy import FaultProxy

OUTAGE_SECONDS = 5.0
QUIET_SECONDS = 3.0

pytestmark = pytest.mark.usefixtures("operator")


def test_an_api_server_that_was_killed_is_waited_for_and_nothing_is_written_anew(
    plane: ControlPlane, namespace: Namespace, operator: RunningOperator
) -> None:
    namespace.apply(a_resource())
    namespace.wait_until_ready()
    # The event of the last step is written after the status, and is the last write.
    wait_until("the last event is there", lambda: "Serving" in namespace.list_event_reasons())
    before, writes = namespace.get("service", "nemotron"), operator.count_writes()
    assert before is not None

    plane.stop_component("kube-apiserver", signal.SIGKILL)
    time.sleep(OUTAGE_SECONDS)
    plane.start_component("kube-apiserver")
    time.sleep(QUIET_SECONDS)
    assert writes == operator.count_writes()

    namespace.kubectl("delete", "service", "nemotron", "--wait=false")
    namespace.wait_until_replaced("service", before)


def test_what_was_changed_while_the_operator_saw_nothing_is_done_afterwards(
    namespace: Namespace, operator: RunningOperator, proxy: FaultProxy
) -> None:
    namespace.apply(a_resource())
    namespace.wait_until_ready()
    outage = proxy.add(refuse(503), times=None)
    proxy.end_watches()
    namespace.patch("nemo", "nemotron", {"spec": {"replicas": 2}})
    namespace.kubectl("delete", "service", "nemotron")
    wait_until("requests fail", lambda: outage.hits >= 3)
    proxy.rules.remove(outage)

    wait_until("the service is back", lambda: namespace.get("service", "nemotron"))
    wait_until("two replicas serve", lambda: namespace.wait_until_ready()["status"].get("readyReplicas") == 2)
    operator.wait_until_synced()


@pytest.mark.parametrize("plural", ["persistentvolumeclaims", "services"])
def test_a_permission_that_is_missing_is_said_and_its_return_is_noticed(
    plural: str, namespace: Namespace, proxy: FaultProxy
) -> None:
    refused = proxy.add(refuse(403), path=f"/{plural}(/|$)", times=None)
    proxy.end_watches(f"/{plural}$")
    namespace.apply(a_resource())
    condition = namespace.wait_for_reason("nemotron", "Stalled", "RefusedByCluster")
    assert f"Not allowed to GET {plural}" in condition["message"]

    proxy.rules.remove(refused)
    namespace.wait_until_ready()


def test_a_definition_that_is_deleted_and_made_again_is_served_again(
    plane: ControlPlane, namespace: Namespace, operator: RunningOperator
) -> None:
    namespace.apply(a_resource())
    namespace.wait_until_ready()

    delete_definitions(plane, ["crd/nemotrondeployments.nemotron.dev"])
    wait_until("its children went with it", lambda: not namespace.list("deployment"))
    install_chart(plane)
    namespace.apply(a_resource())

    namespace.wait_until_ready()
    operator.wait_until_synced()
