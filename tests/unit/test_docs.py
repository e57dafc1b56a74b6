"""Pages that people write: a link leads somewhere, and nemoctl takes what is typed there."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer

from nemotron_operator.cli.main import app

ROOT = Path(__file__).parents[2]

FOLDERS = ("charts", "crds", "docs", "examples", "images")

PAGES = sorted([*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))])


def list_links(page: Path) -> Iterator[str]:
    """List the links to other files and to headings, those in examples of code left out."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    yield from (link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"[a-z]+:", link))


@cache
def list_anchors(page: Path) -> frozenset[str]:
    """List the headings by the names that a forge gives them."""
    headings = re.findall(r"^#+ +(.*)$", page.read_text(), re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower() for heading in headings)
    return frozenset(re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain)


def leads_somewhere(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    return target.exists() and (not anchor or anchor in list_anchors(target))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    assert [] == [link for link in list_links(page) if not leads_somewhere(page, link)]


def list_unknown_options(text: str) -> Iterator[str]:
    """List the options behind `nemoctl` that the command does not have."""
    for typed in re.findall(r"nemoctl ([^`|#\n]*)", text):
        command, words = typer.main.get_command(app), typed.split()
        while words and words[0] in (commands := getattr(command, "commands", {})):
            command = commands[words.pop(0)]
        known = {"-h", "--help", *(option for parameter in command.params for option in parameter.opts)}
        known |= {option for parameter in command.params for option in parameter.secondary_opts}
        options = (word.partition("=")[0].rstrip(".,;:)") for word in words)
        yield from (option for option in options if re.fullmatch(r"--?[a-z][a-z-]*", option) and option not in known)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_nemoctl_takes_every_option_that_a_page_shows(page: Path) -> None:
    assert [] == list(list_unknown_options(page.read_text()))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_operator_is_changed_where_the_readme_installs_it(page: Path) -> None:
    """A release of another name would be a second operator, and two must not serve the same namespaces."""
    typed = re.findall(r"helm upgrade (?:--install )?(\S+) charts/nemotron-operator -n (\S+)", page.read_text())
    assert [] == [release for release in typed if release != ("nemotron-operator", "nemotron-system")]


def test_an_option_that_no_command_has_is_found() -> None:
    text = "$ nemoctl plan -f FILE\n`nemoctl bundle export -f FILE --output DIR` `nemoctl cache ls --quickly.`"
    assert ["-f", "--quickly"] == list(list_unknown_options(text))


def test_a_heading_is_found_by_the_name_that_a_forge_gives_it(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# The model's `cache`\n\n## What [goes](there.md) wrong, and when\n\n```\n[no](link.md)\n```\n[a](#b)\n"
    )
    assert {"the-models-cache", "what-goes-wrong-and-when"} == list_anchors(page)
    assert ["there.md", "#b"] == list(list_links(page))
    assert not leads_somewhere(page, "#b")
    assert leads_somewhere(page, "page.md#the-models-cache")
