"""The model that a batch is put to: what its resource plans, and the pods that serve or would serve it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from nemotron_operator.api.conditions import ConditionType, Reason
from nemotron_operator.api.v1alpha1 import InvalidDeployment, ParsedDeployment, parse_deployment, parse_status
from nemotron_operator.cli.batch.lines import RUN_BATCH_URLS, SERVER_URLS, Rules
from nemotron_operator.cli.cluster_access import explained
from nemotron_operator.cli.existing import get_deployment
from nemotron_operator.cli.offline import Offline
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.kinds import CLAIM, DEPLOYMENT, ENDED_PHASES, POD
from nemotron_operator.constants import DEPLOYMENT_LABEL
from nemotron_operator.errors import OperatorError
from nemotron_operator.plan.access_modes import is_for_one_node, is_for_one_pod
from nemotron_operator.plan.facts import LiveTls
from nemotron_operator.plan.network import find_serving_tls
from nemotron_operator.plan.serving_plan import Rejection, ServingPlan
from nemotron_operator.plan.verification import choose_question
from nemotron_operator.render.metadata import hash_manifest, read_revision_of
from nemotron_operator.render.pods import ENGINE_CONTAINER
from nemotron_operator.render.server_pod import render_server_pod
from nemotron_operator.render.tls import read_certificate_secret
from nemotron_operator.status.planned import find_planned

MODELS_VOLUME = "models"
"""The pod's volume with the weights."""

ADAPTERS_ARGUMENT = "--lora-modules"
"""Before the adapters with which an engine starts, each as NAME=PATH."""


@dataclass(frozen=True, slots=True)
class BatchModel:
    """What is known of the model."""

    plan: ServingPlan
    uid: str
    """Of the resource."""
    image: str
    """The operator's, with the programs of its Jobs."""
    system_prompt: str
    """The card's; empty for none."""
    template: Mapping[str, Any] | None
    """The pod template of what serves, else of what would; None while the weights are not there."""
    revision: str | None
    """Of what serves, else of what would; None while the weights are not there."""
    node: str | None = None
    """Where the volume with the weights is, if only one node may have it."""
    unused_claim: str | None = None
    """The claim with the weights, if only one node may have it, and no pod shows which one that is."""
    is_scaled_to_zero: bool = False
    """Whether KEDA took the last replica away."""
    cache_message: str = ""
    """What the status says of the weights."""

    @property
    def title(self) -> str:
        """Name the resource in messages."""
        return f"{self.plan.identity.name!r} in namespace {self.plan.identity.namespace!r}"

    def make_rules(self, source: str, system_prompt: str | None, *, is_through_server: bool) -> Rules:
        """Make the rules by which lines are converted."""
        sampling = self.plan.engine.sampling
        values = {"temperature": sampling.temperature, "top_p": sampling.top_p}
        adapters = [adapter.name for adapter in self.plan.adapters] if is_through_server else self._list_loaded()
        return Rules(
            source=source,
            served_names=(*self.plan.engine.served_names, *adapters),
            urls=SERVER_URLS if is_through_server else RUN_BATCH_URLS,
            system_prompt=self.system_prompt if system_prompt is None else system_prompt,
            # The longest answer is the engine's own default, which leaves room for a long prompt.
            sampling={name: value for name, value in values.items() if value is not None},
            longest_tokens=sampling.max_tokens,
        )

    def require_engine(self) -> Mapping[str, Any]:
        """Give the template of an engine of the batch's own.

        Raises
        ------
        OperatorError
            There can be none; the message names the way out.
        """
        name, namespace = self.plan.identity.name, self.plan.identity.namespace
        if self.plan.nodes > 1:
            raise OperatorError(
                f"A replica of {self.title} is spread over {self.plan.nodes} nodes, and a batch runs in one pod. Use "
                "--through-server."
            )
        if self.template is None:
            said = f": {self.cache_message}" if self.cache_message else "."
            raise OperatorError(
                f"The weights of {self.title} are not there yet{said} `kubectl wait --for=condition=ModelCached "
                f"nemo/{name} -n {namespace} --timeout=2h` waits for them."
            )
        return self.template

    def require_server(self) -> None:
        """See that somebody may answer.

        Raises
        ------
        OperatorError
            Nobody will; the message names the way out.
        """
        name, namespace = self.plan.identity.name, self.plan.identity.namespace
        if self.plan.most_replicas == 0:
            raise OperatorError(
                f"{self.title} is suspended, and nobody answers. `nemoctl resume {name} -n {namespace}` lets it serve; "
                "without --through-server the batch has an engine of its own."
            )
        if self.is_scaled_to_zero:
            raise OperatorError(
                f"KEDA took the last replica of {self.title} away, and a batch goes past the gateway whose requests "
                "wake it. Ask once through that gateway, wait with `kubectl wait --for=condition=Available "
                f"nemo/{name} -n {namespace} --timeout=1h`, and run the same command; or leave out --through-server: "
                "the batch then has an engine of its own."
            )

    def _list_loaded(self) -> list[str]:
        """List the adapters with which the engine of the template starts."""
        if self.template is None:
            return []
        names = []
        arguments = iter(find_engine(self.template)["args"])
        for argument in arguments:
            if argument == ADAPTERS_ARGUMENT:
                for value in arguments:
                    if value.startswith("--"):
                        break
                    names.append(value.partition("=")[0])
        return names


