from collections.abc import Iterator
from pathlib import Path

import pytest

from release.charts import ReleasedImages, copy_chart, package_chart
from release.errors import ReleaseError
from release.push import push_charts
from release.versions import read_version
from tests.release.conftest import EPOCH_SECONDS
from tests.support.helm import Helm, read_objects
from tests.support.oci_registry import serve_oci_registry

CHARTS = ("nemotron-operator", "nemotron-operator-crds")
PLAIN_HTTP = ("--plain-http",)


@pytest.fixture(scope="module")
def registry() -> Iterator[str]:
    with serve_oci_registry() as address:
        yield address


@pytest.fixture(scope="module")
def dist(helms: dict[str, Helm], images: ReleasedImages, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    for chart in CHARTS:
        package_chart(helms["helm"].program, copy_chart(chart, images, folder / "copies", EPOCH_SECONDS), folder)
    return folder


def test_pushed_charts_are_named_by_a_digest_that_installs_them(
    helm: Helm, dist: Path, registry: str, tmp_path: Path
) -> None:
    names = push_charts(helm.program, dist, f"oci://{registry}/charts", PLAIN_HTTP)
    assert [f"{registry}/charts/{chart}" for chart in CHARTS] == [name.partition("@")[0] for name in names]
    helm.run("pull", f"oci://{names[0]}", *PLAIN_HTTP, "--destination", str(tmp_path))
    (pulled,) = tmp_path.iterdir()
    pushed = dist / f"nemotron-operator-{read_version()}.tgz"
    assert pushed.read_bytes() == pulled.read_bytes()
    rendered = read_objects(helm.run("template", "operator", f"oci://{names[0]}", *PLAIN_HTTP))
    assert ("Deployment", "operator") in rendered


def test_the_digest_in_the_registry_does_not_tell_when_a_package_was_made(
    helms: dict[str, Helm], dist: Path, images: ReleasedImages, registry: str, tmp_path: Path
) -> None:
    copy = copy_chart(CHARTS[0], images, tmp_path / "copies", EPOCH_SECONDS)
    package = package_chart(helms["helm"].program, copy, tmp_path)
    assert EPOCH_SECONDS == package.stat().st_mtime
    expected, actual = (
        push_charts(helms["helm"].program, folder, f"oci://{registry}/{place}", PLAIN_HTTP)[0].partition("@")[2]
        for place, folder in (("a", dist), ("b", tmp_path))
    )
    assert expected == actual


def test_a_registry_that_does_not_answer_is_told(helms: dict[str, Helm], dist: Path) -> None:
    with pytest.raises(
        ReleaseError, match=r"nemotron-operator-.*\.tgz: helm push to oci://127\.0\.0\.1:1/charts failed"
    ):
        push_charts(helms["helm"].program, dist, "oci://127.0.0.1:1/charts", PLAIN_HTTP)


def test_an_empty_folder_is_told_what_fills_it(helms: dict[str, Helm], tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="run `python -m release assemble"):
        push_charts(helms["helm"].program, tmp_path, "oci://127.0.0.1:1/charts")
