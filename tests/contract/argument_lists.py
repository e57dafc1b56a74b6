"""Every argument list that this repository renders: goldens, examples, catalogue, configurations, typed fields."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import TypeAdapter

from nemotron_operator.config import OperatorConfig, load_config
from nemotron_operator.plan.facts import Facts
from nemotron_operator.plan.planner import make_plan
from nemotron_operator.plan.serving_plan import Rejection, ServingPlan
from nemotron_operator.render.engine import GROUP_INDEX_VARIABLE, GROUP_LEADER_VARIABLE
from nemotron_operator.render.manifests import Manifest, render
from nemotron_operator.render.metadata import read_pod_template, read_worker_template
from tests.support.fixtures.deployments import DeploymentBuilder, a_deployment
from tests.support.fixtures.plans import CATALOG, CONFIG, facts_when_cached

ROOT = Path(__file__).parents[2]

SERVER_KINDS = {"Deployment", "LeaderWorkerSet"}

LEADER_ADDRESS = "nemotron-nodes-0.nemotron-nodes.team"
"""Where the first pod of a group is found."""

TRUSTING = CONFIG.model_copy(
    update={
        "allow_trust_remote_code": True,
        "allowed_model_image_prefixes": ("registry.example.com/models/",),
        "prometheus_url": "http://prometheus.monitoring:9090",
    }
)
"""A configuration that lets a resource ask for remote code, for an image with weights and for KEDA, so that all are
rendered."""

CONFIGURATIONS = {path: load_config(path) for path in sorted((ROOT / "examples" / "operator").glob("*.yaml"))}
"""The examples of an operator's configuration."""

ENTRIES = dict(CATALOG.entries) | {entry.name: entry for config in CONFIGURATIONS.values() for entry in config.models}
"""Every model of which a list may speak."""

TYPED_FIELDS: dict[str, object] = {
    "engine.gpuMemoryUtilizationPercent": 90,
    "engine.kvCacheDtype": "fp8",
    "engine.maxModelLen": 4096,
    "engine.maxNumBatchedTokens": 16384,
    "engine.maxNumSeqs": 256,
    "engine.sampling": {"temperature": "0", "topP": "1", "maxTokens": 77},
    "model.adapters": [{"name": "sql", "path": "loras/sql"}, {"name": "a.b", "path": "c"}],
    "model.servedNames": ["a", "b/c", "d:e"],
    "model.trustRemoteCode": True,
    "parallelism.pipeline": 2,
    "service.port": 8080,
}
"""A value of each field that ends in an argument, other than its default."""


@dataclass(frozen=True)
class ArgumentList:
    """What a serving container is started with, and the plan that it has to equal."""

    name: str
    arguments: tuple[str, ...]
    plan: ServingPlan


def list_all() -> list[ArgumentList]:
    """List each combination of arguments once, under the first name that it is found by."""
    found: dict[tuple[str, ...], ArgumentList] = {}
    for rendered in itertools.chain.from_iterable(source() for source in SOURCES):
        found.setdefault(rendered.arguments, rendered)
    return list(found.values())


def list_golden() -> Iterator[ArgumentList]:
    """Read the committed manifests of each golden case that renders a server."""
    for folder in sorted(path.parent for path in (ROOT / "tests" / "golden").glob("*/deployment.yaml")):
        documents = list(yaml.safe_load_all((folder / "manifests.yaml").read_text()))
        servers = [document for document in documents if document and document["kind"] in SERVER_KINDS]
        if servers:
            deployment = DeploymentBuilder(yaml.safe_load((folder / "deployment.yaml").read_text()))
            facts = TypeAdapter(Facts).validate_python(yaml.safe_load((folder / "facts.yaml").read_text()))
            config = load_config(path if (path := folder / "config.yaml").exists() else None)
            yield from _make(f"golden {folder.name}", servers[0], make_plan(deployment.parsed, facts, config, CATALOG))


def list_examples() -> Iterator[ArgumentList]:
    """Render each example on each accelerator; what does not fit there is started all the same."""
    for path in sorted((ROOT / "examples").glob("*.yaml")):
        example = DeploymentBuilder(yaml.safe_load(path.read_text())).that_only_warns()
        yield from _render_everywhere(f"example {path.stem}", example)


def list_catalog() -> Iterator[ArgumentList]:
    """Render each model of the catalogue with nothing said, on each accelerator."""
    for name, entry in CATALOG.entries.items():
        deployment = a_deployment().with_model(name).that_only_warns()
        if entry.flags.trust_remote_code:
            deployment = deployment.having("model.trustRemoteCode", value=True)
        yield from _render_everywhere(f"model {name}", deployment)


def list_typed_fields() -> Iterator[ArgumentList]:
    """Render one resource for each typed field, and for each tensor parallel size of one node."""
    for field, value in TYPED_FIELDS.items():
        yield from _render(f"field {field}", a_deployment().having(field, value))
    for size in (1, 2, 4, 8):
        yield from _render(f"tensor {size}", a_deployment().with_tensor(size).that_only_warns())


def list_operator_configurations() -> Iterator[ArgumentList]:
    """Render the models of each example of an operator's configuration, on that configuration."""
    for path, config in CONFIGURATIONS.items():
        for entry in config.models:
            deployment = a_deployment().with_model(entry.name).with_provided_weights("team-models", "tiny")
            yield from _render(f"configuration {path.stem}: {entry.name}", deployment, config)


SOURCES = (list_golden, list_examples, list_catalog, list_typed_fields, list_operator_configurations)
"""Where argument lists come from, those with the best names first."""


def _render_everywhere(name: str, deployment: DeploymentBuilder) -> Iterator[ArgumentList]:
    for accelerator in CONFIG.accelerators:
        yield from _render(f"{name} on {accelerator}", deployment.with_accelerator(accelerator))


def _render(name: str, deployment: DeploymentBuilder, config: OperatorConfig = TRUSTING) -> Iterator[ArgumentList]:
    plan = make_plan(deployment.parsed, facts_when_cached(deployment), config, CATALOG.extend(config.models))
    manifests = render(_expect_plan(name, plan))
    assert manifests.server is not None, name
    yield from _make(name, manifests.server, plan)


def _make(name: str, server: Manifest, plan: ServingPlan | Rejection) -> Iterator[ArgumentList]:
    """Make the list of the pod that serves, and that of one that it leads, if it leads any."""
    for place, template in enumerate((read_pod_template(server), read_worker_template(server))):
        if template is not None:
            arguments = tuple(_fill_in(each, place) for each in template["spec"]["containers"][0]["args"])
            yield ArgumentList(f"{name}, led" if place else name, arguments, _expect_plan(name, plan))


def _fill_in(argument: str, place: int) -> str:
    """Fill in what LeaderWorkerSet tells a pod, as its kubelet does."""
    told = {GROUP_INDEX_VARIABLE: str(place), GROUP_LEADER_VARIABLE: LEADER_ADDRESS}
    for name, value in told.items():
        argument = argument.replace(f"$({name})", value)
    return argument


def _expect_plan(name: str, plan: ServingPlan | Rejection) -> ServingPlan:
    assert isinstance(plan, ServingPlan), f"{name}: {plan.message}"
    return plan
