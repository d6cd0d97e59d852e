"""Alternatives side by side: what is planned once, what decides, break-evens by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from llmcost import api
from llmcost.catalog import Catalog
from llmcost.errors import LlmcostError
from llmcost.estimate.compare import along, baseline, blocks, replicas
from llmcost.estimate.compare.alternatives import Alternative
from llmcost.estimate.compare.answer import Table
from llmcost.estimate.compare.ranked import Beside, Ranked
from llmcost.estimate.compare.sentence import pays
from llmcost.keys import KEYS
from llmcost.scenario import resolve

CHAT: dict[str, Any] = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "isl": 1000, "osl": 300, "samples": 100}
TRAINED: dict[str, Any] = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "gpus": 64, "tokens": "1T", "samples": 100}
GIVEN: dict[str, Any] = {"requests": "1M/day", "horizon": "1y"}
VALUES = {
    "price": ("2/h", "3/h"), "requests": ("1M/day", "7M/day"), "utilization": ("40%", "70%"),
    "electricity_price": ("0.05/kWh", "0.2/kWh"), "carbon_intensity": ("50g/kWh", "400g/kWh"), "pue": ("1.1", "1.5"),
    "tokens_per_second": ("900/s", "2000/s"), "horizon": ("1y", "4y"), "cost_per_request": ("0.01", "0.02"),
    "energy_per_request": ("0.001kWh", "0.002kWh"), "api_discount": ("5%", "50%"), "gpu_hours": ("10k", "30k"),
    "mfu": ("30%", "45%"), "goodput": ("80%", "95%"), "overhead": ("1.05", "1.3"), "experiments": ("1", "3"),
    "staff": ("0.2", "0.9"), "data_cost": ("1M", "2M"), "storage_cost": ("1M", "3M"), "train_cost": ("1M", "2M"),
    "train_energy": ("10kWh", "20kWh"),
}  # fmt: skip


def _question(key: str) -> dict[str, Any]:
    """A question that reads a key."""
    if key == "api_discount":
        return {"api": "openai/gpt-4o", "isl": 1000, "osl": 300, **GIVEN}
    if key in ("cost_per_request", "energy_per_request"):
        return {**GIVEN}
    if key in ("train_cost", "train_energy"):
        return {**GIVEN, "cost_per_request": "0.01"}
    if key in ("experiments", "staff", "data_cost", "storage_cost"):
        return {**TRAINED, "scope": "program"}
    if key in ("gpu_hours", "mfu", "goodput", "overhead"):
        return TRAINED
    return {**CHAT, **GIVEN}


def test_every_plain_key_is_tried() -> None:
    assert set(VALUES) == set(blocks.PLAIN)


@pytest.mark.parametrize("key", blocks.PLAIN)
def test_an_axis_of_points_is_what_each_question_says(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planned once and figured as an axis: the same as every alternative planned by itself."""

    def rows() -> dict[str, dict[str, Any]]:
        found = api.compare(**_question(key), vary={key: VALUES[key]}).arrays["alternatives"]
        return {row["name"]: row for row in found}

    axis = rows()
    monkeypatch.setattr(blocks, "plain", lambda *_: False)
    for name, alone in rows().items():
        row = axis[name]
        for figure, number in row.items():
            if isinstance(number, float) and figure not in ("ratio", "probability_cheapest", "p5", "p95"):
                assert number == pytest.approx(alone[figure], rel=1e-12), figure


