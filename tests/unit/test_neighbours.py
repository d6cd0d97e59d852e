"""An alternative answers alike beside any other: for every key that a scenario may have."""

from __future__ import annotations

from typing import Any

import pytest

from llmcost import scenario as sc
from llmcost.catalog import Catalog
from llmcost.errors import LlmcostError
from llmcost.estimate.compare.alternatives import Alternative, Axis
from llmcost.estimate.compare.blocks import centre, planned
from llmcost.keys import KEYS, SERVE, TRAIN, all_keys
from llmcost.keys.key import Key

SERVED: dict[str, Any] = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "serve_tp": 1, "isl": 4000, "osl": 500}
RATE: dict[str, Any] = {"tokens_per_second": "4000/s", "price": "2/h", "isl": 4000, "osl": 500}
TRAINED: dict[str, Any] = {"gpu_hours": "10k", "hardware": "h100-sxm", "train_gpus": 64}
QUESTIONS = {
    "served": SERVED,
    "a given rate": RATE,
    "trained": {**TRAINED, "cost_definition": "amortised"},
    "both": {**SERVED, **TRAINED, "cost_definition": "amortised"},
}
# One that serves alone, and one with both sides.
NEIGHBOURS = (
    {"cost_per_request": "0.01", "requests": "1M/day"},
    {"train_cost": "10M", "cost_per_request": "0.01", "requests": "1M/day"},
)
SAID = {
    "model": "llama-3.2-1b", "teacher": "llama-3.1-8b", "reward_model": "llama-3.2-1b", "hardware": "h200-sxm",
    "provider": "lambda", "region": "germany", "technique": "fp8-kv", "peak_to_average": "2x", "price": "2/h",
    "serve_regions": 2, "min_replicas": 2, "reserve": "50%", "seed": 2, "commitment": "owned", "batching": "static",
    "pools": "disaggregated", "method": "full", "scope": "program", "scaling": "autoscale", "phase": "prefill",
}  # fmt: skip
FILES = ("lengths", "hourly", "plan", "traffic", "trace", "calibration")
ROWS = {
    "lengths": "isl,osl\n100,10\n900,90\n",
    "hourly": "requests\n" + "1\n3\n" * 12,
    "traffic": "day,requests\n0,9\n9,99\n",
    "calibration": "",
    "trace": "timestamp_s,isl,osl\n0,100,10\n9,900,90\n",
}
PLAN = "[plan]\nprice = 20\nrequests_per_user = '15/day'\n"


def _value(key: Key) -> Any:
    """A value of a key: the example of its help where it has one."""
    bare = key.name.removeprefix(f"{TRAIN}_").removeprefix(f"{SERVE}_")
    name = key.name if key.name in KEYS else bare
    if name in SAID:
        return SAID[name]
    if key.choices:
        return key.choices[0]
    example = KEYS[name].next_step.partition(" ")[2]
    return example or 2


def _answer(asked: dict[str, Any], beside: dict[str, Any], catalog: Catalog) -> Any:
    """The numbers and figures of the first of two alternatives, or why it has none."""
    pairs: list[tuple[Alternative, list[Axis]]] = [
        (Alternative(str(i), sc.resolve(said)), []) for i, said in enumerate((asked, beside))
    ]
    try:
        block = planned(pairs, catalog)[0]
    except LlmcostError as error:
        return error.message, error.hint
    return block.numbers, block.reasons, {} if block.reasons[0] else centre(block)


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("name", [None, *all_keys()])
def test_an_alternative_answers_alike_beside_any_other(name: str | None, question: str, tmp_path: Any) -> None:
    catalog, asked = Catalog(), dict(QUESTIONS[question])
    if name is not None:
        value = _value(all_keys()[name])
        if name in FILES:
            value = str(tmp_path / name)
            (tmp_path / name).write_text(ROWS.get(name, PLAN))
        asked[name] = value
    alone, trained = (_answer(asked, beside, catalog) for beside in NEIGHBOURS)
    assert alone == trained


def test_one_phase_has_its_own_cost_beside_an_alternative_that_trains() -> None:
    """Decoding belongs to nobody's prompt: 4,000 prompt tokens alone cost less than the request they open."""
    cost = {}
    for phase in ({}, {"phase": "prefill"}):
        asked = {k: v for k, v in SERVED.items() if k != "osl" or not phase}
        cost[len(phase)] = float(_answer({**asked, **phase}, NEIGHBOURS[1], Catalog())[2]["usd_per_request"])
    assert cost[1] < 0.5 * cost[0]


def test_a_phase_beside_training_of_its_own_is_refused() -> None:
    message, hint = _answer({**QUESTIONS["both"], "phase": "prefill"}, NEIGHBOURS[0], Catalog())
    assert "both phases" in message
    assert "llmcost serve --phase prefill" in hint
