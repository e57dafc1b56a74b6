"""The observe steps: before planning, facts; after applying, an observation. What the cache lacks is asked for."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from nemotron_operator.api.v1alpha1 import Identity, ParsedDeployment, parse_status
from nemotron_operator.catalog.catalog import Catalog
from nemotron_operator.cluster.cache import Key, KubernetesObject, ObjectCache, component_of
from nemotron_operator.cluster.checks import (
    Evidence,
    VolumeState,
    find_check_due,
    find_running_check,
    is_check,
    judge_volume,
    observe_check,
    read_damage,
    read_request,
)
from nemotron_operator.cluster.claim_users import find_claim_users
from nemotron_operator.cluster.departed_pods import DepartedPods
from nemotron_operator.cluster.download_progress import ask_download
from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.group_progress import observe_groups
from nemotron_operator.cluster.inspection import observe_inspection
from nemotron_operator.cluster.kinds import (
    CLAIM,
    DISRUPTION_BUDGET,
    JOB,
    NEMOTRON,
    POD,
    SERVICE,
    SERVICE_ACCOUNT,
    VOLUME,
    ApiKind,
)
from nemotron_operator.cluster.network import list_network_objects, observe_network
from nemotron_operator.cluster.observation import (
    is_older,
    observe_claim,
    observe_job,
    observe_server,
    read_claim_fact,
    read_recorded_model,
)
from nemotron_operator.cluster.ownership import find_foreign
from nemotron_operator.cluster.platform import WITHOUT_VOLUMES, Platform, read_place
from nemotron_operator.cluster.pods import list_leaving_pods, observe_ending_pods, observe_failed_pods, observe_pods
from nemotron_operator.cluster.refusal import observe_refusal
from nemotron_operator.cluster.scaling import list_scaling_objects, observe_scalers, read_live_replicas
from nemotron_operator.cluster.servers import (
    find_server,
    find_server_of,
    has_live_groups,
    is_made_for_groups,
    list_group_names,
    list_server_names,
    read_live_port,
    read_live_tls,
    read_ready_ports,
)
from nemotron_operator.cluster.verification import observe_verification, read_serving_fact
from nemotron_operator.errors import ClusterError
from nemotron_operator.plan.facts import CachedModel, Facts, ForeignObject, InspectedModel, StorageClassFact
from nemotron_operator.plan.lookups import Lookups, list_lookups
from nemotron_operator.plan.needed_apis import list_needed_apis
from nemotron_operator.plan.scaling import count_most_replicas
from nemotron_operator.plan.storage import needs_storage_classes
from nemotron_operator.render.metadata import (
    ADAPTER_COMPONENT,
    CACHE_COMPONENT,
    INSPECTION_COMPONENT,
    SERVER_COMPONENT,
    VERIFICATION_COMPONENT,
    WORKER_COMPONENT,
    read_worker_template,
)
from nemotron_operator.status.observation import Observation, ObservedClaim
from nemotron_operator.status.observed_jobs import JobState, ObservedInspection, ObservedJob
from nemotron_operator.status.observed_servers import ObservedServer


@dataclass(frozen=True, slots=True)
class ClusterView:
    """The cache, with the API server behind it for what the cache cannot know."""

    cache: ObjectCache
    gateway: ClusterGateway
    platform: Platform = field(default_factory=Platform)
    asked_claims: dict[Key, KubernetesObject | None] | None = None
    """Volumes of users that were asked for already; None remembers none."""
    departed: DepartedPods = field(default_factory=DepartedPods)

    def remembering(self) -> "ClusterView":
        """Look at the same cluster, asking for each volume of a user's once: no watch reports it."""
        return replace(self, asked_claims={})

    async def find(self, kind: ApiKind, namespace: str, name: str) -> KubernetesObject | None:
        """Find an object that may be ours or foreign; watches report only ours, so a miss is asked for."""
        known, key = self.cache.get(kind, namespace, name), (namespace, name)
        if known is not None:
            return known
        if kind is not CLAIM or self.asked_claims is None:
            return await self.gateway.get(kind, namespace, name)
        if key not in self.asked_claims:
            self.asked_claims[key] = await self.gateway.get(kind, namespace, name)
        return self.asked_claims[key]

    async def find_if_allowed(
        self, kind: ApiKind, namespace: str, name: str, consequence: str = ""
    ) -> KubernetesObject | None:
        """Find an object, taking "forbidden" for "not there": for a status, which has to be written all the same.

        Parameters
        ----------
        consequence
            What cannot be known then, in a sentence that is said once; empty where the resource hears of it.
        """
        try:
            return await self.find(kind, namespace, name)
        except ClusterError as error:
            if error.status_code != 403:  # noqa: PLR2004 - HTTP's own number
                raise
            if consequence:
                self.platform.tell_unknown(consequence, error)
            return None


