"""The pipeline where weights are not downloaded, and where storage decides: against an API server in memory."""

import json
from dataclasses import replace

from nemotron_operator.cluster.kinds import CLAIM, DEPLOYMENT, JOB, NEMOTRON, POD, STORAGE_CLASS, VOLUME
from nemotron_operator.reconcile import UNWATCHED_RETRY_SECONDS
from tests.support.fixtures.deployments import a_deployment
from tests.support.fixtures.live_objects import a_container, a_live_claim, a_live_pod, condition, controlled_by
from tests.support.fixtures.plans import CONFIG
from tests.support.memory_gateway import a_storage_class
from tests.unit.test_reconcile import JSON, Cluster, serving_cluster

FOUND = {"outcome": "Complete", "bytes": 72_685_000_000, "files": 27, "manifestSha256": None, "seconds": 0.2}
NO_MODEL = {"outcome": "Failed", "reason": "NoModel", "message": "There is no config.json in /models/a."}
CONFLICT = "0/3 nodes are available: 3 node(s) had volume node affinity conflict."


def users_claim(**metadata: str) -> JSON:
    claim = a_live_claim("mine")
    claim["metadata"] |= {"labels": {}, **metadata}
    return claim


def provided_cluster() -> Cluster:
    """Make a cluster with a claim of the user's and a resource that names it, reconciled once."""
    cluster = Cluster(a_deployment().with_provided_weights("mine", "models/a"))
    cluster.gateway.put(CLAIM, users_claim())
    cluster.reconcile()
    return cluster


def end_look(cluster: Cluster, report: JSON) -> None:
    """End the Job that looks; its pod leaves this report."""
    is_found = report["outcome"] == "Complete"
    status = {"conditions": [condition("Complete" if is_found else "Failed")], "failed": int(not is_found)}
    job = cluster.find(JOB)
    cluster.change(JOB, status=status)
    ended = {"exitCode": 0 if is_found else 3, "reason": "Completed", "message": json.dumps(report)}
    pod = a_live_pod(
        "inspect-x",
        component="inspection",
        containers=[a_container("inspect", terminated=ended)],
        phase="Succeeded" if is_found else "Failed",
        owner=controlled_by(job["metadata"]["name"], job["metadata"]["uid"], "Job"),
    )
    cluster.gateway.put(POD, pod)


def test_weights_on_a_claim_are_looked_at_before_a_gpu_is_taken() -> None:
    cluster = provided_cluster()
    created = [kind for verb, kind, _ in cluster.gateway.writes if verb == "create"]
    assert ["ServiceAccount", "Service", "Job"] == created
    assert ("False", "Inspecting") == cluster.condition("ModelCached")


def test_what_was_found_is_recorded_on_the_job_and_served() -> None:
    cluster = provided_cluster()
    end_look(cluster, FOUND)
    written = [(verb, kind) for verb, kind, _ in cluster.reconcile()]
    assert [
        ("annotate", "Job"),
        ("create", "ControllerRevision"),
        ("create", "Deployment"),
        ("status", "NemotronDeployment"),
    ] == written
    assert ("True", "Provided") == cluster.condition("ModelCached")
    cache = cluster.find(NEMOTRON)["status"]["cache"]
    assert {"claimName": "mine", "path": "models/a", "bytes": 72_685_000_000, "files": 27} == cache

    cluster.gateway.take(POD, "team", "inspect-x")
    cluster.restart()
    assert [] == cluster.reconcile()
    assert ("True", "Provided") == cluster.condition("ModelCached")


def test_a_directory_without_a_model_takes_no_gpu_and_needs_a_human() -> None:
    cluster = provided_cluster()
    end_look(cluster, NO_MODEL)
    assert [("status", "NemotronDeployment", "nemotron")] == cluster.reconcile()
    assert ("True", "NoModel") == cluster.condition("Stalled")
    assert [] == cluster.reconcile()
    job = cluster.find(JOB)["metadata"]["name"]
    cluster.gateway.take(JOB, "team", job)
    assert ("create", "Job", job) in cluster.reconcile()


