"""`compare`: alternatives on the same work, with a ratio to the cheapest."""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

from llmcost import scenario as sc
from llmcost import units
from llmcost.catalog import Catalog, presets_date
from llmcost.engine import crossover as engine
from llmcost.errors import Exit, LlmcostError, raise_all
from llmcost.estimate import serve as serving
from llmcost.estimate import train as training
from llmcost.estimate.crossover import crossover
from llmcost.keys import all_keys
from llmcost.result import Estimate, Input, Range, Warning
from llmcost.scenario import Scenario

MAX_ALTERNATIVES = 10_000
TRAIN_SAID = ("tokens", "gpu_hours", "training_flops", "train_cost", "mfu")
RUN_SAID = ("gpus", "hardware")  # said for the training side alone: there is a run
SERVE_SAID = ("isl", "osl", "requests", "cost_per_request", "tokens_per_second")
# What decides which is cheapest, first one that every feasible alternative has.
DECIDING = ("total_usd_horizon", "usd_per_month", "usd_per_request", "usd_per_mtok_output", "total_usd")


class Alternative(NamedTuple):
    """One question of several, by the name it goes under."""

    name: str
    scenario: Scenario


def compare(bases: list[Alternative], catalog: Catalog, vary: list[str]) -> Estimate:
    """Alternatives side by side.

    Parameters
    ----------
    bases : list of Alternative
        Scenarios as given; each is varied.
    catalog : Catalog
        Where presets are found.
    vary : list of str
        `KEY=A,B,C`; several make a grid.

    Raises
    ------
    LlmcostError
        Unknown keys or values (all at once), fewer than two alternatives, or a question none can answer.
    """
    alternatives = [
        Alternative(_name(base, label, len(bases)), base.scenario.over(values))
        for base in bases
        for label, values in _grid(vary)
    ]
    if len(alternatives) < 2:
        raise LlmcostError(
            "one alternative is nothing to compare", "name several scenarios, or add --vary hardware=h100-sxm,h200-sxm"
        )
    answered = [(a, _answer(a.scenario, catalog)) for a in alternatives]
    rows = [{"name": a.name, "feasible": e.exit_code == Exit.OK, "ratio": None, **_figures(e)} for a, e in answered]
    deciding = next((k for k in DECIDING if all(r[k] is not None for r in rows if r["feasible"])), None)
    feasible = [r for r in rows if r["feasible"]] if deciding else []
    cheapest = min(feasible, key=lambda r: float(r[str(deciding)])) if feasible else None
    for row in feasible:
        row["ratio"] = row[str(deciding)] / cheapest[str(deciding)] if cheapest else None
    return Estimate(
        command="compare",
        headline=_headline(rows, cheapest, deciding),
        result={"name": cheapest["name"] if cheapest else None, "deciding": deciding, "count": len(rows)},
        inputs=_shared([e for _, e in answered]),
        warnings=_warnings([e for _, e in answered]),
        arrays={"alternatives": sorted(rows, key=lambda r: (not r["feasible"], r["ratio"] or 0.0))},
        presets=presets_date(catalog),
    )


def _name(base: Alternative, label: str, bases: int) -> str:
    return label if bases == 1 and label else ", ".join(x for x in (base.name, label) if x) or "as asked"


def _grid(vary: list[str]) -> list[tuple[str, dict[str, sc.Setting]]]:
    """Every combination of the values to vary, with its label."""
    axes, findings = [], []
    for text in vary:
        key, _, values = text.partition("=")
        key = key.strip().replace("-", "_")
        if not values:
            findings.append(
                LlmcostError(f"--vary {units.shown(text)}: expected KEY=A,B,C", "--vary hardware=h100-sxm,h200-sxm")
            )
        elif key not in all_keys():
            findings.append(units.at("--vary", sc.unknown_key(key, "", all_keys())))
        else:
            said = [v.strip() for v in values.split(",") if v.strip()]
            findings += [
                LlmcostError(f"--vary {key}: {units.shown(v)} is given twice")
                for v in {v for v in said if said.count(v) > 1}
            ]
            axes.append([(key, v) for v in said])
    raise_all(findings)
    combinations = 1
    for axis in axes:
        combinations *= len(axis)
    if combinations > MAX_ALTERNATIVES:
        raise LlmcostError(f"--vary makes {combinations:,} alternatives, at most {MAX_ALTERNATIVES:,} are compared")
    return [(_label(cell), sc.layer(dict(cell), "flag")) for cell in product(*axes)]


