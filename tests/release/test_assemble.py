import hashlib
import subprocess
from pathlib import Path

import pytest

from release.assemble import assemble, build_wheel, read_commit_time
from release.charts import ReleasedImages
from release.errors import ReleaseError
from release.image_reference import parse_image_reference
from release.versions import read_version
from tests.release.conftest import ENGINE_IMAGE, EPOCH_SECONDS, OPERATOR_IMAGE


def test_a_release_is_the_charts_the_wheel_the_bill_of_materials_and_the_images(
    images: ReleasedImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The sources of this checkout may have come without git.
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(EPOCH_SECONDS))
    further = tmp_path / "image.spdx.json"
    further.write_text("{}")
    output = tmp_path / "dist"
    assemble(images, [further], output, print)
    version = read_version()
    expected = {
        "checksums.txt",
        "image.spdx.json",
        "images.txt",
        f"nemotron-models-{version}.tgz",
        f"nemotron-operator-{version}.cdx.json",
        f"nemotron-operator-{version}.tgz",
        f"nemotron-operator-crds-{version}.tgz",
        f"nemotron_operator-{version}-py3-none-any.whl",
    }
    assert expected == {path.name for path in output.iterdir()}
    assert [OPERATOR_IMAGE, ENGINE_IMAGE] == (output / "images.txt").read_text().splitlines()
    command = ["sha256sum", "--check", "--strict", "checksums.txt"]
    checked = subprocess.run(command, cwd=output, capture_output=True, check=False)
    assert 0 == checked.returncode
    assert len(expected) - 1 == len(checked.stdout.splitlines())
    with pytest.raises(ReleaseError, match="is not empty"):
        assemble(images, [], output, print)


def test_the_wheel_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    expected, actual = (
        hashlib.sha256(build_wheel(tmp_path / place, EPOCH_SECONDS).read_bytes()).hexdigest() for place in ("a", "b")
    )
    assert expected == actual


def test_the_time_that_is_given_is_taken_before_git_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(EPOCH_SECONDS))
    monkeypatch.setenv("PATH", "")
    assert EPOCH_SECONDS == read_commit_time()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(ReleaseError, match="SOURCE_DATE_EPOCH is 'yesterday', and must be seconds since 1970"):
        read_commit_time()


@pytest.mark.parametrize("git", ["exit 128", None])
def test_sources_without_git_are_refused_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, git: str | None
) -> None:
    if git is not None:
        program = tmp_path / "git"
        program.write_text(f"#!/bin/sh\necho 'fatal: not a git repository' >&2\n{git}\n")
        program.chmod(0o755)
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ReleaseError, match=r"Elsewhere set SOURCE_DATE_EPOCH .*git"):
        read_commit_time()


@pytest.mark.parametrize("name", [OPERATOR_IMAGE, ENGINE_IMAGE, f"localhost:5000/a/b@sha256:{'c' * 64}"])
def test_an_image_by_digest_is_read_and_written(name: str) -> None:
    assert name == str(parse_image_reference(name))


@pytest.mark.parametrize(
    "name",
    ["nemotron-operator:0.2.0", "registry.example.com/a:1", f"a/b@sha256:{'c' * 64}", f"a.b/c:1@sha256:{'c' * 64}"],
)
def test_an_image_without_registry_or_digest_or_with_a_tag_is_refused(name: str) -> None:
    with pytest.raises(ReleaseError, match="is no image by digest"):
        parse_image_reference(name)