def test_a_claim_that_was_replaced_is_looked_at_again_while_the_old_pods_serve() -> None:
    cluster = provided_cluster()
    end_look(cluster, FOUND)
    cluster.reconcile()
    job = cluster.find(JOB)["metadata"]["name"]
    cluster.gateway.take(CLAIM, "team", "mine")
    cluster.gateway.put(CLAIM, users_claim(uid="another", creationTimestamp="2026-11-24T09:00:00Z"))
    assert ("delete", "Job", job) in cluster.reconcile()
    cluster.restart()
    assert ("create", "Job", job) in cluster.reconcile()
    assert ("False", "Inspecting") == cluster.condition("ModelCached")
    assert cluster.find(DEPLOYMENT)["spec"]["replicas"] == 1


def test_another_path_is_looked_at_by_another_job_and_the_old_one_goes() -> None:
    cluster = provided_cluster()
    old = cluster.find(JOB)["metadata"]["name"]
    cluster.ask_for(a_deployment().with_provided_weights("mine", "models/b"))
    written = [(verb, kind) for verb, kind, _ in cluster.reconcile()]
    assert [("create", "Job"), ("delete", "Job"), ("status", "NemotronDeployment")] == written
    assert old != cluster.find(JOB)["metadata"]["name"]


def test_a_missing_storage_class_stops_everything_and_is_looked_for_again() -> None:
    cluster = Cluster(a_deployment().having("cache.storageClassName", "fast"))
    assert [("status", "NemotronDeployment", "nemotron")] == cluster.reconcile()
    assert ("True", "StorageClassNotFound") == cluster.condition("Stalled")
    assert UNWATCHED_RETRY_SECONDS == cluster.retry_seconds
    cluster.gateway.put(STORAGE_CLASS, a_storage_class("fast"))
    cluster.restart()
    assert ("create", "PersistentVolumeClaim") in [(verb, kind) for verb, kind, _ in cluster.reconcile()]
    assert cluster.retry_seconds is None


def test_without_permission_to_read_storage_classes_nothing_is_refused() -> None:
    cluster = Cluster(a_deployment().having("cache.storageClassName", "fast"))
    cluster.gateway.forbidden.add(STORAGE_CLASS)
    assert ("create", "PersistentVolumeClaim") in [(verb, kind) for verb, kind, _ in cluster.reconcile()]


def test_storage_classes_are_not_read_once_the_volume_is_there() -> None:
    cluster = serving_cluster()
    cluster.restart()
    before = cluster.gateway.reads.count(("list", "StorageClass"))
    assert 0 < before
    cluster.reconcile()
    assert before == cluster.gateway.reads.count(("list", "StorageClass"))


def test_a_volume_that_cannot_grow_is_a_condition_and_what_serves_goes_on() -> None:
    cluster = serving_cluster()
    cluster.ask_for(a_deployment().having("cache.size", "500Gi"))
    assert [("status", "NemotronDeployment", "nemotron")] == cluster.reconcile()
    assert ("False", "VolumeCannotGrow") == cluster.condition("Ready")
    assert ("True", "Serving") == cluster.condition("Available")
    assert UNWATCHED_RETRY_SECONDS == cluster.retry_seconds


def test_a_volume_grows_where_its_class_allows_it() -> None:
    cluster = serving_cluster()
    claim = cluster.find(CLAIM)
    cluster.change(CLAIM, spec={**claim["spec"], "storageClassName": "standard"})
    cluster.gateway.put(STORAGE_CLASS, a_storage_class(allowVolumeExpansion=True))
    cluster.restart()
    cluster.ask_for(a_deployment().having("cache.size", "500Gi"))
    assert ("apply", "PersistentVolumeClaim", claim["metadata"]["name"]) in cluster.reconcile()
    assert "500Gi" == cluster.find(CLAIM)["spec"]["resources"]["requests"]["storage"]


