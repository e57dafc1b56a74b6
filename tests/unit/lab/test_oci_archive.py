import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from lab.oci_archive import write_files_image, write_program_image


@pytest.fixture
def files(tmp_path: Path) -> dict[str, bytes]:
    program = tmp_path / "pause"
    program.write_bytes(b"\x7fELF")
    archive = tmp_path / "pause.tar"
    write_program_image(archive, "localhost/pause:1", program)
    return _unpack(archive.read_bytes())


def _unpack(content: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        return {member.name: file.read() for member in tar.getmembers() if (file := tar.extractfile(member))}


def test_every_blob_lies_under_its_own_hash(files: dict[str, bytes]) -> None:
    blobs = {name: content for name, content in files.items() if name.startswith("blobs/")}
    assert len(blobs) == 3
    for name, content in blobs.items():
        assert name == f"blobs/sha256/{hashlib.sha256(content).hexdigest()}"


def test_the_index_leads_to_the_program_under_the_images_name(files: dict[str, bytes]) -> None:
    entry = json.loads(files["index.json"])["manifests"][0]
    assert entry["annotations"]["io.containerd.image.name"] == "localhost/pause:1"
    manifest = json.loads(_blob(files, entry["digest"]))
    config = json.loads(_blob(files, manifest["config"]["digest"]))
    assert config["config"]["Entrypoint"] == ["/pause"]
    layer = _blob(files, manifest["layers"][0]["digest"])
    assert config["rootfs"]["diff_ids"] == [manifest["layers"][0]["digest"]]
    assert _unpack(layer) == {"pause": b"\x7fELF"}


def test_the_same_program_makes_the_same_archive(tmp_path: Path) -> None:
    program = tmp_path / "pause"
    program.write_bytes(b"\x7fELF")
    for name in ("one.tar", "two.tar"):
        write_program_image(tmp_path / name, "localhost/pause:1", program)
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()


def test_an_image_of_files_holds_them_readable_by_everybody_and_nothing_to_run(tmp_path: Path) -> None:
    write_files_image(tmp_path / "model.tar", "localhost/model:1", {"model/config.json": b"{}"})
    files = _unpack((tmp_path / "model.tar").read_bytes())
    manifest = json.loads(_blob(files, json.loads(files["index.json"])["manifests"][0]["digest"]))
    assert {} == json.loads(_blob(files, manifest["config"]["digest"]))["config"]
    with tarfile.open(fileobj=io.BytesIO(_blob(files, manifest["layers"][0]["digest"]))) as layer:
        assert [("model/config.json", 0o644)] == [(member.name, member.mode) for member in layer.getmembers()]


def _blob(files: dict[str, bytes], digest: str) -> bytes:
    return files[f"blobs/{digest.replace(':', '/')}"]
