import io
import tarfile
from pathlib import Path

import pytest

from nemotron_operator.cli.bundle.archive import write_archive
from nemotron_operator.cli.bundle.layout import BundleError, open_bundle
from nemotron_operator.volume.manifest import MANIFEST_NAME
from tests.unit.cli.bundle.bundles import COMMIT, FILES, make_bundle, make_test_manifest


def test_any_reader_of_tar_finds_the_manifest_first_and_every_file(tmp_path: Path) -> None:
    stream, counted = io.BytesIO(), list[int]()
    write_archive(open_bundle(make_bundle(tmp_path)), stream, counted.append)
    stream.seek(0)
    found = {}
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            opened = archive.extractfile(member)
            assert opened is not None
            found[member.name] = opened.read()
    expected = {f"{COMMIT}/{path}": content for path, content in sorted(FILES.items())}
    expected = {f"{COMMIT}/{MANIFEST_NAME}": make_test_manifest().render(), **expected}
    assert list(expected.items()) == list(found.items())
    assert sum(map(len, FILES.values())) == sum(counted)


def test_long_names_and_large_files_are_described(tmp_path: Path) -> None:
    """What the first layout of tar has no room for goes into extended headers."""
    described = tarfile.TarInfo("a" * 300)
    described.size = 100 << 30
    header = described.tobuf(tarfile.PAX_FORMAT)
    read = tarfile.open(fileobj=io.BytesIO(header), mode="r|").next()  # noqa: SIM115 - a buffer needs no closing
    assert read is not None
    assert (described.name, described.size) == (read.name, read.size)
    del tmp_path


def test_a_damaged_file_breaks_the_archive_off_and_is_named(tmp_path: Path) -> None:
    bundle = open_bundle(make_bundle(tmp_path))
    path = bundle.model_directory / "model.safetensors"
    path.write_bytes(b"x" + FILES["model.safetensors"][1:])
    stream = io.BytesIO()
    with pytest.raises(BundleError) as caught:
        write_archive(bundle, stream, lambda _count: None)
    assert str(caught.value).startswith(f"{path}: is damaged: its sha256 must be {bundle.manifest.files[-1].sha256} (")
    assert not stream.getvalue().endswith(bytes(1024))