async def observe_facts(deployment: ParsedDeployment, catalog: Catalog, view: ClusterView, now: datetime) -> Facts:
    """Look up everything that the planner may know."""
    identity, cache = deployment.identity, view.cache
    lookups = list_lookups(deployment, catalog)
    claims = await _find_claims(identity, lookups, view)
    volume = _read_volume(identity, lookups, claims, cache)
    running_since = find_running_check("".join(lookups.claim_names), volume, _list_checks(cache, identity))
    recorded_claims = _find_recorded_claims(lookups, claims, volume)
    requested_at = read_request(cache.get(NEMOTRON, identity.namespace, identity.name))
    pods = cache.list_children(POD, identity.namespace, identity.name)
    server, server_pods = find_server_of(identity, cache), _select(pods, SERVER_COMPONENT)
    return Facts(
        foreign_objects=await _find_foreign_objects(deployment, lookups, recorded_claims, view),
        foreign_group_objects=await _find_foreign_group_objects(deployment, view),
        claims={name: read_claim_fact(claim) for name, claim in claims.items()},
        cached_adapters=_find_cached_adapters(identity, lookups, claims, cache),
        cached_models={lookups.job_name: volume.cached} if lookups.job_name and volume.cached else {},
        recorded_claims=recorded_claims,
        damage=volume.damage,
        check_due=find_check_due(volume, deployment.spec.cache, requested_at, now, running_since),
        claim_users=find_claim_users(deployment, lookups.shared_claim_name, catalog, cache),
        serving=read_serving_fact(server, server_pods),
        live_replicas=read_live_replicas(server),
        has_live_groups=has_live_groups(server),
        live_tls=read_live_tls(server),
        live_port=read_live_port(server),
        ready_ports=read_ready_ports(server_pods),
        missing_apis=view.platform.list_missing(list_needed_apis(deployment.spec)),
        forbidden_apis=view.platform.list_forbidden(list_needed_apis(deployment.spec)),
        answered_job=_find_answered_job(identity, cache),
        storage_classes=await _find_storage_classes(deployment, lookups, claims, view),
        inspected=_find_inspected(identity, lookups, claims, cache),
        api_server_version=await view.platform.read_version(view.gateway) if lookups.has_image else None,
    )


async def observe(
    identity: Identity,
    lookups: Lookups,
    view: ClusterView,
    now: datetime | None = None,
    *,
    asks_download: bool = True,
) -> Observation:
    """Look at what exists now; ask a download that runs how far it is, if wanted."""
    namespace, name, cache = identity.namespace, identity.name, view.cache
    server = find_server(cache, namespace, name)
    pods = cache.list_children(POD, namespace, name)
    leaders, workers = _select(pods, SERVER_COMPONENT), _select(pods, WORKER_COMPONENT)
    is_group = server is not None and read_worker_template(server) is not None
    job = cache.get(JOB, namespace, lookups.job_name) if lookups.job_name else None
    claim = await view.find_if_allowed(CLAIM, namespace, lookups.claim_names[0]) if lookups.claim_names else None
    cache_pods = [pod for pod in _select(pods, CACHE_COMPONENT) if not is_check(pod)]
    asking_pods = _select(pods, VERIFICATION_COMPONENT)
    asking_jobs = _select(cache.list_children(JOB, namespace, name), VERIFICATION_COMPONENT)
    return Observation(
        server=_observe_server(server, pods, now) if server else None,
        server_pods=observe_pods(leaders),
        worker_pods=observe_pods(workers),
        ending_pods=observe_ending_pods([*leaders, *workers]) if is_group else (),
        leaving_pods=list_leaving_pods([*leaders, *workers]),
        failed_pods=observe_failed_pods([*leaders, *workers]),
        cache_pods=observe_pods(cache_pods),
        job=await _observe_download(job, cache_pods, asks=asks_download) if job else None,
        verification_pods=observe_pods(asking_pods),
        verifications=tuple(observe_verification(job, asking_pods) for job in asking_jobs),
        claim=await _observe_volume(claim, pods, view) if claim else None,
        inspection_pods=observe_pods(_select(pods, INSPECTION_COMPONENT)),
        inspection=_observe_inspection(namespace, lookups, pods, cache),
        scalers=observe_scalers(identity, cache),
        checks=tuple(observe_check(job, pods) for job in _list_checks(cache, identity)),
        adapter_jobs=tuple(
            observe_job(job, pods) for job in _select(cache.list_children(JOB, namespace, name), ADAPTER_COMPONENT)
        ),
        adapter_pods=observe_pods(_select(pods, ADAPTER_COMPONENT)),
        check_request=read_request(cache.get(NEMOTRON, namespace, name)),
        network=observe_network(identity, cache),
    )


