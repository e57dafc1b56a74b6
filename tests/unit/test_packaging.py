"""What holds of the source itself: where packages begin, what pure rooms leave alone, that modules are explained."""

import ast
import operator
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import nemotron_operator

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "operator" / "nemotron_operator"
PURE_ROOMS = ("api", "catalog", "plan", "render", "status")

CLOCK_AND_IO_MODULES = {
    *(
        "aiohttp",
        "asyncio",
        "glob",
        "http",
        "io",
        "kopf",
        "kubernetes",
        "logging",
        "os",
        "pathlib",
        "random",
        "requests",
    ),
    *("secrets", "shutil", "signal", "socket", "ssl", "subprocess", "sys", "tempfile", "threading", "time", "urllib"),
    *("uuid", "vllm"),
}
CLOCK_AND_IO_CALLS = {"open", "print", "input", "exec", "eval", "now", "utcnow", "today", "write_text", "write_bytes"}


def list_modules(*rooms: str) -> list[Path]:
    folders = [PACKAGE / room for room in rooms] if rooms else [PACKAGE]
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def list_imports(tree: ast.Module) -> set[str]:
    """List the top-level packages that a module imports, wherever it does so."""
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    return {name.partition(".")[0] for name in imported}


def list_calls(tree: ast.Module) -> set[str]:
    """List the last names of everything that a module calls."""
    functions = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = {function.id for function in functions if isinstance(function, ast.Name)}
    return names | {function.attr for function in functions if isinstance(function, ast.Attribute)}


def test_the_source_root_is_no_package() -> None:
    """A package named `operator` would hide the standard library's."""
    assert not (ROOT / "operator" / "__init__.py").exists()


def test_the_standard_librarys_operator_is_still_its_own() -> None:
    assert callable(operator.itemgetter)
    assert operator.__file__ is not None
    assert not Path(operator.__file__).is_relative_to(ROOT / "operator")


def test_python_starts_from_the_repositorys_root() -> None:
    command = [sys.executable, "-c", "import collections, operator, nemotron_operator; print(operator.__file__)"]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert not Path(said.strip()).is_relative_to(ROOT / "operator")


def test_the_version_stands_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == nemotron_operator.__version__


@pytest.mark.parametrize("path", list_modules(*PURE_ROOMS), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_pure_room_knows_no_clock_and_no_io(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert set() == list_imports(tree) & CLOCK_AND_IO_MODULES
    assert set() == list_calls(tree) & CLOCK_AND_IO_CALLS


@pytest.mark.parametrize("path", list_modules(*PURE_ROOMS), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_pure_room_reads_nothing_but_package_data(path: Path) -> None:
    source = path.read_text()
    if "read_text" in source:
        assert "from importlib import resources" in source
        # Its own, or the text of the program that it renders: `PACKAGE` names that one's room.
        assert "resources.files(__package__)" in source or "resources.files(PACKAGE)" in source


@pytest.mark.parametrize("path", list_modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_every_module_is_explained(path: Path) -> None:
    source = path.read_text()
    if source.strip():
        docstring = ast.get_docstring(ast.parse(source))
        assert docstring
        assert docstring.splitlines()[0].endswith("."), docstring


@pytest.mark.parametrize("room", PURE_ROOMS)
def test_the_init_file_of_a_pure_room_is_empty(room: str) -> None:
    """Otherwise what it imports leaks into every module of the room."""
    assert "" == (PACKAGE / room / "__init__.py").read_text()


def test_the_package_says_that_it_is_typed_and_brings_its_data() -> None:
    assert (PACKAGE / "py.typed").exists()
    assert sorted((PACKAGE / "catalog" / "models").glob("*.yaml"))
    assert sorted((PACKAGE / "render" / "templates").glob("*.yaml.j2"))
    assert sorted((PACKAGE / "cli" / "picture" / "templates").glob("*.html.j2"))


def test_every_template_is_used() -> None:
    source = "".join(path.read_text() for path in list_modules("render"))
    for template in (PACKAGE / "render" / "templates").iterdir():
        assert f'"{template.name.removesuffix(".yaml.j2")}"' in source
    of_pages = "".join(path.read_text() for path in list_modules("cli"))
    for template in (PACKAGE / "cli" / "picture" / "templates").iterdir():
        assert f'"{template.name}"' in of_pages
