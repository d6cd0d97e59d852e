"""Help: what most questions need on a screen or two, every option on demand, and examples that run."""

from __future__ import annotations

import shlex

import pytest

from llmcost.cli.commands import compare, crossover, fit, serve, train
from llmcost.keys import CROSSOVER, all_keys
from tests.conftest import Cli

SCANNED = {"train": train, "serve": serve, "crossover": crossover, "compare": compare}


@pytest.mark.parametrize("command", SCANNED)
def test_help_opens_with_examples_and_names_every_option(command: str, cli: Cli) -> None:
    short, whole = cli(command, "--help").out, cli(command, "--help-all").out
    assert short.index("Examples:") < short.index("Most used")
    assert len(short.splitlines()) < 110
    kind = CROSSOVER if command == "compare" else command
    keys = [k for k in all_keys().values() if {command, kind} & set(k.commands)]
    named = [k for k in keys if command != "compare" or not k.alone]  # actuals are of one programme
    assert [k.option for k in named if k.option not in whole] == []
    both = [k.option for k in named if not k.name.startswith(("train_", "serve_"))]
    assert [option for option in both if option not in short.split()] == []


def test_a_screen_shows_common_options_first(cli: Cli) -> None:
    lines = cli("serve", "--help").out.splitlines()
    options = [line.split()[1] for line in lines if line.startswith("│ --")]
    assert options.index("--isl") < options.index("--price") < options.index("--json")
    assert "--pue" not in options


def test_brackets_in_help_are_shown(cli: Cli) -> None:
    assert "[plan]" in cli("serve", "--help-all").out


@pytest.mark.parametrize("example", [x for m in (train, crossover, fit) for x in m.EXAMPLES.strip().splitlines()])
def test_examples_run(example: str, cli: Cli) -> None:
    assert cli(*shlex.split(example)[1:]).code == 0


@pytest.mark.parametrize(("said", "here"), [("--accelerator", "--hardware"), ("--qps", "--requests")])
def test_the_words_of_other_tools_lead_to_ours(said: str, here: str, cli: Cli) -> None:
    run = cli("serve", said, "5")
    assert run.code == 2
    assert f"no such option: {said}" in run.err
    assert f"here it is {here}" in run.err


def test_quiet_prints_what_solve_was_asked_for(cli: Cli) -> None:
    # 150M / 0.05 requests in 365.25 days
    asked = ["--train-cost", "150M", "--cost-per-request", "0.05", "--solve", "traffic", "--at", "12mo", "-q"]
    assert float(cli("crossover", *asked).out) == pytest.approx(3e9 / 365.25, rel=1e-6)
