"""Answers of compare as a user meets them: crossings at steps, saved answers with alternatives, borrowed constants."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import Cli

OWN = ("compare", "--model", "llama-3.1-70b", "--hardware", "h100-sxm", "--isl", "1000", "--osl", "500")
AGAINST = ("--against", "api:openai/gpt-4o")


def test_crossings_and_jumps_are_told_apart_and_together(cli: Cli) -> None:
    run = cli(*OWN, "--requests", "1M/day", *AGAINST, "--cross", "osl")
    answer = cli(*OWN, "--requests", "1M/day", *AGAINST, "--cross", "osl", "--json").json
    exact, steps = len(answer["crossings"]), len(answer.get("jumps", []))
    first = run.out.splitlines()[0]
    assert f"cost the same at {exact} value" in first
    assert f"change places at {steps} where a step" in first
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
    run = cli("train", "--model", "llama-3.1-8b", "--tokens", "1T", "--hardware", "mi300x", "--gpus", "256", "--json")
    assert "W019" in [w["code"] for w in run.json["warnings"]]
    run = cli("train", "--model", "llama-3.1-8b", "--tokens", "1T", "--hardware", "h100-sxm", "--gpus", "256", "--json")
    assert "W019" not in [w["code"] for w in run.json["warnings"]]