def _observe_server(server: KubernetesObject, pods: Iterable[KubernetesObject], now: datetime | None) -> ObservedServer:
    """Look at what makes the pods; a Deployment says itself when it is late."""
    if now is None:
        return observe_server(server)
    if read_worker_template(server) is None:
        return observe_refusal(server, _select(pods, SERVER_COMPONENT), now)
    return observe_groups(server, _select(pods, SERVER_COMPONENT), now)


async def _observe_volume(claim: KubernetesObject, pods: list[KubernetesObject], view: ClusterView) -> ObservedClaim:
    """Look at the volume, and where it is if that keeps a pod from it."""
    observed, name = observe_claim(claim), claim["spec"].get("volumeName")
    is_out_of_reach = any(pod.is_kept_from_volume for pod in observe_pods(pods))
    volume = None
    if name and is_out_of_reach:
        volume = await view.find_if_allowed(VOLUME, "", name, WITHOUT_VOLUMES)
    return replace(observed, place=read_place(volume)) if volume else observed


def _observe_inspection(
    namespace: str, lookups: Lookups, pods: list[KubernetesObject], cache: ObjectCache
) -> ObservedInspection | None:
    job = cache.get(JOB, namespace, lookups.inspect_job_name) if lookups.inspect_job_name else None
    return observe_inspection(job, pods) if job else None


async def _observe_download(job: KubernetesObject, pods: list[KubernetesObject], *, asks: bool) -> ObservedJob:
    observed = observe_job(job, pods)
    if not asks or not observed.is_running or observed.state is not JobState.ACTIVE:
        return observed
    return replace(observed, progress=await ask_download(job, pods))


async def _find_claims(identity: Identity, lookups: Lookups, view: ClusterView) -> dict[str, KubernetesObject]:
    found = {name: await view.find(CLAIM, identity.namespace, name) for name in lookups.claim_names}
    return {name: claim for name, claim in found.items() if claim is not None}


def _find_recorded_claims(lookups: Lookups, claims: dict[str, KubernetesObject], volume: VolumeState) -> frozenset[str]:
    shared = claims.get(lookups.shared_claim_name) if lookups.shared_claim_name else None
    is_recorded = shared is not None and volume.cached is not None and read_recorded_model(shared) is not None
    return frozenset(lookups.claim_names if is_recorded else ())


async def _find_foreign_objects(
    deployment: ParsedDeployment, lookups: Lookups, recorded_claims: frozenset[str], view: ClusterView
) -> tuple[ForeignObject, ...]:
    """Check every name that this resource needs now or will need later, before anything is made.

    What is there is in the cache. At rest nothing else is asked for: no Job once its volume remembers what it fetched.
    """
    identity = deployment.identity
    wanted = [(SERVICE_ACCOUNT, identity.name), (SERVICE, identity.name)]
    wanted += list_server_names(view.cache, identity, _list_asked_kinds(deployment, view))
    if count_most_replicas(deployment.spec) > 1:
        wanted.append((DISRUPTION_BUDGET, identity.name))
    if lookups.job_name is not None and not recorded_claims:
        wanted.append((JOB, lookups.job_name))
    if lookups.inspect_job_name is not None:
        wanted.append((JOB, lookups.inspect_job_name))
    wanted += [(JOB, name) for name in lookups.adapter_job_names]
    if lookups.shared_claim_name is not None:
        wanted.append((CLAIM, lookups.shared_claim_name))
    wanted += list_scaling_objects(deployment, view.platform.served_kinds)
    wanted += list_network_objects(deployment, view.platform.served_kinds)
    found = [await view.find(kind, identity.namespace, name) for kind, name in wanted]
    foreign = (find_foreign(live, identity) for live in found if live is not None)
    return tuple(owner for owner in foreign if owner is not None)


