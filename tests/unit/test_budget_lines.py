"""The line of every key of a TOML file, however it is written."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from llmcost.budget.lines import Path, key_lines
from tests.conftest import ROOT, examples

# Line numbers counted by hand.
SPELLINGS = r'''# a comment with [[budget]] and max_total_usd = 1 in it
title = """
max_total_usd = "not a key"
[[budget]]
"""
note = 'a "quote" # no comment'
[[budget]]           # the first
name = "a # b"
"max_total_usd" = "1M"
max_gpu_hours.fail = 1
max_gpu_hours . "warn" = 0.5
'max_co2e_kg' = { fail = 2, warn = 1, owner = "x" }
literal = \'\'\'
[[budget]]
\'\'\'
quotes = """"two" before the end"""""
list = [ # first
  1, # ]
  { x = 2 },
  [ 3, "]" ],
]
when = 1979-05-27 07:32:00 # a date with a blank
[budget.min_crossover_days]
fail = 3

[ budget . "max_usd_per_month" ]
  warn = 4
[[budget]]
max_total_usd = 5
'''.replace("\\'", "'")
EXPECTED: dict[Path, int] = {
    ("title",): 2,
    ("note",): 6,
    ("budget",): 7,
    ("budget", 0): 7,
    ("budget", 0, "name"): 8,
    ("budget", 0, "max_total_usd"): 9,
    ("budget", 0, "max_gpu_hours"): 10,
    ("budget", 0, "max_gpu_hours", "fail"): 10,
    ("budget", 0, "max_gpu_hours", "warn"): 11,
    ("budget", 0, "max_co2e_kg"): 12,
    ("budget", 0, "max_co2e_kg", "fail"): 12,
    ("budget", 0, "max_co2e_kg", "warn"): 12,
    ("budget", 0, "max_co2e_kg", "owner"): 12,
    ("budget", 0, "literal"): 13,
    ("budget", 0, "quotes"): 16,
    ("budget", 0, "list"): 17,
    ("budget", 0, "list", 0): 18,
    ("budget", 0, "list", 1): 19,
    ("budget", 0, "list", 1, "x"): 19,
    ("budget", 0, "list", 2): 20,
    ("budget", 0, "list", 2, 0): 20,
    ("budget", 0, "list", 2, 1): 20,
    ("budget", 0, "when"): 22,
    ("budget", 0, "min_crossover_days"): 23,
    ("budget", 0, "min_crossover_days", "fail"): 24,
    ("budget", 0, "max_usd_per_month"): 26,
    ("budget", 0, "max_usd_per_month", "warn"): 27,
    ("budget", 1): 28,
    ("budget", 1, "max_total_usd"): 29,
}


def paths(value: Any, at: Path = ()) -> set[Path]:
    """Every path of a parsed document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found: set[Path] = set()
    for key, inner in items:
        found |= {(*at, key)} | paths(inner, (*at, key))
    return found


def test_every_spelling() -> None:
    tomllib.loads(SPELLINGS)
    assert key_lines(SPELLINGS) == EXPECTED


def test_windows_line_ends() -> None:
    assert key_lines(SPELLINGS.replace("\n", "\r\n")) == EXPECTED


@pytest.mark.parametrize(
    "path",
    sorted([*ROOT.glob("presets/*/*.toml"), *ROOT.glob("examples/*/*.toml"), ROOT / "pyproject.toml"])[::7],
    ids=lambda p: p.name,
)
def test_our_own_files_key_by_key(path: Any) -> None:
    text = path.read_text("utf-8")
    lines = text.splitlines()
    found = key_lines(text)
    assert set(found) == paths(tomllib.loads(text))
    for at, line in found.items():
        if isinstance(at[-1], str):
            assert at[-1] in lines[line - 1], at


KEYS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=6)
LEAVES = st.one_of(
    st.integers(-9, 9),
    st.booleans(),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12),
    st.dates(),
    st.datetimes(),
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=12
)


@examples(60)
@given(st.dictionaries(KEYS, VALUES, max_size=5), st.booleans())
def test_no_key_is_missed_or_invented(document: dict[str, Any], multiline: bool) -> None:
    text = tomli_w.dumps(document, multiline_strings=multiline)
    assert set(key_lines(text)) == paths(tomllib.loads(text))
