"""Documents follow the program: options, blocks of output, defaults and warnings."""

from __future__ import annotations

import re

import pytest

from llmcost.caveats import CAVEATS
from scripts import accuracy, ci_docs, docs, layers, techniques
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


def test_the_glossary_has_every_scenario_key() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text("utf-8")
    assert docs.glossary(text) == text, "run: make docs"


def test_nothing_is_told_to_install_the_other_package() -> None:
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        assert "pip install llmcost\n" not in path.read_text("utf-8")


def test_links_between_pages_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        links = re.findall(r"\]\(([\w./-]+\.md)\)", page.read_text("utf-8"))
        assert links, f"{page.name} leads nowhere"
        assert [link for link in links if not (page.parent / link).exists()] == []


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