async def _find_foreign_group_objects(deployment: ParsedDeployment, view: ClusterView) -> tuple[ForeignObject, ...]:
    """Check the names that only groups of pods need, while there is none: at rest nothing is asked for."""
    identity = deployment.identity
    wanted = list_group_names(view.cache, identity, _list_asked_kinds(deployment, view))
    found = [await view.find(kind, identity.namespace, name) for kind, name in wanted]
    others = (live for live in found if live is not None and not is_made_for_groups(live, identity.name))
    foreign = (find_foreign(live, identity) for live in others)
    return tuple(owner for owner in foreign if owner is not None)


def _list_asked_kinds(deployment: ParsedDeployment, view: ClusterView) -> frozenset[ApiKind]:
    """List the optional kinds that the spec may need, and that the API server knows."""
    needed = list_needed_apis(deployment.spec)
    return frozenset(kind for kind in view.platform.served_kinds if kind.name in needed)


def _read_volume(
    identity: Identity, lookups: Lookups, claims: dict[str, KubernetesObject], cache: ObjectCache
) -> VolumeState:
    """Read what is on the volume: by its own record first, so that all resources that share it agree, else by the Job.

    What somebody found to be damaged stands beside that record.
    """
    if lookups.job_name is None:
        return VolumeState(None, None)
    claim_name, pods = lookups.claim_names[0], cache.list_children(POD, identity.namespace, identity.name)
    claim, job = claims.get(claim_name), cache.get(JOB, identity.namespace, lookups.job_name)
    if job is not None and is_older(job, claim):
        job = None
    shared = claim if lookups.shared_claim_name else None
    record, holder = read_recorded_model(shared) if shared else None, shared or job
    if record is None and job is not None:
        record = observe_job(job, pods).result
    evidence = Evidence(_list_checks(cache, identity), pods)
    return judge_volume(claim_name, record, read_damage(holder) if holder else None, evidence)


def _list_checks(cache: ObjectCache, identity: Identity) -> list[KubernetesObject]:
    return [job for job in cache.list_children(JOB, identity.namespace, identity.name) if is_check(job)]


async def _find_storage_classes(
    deployment: ParsedDeployment, lookups: Lookups, claims: dict[str, KubernetesObject], view: ClusterView
) -> tuple[StorageClassFact, ...] | None:
    """Look up the StorageClasses if they decide about a volume of the operator's: at rest they do not."""
    if lookups.shared_claim_name is None:
        return None
    live = claims.get(lookups.shared_claim_name)
    if not needs_storage_classes(deployment.spec.cache, read_claim_fact(live) if live else None):
        return None
    return await view.platform.list_storage_classes(view.gateway)


def _find_inspected(
    identity: Identity, lookups: Lookups, claims: dict[str, KubernetesObject], cache: ObjectCache
) -> InspectedModel | None:
    """Find what was seen in the user's directory, on the volume that is there now."""
    job = cache.get(JOB, identity.namespace, lookups.inspect_job_name) if lookups.inspect_job_name else None
    if job is None or is_older(job, claims.get(lookups.claim_names[0])):
        return None
    return observe_inspection(job, cache.list_children(POD, identity.namespace, identity.name)).result


def _find_cached_adapters(
    identity: Identity, lookups: Lookups, claims: dict[str, KubernetesObject], cache: ObjectCache
) -> dict[str, CachedModel]:
    """Find which adapters their Jobs fetched, to the volume that is there now."""
    pods = cache.list_children(POD, identity.namespace, identity.name)
    claim = claims.get(lookups.claim_names[0]) if lookups.claim_names else None
    found = {}
    for name in lookups.adapter_job_names:
        job = cache.get(JOB, identity.namespace, name)
        if job is None or is_older(job, claim) or find_foreign(job, identity) is not None:
            continue
        result = observe_job(job, pods).result
        if result is not None:
            found[name] = result
    return found


def _find_answered_job(identity: Identity, cache: ObjectCache) -> str | None:
    live = cache.get(NEMOTRON, identity.namespace, identity.name)
    verification = parse_status(live).verification if live else None
    return verification.job if verification else None


def _select(children: Iterable[KubernetesObject], component: str) -> list[KubernetesObject]:
    return [child for child in children if component_of(child) == component]
