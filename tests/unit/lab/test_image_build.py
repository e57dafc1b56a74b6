import sys
from pathlib import Path

import pytest

from lab import debian_base, image_build, watched_process
from lab.errors import LabError
from lab.image_build import build_image, images_home
from lab.input_digest import digest_files, digest_texts
from lab.watched_process import run_watched

FAKE_BUILDAH = """#!/bin/sh
echo "$@" >>"$0.log"
for last; do :; done
case "$*" in
  *" inspect "*) exit 1 ;;
  *" push "*) target=${last#docker-archive:}; echo image >"${target%%:*}" ;;
esac
"""

FAKE_UNSHARE = """#!/bin/sh
shift
exec "$@"
"""

FAKE_MOUNT = """#!/bin/sh
"""

FAKE_PIP = """#!/bin/sh
for argument; do case "$argument" in --dest=*) mkdir -p "${argument#--dest=}" ;; esac; done
"""

FAKE_DEBOOTSTRAP = """#!/bin/sh
for root; do :; done
mkdir -p "$root/usr/share/doc" "$root/var/cache" "$root/usr/bin"
touch "$root/usr/share/doc/long" "$root/var/cache/big" "$root/usr/bin/python3.11"
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in for the programs of a build: they leave the files that the real ones leave."""
    folder = tmp_path / "programs"
    folder.mkdir()
    texts = {"buildah": FAKE_BUILDAH, "python": FAKE_PIP, "debootstrap": FAKE_DEBOOTSTRAP}
    for name, text in {**texts, "unshare": FAKE_UNSHARE, "mount": FAKE_MOUNT}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setattr(image_build, "install_missing", lambda _programs, _say: None)
    return folder


def say_nothing(_text: str) -> None:
    pass


def test_a_build_leaves_an_archive_by_the_name_that_a_node_looks_for(programs: Path) -> None:
    archive = build_image("operator", say_nothing)
    assert archive.reference.startswith("docker.io/library/nemotron-operator:")
    assert "image\n" == archive.path.read_text()
    assert "push" in (programs / "buildah.log").read_text()


def test_what_is_built_already_is_not_built_again(programs: Path) -> None:
    first = build_image("operator", say_nothing)
    (programs / "buildah").unlink()
    second = build_image("operator", say_nothing)
    assert first == second


def test_a_changed_source_makes_a_new_archive_and_the_old_one_goes(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert programs.exists()
    first = build_image("operator", say_nothing)
    monkeypatch.setattr(image_build, "digest_inputs", lambda _image: "another")
    second = build_image("operator", say_nothing)
    assert not first.path.exists()
    assert second.path.exists()


def test_the_build_gets_the_wheels_mounted_and_reaches_no_index(programs: Path) -> None:
    build_image("vllm-cpu", say_nothing)
    (command,) = [line for line in (programs / "buildah.log").read_text().splitlines() if "cpu.Dockerfile" in line]
    assert "--build-arg=PIP_NO_INDEX=1" in command
    assert f"--volume={images_home()}/wheels-nemotron-vllm-cpu-" in command
    assert ":/wheels:ro" in command
    assert "--pull-never" in command


def test_the_builder_has_a_store_of_its_own(programs: Path) -> None:
    build_image("operator", say_nothing)
    for line in (programs / "buildah.log").read_text().splitlines():
        assert line.startswith(f"--root={images_home()}/storage --runroot={images_home()}/run ")


def test_a_failed_build_shows_the_end_of_its_errors_and_leaves_no_archive(programs: Path) -> None:
    (programs / "buildah").write_text("#!/bin/sh\necho 'no such package' >&2\nexit 1\n")
    with pytest.raises(LabError, match="no such package"):
        build_image("operator", say_nothing)
    assert [] == list(images_home().rglob("*nemotron-*.tar"))
    assert [] == [path for path in images_home().glob(".nemotron-*") if path.is_dir()]


def test_only_the_image_that_changes_daily_keeps_its_layers(programs: Path) -> None:
    build_image("operator", say_nothing)
    build_image("vllm-cpu", say_nothing)
    lines = (programs / "buildah.log").read_text().splitlines()
    (operator,) = [line for line in lines if "operator/Dockerfile" in line]
    (vllm,) = [line for line in lines if "cpu.Dockerfile" in line]
    assert "--layers=true" in operator
    assert "--layers=false" in vllm
    assert ["nemotron-vllm-cpu"] == [
        line.rpartition("/")[2].partition(":")[0] for line in lines if " rmi docker.io" in line
    ]


def test_vllm_for_gpus_is_not_built_here() -> None:
    with pytest.raises(LabError, match="make images"):
        build_image("vllm", say_nothing)


@pytest.mark.usefixtures("programs")
def test_the_base_leaves_out_documentation_and_caches_but_keeps_their_folders(tmp_path: Path) -> None:
    import tarfile

    folder = debian_base.make_base_archive(tmp_path, say_nothing)
    with tarfile.open(folder / debian_base.ARCHIVE_NAME) as tar:
        names = set(tar.getnames())
    assert {"./usr/bin/python3.11", "./usr/share/doc", "./var/cache"} <= names
    assert not names & {"./usr/share/doc/long", "./var/cache/big"}


def test_a_digest_follows_names_and_contents_and_leaves_out_bytecode(tmp_path: Path) -> None:
    (tmp_path / "package" / "__pycache__").mkdir(parents=True)
    (tmp_path / "package" / "a.py").write_text("1")
    first = digest_files(tmp_path, ["package"])
    (tmp_path / "package" / "__pycache__" / "a.pyc").write_text("2")
    assert first == digest_files(tmp_path, ["package"])
    (tmp_path / "package" / "a.py").write_text("3")
    second = digest_files(tmp_path, ["package"])
    (tmp_path / "package" / "a.py").rename(tmp_path / "package" / "b.py")
    assert 3 == len({first, second, digest_files(tmp_path, ["package"])})


def test_texts_do_not_run_together_in_a_digest() -> None:
    assert digest_texts("ab", "c") != digest_texts("a", "bc")


def test_a_long_command_says_its_last_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched_process, "PROGRESS_SECONDS", 0.2)
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        if text.endswith("STEP 2"):
            (tmp_path / "heard").touch()

    until_it_is_heard = 'echo first; echo STEP 2; until [ -e "$0" ]; do sleep 0.05; done'
    run_watched(["sh", "-c", until_it_is_heard, str(tmp_path / "heard")], "image", tmp_path / "log", say)
    assert said[-1].endswith("STEP 2")