def test_a_volume_out_of_reach_is_told_with_its_zone() -> None:
    cluster = Cluster(a_deployment())
    cluster.reconcile()
    terms = [{"matchExpressions": [{"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["eu-1a"]}]}]
    spec = {"nodeAffinity": {"required": {"nodeSelectorTerms": terms}}}
    cluster.gateway.put(VOLUME, {"kind": "PersistentVolume", "metadata": {"name": "pv", "namespace": ""}, "spec": spec})
    cluster.change(CLAIM, spec={**cluster.find(CLAIM)["spec"], "volumeName": "pv"}, status={"phase": "Bound"})
    unscheduled = condition("PodScheduled", "False", "Unschedulable", CONFLICT)
    cluster.gateway.put(POD, a_live_pod("cache-x", component="cache", phase="Pending", conditions=[unscheduled]))
    cluster.reconcile()
    (told,) = [one for one in cluster.find(NEMOTRON)["status"]["conditions"] if one["type"] == "ModelCached"]
    assert "Unschedulable" == told["reason"]
    assert "which is in zone 'eu-1a'" in told["message"]

    cluster.gateway.forbidden.add(VOLUME)
    cluster.restart()
    cluster.reconcile()
    (told,) = [one for one in cluster.find(NEMOTRON)["status"]["conditions"] if one["type"] == "ModelCached"]
    assert ("Unschedulable", False) == (told["reason"], "eu-1a" in told["message"])


def image_cluster(minor: str) -> Cluster:
    """Make a cluster of a version with a resource whose weights are in an image that the platform allows."""
    cluster = Cluster(a_deployment().with_weights_in_image("registry.example.com/models/nemotron:1"))
    cluster.gateway.version["minor"] = minor
    allowed = CONFIG.model_copy(update={"allowed_model_image_prefixes": ("registry.example.com/",)})
    cluster.reconciler = replace(cluster.reconciler, config=allowed)
    return cluster


def test_weights_in_an_image_take_no_volume_and_no_job() -> None:
    cluster = image_cluster("37")
    created = [kind for verb, kind, _ in cluster.reconcile() if verb == "create"]
    assert ["ServiceAccount", "Service", "ControllerRevision", "Deployment"] == created
    assert ("True", "Provided") == cluster.condition("ModelCached")


def test_an_api_server_that_mounts_no_images_stops_everything_and_is_asked_again() -> None:
    cluster = image_cluster("34")
    assert [("status", "NemotronDeployment", "nemotron")] == cluster.reconcile()
    assert ("True", "ImageVolumeNotSupported") == cluster.condition("Stalled")
    assert UNWATCHED_RETRY_SECONDS == cluster.retry_seconds


def list_gets(cluster: Cluster) -> list[str]:
    """Reconcile as a new operator process; list what it asks for beyond what it lists at its start."""
    cluster.restart()
    cluster.gateway.reads.clear()
    assert [] == cluster.reconcile()
    return [kind for verb, kind in cluster.gateway.reads if verb == "get"]


def test_a_model_at_rest_asks_for_nothing_also_once_its_job_was_collected() -> None:
    cluster = serving_cluster(a_deployment().with_replicas(1))
    assert [] == list_gets(cluster)
    cluster.gateway.take(JOB, "team", cluster.find(JOB)["metadata"]["name"])
    assert [] == list_gets(cluster)


def test_a_suspended_model_at_rest_asks_for_nothing() -> None:
    cluster = serving_cluster()
    cluster.ask_for(a_deployment().with_replicas(2).suspended())
    cluster.reconcile()
    assert [] == list_gets(cluster)


def test_a_volume_of_the_users_is_asked_for_once_as_no_watch_reports_it() -> None:
    cluster = provided_cluster()
    end_look(cluster, FOUND)
    cluster.reconcile()
    assert ["PersistentVolumeClaim"] == list_gets(cluster)

    filled = Cluster(a_deployment().with_existing_claim("mine"))
    filled.gateway.put(CLAIM, users_claim())
    filled.reconcile()
    filled.finish_download()
    filled.reconcile()
    assert ["PersistentVolumeClaim"] == list_gets(filled)


def test_an_image_at_rest_asks_for_nothing_as_long_as_the_version_counts() -> None:
    cluster = image_cluster("37")
    cluster.reconcile()
    cluster.gateway.reads.clear()
    assert [] == cluster.reconcile()
    assert [] == [kind for verb, kind in cluster.gateway.reads if verb == "get"]
