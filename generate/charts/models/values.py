"""The values of charts/nemotron-models."""

from typing import Annotated

from pydantic import Field, GetJsonSchemaHandler, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema
from typing_extensions import override

from generate.charts.models.spec import SpecOverlay, allow_null
from generate.charts.operator.values import GlobalValues, ImageValues
from generate.charts.values import KubernetesObject, Labels, ObjectName, ValuesModel

OverlaidLabels = dict[str, Annotated[str | None, WithJsonSchema({"type": ["string", "null"]})]]
"""Labels or annotations, of which null takes one away."""


class DefaultValues(ValuesModel):
    """What all deployments share."""

    spec: SpecOverlay = SpecOverlay()
    """Any part of the spec. What a deployment says wins: maps are merged, lists replaced, and null takes a key away."""


class DeploymentValues(ValuesModel):
    """One NemotronDeployment."""

    enabled: bool = True
    """Whether it is made. Turned off, it is deleted; its volume with the weights stays unless cache.retention says
    otherwise."""

    labels: OverlaidLabels = {}
    """Its labels."""

    annotations: OverlaidLabels = {}
    """Its annotations, such as a sync wave of Argo CD."""

    spec: SpecOverlay = SpecOverlay()
    """Its spec, as in a manifest."""

    @classmethod
    @override
    def __get_pydantic_json_schema__(
        cls, core: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Let null take it, or a part of it, away."""
        schema = handler.resolve_ref_schema(handler(core))
        properties = {name: part if "$ref" in part else allow_null(part) for name, part in schema["properties"].items()}
        return allow_null({**schema, "properties": properties})


class TestValues(ValuesModel):
    """`helm test`: a Pod for each deployment that serves asks it what its model's card asks."""

    enabled: bool = True
    """Whether the release has these Pods. Only `helm test` makes them."""

    node_selector: Labels = {}
    """Labels of the nodes that may run them. They need no GPU."""

    tolerations: list[KubernetesObject] = []
    """Taints that they tolerate."""


class ModelsChartValues(ValuesModel):
    """The models of one namespace."""

    global_: Annotated[GlobalValues, Field(alias="global")] = GlobalValues()
    """Of a parent chart."""

    defaults: DefaultValues = DefaultValues()
    """What all deployments share."""

    deployments: dict[str, DeploymentValues] = {}
    """NemotronDeployments by name, each with enabled, labels, annotations and spec, as
    {nemotron-70b: {spec: {model: {name: mysticbeing/Llama-3.1-Nemotron-70B-Instruct-HF-FP8-DYNAMIC}}}}.
    Every field of a spec: docs/reference/nemotrondeployment.md of the sources."""

    common_labels: Labels = {}
    """Labels of everything that the chart makes."""

    common_annotations: Labels = {}
    """Annotations of everything that the chart makes."""

    tests: TestValues = TestValues()
    """`helm test`: a Pod for each deployment that serves asks it what its model's card asks."""

    image: ImageValues = ImageValues()
    """The operator's image, for `helm test`."""

    image_pull_secrets: list[ObjectName] = []
    """Secrets of the release's namespace for a private registry, for `helm test`, as [{name: registry}]."""
