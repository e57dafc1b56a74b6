"""What `nemoctl batch` reads of a model before it makes anything."""

import asyncio

import pytest

from nemotron_operator.cli.batch.model import BatchModel, read_model
from nemotron_operator.cli.offline import Offline
from nemotron_operator.cluster.kinds import CLAIM, DEPLOYMENT, NEMOTRON
from tests.support.fixtures.deployments import DeploymentBuilder, a_deployment
from tests.support.fixtures.live_objects import a_live_object
from tests.support.fixtures.plans import CATALOG, CONFIG, render_cached, server_of
from tests.support.memory_gateway import MemoryGateway

OPEN = a_deployment()
ENCRYPTED = OPEN.having("tls", {"secretName": "our-tls"})


def read(asked: DeploymentBuilder, served: DeploymentBuilder | None) -> BatchModel:
    """Read what is asked for, where pods of another spec serve."""
    gateway = MemoryGateway()
    gateway.put(NEMOTRON, asked.body)
    if served is not None:
        manifests = render_cached(served)
        gateway.put(DEPLOYMENT, server_of(manifests))
        assert manifests.claim is not None
        access = {"accessModes": ["ReadWriteMany"]}
        gateway.put(CLAIM, a_live_object("PersistentVolumeClaim", manifests.claim["metadata"]["name"], spec=access))
    return asyncio.run(read_model(gateway, "team", "nemotron", Offline(CONFIG, CATALOG)))


@pytest.mark.parametrize(
    ("asked", "served", "scheme"),
    [
        (ENCRYPTED, None, "https"),
        (ENCRYPTED, ENCRYPTED, "https"),
        (ENCRYPTED, OPEN, "http"),
        (OPEN, ENCRYPTED, "https"),
    ],
    ids=["nothing serves", "it serves", "HTTP serves still", "HTTPS serves still"],
)
def test_what_serves_is_reached_as_it_serves(
    asked: DeploymentBuilder, served: DeploymentBuilder | None, scheme: str
) -> None:
    plan = read(asked, served).plan
    assert f"{scheme}://nemotron.team.svc:8000/v1" == plan.base_url
    trusted = None if plan.network.serving_tls is None else plan.network.serving_tls.secret_name
    assert ("our-tls" if scheme == "https" else None) == trusted
