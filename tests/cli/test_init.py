"""`llmcost init`: from nothing to an answer, a check that holds and one that fails."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import jsonschema
import pytest

from llmcost.estimate.start import GOALS
from tests.conftest import Cli, Run

QUICK = ("--model", "llama-3.1-8b", "--hardware", "l40s")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _flip(run: Run) -> tuple[str, str]:
    """The verdict that the last line promises, and the line of the budget that turns it round."""
    found = re.search(r"The check (holds|fails)\. Write (\w+ = .+) in llmcost\.toml", run.out)
    assert found
    return found[1], found[2]


@pytest.mark.parametrize("goal", GOALS)
def test_its_files_run_at_once_and_the_check_turns_as_promised(goal: str, cli: Cli) -> None:
    run = cli("init", "--goal", goal, "--yes")
    assert run.code == 0, run.err
    verdict, line = _flip(run)
    assert verdict == "holds"
    assert cli(goal, f"{goal}.toml").out.splitlines()[0] == run.out.splitlines()[0]
    assert cli("check").code == 0
    budget = Path("llmcost.toml")
    key = line.partition(" ")[0]
    budget.write_text(re.sub(rf"(?m)^{key} = .*$", line, budget.read_text("utf-8")), "utf-8")
    assert cli("check").code == 1


@pytest.mark.parametrize("goal", GOALS)
def test_editors_find_the_schemas_and_the_files_follow_them(goal: str, cli: Cli) -> None:
    assert cli("init", "here", "--goal", goal, "--yes").code == 0
    for name in (f"{goal}.toml", "llmcost.toml"):
        path = Path("here") / name
        first = path.read_text("utf-8").splitlines()[0]
        schema = json.loads((path.parent / first.removeprefix("#:schema ")).read_text("utf-8"))
        said = tomllib.loads(path.read_text("utf-8"))
        jsonschema.Draft202012Validator(schema).validate(json.loads(json.dumps(said, default=str)))


def test_answers_come_from_a_pipe_and_what_ends_early_takes_the_usual(cli: Cli) -> None:
    run = cli("init", stdin="2\nllama-3.1-8b\na100-80gb-sxm\n")
    assert run.code == 0, run.err
    said = tomllib.loads(Path("train.toml").read_text("utf-8"))
    assert (said["hardware"], said["tokens"]) == ("a100-80gb-sxm", "1T")
    assert "What may the run cost? [" in run.err


def test_a_limit_below_the_estimate_is_said_to_fail(cli: Cli) -> None:
    verdict, _ = _flip(cli("init", "--goal", "serve", *QUICK, "--limit", "10", "--yes"))
    assert verdict == "fails"
    assert cli("check").code == 1


def test_an_instance_is_its_accelerator_at_its_price(cli: Cli) -> None:
    # p5.48xlarge has 8 H100; a fleet for 50M requests a day takes more than one of them
    assert cli("init", "--goal", "serve", "--hardware", "p5.48xlarge", "--requests", "50M/day", "--yes").code == 0
    said = tomllib.loads(Path("serve.toml").read_text("utf-8"))
    assert said["hardware"] == "h100-sxm"
    assert "price" in said or said["provider"] == "aws"


def test_nothing_is_written_over(cli: Cli) -> None:
    Path("llmcost.toml").write_text("mine", "utf-8")
    run = cli("init", "--goal", "serve", *QUICK, "--yes")
    assert (run.code, Path("llmcost.toml").read_text("utf-8")) == (2, "mine")
    assert "hint: --force writes over it" in run.err
    assert cli("init", "--goal", "serve", *QUICK, "--yes", "--force").code == 0


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--goal", "sreve"), "did you mean 'serve'?"),
        (("--goal", "serve", "--model", "lama-3.1-8b"), "llama-3.1-8b"),
        (("--goal", "serve", "--requests", "many"), "--requests: 'many'"),
        (("--goal", "serve", "--tokens", "1T"), "--tokens is no part of a question about serve"),
        (("--goal", "serve", "--limit", "much"), "--limit: 'much'"),
        (("--goal", "serve", "--model", "llama-3.1-405b", "--hardware", "t4"), "does not fit"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(args: tuple[str, ...], told: str, cli: Cli) -> None:
    run = cli("init", *args, "--yes")
    assert run.code == 2
    assert told in run.err
    assert list(Path().iterdir()) == []


def test_a_folder_without_budgets_leads_here(cli: Cli) -> None:
    assert "llmcost init" in cli("check").err
