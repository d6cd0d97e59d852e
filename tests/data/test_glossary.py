"""docs/glossary.md is the vocabulary: it and `llmcost.terms` say the same."""

from __future__ import annotations

import re

import pytest

from llmcost import units
from llmcost.terms import SECTIONS, TERMS, Term
from tests.conftest import ROOT

GLOSSARY = (ROOT / "docs" / "glossary.md").read_text("utf-8")
UNIT_ENDINGS = {
    "_usd": "USD", "_seconds": "s", "_bytes": "bytes", "_kwh": "kWh", "_watts": "W", "_days": "days",
    "_months": "months", "_flops": "FLOP", "_co2e_kg": "kg CO2e", "_share": "share", "_litres": "litres",
}  # fmt: skip


def _results() -> dict[str, list[list[str]]]:
    """Rows of each table of the section on results."""
    found: dict[str, list[list[str]]] = {}
    results = GLOSSARY.split("\n## Results\n")[1].split("\n## ")[0]
    for title, body in re.findall(r"\n### (.+)\n((?:(?!\n### )[\s\S])*)", results):
        rows = [line for line in body.splitlines() if line.startswith("| `")]
        found[title] = [[cell.strip() for cell in line.strip("|").split("|")] for line in rows]
    return found


def test_every_term_has_its_row_and_every_row_is_a_term() -> None:
    for title, terms in SECTIONS.items():
        wanted = [
            [f"`{t.name}`", t.symbol, t.base, t.meaning, "; ".join(x for x in (t.label, t.also) if x)] for t in terms
        ]
        assert _results()[title] == wanted
    assert list(_results()) == list(SECTIONS)


def test_no_name_is_used_twice() -> None:
    assert len(TERMS) == sum(len(terms) for terms in SECTIONS.values())


@pytest.mark.parametrize("term", TERMS.values(), ids=lambda t: str(t.name))
def test_terms_are_whole(term: Term) -> None:
    assert term.kind in units.KINDS or term.kind in ("text", "bool")
    assert re.fullmatch(r"[a-z][a-z0-9_]*", term.name)
    assert term.label
    assert len(term.label) <= 24
    assert not term.meaning[0].islower()
    assert not term.meaning.endswith(".")
    assert "|" not in term.meaning + term.label + term.also
    for ending, unit in UNIT_ENDINGS.items():
        if term.name.endswith(ending):
            assert term.base == unit


def test_the_definitions_of_month_and_year_are_those_of_the_parser() -> None:
    assert "365.25/12 days = 30.4375 days = 2,629,800 s" in GLOSSARY
    assert units.parse("seconds", "1mo") == 2_629_800
    assert units.parse("seconds", "1y") == 31_557_600


def test_sizes_are_read_as_the_glossary_says() -> None:
    assert units.parse("bytes", "80 GB") == 80e9
    assert units.parse("bytes", "80 GiB") == 80 * 2**30
    assert units.parse("bytes_per_second", "400 Gbit/s") == 50e9
    assert units.parse("count", "70B") == 70e9
