"""Where the weights come from, on a real API server: a claim of the user's, an image, an object store."""

import json
from typing import Any

import pytest

from lab.control_plane import KubectlError
from nemotron_operator.plan.facts import Facts
from nemotron_operator.render.manifests import render
from tests.support.cluster import FP8, QUICKLY, Body, Namespace, a_resource, wait_until
from tests.support.fixtures.deployments import a_deployment
from tests.support.fixtures.plans import CONFIG, plan

pytestmark = pytest.mark.usefixtures("operator")

IMAGE = "registry.example.com/models/nemotron:1"

NO_MODEL = {"outcome": "Failed", "reason": "NoModel", "message": "There is no config.json in /models/typo."}


def users_claim(name: str = "team-models") -> Body:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Ti"}}},
    }


def from_claim(path: str = "llama", *, report: dict[str, Any] | None = None, **source: object) -> Body:
    """Make a resource whose weights are on a claim; the report is what the simulated Job finds."""
    annotations = {**QUICKLY, **({"lab.nemotron.dev/inspection": json.dumps(report)} if report else {})}
    body = a_resource(podTemplate={"annotations": annotations})
    claim = {"claimName": "team-models", "path": path, **source}
    body["spec"]["model"] = {"name": FP8, "source": {"persistentVolumeClaim": claim}}
    return body


def from_image(reference: str = IMAGE) -> Body:
    body = a_resource()
    body["spec"]["model"] = {"name": FP8, "source": {"ociImage": {"reference": reference, "path": "model"}}}
    return body


def the_job(namespace: Namespace) -> Body:
    (job,) = namespace.list("job", "nemotron.dev/component=inspection")
    return job


def test_weights_on_a_claim_are_looked_at_once_and_then_served(namespace: Namespace) -> None:
    namespace.apply(users_claim(), from_claim())
    resource = namespace.wait_until_ready()
    cache, job = resource["status"]["cache"], the_job(namespace)
    expected = {"claimName": "team-models", "path": "llama", "bytes": 72_685_000_000, "files": 27}
    assert expected == cache
    assert "27 files with config.json, 72.7 GB in 'llama'" in str(namespace.condition("nemotron", "ModelCached"))
    assert json.loads(job["metadata"]["annotations"]["nemotron.dev/inspected-model"])["files"] == 27
    assert job["spec"]["template"]["spec"]["containers"][0]["volumeMounts"][0]["readOnly"] is True

    namespace.kubectl("delete", "pod", "-l", "nemotron.dev/component=inspection")
    namespace.patch("nemo", "nemotron", {"spec": {"engine": {"maxModelLen": 4096}}})
    namespace.wait_until_ready()
    assert job["metadata"]["uid"] == the_job(namespace)["metadata"]["uid"]


def test_a_manifest_is_written_on_request_and_told(namespace: Namespace) -> None:
    namespace.apply(users_claim(), from_claim(manifest=True))
    cache = namespace.wait_until_ready()["status"]["cache"]
    assert 64 == len(cache["manifestSha256"])


def test_no_gpu_is_taken_for_a_directory_without_a_model_until_the_path_is_right(namespace: Namespace) -> None:
    namespace.apply(users_claim(), from_claim("typo", report=NO_MODEL))
    stalled = namespace.wait_for_reason("nemotron", "Stalled", "NoModel")
    assert "There is no config.json in /models/typo." in stalled["message"]
    assert f"delete job {the_job(namespace)['metadata']['name']}" in stalled["message"]
    assert namespace.get("deployment", "nemotron") is None

    namespace.apply(from_claim("right"))
    namespace.wait_until_ready()
    wait_until("the Job of the wrong path is gone", lambda: len(namespace.list("job")) == 1)


def test_a_deleted_job_looks_again_and_touches_no_pod(namespace: Namespace) -> None:
    namespace.apply(users_claim(), from_claim())
    namespace.wait_until_ready()
    (before,) = namespace.list("pod", "nemotron.dev/component=server")
    job = the_job(namespace)
    namespace.kubectl("delete", "job", job["metadata"]["name"])
    namespace.wait_until_replaced("job", job)
    namespace.wait_until_ready()
    (after,) = namespace.list("pod", "nemotron.dev/component=server")
    assert before["metadata"]["uid"] == after["metadata"]["uid"]


def test_weights_in_an_image_are_served_without_volume_and_job(namespace: Namespace) -> None:
    namespace.apply(from_image())
    cache = namespace.wait_until_ready()["status"]["cache"]
    assert {"image": IMAGE, "path": "model"} == cache
    assert [] == namespace.list("job,pvc")
    (pod,) = namespace.list("pod", "nemotron.dev/component=server")
    volumes = [volume["image"] for volume in pod["spec"]["volumes"] if "image" in volume]
    assert [{"reference": IMAGE, "pullPolicy": "IfNotPresent"}] == volumes


def test_an_image_that_the_platform_did_not_allow_is_refused(namespace: Namespace) -> None:
    namespace.apply(from_image("docker.example.com/me/weights:1"))
    stalled = namespace.wait_for_reason("nemotron", "Stalled", "ImageNotAllowed")
    assert "allowedModelImagePrefixes" in stalled["message"]


def test_what_is_rendered_for_an_image_is_accepted_where_pods_are_restricted(namespace: Namespace) -> None:
    """The pod itself: a Deployment whose pods are refused is accepted all the same."""
    allowed = CONFIG.model_copy(update={"allowed_model_image_prefixes": ("registry.example.com/models/",)})
    manifests = render(plan(a_deployment().with_weights_in_image(IMAGE), Facts(), allowed))
    assert manifests.server is not None
    namespace.kubectl("create", "serviceaccount", "nemotron")
    pod = {"apiVersion": "v1", "kind": "Pod", **manifests.server["spec"]["template"]}
    pod["metadata"] = {**pod["metadata"], "name": "weights"}
    try:
        answer = namespace.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", input=json.dumps(pod))
    except KubectlError as error:
        raise AssertionError(str(error)) from None
    assert {"reference": IMAGE, "pullPolicy": "IfNotPresent"} in [
        volume.get("image") for volume in json.loads(answer)["spec"]["volumes"]
    ]


def test_an_object_store_is_fetched_from_like_a_hub(namespace: Namespace) -> None:
    body = a_resource()
    body["spec"]["model"] = {"name": FP8, "source": {"s3": {"bucket": "models", "prefix": "nemotron/70b"}}}
    namespace.apply(body)
    cache = namespace.wait_until_ready()["status"]["cache"]
    assert "s3://models/nemotron/70b" == cache["repository"]
