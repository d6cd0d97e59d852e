"""docs/claims.md is what scripts/claims.toml gives: every claim is there, its commands can be asked, cheap ones are run."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest

from llmcost.cli import command
from llmcost.cli.commands import compare, crossover
from llmcost.keys import all_keys
from llmcost.scenario import parse_value
from scripts import claims
from tests.conftest import ROOT

CLAIMS = claims.claims()
PAGE = (ROOT / "docs" / "claims.md").read_text("utf-8")
COUNT = 34  # claims that the page has to judge
# Claims whose numbers come from what was given, so that no preset and no fit moves them.
CHEAP = (1, 12, 26)
RUNS = sorted({run["args"] for claim in CLAIMS if claims.ready(claim) for run in claim.get("runs", [])})


def _sections() -> dict[int, str]:
    parts = re.split(r"(?m)^(?=## \d+\. )", PAGE)[1:]
    return {int(part[3:].partition(".")[0]): part for part in parts}


def test_every_claim_has_its_section_and_its_row() -> None:
    assert [claim["number"] for claim in CLAIMS] == list(range(1, COUNT + 1))
    assert list(_sections()) == list(range(1, COUNT + 1))
    for claim in CLAIMS:
        assert f"| {claim['number']} | {claim['text']} | " in PAGE
        assert _sections()[claim["number"]].startswith(f"## {claim['number']}. {claim['text']}\n")


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: str(c["number"]))
def test_a_claim_is_judged_by_a_rule_or_says_why_not(claim: dict[str, Any]) -> None:
    judged = "holds" in claim and "false" in claim and "answer" in claim
    assert judged + ("untestable" in claim) == 1
    assert ("needs" in claim) == ("later" in claim)
    assert claim["rule"]
    assert not judged or (claim["assumptions"] and (claim.get("runs") or claim.get("facts")))
    verdict = re.search(r"\n\n\*\*(.+?)\*\*: ", _sections()[claim["number"]])
    assert verdict
    expected = ["Not testable"] if "untestable" in claim else ["Holds", "Holds if", "False"]
    # what waits for a command stays "Not yet" until `make claims` runs with it
    assert verdict[1] in [*expected, *(["Not yet"] if "needs" in claim else [])]


FLAGS = ("--ladder",)  # options without a value


@pytest.mark.parametrize("args", RUNS)
def test_commands_can_be_asked(args: str) -> None:
    name, *words = shlex.split(args)
    if words and not words[0].startswith("-"):
        words = words[1:]  # a scenario
    known, own = all_keys(), {"crossover": set(crossover.EXTRA), "compare": set(compare.OPTIONS)}.get(name, set())
    words = [w for w in words if w not in FLAGS]
    for option, value in zip(words[::2], words[1::2], strict=True):
        key = option.removeprefix("--").replace("-", "_")
        assert key in own or key in command.options_of(name), f"{name} has no {option}"
        if key not in own:
            parse_value(known[key], value)


@pytest.mark.parametrize("number", CHEAP)
def test_the_page_is_what_the_commands_say(number: int) -> None:
    claim = next(c for c in CLAIMS if c["number"] == number)
    assert claims.section(claim, claims.judge(claim)).strip() == _sections()[number].strip()
