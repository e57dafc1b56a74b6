"""What the command line decides about the operator's process."""

import asyncio
import json
from pathlib import Path

import pytest
from aiohttp import web
from typer.testing import CliRunner

from nemotron_operator.__main__ import app
from nemotron_operator.config import OperatorConfig
from nemotron_operator.handlers import process
from nemotron_operator.handlers.process import ProcessOptions, run_operator
from tests.support.fixtures.plans import CONFIG

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
    running = asyncio.create_task(run_operator(CONFIG, options))
    try:
        return await asyncio.wait_for(asked, 10)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
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