def find_engine(template: Mapping[str, Any]) -> dict[str, Any]:
    """Find the container of the engine in a pod template, of this version or an earlier one."""
    containers = template["spec"]["containers"]
    engine: dict[str, Any] = next(each for each in containers if each["name"] == ENGINE_CONTAINER)
    return engine


async def read_model(gateway: ClusterGateway, namespace: str, name: str, offline: Offline) -> BatchModel:
    """Read the resource, plan it as the operator does, and find the pods that serve.

    Raises
    ------
    OperatorError
        There is no such resource, it cannot be planned, or the credentials do not suffice.
    """
    body = await get_deployment(gateway, namespace, name)
    parsed = _without_scaler(parse_deployment(body))
    status = parse_status(body)
    commit = status.cache.commit if status.cache else None
    plan = offline.decide(parsed, commit)
    if isinstance(parsed, InvalidDeployment) or not isinstance(plan, ServingPlan):
        finding = find_planned(plan, None).finding
        advice = (
            " Where the operator has a configuration of its own, --operator-config names it."
            if isinstance(plan, Rejection)
            else ""
        )
        raise OperatorError(f"{name!r} cannot be planned: {finding.reason}: {finding.message}{advice}")
    live = await _find_live_template(gateway, namespace, name)
    template = live or (render_server_pod(plan) if plan.has_all_files else None)
    claim_name, node = await _find_lone_volume(gateway, namespace, name, template) if template else (None, None)
    return BatchModel(
        plan=_speak_as_served(plan, live),
        uid=body["metadata"]["uid"],
        image=offline.config.downloader_image,
        system_prompt=_find_system_prompt(parsed, offline),
        template=template,
        revision=_find_revision(live, template),
        node=node,
        unused_claim=claim_name if node is None else None,
        is_scaled_to_zero=any(
            each.type == ConditionType.AVAILABLE and each.status != "True" and each.reason == Reason.SCALED_TO_ZERO
            for each in status.conditions
        ),
        cache_message=next((each.message for each in status.conditions if each.type == "ModelCached"), ""),
    )


def _without_scaler(parsed: ParsedDeployment | InvalidDeployment) -> ParsedDeployment | InvalidDeployment:
    """Leave out who decides about the replicas: that is no matter of a batch, and needs the operator's Prometheus."""
    if isinstance(parsed, InvalidDeployment) or parsed.spec.autoscaling is None:
        return parsed
    most = {"autoscaling": None, "replicas": parsed.spec.autoscaling.max_replicas}
    return replace(parsed, spec=parsed.spec.model_copy(update=most))


