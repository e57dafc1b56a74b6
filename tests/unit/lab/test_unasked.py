from pathlib import Path

import pytest

from lab.unasked import read_unasked
from tests.support.fixtures.deployments import DeploymentBuilder

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_kept_but_for_the_question(path: Path) -> None:
    body = read_unasked(path)
    spec = DeploymentBuilder(body).parsed.spec
    assert "Never" == spec.verification.mode
    assert body["metadata"]["name"].startswith("nemotron")
    assert body["spec"]["model"]