def _label(cell: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(v if k in ("model", "hardware", "provider", "region") else f"{k} {v}" for k, v in cell)


def _answer(scenario: Scenario, catalog: Catalog) -> Estimate:
    """The question a scenario asks; one that does not fit is an answer, not an error."""
    trains = scenario.has(*TRAIN_SAID) or any(f"train_{k}" in layer for layer in scenario.layers for k in RUN_SAID)
    serves = scenario.has(*SERVE_SAID)
    if not trains and not serves:
        raise LlmcostError(
            "nothing to compare: say what is trained (--tokens) or served (--isl, --osl)", "llmcost compare --help"
        )
    try:
        if trains and serves:
            return crossover(scenario, catalog)
        return training.train(scenario, catalog) if trains else serving.serve(scenario, catalog)
    except LlmcostError as error:
        if error.code != Exit.NO:
            raise
        return Estimate(command="", headline=error.message, result={"reason": error.message}, exit_code=int(Exit.NO))


def _figures(estimate: Estimate) -> dict[str, Any]:
    r = estimate.result
    program = r.get("training_usd_program") if r.get("scope") == "program" else None
    upfront = r.get("total_usd", program or r.get("training_usd"))
    daily = r.get("inference_usd_per_day")
    monthly = r.get("usd_per_month") if daily is None else _number(daily) * engine.DAYS_PER_MONTH
    at_horizon = r.get("inference_usd_at_horizon")
    total = None if at_horizon is None else _number(at_horizon) + _number(upfront or 0.0)
    return {
        "total_usd": upfront,
        "usd_per_month": monthly,
        "total_usd_horizon": total,
        **{
            k: r.get(k)
            for k in ("usd_per_request", "usd_per_mtok_input", "usd_per_mtok_output", "tpot_seconds", "ttft_seconds")
        },
        "gpus": r.get("gpus"),
        "gpu_hours": r.get("gpu_hours"),
        "duration_seconds": r.get("duration_seconds"),
        "energy_kwh": r.get("energy_kwh", r.get("training_kwh")),
        "crossover_days": r.get("crossover_days"),
        **_interval(estimate.ranges),
        "reason": r.get("reason"),
    }


def _number(value: Any) -> float:
    return float(value)


def _interval(ranges: dict[str, Range]) -> dict[str, Any]:
    """The 90 % interval of the figure people compare."""
    key = next(
        (k for k in ("total_usd", "usd_per_request", "usd_per_mtok_output", "crossover_days") if k in ranges), None
    )
    of = ranges[key] if key else None
    return {"range_of": key, "p5": of.p5 if of else None, "p95": of.p95 if of else None}


def _shared(estimates: list[Estimate]) -> dict[str, Input]:
    """Inputs that every alternative has alike; those that differ are in its name."""
    full = [e.inputs for e in estimates if e.command]
    if not full:
        return {}
    return {name: value for name, value in full[0].items() if all(other.get(name) == value for other in full)}


def _warnings(estimates: list[Estimate]) -> list[Warning]:
    seen: list[Warning] = []
    for estimate in estimates:
        seen += [w for w in estimate.warnings if w not in seen]
    return seen


def _headline(rows: list[dict[str, Any]], cheapest: dict[str, Any] | None, deciding: str | None) -> str:
    if cheapest is None or deciding is None:
        return (
            "None of these alternatives is feasible."
            if not any(r["feasible"] for r in rows)
            else "These alternatives have no cost in common."
        )
    kind = {"usd_per_mtok_output": "usd_per_mtok", "usd_per_request": "usd_per_request"}.get(deciding, "usd")
    what = {
        "total_usd_horizon": " over the horizon",
        "usd_per_month": " a month",
        "usd_per_mtok_output": " of output",
        "total_usd": " to train",
    }.get(deciding, "")
    dearest = max((r["ratio"] for r in rows if r["ratio"]), default=1.0)
    spread = f"; the dearest costs {dearest:.2f} x as much" if dearest > 1 else ""
    return f"{cheapest['name']} is cheapest at {units.format(kind, cheapest[deciding])}{what}{spread}."
