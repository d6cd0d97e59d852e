"""Documents follow the program: options, blocks of output, defaults and warnings."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from llmcost.caveats import CAVEATS
from scripts import accuracy, ci_docs, costs, doc_charts, docs, layers, techniques
from tests.conftest import ROOT

SOURCES = [p for p in sorted((ROOT / "llmcost").rglob("*.py"))]


def test_readme_blocks_are_what_the_commands_print() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert docs.readme(text) == text, "run: make docs"


def test_the_page_on_ci_is_what_a_session_prints() -> None:
    assert ci_docs.page(ci_docs.PAGE.read_text("utf-8")) == ci_docs.PAGE.read_text("utf-8"), "run: make docs"


def test_cli_page_is_what_help_prints() -> None:
    assert (ROOT / "docs" / "cli.md").read_text("utf-8") == docs.cli(), "run: make docs"


def test_accuracy_page_is_what_validate_says() -> None:
    assert (ROOT / "docs" / "accuracy.md").read_text("utf-8") == accuracy.page(), "run: make accuracy"
    said = (ROOT / "README.md").read_text("utf-8")
    assert said == accuracy.readme(said), "run: make accuracy"


def test_the_page_of_costs_is_what_the_commands_answer() -> None:
    assert costs.PAGE.read_text("utf-8") == costs.page(), "run: make accuracy"


def test_tables_of_techniques_are_what_the_commands_say() -> None:
    for name in techniques.PAGES:
        text = (ROOT / "docs" / name).read_text("utf-8")
        assert techniques.page(text) == text, "run: make docs"


def test_every_warning_code_is_documented_and_used() -> None:
    used = {
        code
        for path in SOURCES
        if path.stem != "caveats"
        for code in re.findall(r'"(W\d{3})"', path.read_text("utf-8"))
    }
    assert used == set(CAVEATS)
    assert (ROOT / "docs" / "warnings.md").read_text("utf-8") == docs.warnings(), "run: make docs"
    assert [c.code for c in CAVEATS.values() if not (c.why.endswith(".") and c.todo.endswith("."))] == []


def test_the_citation_has_the_version_and_the_day_of_the_presets() -> None:
    assert (ROOT / "CITATION.cff").read_text("utf-8") == docs.citation(), "run: make docs"


def test_the_glossary_has_every_scenario_key() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text("utf-8")
    assert docs.glossary(text) == text, "run: make docs"


def test_nothing_is_told_to_install_the_other_package() -> None:
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        assert "pip install llmcost\n" not in path.read_text("utf-8")


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))]
# What an answer cites: a page, and mostly one of its headings.
MARKED = re.compile(r"(?m)^##+ (.+)$|\*\*(.+?)\*\*")  # headings, and the bold first words of a paragraph
CITED = re.compile(r"(?<![\w/])docs/([a-z-]+\.md)(?:, ([A-Za-z -]+))?")


def _anchors(path: Path) -> set[str]:
    """Headings as GitHub links to them."""
    heads = re.findall(r"(?m)^#+ (.+)$", path.read_text("utf-8"))
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not link.startswith(("http", "mailto:"))]
    for link in links:
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target), link


def test_every_page_is_reached_from_the_questions() -> None:
    reached, waiting = set(), {"index.md"}
    while waiting:
        reached |= waiting
        texts = [(ROOT / "docs" / name).read_text("utf-8") for name in waiting]
        waiting = {name for text in texts for name in re.findall(r"\]\(([\w-]+\.md)", text)} - reached
    assert {page.name for page in (ROOT / "docs").glob("*.md")} - reached == set()


CITING = [p for p in (*SOURCES, *sorted((ROOT / "presets").rglob("*.toml"))) if "docs/" in p.read_text("utf-8")]


@pytest.mark.parametrize("path", CITING, ids=lambda p: p.stem)
def test_what_answers_cite_is_there(path: Path) -> None:
    for name, section in CITED.findall(path.read_text("utf-8")):
        page = ROOT / "docs" / name
        assert page.is_file(), name
        heads = [(a or b).lower() for a, b in MARKED.findall(page.read_text("utf-8"))]
        assert not section or any(section.strip().lower() in head for head in heads), f"{name}, {section}"


@pytest.mark.parametrize("name", doc_charts.CHARTS)
def test_pictures_of_the_pages_are_drawn_from_answers(name: str) -> None:
    assert (doc_charts.FOLDER / f"{name}.svg").read_text("utf-8") == doc_charts.CHARTS[name]() + "\n", "run: make docs"
    pages = [page.read_text("utf-8") for page in (ROOT / "docs").glob("*.md")]
    assert any(f"](images/{name}.svg)" in text for text in pages), "no page shows it"


def test_the_wheel_has_the_pages() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        wheel = tomllib.load(file)["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert "docs" in wheel["only-include"]
    assert wheel["sources"]["docs"] == "llmcost/docs"


@pytest.mark.parametrize(("name", "inside"), [("layers", ""), ("engine", ".engine"), ("estimate", ".estimate")])
def test_the_pictures_of_the_layers_are_what_the_imports_say(name: str, inside: str) -> None:
    """Every arrow is an import, and every import between two boxes has a way along the arrows. Run: make docs."""
    text = (ROOT / "docs" / "contributing.md").read_text("utf-8").split(f"<!-- table: {name} -->")[1]
    drawn = re.findall(r"^  (\w+) --> (\w+)$", text.split("<!-- end -->")[0], re.MULTILINE)
    imports, shown = layers.boxes(f"llmcost{inside}"), {box for arrow in drawn for box in arrow}
    assert [arrow for arrow in drawn if arrow[1] not in imports.get(arrow[0], ())] == []

    def ways(box: str) -> set[str]:
        return {box}.union(*(ways(to) for start, to in drawn if start == box))

    assert {(a, b) for a in shown for b in imports[a] & shown if b not in ways(a)} == set()


def test_files_named_for_contributors_are_there() -> None:
    text = (ROOT / "docs" / "contributing.md").read_text("utf-8")
    named = set(re.findall(r"`((?:llmcost|presets|scripts|validation|schemas)/[\w./-]+)`", text))
    assert len(named) > 10
    assert [name for name in sorted(named) if not re.search("[A-Z]", name) and not (ROOT / name).exists()] == []
