"""Answers in Python: short to look at, plain to use, a table in a notebook."""

from __future__ import annotations

import json
import re
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import llmcost
from llmcost.result import Estimate
from tests.conftest import Cli

GIVEN: dict[str, Any] = {"train_cost": "100M..200M", "cost_per_request": 0.05, "requests": "10M/day"}


@pytest.fixture(scope="module")
def answer() -> llmcost.Answer:
    return llmcost.crossover(**GIVEN)


def _plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(type(k) is str and _plain(v) for k, v in value.items())
    if isinstance(value, list):
        return all(map(_plain, value))
    return value is None or type(value) in (bool, int, float, str)


def test_an_answer_is_an_estimate_on_one_line(answer: llmcost.Answer) -> None:
    assert isinstance(answer, Estimate)
    assert repr(answer) == f"<Answer of crossover: {answer.headline}>"
    assert str(answer).splitlines()[0] == answer.headline


def test_figures_and_tables_by_name(answer: llmcost.Answer) -> None:
    assert answer["crossover_days"] == answer.result["crossover_days"]
    assert answer["curve"] == answer.arrays["curve"]
    with pytest.raises(KeyError, match="did you mean 'crossover_days'"):
        answer["crossover_day"]


@pytest.mark.parametrize(
    "asked",
    [
        lambda: llmcost.serve(model="llama-3.1-8b", hardware="h100-sxm", isl=500, osl=100, requests="1M/day"),
        lambda: llmcost.train(model="llama-3.1-8b", tokens="1T", hardware="h100-sxm", gpus=64),
        lambda: llmcost.compare(**{**GIVEN, "train_cost": "100M"}, vary={"growth": ["0%/mo", "5%/mo"]}),
        lambda: llmcost.fit(model="llama-3.1-8b", hardware="l4"),
    ],
)
def test_every_value_is_a_plain_one(asked: Callable[[], llmcost.Answer]) -> None:
    answer = asked()
    assert _plain(answer.to_dict())
    assert _plain(answer.result)
    assert _plain(answer.arrays)
    assert json.loads(json.dumps(answer.to_dict(), allow_nan=False)) == answer.to_dict()


def test_json_is_that_of_the_command(cli: Cli) -> None:
    asked = ("--train-cost", "150M", "--cost-per-request", "0.05", "--requests", "10M/day")
    said = json.loads(cli("crossover", *asked, "--json").out)
    mine = json.loads(llmcost.crossover(train_cost="150M", cost_per_request="0.05", requests="10M/day").to_json())
    assert {k: mine[k] for k in ("schema", "result", "ranges")} == {k: said[k] for k in ("schema", "result", "ranges")}


def test_a_cell_of_a_notebook_is_a_table_in_which_text_is_inert(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    hostile = "<script>alert(1)</script>"
    answer = llmcost.Answer(
        command="compare", headline=hostile, result={"name": hostile}, arrays={"alternatives": [{"name": hostile}] * 60}
    )
    shown = answer._repr_html_()

    tags = re.findall(r"<(\w+)", shown)
    assert "script" not in tags
    assert tags.count("tr") == 51  # 50 of the rows, under their heads
    assert "10 more rows" in shown


def test_rows_have_unit_and_range(answer: llmcost.Answer) -> None:
    row = next(row for row in answer.rows() if row["name"] == "crossover_days")
    assert (row["unit"], row["p5"]) == ("days", answer.ranges["crossover_days"].p5)
    with pytest.raises(llmcost.LlmcostError, match="no table 'curves'") as caught:
        answer.rows("curves")
    assert caught.value.hint.startswith("did you mean 'curve'")


def test_a_frame_is_made_by_the_package_that_is_there(answer: llmcost.Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(llmcost.LlmcostError) as caught:
        answer.to_frame()
    assert caught.value.hint == "pip install pandas"
    fake = types.ModuleType("polars")
    monkeypatch.setattr(fake, "DataFrame", lambda rows: ("polars", len(rows)), raising=False)
    monkeypatch.setitem(sys.modules, "polars", fake)
    assert answer.to_frame("curve") == ("polars", len(answer["curve"]))


@pytest.mark.parametrize("ending", [".html", ".json", ".csv", ".md"])
def test_it_is_saved_by_the_ending_of_its_name(answer: llmcost.Answer, tmp_path: Path, ending: str) -> None:
    answer.save(tmp_path / f"answer{ending}")
    assert (tmp_path / f"answer{ending}").stat().st_size > 100


def test_errors_keep_message_and_hint_apart() -> None:
    with pytest.raises(llmcost.LlmcostError) as caught:
        llmcost.train(model="lama-3.1-8b", tokens="1T")
    error = caught.value
    assert "did you mean" not in error.message
    assert "did you mean" in error.hint


def test_a_citation_names_version_and_presets(cli: Cli) -> None:
    run, version = cli("--cite"), cli("--version").out
    assert run.out.startswith("@software{llmcost,")
    assert f"{{{llmcost.__version__}}}" in run.out
    assert f"presets of {version.split()[-1].rstrip(')')}" in run.out
