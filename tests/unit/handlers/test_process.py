"""What the command line decides about the operator's process."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from typer.testing import CliRunner

from nemotron_operator.__main__ import app
from nemotron_operator.config import OperatorConfig
from nemotron_operator.handlers import process
from nemotron_operator.handlers.process import ProcessOptions, run_operator
from tests.support.fixtures.plans import CONFIG
from tests.support.reserved_port import reserved_port

LEASES = "/apis/coordination.k8s.io/v1/namespaces/platform/leases"


@pytest.mark.parametrize(
    ("arguments", "lease_name"),
    [([], "nemotron-operator"), (["--lease-name=nemotron-operator-teams"], "nemotron-operator-teams")],
    ids=["default", "named"],
)
def test_replicas_elect_their_leader_by_the_lease_that_is_named(
    arguments: list[str], lease_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[ProcessOptions] = []

    async def take(_: OperatorConfig, options: ProcessOptions) -> None:
        given.append(options)

    monkeypatch.setattr(process, "run_operator", take)
    monkeypatch.setattr("nemotron_operator.__main__.configure_logs", lambda *_: None)  # it is that of all tests
    kubeconfig = tmp_path / "kubeconfig"
    command = ["run", "--lease-namespace=platform", "--http-host=127.0.0.1", "--http-port=0"]
    answer = CliRunner().invoke(app, [*command, f"--kubeconfig={kubeconfig}", *arguments])
    assert 0 == answer.exit_code
    (options,) = given
    assert f"{LEASES}/{lease_name}" == asyncio.run(first_request(kubeconfig, options))


async def first_request(kubeconfig: Path, options: ProcessOptions) -> str:
    """Run the operator until it asks an API server for something; return what."""
    async with running(kubeconfig, options) as asked:
        return await asyncio.wait_for(asked, 60)


async def test_requests_for_the_lease_are_counted_and_how_often_is_listed_is_told(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    async with AsyncExitStack() as stack:
        port = stack.enter_context(reserved_port())
        options = ProcessOptions(kubeconfig, None, (), "127.0.0.1", port, "platform")
        asked = await stack.enter_async_context(running(kubeconfig, options))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        await asyncio.wait_for(asked, 60)
        lines: list[str] = []
        async with asyncio.timeout(60):
            while not any('kind="Lease"' in line for line in lines):
                await asyncio.sleep(0.05)
                async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
                    lines = (await answer.text()).splitlines()
    told = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert "1.0" == told['nemotron_operator_api_requests_total{code="500",kind="Lease",verb="GET"}']
    assert f"{CONFIG.resync_seconds}.0" == told["nemotron_operator_resync_period_seconds"]
    assert "0.0" == told["nemotron_operator_workqueue_failing_keys"]


@asynccontextmanager
async def running(kubeconfig: Path, options: ProcessOptions) -> AsyncIterator[asyncio.Future[str]]:
    """Run the operator beside an API server that fails; give what it is asked for first."""
    asked: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def answer(request: web.Request) -> web.Response:
        if not asked.done():
            asked.set_result(request.path)
        return web.json_response({"kind": "Status", "code": 500}, status=500)

    server = web.Application()
    server.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    write_kubeconfig(kubeconfig, f"http://127.0.0.1:{runner.addresses[0][1]}")
    operator = asyncio.create_task(run_operator(CONFIG, options))
    try:
        yield asked
    finally:
        operator.cancel()
        await asyncio.gather(operator, return_exceptions=True)
        await runner.cleanup()


def write_kubeconfig(path: Path, server: str) -> None:
    named = {"name": "test"}
    content = {
        "current-context": "test",
        "clusters": [{**named, "cluster": {"server": server}}],
        "contexts": [{**named, "context": {"cluster": "test", "user": "test"}}],
        "users": [{**named, "user": {}}],
    }
    path.write_text(json.dumps(content))
