"""The observe steps: before planning, facts; after applying, an observation. What the cache lacks is asked for."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from nemotron_operator.api.v1alpha1 import Identity, ParsedDeployment, parse_status
from nemotron_operator.catalog.catalog import Catalog
from nemotron_operator.cluster.cache import KubernetesObject, ObjectCache, component_of
from nemotron_operator.cluster.claim_users import find_claim_users
from nemotron_operator.cluster.download_progress import ask_download
from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.kinds import (
    CLAIM,
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    JOB,
    NEMOTRON,
    POD,
    SERVICE,
    SERVICE_ACCOUNT,
    ApiKind,
)
from nemotron_operator.cluster.observation import (
    is_older,
    observe_claim,
    observe_job,
    observe_pods,
    observe_server,
    read_claim_fact,
    read_recorded_model,
)
from nemotron_operator.cluster.ownership import find_foreign
from nemotron_operator.cluster.verification import observe_verification, read_serving_fact
from nemotron_operator.errors import ClusterError
from nemotron_operator.plan.facts import CachedModel, Facts, ForeignObject
from nemotron_operator.plan.lookups import Lookups, list_lookups
from nemotron_operator.render.metadata import CACHE_COMPONENT, SERVER_COMPONENT, VERIFICATION_COMPONENT
from nemotron_operator.status.observation import JobState, Observation, ObservedJob


@dataclass(frozen=True, slots=True)
class ClusterView:
    """The cache, with the API server behind it for what the cache cannot know."""

    cache: ObjectCache
    gateway: ClusterGateway

    async def find(self, kind: ApiKind, namespace: str, name: str) -> KubernetesObject | None:
        """Find an object that may be ours or foreign; watches report only ours, so a miss is asked for."""
        known = self.cache.get(kind, namespace, name)
        return known if known is not None else await self.gateway.get(kind, namespace, name)

    async def find_if_allowed(self, kind: ApiKind, namespace: str, name: str) -> KubernetesObject | None:
        """Find an object, taking "forbidden" for "not there": for a status, which has to be written all the same."""
        try:
            return await self.find(kind, namespace, name)
        except ClusterError as error:
            if error.status_code == 403:  # noqa: PLR2004 - HTTP's own number
                return None
            raise


async def observe_facts(deployment: ParsedDeployment, catalog: Catalog, view: ClusterView) -> Facts:
    """Look up everything that the planner may know."""
    identity, cache = deployment.identity, view.cache
    lookups = list_lookups(deployment, catalog)
    claims = await _find_claims(identity, lookups, view)
    pods = cache.list_children(POD, identity.namespace, identity.name)
    return Facts(
        foreign_objects=await _find_foreign_objects(identity, deployment.spec.replicas, lookups, view),
        claims={name: read_claim_fact(claim) for name, claim in claims.items()},
        cached_models=_find_cached_models(identity, lookups, claims, cache),
        recorded_claims=frozenset(
            name
            for name, claim in claims.items()
            if name == lookups.shared_claim_name and read_recorded_model(claim) is not None
        ),
        claim_users=find_claim_users(deployment, lookups.shared_claim_name, catalog, cache),
        serving=read_serving_fact(
            cache.get(DEPLOYMENT, identity.namespace, identity.name), _select(pods, SERVER_COMPONENT)
        ),
        answered_job=_find_answered_job(identity, cache),
    )


async def observe(
    identity: Identity, lookups: Lookups, view: ClusterView, *, asks_download: bool = True
) -> Observation:
    """Look at what exists now; ask a download that runs how far it is, if wanted."""
    namespace, name, cache = identity.namespace, identity.name, view.cache
    server = cache.get(DEPLOYMENT, namespace, name)
    pods = cache.list_children(POD, namespace, name)
    job = cache.get(JOB, namespace, lookups.job_name) if lookups.job_name else None
    claim = await view.find_if_allowed(CLAIM, namespace, lookups.claim_names[0]) if lookups.claim_names else None
    cache_pods, asking_pods = _select(pods, CACHE_COMPONENT), _select(pods, VERIFICATION_COMPONENT)
    asking_jobs = _select(cache.list_children(JOB, namespace, name), VERIFICATION_COMPONENT)
    return Observation(
        server=observe_server(server) if server else None,
        server_pods=observe_pods(_select(pods, SERVER_COMPONENT)),
        cache_pods=observe_pods(cache_pods),
        job=await _observe_download(job, cache_pods, asks=asks_download) if job else None,
        verification_pods=observe_pods(asking_pods),
        verifications=tuple(observe_verification(job, asking_pods) for job in asking_jobs),
        claim=observe_claim(claim) if claim else None,
    )


async def _observe_download(job: KubernetesObject, pods: list[KubernetesObject], *, asks: bool) -> ObservedJob:
    observed = observe_job(job, pods)
    if not asks or not observed.is_running or observed.state is not JobState.ACTIVE:
        return observed
    return replace(observed, progress=await ask_download(job, pods))


async def _find_claims(identity: Identity, lookups: Lookups, view: ClusterView) -> dict[str, KubernetesObject]:
    found = {name: await view.find(CLAIM, identity.namespace, name) for name in lookups.claim_names}
    return {name: claim for name, claim in found.items() if claim is not None}


async def _find_foreign_objects(
    identity: Identity, replicas: int, lookups: Lookups, view: ClusterView
) -> tuple[ForeignObject, ...]:
    """Check every name that this resource needs now or will need later, before anything is made."""
    wanted = [(SERVICE_ACCOUNT, identity.name), (SERVICE, identity.name), (DEPLOYMENT, identity.name)]
    if replicas > 1:
        wanted.append((DISRUPTION_BUDGET, identity.name))
    if lookups.job_name is not None:
        wanted.append((JOB, lookups.job_name))
    if lookups.shared_claim_name is not None:
        wanted.append((CLAIM, lookups.shared_claim_name))
    found = [await view.find(kind, identity.namespace, name) for kind, name in wanted]
    foreign = (find_foreign(live, identity) for live in found if live is not None)
    return tuple(owner for owner in foreign if owner is not None)


def _find_cached_models(
    identity: Identity, lookups: Lookups, claims: dict[str, KubernetesObject], cache: ObjectCache
) -> dict[str, CachedModel]:
    """Find what was downloaded: the volume's own record first, so that all resources that share it agree."""
    if lookups.job_name is None:
        return {}
    shared = claims.get(lookups.shared_claim_name or "")
    recorded = read_recorded_model(shared) if shared else None
    if recorded is not None:
        return {lookups.job_name: recorded}
    job = cache.get(JOB, identity.namespace, lookups.job_name)
    if job is None or is_older(job, claims.get(lookups.claim_names[0])):
        return {}
    result = observe_job(job, cache.list_children(POD, identity.namespace, identity.name)).result
    return {lookups.job_name: result} if result is not None else {}


def _find_answered_job(identity: Identity, cache: ObjectCache) -> str | None:
    live = cache.get(NEMOTRON, identity.namespace, identity.name)
    verification = parse_status(live).verification if live else None
    return verification.job if verification else None


def _select(children: Iterable[KubernetesObject], component: str) -> list[KubernetesObject]:
    return [child for child in children if component_of(child) == component]
