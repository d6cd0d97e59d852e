"""`--optimal`: the size and data that reach a quality for the least compute, and the least money, of a model's life."""

from __future__ import annotations

from typing import NotRequired

import numpy as np

from llmcost import units
from llmcost.catalog import Catalog, presets_date
from llmcost.engine.model import scaling
from llmcost.engine.model.scaling import Law, Optimum
from llmcost.engine.numeric.kinds import SECONDS_PER_DAY, Array, finite
from llmcost.engine.numeric.roots import minimum
from llmcost.engine.numeric.spread import median
from llmcost.errors import LlmcostError, not_of
from llmcost.estimate.asking import sampling
from llmcost.estimate.asking.ledger import Origin
from llmcost.estimate.asking.question import Question, labelled
from llmcost.estimate.lifetime import case as cases
from llmcost.estimate.lifetime.figures import figures
from llmcost.keys import SERVE
from llmcost.records import NamedTuple, TypedDict
from llmcost.result import Estimate, Input, Warning, cells
from llmcost.scenario import Scenario, Setting

DEFAULT_LAW = "hoffmann"
SIZES, ROUNDS = 9, 4  # sizes whose cost is asked of the engines at a time, and how often the range is narrowed
CHINCHILLA, FLOPS, COST = "least training", "least FLOPs", "least cost"
SIZED = ("model", "params", "params_active", "tokens", "train_cost", "gpu_hours", "training_flops", "api")


class Best(TypedDict):
    """The best size by a law, for one aim; dollars where machines were named."""

    law: str
    point: str
    params_total: float
    tokens: float
    loss: float
    training_flops: float
    inference_flops: float
    total_flops: float
    saved_flops: float
    saved_share: float
    training_usd: NotRequired[float | None]
    inference_usd: NotRequired[float | None]
    total_usd: NotRequired[float | None]
    saved_usd: NotRequired[float | None]


class Quality(NamedTuple):
    """What is held equal: the loss of a size at its best use of training compute, or a loss as such."""

    size: float | None
    loss: float | None

    def target(self, law: Law) -> float:
        """The loss to reach by a law."""
        if self.loss is not None:
            return self.loss
        assert self.size is not None
        return float(scaling.loss(law, self.size, scaling.chinchilla_tokens(law, self.size)))


def optimal(
    scenario: Scenario,
    catalog: Catalog,
    loss_of: str | None,
    loss: str | None,
    inference_tokens: str | None,
    law: str | None,
) -> Estimate:
    """Size and data for a quality and a lifetime of tokens, by every law.

    Parameters
    ----------
    scenario : Scenario
        Machines, lengths and prices, for the answer in dollars; nothing of it is needed for FLOPs.
    catalog : Catalog
        Where presets are found.
    loss_of, loss : str, optional
        The quality: that of the best model of a size (`13B`), or a loss [nats / token]; one of them.
    inference_tokens : str, optional
        Tokens served over the model's life; else requests x lengths x horizon.
    law : str, optional
        The law that the headline is of.

    Raises
    ------
    LlmcostError
        No or two qualities, no lifetime, an unknown law, or a loss that no model reaches.
    """
    quality = _quality(loss_of, loss)
    question = Question(scenario, catalog, SERVE)
    served = _served(question, inference_tokens)
    rows = {str(row["name"]): row for row in catalog.table("scaling", "laws")}
    if law is not None and law not in rows:
        raise units.at("--law", not_of(law, rows, f"--law {next(iter(rows))}"))
    laws = {name: Law(*(float(row[k]) for k in Law._fields)) for name, row in rows.items()}
    for name, row in rows.items():
        shown = ", ".join(f"{k} {row[k]}" for k in Law._fields)
        question.record(
            f"law_{name}",
            shown,
            Origin("preset:calibration/scaling", row["address"], str(row["date"]), row["confidence"]),
        )
    dollars = _dollars(scenario, catalog)
    found = [row for name, of in laws.items() for row in _rows(name, of, quality, served, dollars)]
    chosen = law or DEFAULT_LAW
    mine = {row["point"]: row for row in found if row["law"] == chosen}
    best = mine.get(COST, mine[FLOPS])
    return Estimate(
        command="compare",
        headline=_headline(found, chosen, quality, served),
        result={
            **{k: v for k, v in cells(best).items() if k not in ("law", "point")},
            "law": chosen,
            "inference_tokens": served,
        },
        inputs=(dollars.inputs if dollars else {}) | labelled(question),
        warnings=[] if dollars is None else dollars.warnings,
        arrays={"optimal": found},
        presets=presets_date(catalog),
    )


def _quality(loss_of: str | None, loss: str | None) -> Quality:
    if (loss_of is None) == (loss is None):
        raise LlmcostError("--optimal needs one quality to hold: --loss-of or --loss", "--loss-of 13B")
    try:
        if loss_of is not None:
            return Quality(float(units.parse("count", loss_of)), None)
        return Quality(None, float(units.parse("ratio", loss)))
    except LlmcostError as error:
        raise units.at("--loss-of" if loss_of is not None else "--loss", error) from None


def _served(question: Question, said: str | None) -> float:
    """Tokens served over the model's life."""
    if said is not None:
        try:
            value = float(units.parse("count", said))
        except LlmcostError as error:
            raise units.at("--inference-tokens", error) from None
        question.record("inference_tokens", value, Origin("flag"), "tokens")
        return value
    numbers = [question.number(key) for key in ("requests", "isl", "osl")]
    if any(n is None for n in numbers):
        raise LlmcostError(
            "--optimal needs the tokens of the model's life: --inference-tokens, or --requests, --isl and --osl",
            "--inference-tokens 2T",
        )
    requests, isl, osl = (median(n) for n in numbers if n is not None)
    factor = question.factor("defaults", "horizon")
    return requests * (isl + osl) * median(question.number("horizon", factor) or factor.value) / SECONDS_PER_DAY


