"""The JSON document."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pytest

from llmcost import __version__
from llmcost.render import Options
from llmcost.render.json import render
from tests.unit import render_sample as sample


def test_keys_come_in_their_published_order() -> None:
    assert "curve" not in json.loads(render(sample.crossover(), Options()))
    found = json.loads(render(sample.crossover(), Options(curve=True)))
    assert list(found) == [
        "schema", "llmcost", "presets", "currency", "headline", "inputs", "result", "ranges", "breakdown", "warnings",
        "curve",
    ]  # fmt: skip
    assert (found["schema"], found["llmcost"], found["currency"]) == ("llmcost/crossover/1", __version__, "USD")
    assert found["ranges"]["crossover_days"] == {"p5": 188.0, "p50": 300.0, "p95": None}


def test_steps_are_there_when_asked_for() -> None:
    assert "steps" not in json.loads(render(sample.train(), Options()))
    explained = json.loads(render(sample.train(), Options(explain=True)))
    assert list(explained)[-1] == "steps"
    assert explained["steps"][0]["value"] == 3.8e25


def test_two_spaces_and_one_newline() -> None:
    text = render(sample.train(), Options())
    assert text.startswith('{\n  "schema": "llmcost/train/1",\n')
    assert text.endswith("}\n")
    assert not text.endswith("\n\n")


def test_numpy_and_dates_become_plain() -> None:
    result = {
        "a": np.float64(2.5),
        "b": np.float32(0.5),
        "c": np.int64(3),
        "d": np.bool_(True),
        "e": dt.date(2026, 11, 23),
    }
    arrays = {"rows": np.array([[1.0, 2.0]]), "ladder": (1, 2)}
    found = json.loads(render(sample.train(result=result, arrays=arrays), Options()))
    assert found["result"] == {"a": 2.5, "b": 0.5, "c": 3, "d": True, "e": "2026-11-23"}
    assert found["rows"] == [[1.0, 2.0]]
    assert found["ladder"] == [1, 2]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), np.float64("nan"), np.array([np.inf])])
def test_what_is_not_finite_is_a_bug(value: object) -> None:
    with pytest.raises(ValueError, match=r"result\.mfu"):
        render(sample.train(result={"mfu": value}), Options())


def test_other_bugs_are_found_too() -> None:
    with pytest.raises(ValueError, match="set"):
        render(sample.train(result={"mfu": {1}}), Options())
    with pytest.raises(ValueError, match="'result'"):
        render(sample.train(arrays={"result": []}), Options())


def test_huge_integers_keep_their_size() -> None:
    assert (
        json.loads(render(sample.train(result={"training_flops": 10**25}), Options()))["result"]["training_flops"]
        == 1e25
    )


def test_hostile_text_survives_as_it_was() -> None:
    for options in (Options(), Options(unicode=False)):
        found = json.loads(render(sample.hostile(), options))
        assert found["headline"] == sample.HOSTILE.replace("\ud800", "\\ud800")


def test_escapes_for_ascii_say_the_same() -> None:
    odd = sample.train(headline="é \U0001f600 \x7f \u2028")
    text = render(odd, Options(unicode=False))
    assert text.isascii()
    assert json.loads(text) == json.loads(render(odd, Options()))