@pytest.mark.parametrize(
    "asked",
    [{}, {"tpot": "12ms"}, {"ttft": "150ms", "gpus": 4}, {"model": "llama-3.1-70b", "hardware": "rtx4090", "gpus": 8}],
    ids=["free", "tpot", "ttft", "memory"],
)
def test_lengths_as_axes_are_what_each_plan_chooses(asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Layout, format and batch chosen for all lengths at once: row by row those of the search for each."""
    vary: dict[str, list[Any]] = {
        "isl": [100, 2000, 30000, 90000],
        "osl": [10, 900],
        "cache_hit": ["0%", "60%"],
        "dtype": ["fp8", "bf16"],
    }

    def rows() -> dict[str, dict[str, Any]]:
        found = api.compare(**{**CHAT, "requests": "5M/day", **asked}, vary=vary).arrays["alternatives"]
        return {row["name"]: row for row in found}

    at_once = rows()
    monkeypatch.setattr(replicas, "together", lambda _: False)
    apart = rows()
    assert set(at_once) == set(apart)
    for name, alone in apart.items():
        for figure, number in at_once[name].items():
            if figure in ("ratio", "probability_cheapest", "p5", "p95"):
                continue
            if isinstance(number, float):
                assert number == pytest.approx(alone[figure], rel=1e-9), (name, figure)
            elif figure == "inputs":  # what an infeasible one chose is not known when it is planned by itself
                assert {k: v for k, v in alone[figure].items() if k in number and v != number[k]} == {}, name
            else:
                assert number == alone[figure], (name, figure)


def test_a_grid_has_every_combination() -> None:
    answer = api.compare(
        **CHAT, vary={"price": ["2/h", "3/h"], "requests": ["1M/day", "2M/day"], "dtype": ["bf16", "fp8"]}
    )
    names = {row["name"] for row in answer.arrays["alternatives"]}
    assert len(names) == answer.result["count"] == 8
    assert "price 2/h, requests 1M/day, dtype fp8" in names
    assert {frozenset(row["inputs"]) >= {"price", "requests", "dtype"} for row in answer.arrays["alternatives"]} == {
        True
    }


def test_break_evens_by_hand() -> None:
    """$1M and $0.01 a request against $0.03: 1M / 0.02 = 50M requests, at 1M a day 50 days; over a year of 365.25 days
    136,893 a day, where each costs 0.03 x 50M = $1.5M."""
    answer = api.compare("tests/data/own-or-buy.toml")
    (pair,) = answer.arrays["pairs"]
    assert (pair["name"], pair["other"]) == ("own", "buy")
    assert pair["break_even_requests"] == pytest.approx(50e6 / 365.25, rel=1e-9)
    assert pair["break_even_days"] == pytest.approx(50.0)
    assert pair["break_even_usd"] == pytest.approx(1.5e6)
    assert pair["break_even_date"] == "2027-02-20"
    assert pair["probability_cheaper"] == 1.0
    assert pair["delta_usd"] == pytest.approx(0.02 * 365.25e6 - 1e6)
    assert pair["cheaper_above"] == "own"


def test_what_alternatives_share_is_drawn_once() -> None:
    """A factor on a price both pay cancels: the cheaper one is cheaper in every sample, although ranges overlap."""
    answer = api.compare(**CHAT, requests="50M/day", price="2/h..8/h", vary={"osl": ["300", "330"]})
    first, second = answer.arrays["alternatives"]
    assert first["p95"] > second["p5"]
    assert first["probability_cheapest"] > 0.98


def test_equal_alternatives_are_even() -> None:
    first, second = api.compare(**CHAT, provider="lambda", against=["rent:lambda"]).arrays["alternatives"]
    assert (first["probability_cheapest"], second["probability_cheapest"]) == (0.5, 0.5)


def test_ranges_are_those_of_the_question_alone() -> None:
    answer = api.compare(**CHAT, requests="1M/day", vary={"hardware": ["h100-sxm", "mi300x"]})
    alone = api.serve(**CHAT, requests="1M/day")
    row = next(r for r in answer.arrays["alternatives"] if r["name"] == "h100-sxm")
    assert row["usd_per_month"] == alone.result["usd_per_month"]
    of = alone.ranges["usd_per_month"]
    assert (row["p5"], row["p95"]) == pytest.approx((of.p5, of.p95))


def test_too_few_accelerators_are_never_cheapest() -> None:
    rows = api.compare(**CHAT, requests="100M/day", gpus=2, against=["api:openai/gpt-4o-mini"]).arrays["alternatives"]
    own = next(r for r in rows if r["name"].startswith("llama"))
    assert own["usd_per_month"] < rows[0]["usd_per_month"]
    assert (own["feasible"], own["ratio"]) == (False, None)
    assert "2 are given" in own["reason"]
    assert rows[0]["name"] == "api:openai/gpt-4o-mini"


def test_other_providers_and_terms() -> None:
    answer = api.compare(**CHAT, against=["rent:lambda", "rent:aws:spot"])
    prices = {row["name"]: row["inputs"]["price"] for row in answer.arrays["alternatives"]}
    assert len(set(prices.values())) == 3


def test_owned_machines_are_planned_at_each_utilization() -> None:
    """What an owned hour costs follows from its use, so use is no plain number where machines may be owned."""
    from llmcost.estimate.compare.alternatives import Alternative, Axis
    from llmcost.scenario import Setting, resolve

    rented = Alternative("", resolve({"commitment": "1-year"}))
    terms = Axis("commitment", ["1-year", "owned"], [Setting("1-year", "flag"), Setting("owned", "flag")])
    assert blocks.plain("utilization", rented)
    assert not blocks.plain("utilization", rented, [terms])
    owned = rented._replace(scenario=rented.scenario.over({"commitment": Setting("owned", "flag")}))
    assert not blocks.plain("electricity_price", owned)
    assert blocks.plain("price", owned)


def test_growth_counts_in_the_total() -> None:
    """Linear growth from 1M a day by 1M a month for a year: 365.25 (1M + 12M / 2) requests at $0.01."""
    answer = api.compare(**GIVEN, added_requests="1M/day", vary={"cost_per_request": ["0.01", "0.02"]})
    first = answer.arrays["alternatives"][0]
    assert first["total_usd_horizon"] == pytest.approx(365.25 * 7e6 * 0.01, rel=1e-9)


def test_columns_and_order() -> None:
    answer = api.compare(**CHAT, vary={"hardware": ["h100-sxm", "mi300x", "a100-80gb-sxm"]})
    assert [r["ratio"] for r in answer.arrays["alternatives"]] == sorted(
        r["ratio"] for r in answer.arrays["alternatives"]
    )


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"against": ["api:"]}, "expected api:PROVIDER/MODEL"),
        ({"against": ["apy:openai/gpt-4o"]}, "did you mean 'api'"),
        ({"against": ["rent:lamda"]}, "did you mean 'lambda'"),
        ({"against": ["rent:aws:2-year"]}, "2-year"),
        ({"vary": {"price": ["2/h", "2/h"]}}, "given twice"),
        ({"vary": {"price": ["2"]}}, "has no unit"),
        ({"vary": {"tokens": ["1T", "2T"], "isl": ["-5"]}}, "-5"),
        ({"vary": {"lora_rank": ["8", "16"]}}, "no effect"),
        ({}, "one alternative"),
    ],
)
def test_wrong_alternatives_are_refused(how: dict[str, Any], says: str) -> None:
    with pytest.raises(LlmcostError) as caught:
        api.compare(**CHAT, **how)
    assert says in caught.value.message + caught.value.hint


def _answer(price: str, **more: Any) -> dict[str, Any]:
    estimate = api.train(model="deepseek-v3", gpu_hours="2.788M", price=price, **more)
    return dict(baseline.document(estimate))


def test_a_difference_by_hand() -> None:
    """2.788M GPU-hours at $2 and at $2.50: $5.576M and $6.97M, 25 % more, one input changed."""
    from llmcost.catalog import Catalog

    found = baseline.diff(_answer("2/h"), _answer("2.5/h"), ("old", "new"), Catalog())
    assert found.result["before"] == 5_576_000.0
    assert found.result["after"] == 6_970_000.0
    assert found.result["delta_pct"] == pytest.approx(25.0)
    assert [(row["key"], row["before"], row["after"]) for row in found.arrays["changed_inputs"]] == [
        ("price", 2.0, 2.5)
    ]
    assert "1 input changed: price" in found.headline
    same = baseline.diff(_answer("2/h"), _answer("2/h"), ("old", "new"), Catalog())
    assert same.headline == "Nothing changed."


@pytest.mark.parametrize("broken", [{}, {"schema": "x"}, {"schema": "llmcost/presets/1", "result": {}, "inputs": {}}])
def test_what_is_no_answer_is_refused(broken: dict[str, Any]) -> None:
    from llmcost.catalog import Catalog

    with pytest.raises(LlmcostError, match="not an answer"):
        baseline.diff(broken, _answer("2/h"), ("old.json", "new"), Catalog())


def test_names_with_commas_are_quoted_inside_the_sentence() -> None:
    """Three names, two of them with commas, stay three in the sentence."""
    rows = [Ranked("train", {"upfront_usd": 1e6}), Ranked("x", {"upfront_usd": 0.0})]
    row: Beside = {
        "name": "buy", "other": "train", "delta_usd": 1.0, "probability_cheaper": 0.5, "cheaper_above": "train",
        "break_even_requests": 1e6, "break_even_p5_requests": 1e6, "break_even_p95_requests": 1e6,
        "break_even_usd": 1.0, "break_even_p5_usd": 1.0, "break_even_p95_usd": 1.0,
    }  # fmt: skip
    beside: list[Beside] = [
        {**row, "name": "train", "other": "fetch, own", "break_even_requests": 2e6},
        row,
        {**row, "name": "tune, full", "break_even_requests": None, "cheaper_above": "tune, full"},
    ]
    found = pays(Table([], rows, None, None, None), beside)
    assert found.text == (
        " train pays from 1.00M/day against buy; from 2.00M/day against 'fetch, own'; against the other at no volume."
    )


@pytest.mark.parametrize(
    ("said", "warned"),
    [
        ({"vary": {"commitment": ["on-demand", "mix"]}}, True),
        ({"vary": {"commitment": ["on-demand", "mix"]}, "peak_to_average": "2"}, False),
        ({"commitment": "mix", "against": ["api:openai/gpt-4o"]}, False),
    ],
)
def test_an_assumed_peak_beside_a_mean_load_is_said(said: dict[str, Any], warned: bool) -> None:
    found = api.compare(**{**CHAT, "requests": "50M/day", **said})
    assert ("W082" in [w.code for w in found.warnings]) is warned


def test_a_plan_made_anew_follows_growing_traffic() -> None:
    """A cost along an axis that changes the plan, where the fleet grows: once a bug, whole replicas as an array."""
    said = {
        "model": "llama-3.1-8b",
        "hardware": "h100-sxm",
        "isl": 1000,
        "osl": 200,
        "price": "2/h",
        "requests": "1M/day",
    }
    asked = Alternative("a", resolve({**said, "added_requests": "100k/day", "horizon": "2y"}))
    line = along.Axis(KEYS["utilization"], 0.4, 0.8)
    costs, _ = along.curve(asked, line, "total_usd_horizon", Catalog()).at(np.array([0.4, 0.8]))
    assert costs[0] > costs[1] > 0, "a fuller fleet is cheaper"


def test_engines_that_differ_between_machines_are_said_and_change_no_alternative() -> None:
    """vLLM is usual on H100, a tuned stack on TPUs: each is answered as alone, and the answer says so."""
    mixed = api.compare(**CHAT, requests="1M/day", vary={"hardware": ["h100-sxm", "tpu-v6e"]})
    assert "W087" in [w.code for w in mixed.warnings]
    for same in ({"vary": {"hardware": ["h100-sxm", "mi300x"]}},
                 {"vary": {"hardware": ["h100-sxm", "tpu-v6e"]}, "framework": "vllm"}):  # fmt: skip
        assert "W087" not in [w.code for w in api.compare(**CHAT, requests="1M/day", **same).warnings]
