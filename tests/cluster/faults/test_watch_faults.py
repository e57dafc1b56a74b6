"""What ends a bare kopf process, or leaves it deaf: the operator lives on, and hears again."""

import pytest

from tests.support.cluster import Namespace, a_resource, wait_until
from tests.support.faults.acts import answer_with, cut_in_mid_json, refuse, reset, send_error_event
from tests.support.faults.exchange import Act
from tests.support.faults.proxy import FaultProxy

HTTP_DATE = "Wed, 21 Oct 2026 07:28:00 GMT"

RESOURCE = "/nemotrondeployments$"
SERVICES = "/services$"

FAULTS = {
    "an error event with code 500": (send_error_event(500), RESOURCE, 1),
    "an error event with code 504, of a child": (send_error_event(504), SERVICES, 1),
    "an error event without a code": (send_error_event(None), RESOURCE, 1),
    "an error event with code 410": (send_error_event(410), RESOURCE, 1),
    "an end in the middle of a line": (cut_in_mid_json(), RESOURCE, 1),
    "an end in the middle of a line, of a child": (cut_in_mid_json(), SERVICES, 1),
    "a single 401": (refuse(401), RESOURCE, 1),
    "a 404, as while the definition is replaced": (refuse(404), RESOURCE, 1),
    "a 410 instead of a stream": (refuse(410), RESOURCE, 1),
    "a 429 that names a date": (refuse(429, {"Retry-After": HTTP_DATE}), RESOURCE, 1),
    "a 429 that names seconds": (refuse(429, {"Retry-After": "1"}), RESOURCE, 1),
    "a 503, three times": (refuse(503), RESOURCE, 3),
    "a 403, three times": (refuse(403), SERVICES, 3),
    "a broken connection": (reset, RESOURCE, 1),
    "a page of HTML": (answer_with(200, "<html>Please log in</html>"), RESOURCE, 1),
}


@pytest.mark.parametrize(("act", "path", "times"), FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.usefixtures("operator")
def test_a_watch_is_opened_anew_after(act: Act, path: str, times: int, namespace: Namespace, proxy: FaultProxy) -> None:
    fault = proxy.add(act, verb="watch", path=path, times=times)
    proxy.end_watches(path)
    wait_until("the fault has struck", lambda: fault.hits == times)

    namespace.apply(a_resource())
    service = wait_until("the new resource has a service", lambda: namespace.get("service", "nemotron"))
    namespace.kubectl("delete", "service", "nemotron", "--wait=false")
    namespace.wait_until_replaced("service", service)
