"""Weights in an object store: fetched once with the credentials of a Secret, and served by a real engine."""

from collections.abc import Iterator

import pytest

from lab.control_plane import ControlPlane
from lab.object_store import ObjectStore
from lab.real_operator import network_of
from lab.tiny_model import NAME, make_repository
from lab.volumes import REAL_STORAGE_CLASS
from tests.node.serving.test_serving import QUESTION, START_SECONDS, Served
from tests.support.cluster import Body, Namespace

BUCKET, PREFIX = "models", "tiny/fp8"


@pytest.fixture
def store(serving_plane: ControlPlane) -> Iterator[ObjectStore]:
    """A store with the tiny model, where pods of the real node reach it."""
    with ObjectStore(host=network_of(serving_plane).host_address) as store:
        store.put(BUCKET, {f"{PREFIX}/{path}": content for path, content in make_repository().items()})
        yield store


def resource(store: ObjectStore) -> Body:
    source = {
        "bucket": BUCKET,
        "prefix": PREFIX,
        "endpoint": store.url,
        "credentialsSecretRef": {"name": "object-store"},
    }
    return {
        "apiVersion": "nemotron.dev/v1alpha1",
        "kind": "NemotronDeployment",
        "metadata": {"name": "tiny"},
        "spec": {
            "model": {"name": NAME, "source": {"s3": source}, "servedNames": ["tiny"]},
            "cache": {"size": "1Gi", "storageClassName": REAL_STORAGE_CLASS},
            "engine": {"maxModelLen": 512},
            "podTemplate": {"cpu": "100m", "memory": "3Gi"},
        },
    }


def test_a_model_in_a_guarded_bucket_is_fetched_once_and_served(namespace: Namespace, store: ObjectStore) -> None:
    name, key = store.require_credentials()
    literals = (f"--from-literal=AWS_ACCESS_KEY_ID={name}", f"--from-literal=AWS_SECRET_ACCESS_KEY={key}")
    namespace.kubectl("create", "secret", "generic", "object-store", *literals)
    namespace.apply(resource(store))
    served = Served(namespace, namespace.wait_until_ready("tiny", START_SECONDS))
    completion = served.connect().chat.completions.create(model="tiny", messages=QUESTION, max_tokens=8)
    assert completion.choices[0].message.content
    cache = served.resource["status"]["cache"]
    assert f"s3://{BUCKET}/{PREFIX}" == cache["repository"]
    assert len(make_repository()) == cache["files"]
    assert store.bytes_sent[f"{PREFIX}/model.safetensors"] < 2 * len(make_repository()["model.safetensors"])
