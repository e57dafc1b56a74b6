"""A write whose answer is lost, torn or an error is done again, and done once."""

import time

import pytest

from tests.support.cluster import Namespace, RunningOperator, a_resource, wait_until
from tests.support.faults.acts import answer_with, lose_reply, refuse, reset, truncate_reply
from tests.support.faults.exchange import Act
from tests.support.faults.proxy import FaultProxy

CHILDREN = ["serviceaccounts", "persistentvolumeclaims", "jobs", "deployments", "services", "poddisruptionbudgets"]

WRITES = [
    *({"verb": "create", "path": f"/{plural}$"} for plural in CHILDREN),
    {"verb": "create", "path": "/events$"},
    {"verb": "patch", "path": "/nemotrondeployments/nemotron/status$"},
    {"verb": "patch", "path": "/persistentvolumeclaims/"},
]
"""Every write of a resource's way to Ready: its children, what is told of it, and the record on the volume."""

FAULTS = {
    "a lost answer": lose_reply,
    "half an answer": truncate_reply,
    "a request that never arrived": reset,
    "a page of HTML": answer_with(502, "<html>Bad gateway</html>"),
    "a page of HTML that claims success": answer_with(200, "<html>Please log in</html>"),
    "a 401": refuse(401),
    "a 409": refuse(409),
    "a 429": refuse(429, {"Retry-After": "1"}),
    "a 500": refuse(500),
    "a 503": refuse(503),
    "a 504": refuse(504),
}

QUIET_SECONDS = 2.0


@pytest.mark.parametrize("act", FAULTS.values(), ids=FAULTS.keys())
def test_each_write_is_done_once_in_the_end_when_its_first_try_meets(
    act: Act, namespace: Namespace, operator: RunningOperator, proxy: FaultProxy
) -> None:
    faults = [proxy.add(act, **where) for where in WRITES]
    namespace.apply(a_resource(replicas=2))
    assert_served_once(namespace, operator)
    assert [1] * len(WRITES) == [fault.hits for fault in faults]


def test_a_write_that_is_forbidden_once_is_tried_again(
    namespace: Namespace, operator: RunningOperator, proxy: FaultProxy
) -> None:
    fault = proxy.add(refuse(403), verb="create", path="/deployments$")
    namespace.apply(a_resource(replicas=2))
    assert_served_once(namespace, operator)
    assert 1 == fault.hits


def assert_served_once(namespace: Namespace, operator: RunningOperator) -> None:
    """Check that the resource is ready, that each child was made once and changed never, and that all is quiet."""
    namespace.wait_until_ready()
    (deployment,) = namespace.list("deployment")
    assert ("1", 1) == (
        deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"],
        deployment["metadata"]["generation"],
    )
    made = {kind: len(namespace.list(kind, "app.kubernetes.io/managed-by=nemotron-operator")) for kind in CHILDREN}
    assert dict.fromkeys(CHILDREN, 1) == made
    # The event of the last step is written after the status, and is the last write.
    wait_until("the last event is there", lambda: "Serving" in namespace.list_event_reasons())
    writes = operator.count_writes()
    time.sleep(QUIET_SECONDS)
    assert writes == operator.count_writes()
