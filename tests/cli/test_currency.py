"""Amounts in another currency: every format of every command says each of them once, at the stated rate."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import llmcost
from llmcost import units
from llmcost.errors import LlmcostError
from tests.conftest import Cli
from tests.golden.test_golden import CASES, FOLDER
from tests.unit.test_actuals import FOCUS, PLAN

RATE = 1.25
SAID = ("--currency", f"EUR={RATE}@2026-11-28")
TOLD = "Amounts in EUR at 1.25 USD, the rate you stated for 2026-11-28."
AMOUNT = re.compile(r"[$€]([\d.]+(?:e-?\d+)?)([kMBT]?)")
SCALE = {"": 1.0, "k": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
AXIS = ("┤", "└")  # lines of a picture: its axis has round numbers in either currency
IN_DOLLARS = (
    "presets-show",
    "crossover-energy",
    "compare-optimal",
    "crossover-csv",
    "train-given-json",
)  # without amounts, or as numbers
WALKED = [name for name in CASES if name not in IN_DOLLARS]
OTHERS = {  # questions that no golden file asks: their page, and their answer in dollars
    "page": ("train", "--model", "deepseek-v3", "--gpu-hours", "2.788M", "--price", "2/h", "--format", "html", "--explain"),
    "sliders": (*CASES["crossover-given"], "--format", "html"),
    "owned": ("serve", "-m", "llama-3.1-8b", "-H", "h100-sxm", "--isl", "1000", "--osl", "200", "--commitment", "owned",
              "--requests", "1M/day", "--explain"),
    "bought": ("serve", "--api", "anthropic/claude-sonnet-4-5", "--isl", "1000", "--osl", "200", "--requests", "1M/day"),
    "over time": ("compare", "--cost-per-request", "0.05", "--requests", "10M/day", "--vary", "train_cost=100M,200M",
                  "--growth", "10%/mo", "--by", "quarter"),
}  # fmt: skip


def amounts(text: str) -> list[float]:
    """Every amount that a reader sees, in the order of the page; pictures are judged apart."""
    text = re.sub(r"<svg.*?</svg>|<script.*?</script>", "", text, flags=re.DOTALL)
    lines = [line for line in text.splitlines() if not any(mark in line for mark in AXIS)]
    return [float(number.rstrip(".")) * SCALE[scale] for line in lines for number, scale in AMOUNT.findall(line)]


def held(dollars: str, euros: str) -> None:
    """Nothing is left in dollars, and each amount is that of the same place over the rate, as far as it is printed."""
    shown = re.sub(r"<script.*?</script>", "", euros, flags=re.DOTALL)
    assert "$" not in shown
    assert not re.search(r"USD(?! per EUR|, the rate you stated|</)", shown.replace("1.25 USD, the rate", ""))
    ours, theirs = amounts(euros), amounts(dollars)
    assert len(ours) == len(theirs) > 0
    for ours_one, theirs_one in zip(ours, theirs, strict=True):
        assert ours_one * RATE == pytest.approx(theirs_one, rel=0.012, abs=0.013)


@pytest.mark.parametrize("name", WALKED)
def test_every_golden_answer_in_euros(cli: Cli, name: str) -> None:
    run = cli(*CASES[name], *SAID)
    assert TOLD in run.out.replace("\n", " ")
    dollars = (FOLDER / f"{name}.txt").read_text(encoding="utf-8").partition("\n")[2].partition("--- exit")[0]
    held(dollars, run.out)


@pytest.mark.parametrize("name", OTHERS)
def test_other_answers_and_their_pages(cli: Cli, name: str) -> None:
    dollars, euros = cli(*OTHERS[name]).out, cli(*OTHERS[name], *SAID).out
    held(dollars, euros)
    if name == "sliders":
        live = re.search(r'id="live-data"[^>]*>(.*?)</script>', euros)
        assert live is not None
        assert json.loads(live[1])["money"] == {"sign": "€", "usd": RATE}


def test_json_and_csv_stay_in_dollars_and_say_so(cli: Cli) -> None:
    asked = CASES["train-given-json"]
    dollars, euros = cli(*asked).json, cli(*asked, *SAID).json
    said = euros["inputs"].pop("currency")
    assert (said["value"], said["unit"], said["date"]) == (RATE, "USD per EUR", "2026-11-28")
    assert euros["currency"] == "USD"
    assert {**euros, "headline": ""} == {**dollars, "headline": ""}
    table = CASES["crossover-csv"]
    assert cli(*table, *SAID).out == cli(*table).out


def test_prices_are_read_in_the_stated_currency(cli: Cli, tmp_path: Path) -> None:
    """2 EUR an hour at 1.25 USD, by hand: $2.50; a plain number and one with a dollar stay dollars."""
    asked = ("train", "--gpu-hours", "1M", "--json", *SAID)
    for typed, usd in (("€2/h", 2.5), ("2 EUR/h", 2.5), ("2eur/h", 2.5), ("2/h", 2.0), ("$2/h", 2.0)):
        assert cli(*asked, "--price", typed).json["inputs"]["price"]["value"] == usd
    ranged = cli(*asked, "--price", "2..4 EUR/h").json["inputs"]["price"]
    assert (ranged["p5"], ranged["p95"]) == (2.5, 5.0)
    (tmp_path / "run.toml").write_text('gpu_hours = "1M"\nprice = "€2/h"\ncurrency = "EUR=1.25"\n')
    run = cli("train", str(tmp_path / "run.toml"))
    assert run.out.startswith(
        "Training this run costs €2.00M: 1.00M GPU-hours. Amounts in EUR at 1.25 USD, the rate you stated without a day."
    )
    (tmp_path / "llmcost.toml").write_text(
        'currency = "EUR=1.25"\n[[budget]]\nscenario = "run.toml"\non = "train"\nmax_total_usd = "€2.1M"\n'
    )
    checked = cli("check", str(tmp_path / "llmcost.toml"))
    assert checked.code == 0
    assert "€2.10M" in checked.out
    assert "$" not in checked.out


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--price", "2 CHF/h", *SAID), "amounts are in USD or EUR"),
        (("--price", "2 EUR/h"), "or state the rate: --currency EUR=RATE@DATE"),
        (("--price", "2/h", "--currency", "EUR"), "write EUR=1.08@2026-11-28"),
        (("--price", "2/h", "--currency", "EUR=0"), "a rate is above zero"),
        (("--price", "2/h", "--currency", "USD=1"), "amounts are in USD already"),
        (("--price", "2/h", "--currency", "EUR=1@28.11.2026"), "expected year-month-day"),
    ],
)
def test_what_is_no_currency(cli: Cli, args: tuple[str, ...], message: str) -> None:
    run = cli("train", "--gpu-hours", "1M", *args)
    assert run.code == 2
    assert message in run.err


def test_presets_and_first_files_are_in_it_too(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = ("presets", "list", "apis", "openai")
    held(cli(*listed).out, cli(*listed, *SAID).out)
    # by hand: 27,000 and 11,700,000 dollars over 1.25; notes quote their sources as they are
    assert re.search(r"purchase_usd +€21\.6k", cli("presets", "show", "h100-sxm", *SAID).out)
    assert re.search(r"facility_usd_per_mw +€9\.36M/MW +€7\.44M/MW", cli("presets", "show", "ownership", *SAID).out)
    monkeypatch.chdir(tmp_path)
    made = cli("init", "--yes", *SAID)
    assert (made.code, "$" in made.out) == (0, False)
    budget = (tmp_path / "llmcost.toml").read_text("utf-8")
    assert re.search(r'currency = "EUR=1.25@2026-11-28"\n(?s:.*)max_usd_per_month = "€[\d.]+k"', budget)
    checked = cli("check")
    assert (checked.code, "$" in checked.out) == (0, False)
    fits = cli("fit", "-m", "llama-3.1-8b", *SAID)
    assert (fits.code, "fit prints no amounts of money" in fits.err) == (2, True)
    said = cli("init", "more", "--yes", "--limit", "€9k", *SAID)
    assert 'max_usd_per_month = "€9k"' in (tmp_path / "more" / "llmcost.toml").read_text("utf-8"), said.err


def test_bills_in_the_currency_of_the_answer_need_no_other_rate(tmp_path: Path) -> None:
    path = tmp_path / "focus.csv"
    path.write_text(FOCUS)
    found = llmcost.crossover(**PLAN, actuals=str(path), currency="EUR=1.08")
    assert found["actual_usd"] == pytest.approx(1.08 * 12.35)
    assert "$" not in str(found) + found._repr_html_()
    with pytest.raises(LlmcostError, match="in all, and the plan is in USD"):
        llmcost.crossover(**PLAN, actuals=str(path), currency="GBP=1.3")


def test_an_answer_keeps_its_currency_and_others_are_untouched() -> None:
    found = llmcost.crossover(train_cost="150M", cost_per_request=0.05, requests="10M/day", currency="chf=1.2")
    assert "CHF 125M" in str(found)
    assert "$" not in found.plot().svg
    assert units.format("usd", 1.0) == "$1.00"
