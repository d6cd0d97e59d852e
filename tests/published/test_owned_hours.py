"""The table of owned hours in docs/method-fleet.md is what the command answers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from llmcost import api

PAGE = Path(__file__).parents[2] / "docs" / "method-fleet.md"
ROW = re.compile(r"^\| (\w+) \| [\d.]+ \| [\d. ]*\| ([\d.]+) \(([\d.]+) to ([\d.]+)\)", re.MULTILINE)
HARDWARE = {
    "H100": "h100-sxm", "H200": "h200-sxm", "B200": "b200-sxm", "B300": "b300-sxm", "GB200": "gb200-nvl72",
    "GB300": "gb300-nvl72", "MI300X": "mi300x", "MI325X": "mi325x", "MI355X": "mi355x",
}  # fmt: skip
ROWS = {name: tuple(found) for name, *found in ROW.findall(PAGE.read_text("utf-8"))}


def test_every_machine_has_a_row() -> None:
    assert ROWS.keys() == HARDWARE.keys()


@pytest.mark.parametrize("name", HARDWARE)
def test_an_owned_hour_is_what_the_command_answers(name: str) -> None:
    asked: dict[str, Any] = {"model": "llama-3.1-8b", "isl": 1000, "osl": 200, "commitment": "owned"}
    found = api.serve(hardware=HARDWARE[name], **asked)
    key = "own_usd_per_hour"
    of = found.ranges.get(key) or found.ranges_at_price[key]
    assert ROWS[name] == tuple(f"{x:.2f}" for x in (found.result[key], of.p5, of.p95))
