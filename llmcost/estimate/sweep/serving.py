"""Serving at many points: one plan where they differ in lengths, batches, traffic and plain numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from llmcost.catalog import Catalog
from llmcost.engine.numeric.kinds import Array
from llmcost.estimate.asking import sampling
from llmcost.estimate.asking.no_fit import NoFit
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.values import serving_numbers
from llmcost.estimate.serving import many
from llmcost.estimate.serving.hosted import Hosted
from llmcost.estimate.serving.plan import read_service
from llmcost.estimate.serving.replicas.together import Together
from llmcost.estimate.sweep.points import MEMORY, TARGETS, TRAFFIC_LIMIT, Answers
from llmcost.scenario import Scenario

# What makes a choice depend on more, or plans another kind of replica: then every point is planned by itself.
APART = (
    "lengths", "length_spread", "ttft_p95", "pools", "batching", "phase", "tokens_per_second", "cost_per_request",
    "energy_per_request", "trace",
)  # fmt: skip
RANKS = ("tp", "pp", "dp", "ep")
LEVERS = ("speculation", "routing", "cascade")  # techniques that choose a second model for the same lengths


def together(scenario: Scenario) -> bool:
    """Whether replicas may be chosen for an array of lengths and batches."""
    technique = scenario.get("technique", "serve")
    said = str(technique.value) if technique is not None else ""
    return not scenario.has(*APART) and not any(lever in said for lever in LEVERS)


def read(scenario: Scenario, catalog: Catalog) -> Hosted | NoFit:
    """The plan of one point.

    Raises
    ------
    LlmcostError
        Whatever `serve` refuses.
    """
    return read_service(Question(scenario, catalog, "serve"))


def alone(plan: Hosted, values: Mapping[str, Array]) -> Answers:
    """Figures of one plan, at other values of plain numbers."""
    replica = plan.replica
    facts: dict[str, Any] = dict(replica.facts())
    kept: dict[str, Any] = {
        name: facts[name] for name in ("gpus_per_replica", *RANKS, "batch", "dtype") if name in facts
    }
    return _limited(plan, {**kept, **_figures(plan, values)})


def chooser(plan: Hosted) -> Callable[[Mapping[str, Array]], Answers] | None:
    """Figures at every value, each with the replica that `serve` would choose; None where only its own plan knows."""
    choose = many.chooser(plan)
    if choose is None:
        return None

    def answer(values: Mapping[str, Array]) -> Answers:
        found = choose(values)
        mine = found.plan.replica
        assert isinstance(mine, Together)
        kept: dict[str, Any] = {"gpus_per_replica": mine.gpus, "batch": mine.batch, "dtype": found.formats}
        kept |= {name: getattr(mine.layout, name) for name in RANKS}
        answers = _limited(found.plan, {**kept, **_figures(found.plan, values)})
        lacking = np.where(found.fits, TARGETS, MEMORY)
        return Answers(answers.columns, np.where(found.held, answers.reason, lacking), answers.reasons)

    return answer


def _figures(plan: Hosted, values: Mapping[str, Array]) -> dict[str, Any]:
    p = serving_numbers({**sampling.central(plan.question.numbers), **values})
    with np.errstate(all="ignore"):  # loads without a replica
        out = plan.figures(p)
        return {**out, **plan.latencies(p, out, quantiles=False)}


def _limited(plan: Hosted, columns: dict[str, Any]) -> Answers:
    """The columns, and where the traffic needs more accelerators than there are."""
    over: Any = 0
    if plan.fleet_gpus is not None and "gpus" in columns:
        over = np.where(np.asarray(columns["gpus"]) > plan.fleet_gpus, TRAFFIC_LIMIT, 0)
    return Answers(columns, over)
