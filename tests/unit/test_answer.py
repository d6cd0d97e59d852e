"""Answers in Python: short to look at, plain to use, a table in a notebook."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import llmcost
from llmcost.result import Estimate, Input
from tests.conftest import Cli
from tests.unit.test_render_html import HOSTILE, Parsed

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
    with pytest.raises(llmcost.LlmcostError, match="'curves' is not one of") as caught:
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


def test_columns_are_a_frame_of_the_package_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {"price": "9/h", "isl": 1, "osl": 1000, "columns": ["usd_per_request"]}
    found = llmcost.sweep(vary={"tokens_per_second": ["1000/s", "2000/s"]}, **asked)
    assert repr(found) == "<Columns of 2 points: tokens_per_second, feasible, reason, usd_per_request>"
    monkeypatch.setitem(sys.modules, "pandas", None)
    fake = types.ModuleType("polars")
    monkeypatch.setattr(fake, "DataFrame", lambda columns: columns, raising=False)
    monkeypatch.setitem(sys.modules, "polars", fake)
    assert found.to_frame()["reason"] == [None, None]
    assert found.to_frame()["tokens_per_second"].tolist() == [1000.0, 2000.0]


def test_columns_are_what_each_point_answers() -> None:
    base: dict[str, Any] = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "osl": 500}
    found = llmcost.sweep(**base, vary={"isl": np.array([500, 30_000]), "batch": [8, 100_000]})
    assert (found["isl"].tolist(), found["batch"].tolist()) == ([500.0, 500.0, 3e4, 3e4], [8, 100_000] * 2)
    assert found["feasible"].tolist() == [True, False] * 2
    assert found["reason"].tolist() == [None, "does not fit in memory"] * 2
    assert np.isnan(found["usd_per_request"]).tolist() == [False, True] * 2
    for at, isl in ((0, 500), (2, 30_000)):
        one = llmcost.serve(**base, isl=isl, batch=8)
        for name in ("usd_per_request", "tpot_seconds", "tp"):
            assert found[name][at] == pytest.approx(one[name], rel=1e-9)


@pytest.mark.parametrize(
    ("vary", "more", "message"),
    [
        ({}, {}, "nothing varies"),
        ({"isl": []}, {}, "isl: no values"),
        ({"isl": [1, 1]}, {}, "'1' is given twice"),
        ({"islx": [1]}, {}, "unknown key 'islx'"),
        ({"isl": "1..9"}, {}, "expected a..b:N"),
        ({"isl": [100, "many"]}, {}, "'many' is not a count"),
        ({"isl": [100, 200]}, {"tokens": "1T"}, "--tokens has no effect"),
        ({"horizon": ["1y", "2y"]}, {"isl": 100}, "--vary horizon has no effect"),
        ({"isl": "1..1000000:1000000", "price": "1..9/h:100"}, {}, "do not belong in memory"),
    ],
)
def test_a_wrong_sweep_is_refused(vary: dict[str, Any], more: dict[str, Any], message: str) -> None:
    with pytest.raises(llmcost.LlmcostError) as caught:
        llmcost.sweep(model="llama-3.1-8b", hardware="h100-sxm", osl=100, vary=vary, **more)
    assert message in caught.value.message


def test_an_answer_is_a_page_that_loads_nothing(answer: llmcost.Answer) -> None:
    text = answer.to_html()
    tags = Parsed(text).tags
    loading = {"link", "img", "iframe", "object", "embed", "form", "base", "audio", "video", "source", "frame"}
    assert not loading & {tag for tag, _ in tags}
    assert not [a for _, a in tags if {"src", "srcset", "data", "action", "background"} & set(a)]
    assert not re.findall(r"url\(|@import|fetch\(|XMLHttpRequest|WebSocket|sendBeacon|import\s*\(", text)
    (policy,) = [a["content"] for tag, a in tags if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        for body in re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL):
            assert base64.b64encode(hashlib.sha256(body.encode()).digest()).decode() in policy


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_name_is_inert_in_the_page_of_an_answer(text: str) -> None:
    def page(name: str) -> Parsed:
        rows = [{"name": name, "usd_per_request": 1.0, "inputs": {"isl": n, "hardware": name}} for n in (1, 2)]
        given = {"hardware": Input(name, "name", "flag", source=name)}
        made = llmcost.Answer(command="compare", headline=name, result={}, arrays={"alternatives": rows}, inputs=given)
        return Parsed(made.to_html())

    found = page(text)
    assert [tag for tag, _ in found.tags] == [tag for tag, _ in page("a chip").tags]
    for _, attributes in found.tags:
        assert not [name for name in attributes if name.startswith("on")]
        assert not (attributes.get("href") or "").strip().lower().startswith("javascript:")


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
