from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from nemotron_operator.api.networking import RouteSpec, TlsSpec

ONCE = "name a Gateway once, or each time with another sectionName"
ROUTE, TLS = TypeAdapter(RouteSpec), TypeAdapter(TlsSpec)


@pytest.mark.parametrize(
    "gateways",
    [
        [{"name": "a"}, {"name": "b"}],
        [{"name": "a"}, {"name": "a", "namespace": "other"}],
        [{"name": "a", "sectionName": "http"}, {"name": "a", "sectionName": "https"}],
    ],
)
def test_a_route_leads_from_several_gateways_and_listeners(gateways: list[dict[str, Any]]) -> None:
    assert len(gateways) == len(ROUTE.validate_python({"gateways": gateways}).gateways)


@pytest.mark.parametrize(
    "gateways",
    [
        [{"name": "a"}, {"name": "a"}],
        [{"name": "a"}, {"name": "a", "sectionName": "https"}],
        [{"name": "a", "sectionName": "https"}, {"name": "b"}, {"name": "a", "sectionName": "https"}],
    ],
)
def test_a_route_names_no_gateway_twice(gateways: list[dict[str, Any]]) -> None:
    with pytest.raises(ValidationError, match=ONCE):
        ROUTE.validate_python({"gateways": gateways})


@pytest.mark.parametrize("tls", [{}, {"secretName": "a", "certManager": {"issuerName": "b"}}])
def test_a_certificate_comes_from_one_place(tls: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="set exactly one of secretName and certManager"):
        TLS.validate_python(tls)
