"""Weights in an OCI image: the kubelet mounts it, and a real engine serves from it."""

from pathlib import Path
from typing import Any

import pytest

from lab.control_plane import ControlPlane
from lab.images import import_image
from lab.oci_archive import write_files_image
from lab.real_operator import MODEL_IMAGES
from lab.tiny_model import NAME, make_repository
from tests.node.serving.test_serving import QUESTION, START_SECONDS, Served
from tests.support.cluster import Namespace

IMAGE = f"{MODEL_IMAGES}tiny:1"


def resource(reference: str, path: str) -> dict[str, Any]:
    """Make a resource of the tiny model that needs neither hub nor volume."""
    return {
        "apiVersion": "nemotron.dev/v1alpha1",
        "kind": "NemotronDeployment",
        "metadata": {"name": "tiny"},
        "spec": {
            "model": {
                "name": NAME,
                "source": {"ociImage": {"reference": reference, "path": path}},
                "servedNames": ["tiny"],
            },
            "engine": {"maxModelLen": 512},
            "podTemplate": {"cpu": "100m", "memory": "3Gi"},
        },
    }


@pytest.fixture(scope="module")
def model_image(serving_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tiny model as an image, which the node has: there is no registry here."""
    archive: Path = tmp_path_factory.mktemp("image") / "tiny-model.tar"
    write_files_image(archive, IMAGE, {f"model/{path}": content for path, content in make_repository().items()})
    import_image(serving_plane, archive)
    return IMAGE


def test_a_model_in_an_image_is_served_without_a_volume_or_a_download(namespace: Namespace, model_image: str) -> None:
    namespace.apply(resource(model_image, "model"))
    served = Served(namespace, namespace.wait_until_ready("tiny", START_SECONDS))
    completion = served.connect().chat.completions.create(model="tiny", messages=QUESTION, max_tokens=8)
    assert completion.choices[0].message.content
    cache = served.resource["status"]["cache"]
    assert {"image": model_image, "path": "model"} == cache
    assert [] == namespace.list("pvc")
    assert [] == namespace.list("job", "nemotron.dev/component=cache")


def test_an_image_that_nobody_has_is_told_by_its_name(namespace: Namespace) -> None:
    """The name leads to this machine's own port 443, where no registry answers."""
    absent = f"{MODEL_IMAGES}absent:1"
    namespace.apply(resource(absent, "model"))
    waits = namespace.wait_for_reason("tiny", "Reconciling", "ImagePullFailed", START_SECONDS)
    assert "cannot pull the image with the weights yet, as the registry does not answer" in waits["message"]
    assert absent in waits["message"]
    assert "spec.model.source.ociImage.reference" in waits["message"]
    assert namespace.condition("tiny", "Stalled") is None
