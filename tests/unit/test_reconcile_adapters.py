"""The pipeline with adapters: their Jobs carry the record, outlast the model's, and do their work again for a volume
that was made anew."""

from nemotron_operator.cluster.kinds import CLAIM, DEPLOYMENT, JOB, POD
from nemotron_operator.downloader.outcome import Complete
from nemotron_operator.termination.outcome import render_line
from tests.support.fixtures.deployments import DeploymentBuilder
from tests.support.fixtures.live_objects import a_finished_cache_pod, condition
from tests.unit.plan.test_adapters import BESIDE, SQL, adapted, live
from tests.unit.test_reconcile import JSON, Cluster

FETCHED = render_line(Complete("my-org/sql-lora", "a" * 40, 50_000_000, 2, "5d" * 32, 1.0, 1, adapter_rank=16))


class AdaptedCluster(Cluster):
    """A cluster whose Jobs of adapters end when a test says so."""

    def end_job(self, job: JSON, message: str = FETCHED) -> None:
        completed = "2026-11-24T07:59:00Z"
        self.gateway.put(JOB, {**job, "status": {"conditions": [condition("Complete")], "completionTime": completed}})
        pod = a_finished_cache_pod(message)
        pod["metadata"] |= {"name": f"{job['metadata']['name']}-x", "labels": job["metadata"]["labels"]}
        pod["metadata"]["ownerReferences"][0]["uid"] = job["metadata"]["uid"]
        self.gateway.put(POD, pod)

    @property
    def only_job(self) -> JSON:
        """The one Job of adapters."""
        (job,) = self.list_jobs("adapter")
        return job

    def has_server(self) -> bool:
        return any(kind is DEPLOYMENT for kind, _ in self.gateway.objects)

    @property
    def records(self) -> list[bool]:
        """Tell which Jobs of adapters carry a record."""
        return [
            "nemotron.dev/cached-model" in job["metadata"].get("annotations", {}) for job in self.list_jobs("adapter")
        ]


def with_model(deployment: DeploymentBuilder) -> AdaptedCluster:
    """Make a cluster in which the model has just arrived."""
    cluster = AdaptedCluster(deployment)
    cluster.reconcile()
    assert [] == cluster.list_jobs("adapter")
    cluster.finish_download()
    cluster.reconcile()
    return cluster


def test_pods_come_when_the_adapter_is_there_and_its_job_keeps_the_record() -> None:
    cluster = with_model(adapted(SQL))
    assert not cluster.has_server()
    assert ("False", "Downloading") == cluster.condition("Ready")
    job = cluster.only_job
    cluster.end_job(job)
    cluster.reconcile()
    assert cluster.has_server()
    assert [True] == cluster.records

    cluster.gateway.objects = {key: body for key, body in cluster.gateway.objects.items() if key[0] is not POD}
    cluster.restart()
    cluster.reconcile()
    assert [] == cluster.reconcile()
    assert [True] == cluster.records


def test_a_job_that_left_no_word_runs_again() -> None:
    cluster = with_model(adapted(SQL))
    job = cluster.only_job
    cluster.gateway.put(JOB, {**job, "status": {"conditions": [condition("Complete")]}})
    assert ("delete", "Job", job["metadata"]["name"]) in cluster.reconcile()


def test_an_adapter_that_nobody_names_any_more_loses_its_job() -> None:
    cluster = with_model(adapted(SQL, BESIDE))
    cluster.end_job(cluster.only_job)
    cluster.reconcile()
    cluster.ask_for(adapted(BESIDE))
    cluster.reconcile()
    assert [] == cluster.list_jobs("adapter")
    assert cluster.has_server()


def test_a_volume_that_was_made_anew_gets_its_adapter_again() -> None:
    cluster = with_model(adapted(SQL))
    cluster.end_job(cluster.only_job)
    cluster.reconcile()
    claim = cluster.find(CLAIM)
    newer = {**claim["metadata"], "creationTimestamp": "2027-01-01T00:00:00Z", "annotations": {}}
    cluster.gateway.put(CLAIM, {**claim, "metadata": newer})
    cluster.reconcile()
    cluster.reconcile()
    assert [] == cluster.list_jobs("adapter")  # until the model is there again


def test_what_the_pods_are_told_has_a_job_of_its_own_without_a_record() -> None:
    cluster = with_model(live(BESIDE))
    assert cluster.has_server()
    assert [] == cluster.list_jobs("adapter")
    cluster.serve()
    cluster.reconcile()
    job = cluster.only_job
    assert ("False", "Loading") == cluster.condition("Adapted")
    cluster.end_job(job, '{"outcome": "Complete", "adapters": ["beside"]}')
    cluster.reconcile()
    assert [False] == cluster.records
    assert ("True", "Loaded") == cluster.condition("Adapted")
    cluster.ask_for(live())
    cluster.reconcile()
    assert job["metadata"]["name"] != cluster.only_job["metadata"]["name"]


def test_pods_of_an_earlier_revision_are_not_told_of_adapters() -> None:
    cluster = with_model(adapted())
    cluster.serve()
    cluster.reconcile()
    cluster.ask_for(live(BESIDE))
    cluster.reconcile()
    cluster.reconcile()
    assert [] == cluster.list_jobs("adapter")
    assert ("False", "RollingOut") == cluster.condition("Adapted")
    cluster.serve()
    cluster.reconcile()
    assert 1 == len(cluster.list_jobs("adapter"))