def _find_revision(live: Mapping[str, Any] | None, template: Mapping[str, Any] | None) -> str | None:
    """Find the revision of the pods: what does not serve yet will be labelled with its hash."""
    if live is not None:
        return read_revision_of(live)
    return None if template is None else hash_manifest(template)


def _find_system_prompt(parsed: ParsedDeployment, offline: Offline) -> str:
    return choose_question(parsed.spec, offline.resolve(parsed).entry).system_prompt


def _speak_as_served(plan: ServingPlan, live: Mapping[str, Any] | None) -> ServingPlan:
    """Plan to reach what serves as it serves: while a new spec waits, or was taken back, that may be another way."""
    if live is None:
        return plan
    tls = find_serving_tls(plan.network.tls, plan.identity, LiveTls(read_certificate_secret(live)))
    return replace(plan, network=replace(plan.network, serving_tls=tls))


async def _find_live_template(gateway: ClusterGateway, namespace: str, name: str) -> Mapping[str, Any] | None:
    """Find the template of the Deployment that the operator made for this resource."""
    with explained("get", DEPLOYMENT, namespace):
        live = await gateway.get(DEPLOYMENT, namespace, name)
    if live is None or (live["metadata"].get("labels") or {}).get(DEPLOYMENT_LABEL) != name:
        return None
    template: Mapping[str, Any] = live["spec"]["template"]
    return template


async def _find_lone_volume(
    gateway: ClusterGateway, namespace: str, name: str, template: Mapping[str, Any]
) -> tuple[str | None, str | None]:
    """Find the claim with the weights and the node that has it now, where no other one may have it too.

    Raises
    ------
    OperatorError
        A pod has it, and excludes all others.
    """
    claim_name = _find_claim_name(template["spec"])
    if claim_name is None:
        return None, None
    with explained("get", CLAIM, namespace):
        claim = await gateway.get(CLAIM, namespace, claim_name)
    if claim is None:
        raise OperatorError(
            f"There is no claim {claim_name!r} in namespace {namespace!r}: the weights are gone. `nemoctl status "
            f"{name} -n {namespace}` says when they are fetched again."
        )
    modes = claim["spec"].get("accessModes") or []
    if not is_for_one_node(modes):
        return None, None
    with explained("list", POD, namespace):
        pods, _ = await gateway.list_all(POD, namespace)
    users = [pod for pod in pods if _uses(pod, claim_name)]
    if users and is_for_one_pod(modes):
        raise OperatorError(
            f"The pod {users[0]['metadata']['name']!r} has the volume {claim_name!r}, whose access mode "
            "ReadWriteOncePod excludes every other pod. Use --through-server, or suspend the model first: `nemoctl "
            f"suspend {name} -n {namespace}`."
        )
    return claim_name, next((pod["spec"]["nodeName"] for pod in users), None)


def _uses(pod: KubernetesObject, claim_name: str) -> bool:
    """Tell whether a pod on a node mounts a claim: nemoctl's own lists it alone, and goes."""
    spec, has_ended = pod["spec"], (pod.get("status") or {}).get("phase") in ENDED_PHASES
    volumes = {
        each["name"]
        for each in spec.get("volumes") or []
        if (each.get("persistentVolumeClaim") or {}).get("claimName") == claim_name
    }
    mounted = {
        each["name"]
        for container in (*(spec.get("initContainers") or []), *(spec.get("containers") or []))
        for each in (*(container.get("volumeMounts") or []), *(container.get("volumeDevices") or []))
    }
    return bool(spec.get("nodeName")) and not has_ended and not volumes.isdisjoint(mounted)


def _find_claim_name(pod: Mapping[str, Any]) -> str | None:
    volume: Mapping[str, Any] = next((each for each in pod.get("volumes") or [] if each["name"] == MODELS_VOLUME), {})
    name: str | None = (volume.get("persistentVolumeClaim") or {}).get("claimName")
    return name
