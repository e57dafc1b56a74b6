"""A write whose answer is lost, torn or an error is done again, and done once."""

import time

import pytest

from tests.support.cluster import Namespace, RunningOperator, a_resource
from tests.support.faults.acts import answer_with, lose_reply, refuse, reset, truncate_reply
from tests.support.faults.exchange import Act
from tests.support.faults.proxy import FaultProxy

CHILDREN = ["serviceaccounts", "persistentvolumeclaims", "jobs", "deployments", "services", "poddisruptionbudgets"]

CREATE_DEPLOYMENT = {"verb": "create", "path": "/deployments$"}
WRITE_STATUS = {"verb": "patch", "path": "/nemotrondeployments/nemotron/status$"}

LOST = {
    **{
        f"the answer to the creation of {kind}": (lose_reply, {"verb": "create", "path": f"/{kind}$"})
        for kind in CHILDREN
    },
    "the answer to a write of the status": (lose_reply, WRITE_STATUS),
    "the answer to the record on the volume": (lose_reply, {"verb": "patch", "path": "/persistentvolumeclaims/"}),
    "the answer to an event": (lose_reply, {"verb": "create", "path": "/events$"}),
    "half of the answer to a creation": (truncate_reply, CREATE_DEPLOYMENT),
    "half of the answer to a write of the status": (truncate_reply, WRITE_STATUS),
    "a creation on its way": (reset, CREATE_DEPLOYMENT),
    "a write of the status on its way": (reset, WRITE_STATUS),
}

ERRORS = {
    "a page of HTML": answer_with(502, "<html>Bad gateway</html>"),
    "a page of HTML that claims success": answer_with(200, "<html>Please log in</html>"),
    "500": refuse(500),
    "503": refuse(503),
    "504": refuse(504),
    "429": refuse(429, {"Retry-After": "1"}),
    "409": refuse(409),
    "401": refuse(401),
    "403": refuse(403),
}

QUIET_SECONDS = 2.0


@pytest.mark.parametrize(("act", "where"), LOST.values(), ids=LOST.keys())
def test_nothing_is_done_twice_when_there_is_lost(
    act: Act, where: dict[str, str], namespace: Namespace, operator: RunningOperator, proxy: FaultProxy
) -> None:
    fault = proxy.add(act, **where)
    namespace.apply(a_resource(replicas=2))
    assert_served_once(namespace, operator)
    assert 1 == fault.hits


@pytest.mark.parametrize("act", ERRORS.values(), ids=ERRORS.keys())
@pytest.mark.parametrize("where", [CREATE_DEPLOYMENT, WRITE_STATUS], ids=["create", "status"])
def test_a_write_is_tried_again_after(
    where: dict[str, str], act: Act, namespace: Namespace, operator: RunningOperator, proxy: FaultProxy
) -> None:
    fault = proxy.add(act, **where, times=2)
    namespace.apply(a_resource(replicas=2))
    assert_served_once(namespace, operator)
    assert 2 == fault.hits


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
    writes = operator.count_writes()
    time.sleep(QUIET_SECONDS)
    assert writes == operator.count_writes()
