"""Answers of compare as a user meets them: crossings at steps, saved answers with alternatives, borrowed constants."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import Cli

OWN = ("compare", "--model", "llama-3.1-70b", "--hardware", "h100-sxm", "--isl", "1000", "--osl", "500")
AGAINST = ("--against", "api:openai/gpt-4o")


def test_crossings_and_jumps_are_told_apart_and_together(cli: Cli) -> None:
    asked = (*OWN, "--requests", "1M/day", "--commitment", "on-demand", *AGAINST, "--cross", "osl")
    run = cli(*asked)
    answer = cli(*asked, "--json").json
    exact, steps = len(answer["crossings"]), len(answer.get("jumps", []))
    first = run.out.splitlines()[0]
    assert f"cost the same at {exact} value" in first
    assert f"change places {steps} times where a step" in first
    assert run.out.count("api:openai/gpt-4o  ") >= exact + steps  # a row each below the headline


def test_a_saved_comparison_is_compared_with_the_same_alternatives(cli: Cli, tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    old.write_text(cli(*OWN, "--requests", "1M/day", *AGAINST, "--json").out, encoding="utf-8")
    run = cli(*OWN, "--requests", "2M/day", *AGAINST, "--baseline", str(old))
    assert run.code == 0
    assert "1 input changed: requests" in run.out.splitlines()[0]
    assert cli("compare", "--baseline", str(old), str(old), "--vary", "osl=1,2").code == 2


def test_the_age_of_token_prices_is_in_the_table(cli: Cli) -> None:
    assert "genai-prices" in cli(*OWN, "--requests", "1M/day", *AGAINST).out


def test_borrowed_constants_are_said(cli: Cli) -> None:
    run = cli("train", "--model", "llama-3.1-8b", "--tokens", "1T", "--hardware", "tpu-v6e", "--gpus", "256", "--json")
    assert "W019" in [w["code"] for w in run.json["warnings"]]
    run = cli("train", "--model", "llama-3.1-8b", "--tokens", "1T", "--hardware", "h100-sxm", "--gpus", "256", "--json")
    assert "W019" not in [w["code"] for w in run.json["warnings"]]


def test_the_p95_that_is_kept_stands_beside_the_mean(cli: Cli) -> None:
    asked = (
        *("-m", "llama-3.1-8b", "-H", "h100-sxm", "--isl", "2000", "--osl", "400", "--ttft-p95", "2s"),
        *("--samples", "100"),
    )
    rows = cli("compare", *asked, "--vary", "requests=100k/day,5M/day", "--json").json["alternatives"]
    for row in rows:
        alone = cli("serve", *asked, "--requests", row["name"].removeprefix("requests "), "--json").json["result"]
        assert row["ttft_p95_seconds"] == pytest.approx(alone["ttft_p95_seconds"], rel=1e-9)
        assert row["ttft_seconds"] <= row["ttft_p95_seconds"] <= 2.0


def test_a_headline_names_equals_and_what_is_likelier(cli: Cli) -> None:
    asked = ("-m", "llama-3.1-8b", "-H", "h100-sxm", "--isl", "1000", "--osl", "300", "--requests", "100k/day")
    equal = cli("compare", *asked, "--samples", "200", "--vary", "utilization=70%,90%")
    assert "utilization 70% and utilization 90% are cheapest alike" in equal.out
    # medians of 3.1 and 3.2 $/h, either side of 3 about as often: the sure one is cheapest where both are above it
    priced = {"sure": "3/h", "wide": "1/h..9.61/h", "wider": "1/h..10.24/h"}
    text = "".join(f'[[alternative]]\nname = "{name}"\nprice = "{price}"\n' for name, price in priced.items())
    made = ("--isl", "1000", "--osl", "300", "--tokens-per-second", "1000/s", "--samples", "2000")
    first = cli("compare", "-", *made, stdin=text).out.splitlines()[0]
    assert first.startswith("wide is the cheapest in ")
    likelier, sure = (float(n) for n in re.findall(r"([0-9]+) %", first))
    assert sure < likelier
    assert 20 < sure < 34


def test_a_baseline_that_is_no_answer_says_what_one_is(cli: Cli, tmp_path: Path) -> None:
    for text, wrong in (("[1", "not JSON"), ("[1]", "expected a JSON object, got list")):
        (tmp_path / "old.json").write_text(text)
        run = cli("compare", "--baseline", tmp_path / "old.json", tmp_path / "old.json")
        assert run.code == 2
        assert wrong in run.err
        assert "an answer is what --json prints" in run.err
