"""The release tier: workflows as GitHub reads them, and files that are the same wherever they are made."""

from pathlib import Path

import pytest

from lab.binaries import find_or_build_helms
from release.charts import ReleasedImages
from release.image_reference import parse_image_reference
from tests.support.helm import Helm

OPERATOR_IMAGE = f"registry.example.com/team/nemotron-operator@sha256:{'a' * 64}"
ENGINE_IMAGE = f"docker.io/vllm/vllm-openai@sha256:{'b' * 64}"
EPOCH_SECONDS = 1_790_000_000


@pytest.fixture(scope="session")
def helms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Helm]:
    """Both Helms by name."""
    home: Path = tmp_path_factory.mktemp("helm")
    return {name: Helm(program, home) for name, program in find_or_build_helms(print).items()}


@pytest.fixture(params=["helm", "helm3"])
def helm(request: pytest.FixtureRequest, helms: dict[str, Helm]) -> Helm:
    """Each Helm in turn."""
    return helms[request.param]


@pytest.fixture(scope="session")
def images() -> ReleasedImages:
    """Images of a release."""
    return ReleasedImages(parse_image_reference(OPERATOR_IMAGE), parse_image_reference(ENGINE_IMAGE))