class Dollars:
    """What a size costs to train and to serve, by the engines."""

    def __init__(self, scenario: Scenario, catalog: Catalog) -> None:
        self.scenario, self.catalog = scenario, catalog
        self.inputs: dict[str, Input] = {}
        self.warnings: list[Warning] = []

    def spend(self, params: float, tokens: float, served: float) -> tuple[float, float]:
        """Dollars of training, and of serving a number of tokens."""
        laid = {"params": Setting(params, "computed"), "tokens": Setting(tokens, "computed")}
        case = cases.read_case(self.scenario.over(laid), self.catalog, sided=True)
        if case.reason:
            return np.inf, np.inf
        self.inputs = {k: v for k, v in case.inputs.items() if v.origin != "computed"}
        self.warnings = case.warnings
        p = sampling.central(case.numbers)
        out = figures(case, p)
        per_token = float(out["usd_per_request"]) / (p["serve.isl"] + p["serve.osl"])
        return float(out["upfront_usd"]), per_token * served


def _dollars(scenario: Scenario, catalog: Catalog) -> Dollars | None:
    """The engines, where machines and lengths were said; the size is what is looked for."""
    said = [key for key in SIZED if scenario.get(key) is not None]
    if said:
        option = f"--{said[0].replace('_', '-')}"
        raise LlmcostError(f"--optimal looks for the size and its tokens: {option} says one", f"leave {option} out")
    if not scenario.has("hardware"):
        return None
    if not (scenario.has("isl") and scenario.has("osl")):
        raise LlmcostError("dollars need the lengths of requests: --isl and --osl", "--isl 1000 --osl 500")
    return Dollars(scenario, catalog)


def _rows(name: str, law: Law, quality: Quality, served: float, dollars: Dollars | None) -> list[Best]:
    """The least training, the least FLOPs and (with machines) the least money, of one law."""
    target = quality.target(law)
    if target <= law.floor:
        raise LlmcostError(
            f"no model reaches a loss of {target:g} by {name}: its floor is {law.floor:g}", "--loss-of 13B"
        )
    largest = float(scaling.chinchilla(law, target))
    plain, best = scaling.lifetime(law, largest, target, served), scaling.optimum(law, target, served)
    points = {CHINCHILLA: plain, FLOPS: best}
    if dollars is not None:
        points[COST] = _cheapest(law, target, served, dollars)
    spent = {
        k: None if dollars is None else dollars.spend(float(o.params), float(o.tokens), served)
        for k, o in points.items()
    }
    return [_row(name, point, target, points[point], plain, spent[point], spent[CHINCHILLA]) for point in points]


def _cheapest(law: Law, target: float, served: float, dollars: Dollars) -> Optimum:
    """The size of least spend: a grid of sizes asked of the engines, narrowed around the cheapest."""

    def spend(sizes: Array) -> Array:
        tokens = scaling.tokens_for_loss(law, sizes, target)
        return np.array(
            [
                sum(dollars.spend(n, d, served)) if np.isfinite(d) else np.inf
                for n, d in zip(sizes.tolist(), np.asarray(tokens).tolist(), strict=True)
            ]
        )

    best = float(scaling.chinchilla(law, target))
    least = float(np.power(law.size / (target - law.floor), 1.0 / law.alpha))
    return scaling.lifetime(law, minimum(spend, least, 2.0 * best, SIZES, ROUNDS), target, served)


def _row(
    law: str, point: str, target: float, at: Optimum, plain: Optimum,
    spent: tuple[float, float] | None, plain_spent: tuple[float, float] | None,
) -> Best:  # fmt: skip
    saved = float(plain.total_flops - at.total_flops)
    row: Best = {
        "law": law, "point": point, "params_total": float(at.params), "tokens": float(at.tokens), "loss": target,
        "training_flops": float(at.training_flops), "inference_flops": float(at.inference_flops),
        "total_flops": float(at.total_flops), "saved_flops": saved, "saved_share": saved / float(plain.total_flops),
    }  # fmt: skip
    if spent is not None and plain_spent is not None:
        row = {
            **row, "training_usd": finite(spent[0]), "inference_usd": finite(spent[1]), "total_usd": finite(sum(spent)),
            "saved_usd": finite(sum(plain_spent) - sum(spent)),
        }  # fmt: skip
    return row


def _headline(rows: list[Best], law: str, quality: Quality, served: float) -> str:
    held = (
        f"The quality of a {units.format('count', quality.size)} model"
        if quality.size
        else f"A loss of {quality.loss:g}"
    )
    text = f"{held} at {units.format('count', served)} inference tokens: "
    parts = []
    for name in sorted({row["law"] for row in rows}, key=lambda n: n != law):
        best = next(r for r in rows if r["law"] == name and r["point"] == FLOPS)
        size, data, flops = (
            units.format("count", v) for v in (best["params_total"], best["tokens"], best["saved_flops"])
        )
        saved = f"{100 * best['saved_share']:.0f} % less"
        said = f"{size} trained on {data} tokens takes {saved} compute ({flops} FLOPs)"
        parts.append(said if name == law else f"{name} says {size} on {data}, {saved}")
    cost = next((r for r in rows if r["law"] == law and r["point"] == COST), None)
    if cost is not None and cost.get("total_usd") is not None:
        parts.append(
            f"in dollars {units.format('count', cost['params_total'])}, {units.format('usd', cost['total_usd'])} and "
            f"{units.format('usd', cost['saved_usd'])} saved"
        )
    return text + "; ".join(parts) + "."
