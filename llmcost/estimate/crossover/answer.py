"""The answer of a crossover: what is in the result, its ranges, its curve and its sentence."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import numpy as np
from msgspec import structs

from llmcost import units
from llmcost.catalog import presets_date
from llmcost.engine import crossover as engine
from llmcost.engine import spread as sp
from llmcost.errors import Exit
from llmcost.estimate import sampling
from llmcost.estimate.crossover.figures import BASES, level
from llmcost.estimate.crossover.sides import Sides, inputs
from llmcost.result import Estimate, Range

CURVE_POINTS = 60


def limited(sides: Sides, c: Mapping[str, Any], answer: Estimate) -> Estimate:
    """The same answer, refused when the traffic needs more accelerators than were given."""
    given = sides.serve_plan.fleet_gpus if sides.serve_plan is not None else None
    if given is None or c.get("serve_gpus", 0) <= given:
        return answer
    reason = f"the traffic needs {float(c['serve_gpus']):,.0f} accelerators, {given:,} are given"
    result = {**answer.result, "feasible": False, "reason": reason}
    headline = f"{reason[:1].upper()}{reason[1:]}; with enough of them: {answer.headline}"
    return structs.replace(answer, result=result, headline=headline, exit_code=int(Exit.NO))


def estimate(
    sides: Sides, c: dict[str, Any], sampled: dict[str, Any], basis: str, horizon: float, start: dt.date | None
) -> Estimate:
    """The answer from figures at the centre and over samples."""
    days = _within(c.get(f"{basis}_days"), horizon)
    result: dict[str, Any] = {
        "crossover_days": days,
        "crossover_months": None if days is None else days / engine.DAYS_PER_MONTH,
        "crossover_date": _date(start, days),
        "crossover_requests": c[f"{basis}_parity"],
        "crossover_tokens": c[f"{basis}_parity"] * c["tokens_per_request"] if "tokens_per_request" in c else None,
        "crossover_usd": level(sides, c, basis) if basis == "usd" and days is not None else None,
        "basis": basis,
        "status": _status(c, basis, days),
        "probability_crossed": _probability(c, sampled, basis, horizon),
        "training_usd": c.get("training_usd"),
        "training_usd_program": c.get("training_usd_program"),
        "cost_definition": sides.train_plan.bill.definition if sides.train_plan else None,
        "scope": sides.scope,
        "training_kwh": c.get("training_kwh"),
        "training_co2e_kg": c.get("training_co2e_kg"),
        "usd_per_request": c.get("usd_per_request"),
        "kwh_per_request": c.get("kwh_per_request"),
        "horizon_days": horizon,
    }
    result |= _rates(c, horizon)
    for other in ("kwh", "co2e_kg"):
        word = "energy" if other == "kwh" else "carbon"
        result[f"{word}_crossover_requests"] = c.get(f"{other}_parity")
        result[f"{word}_crossover_days"] = _within(c.get(f"{other}_days"), horizon)
    ranges = sampling.ranges(result, _varying(sampled, basis))
    ranges |= _crossing_ranges(result, sampled, basis, horizon)
    if days is None and "crossover_days" in ranges:
        result["crossover_days"] = ranges["crossover_days"].p50
    _explain(sides, c, basis)
    return Estimate(
        command="crossover",
        headline=_headline(result, ranges, basis, horizon),
        result=result,
        ranges=ranges,
        breakdown=[],
        inputs=inputs(sides),
        warnings=[*sides.training.warnings, *(w for w in sides.serving.warnings if w not in sides.training.warnings)],
        steps=[*sides.training.steps, *sides.serving.steps],
        arrays={"curve": _curve(sides, c, sampled, basis, days, horizon)} if f"{basis}_days" in c else {},
        presets=presets_date(sides.training.catalog),
    )


def _within(days: Any, horizon: float) -> float | None:
    return None if days is None or not days <= horizon else float(days)


def _date(start: dt.date | None, days: float | None) -> str | None:
    return None if start is None or days is None else (start + dt.timedelta(days=round(days))).isoformat()


def _status(c: Mapping[str, Any], basis: str, days: float | None) -> str:
    if f"{basis}_days" not in c:
        return "no traffic given"
    return "crosses" if days is not None else "not within the horizon"


def _probability(c: Mapping[str, Any], sampled: Mapping[str, Any], basis: str, horizon: float) -> float | None:
    days = sampled.get(f"{basis}_days", c.get(f"{basis}_days"))
    return None if days is None else float(np.mean(np.asarray(days) <= horizon))


def _rates(c: Mapping[str, Any], horizon: float) -> dict[str, Any]:
    """Inference spend of a day and to the horizon, and its share beside the run and beside the programme."""
    names = ("inference_usd_per_day", "inference_usd_at_horizon", "inference_share", "inference_share_program")
    if "requests_per_day" not in c or "usd_per_request" not in c:
        return dict.fromkeys(names)
    daily = c["usd_per_request"] * c["requests_per_day"]
    total = daily * horizon
    trained = (c.get("training_usd"), c.get("training_usd_program"))
    shares = [None if spent is None else total / (total + spent) for spent in trained]
    return dict(zip(names, (daily, total, *shares), strict=True))


def _varying(sampled: Mapping[str, Any], basis: str) -> dict[str, Any]:
    """Sampled figures under the names of the result."""
    names = {
        "training_usd": "training_usd", "training_usd_program": "training_usd_program",
        "training_kwh": "training_kwh", "usd_per_request": "usd_per_request",
        "kwh_per_request": "kwh_per_request", f"{basis}_parity": "crossover_requests",
    }  # fmt: skip
    found = {new: np.asarray(sampled[old]) for old, new in names.items() if old in sampled}
    if "usd_per_request" in sampled and "requests_per_day" in sampled:
        found["inference_usd_per_day"] = np.asarray(sampled["usd_per_request"] * sampled["requests_per_day"])
    return found


def _crossing_ranges(
    result: Mapping[str, Any], sampled: Mapping[str, Any], basis: str, horizon: float
) -> dict[str, Range]:
    """Quantiles of the crossing itself; a crossing beyond the horizon counts as infinite, so a quantile may be null."""
    found = {}
    for name, of in (("crossover_days", basis), ("energy_crossover_days", "kwh"), ("carbon_crossover_days", "co2e_kg")):
        days = np.asarray(sampled.get(f"{of}_days", 0.0))
        if days.ndim == 0:
            continue
        days = np.where(days <= horizon, days, np.inf)
        p5, p50, p95 = (sp.quantile(days, q) for q in (0.05, 0.5, 0.95))
        mid = result[name] if result[name] is not None else p50
        found[name] = Range(_finite(p5), _finite(mid), _finite(p95))
    return found


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _curve(
    sides: Sides,
    c: Mapping[str, Any],
    sampled: Mapping[str, Any],
    basis: str,
    days: float | None,
    horizon: float,
) -> list[dict[str, float]]:
    """Cumulative spend from launch to twice the crossing (or to the horizon)."""
    end = min(horizon, 2 * days) if days else horizon
    daily = c[f"{basis}_per_request"] * c["requests_per_day"]
    trained = float(level(sides, c, basis))
    low = high = None
    if sampled:
        # relative to training, so that the band meets the training line where the range of the crossing says
        spend = sampled[f"{basis}_per_request"] * sampled["requests_per_day"]
        pace = np.asarray(spend / level(sides, sampled, basis))
        if pace.ndim:
            low, high = (trained * sp.quantile(pace, q) for q in (0.05, 0.95))
    rows = []
    for day in np.linspace(0.0, end, CURVE_POINTS + 1).tolist():
        row = {"day": day, f"training_{basis}": trained, f"inference_{basis}": day * daily}
        if low is not None and high is not None:
            row |= {f"inference_p5_{basis}": day * low, f"inference_p95_{basis}": day * high}
        rows.append(row)
    return rows


def _headline(result: Mapping[str, Any], ranges: Mapping[str, Range], basis: str, horizon: float) -> str:
    what = BASES[basis]
    days = result["crossover_days"]
    if days is None and result["status"] == "no traffic given":
        return f"Inference overtakes training in {what} after {result['crossover_requests']:,.0f} requests."
    if days is None:
        window = units.format("seconds", horizon * 86400.0)
        return f"Inference does not overtake training in {what} within {window} of launch."
    when = f"on {result['crossover_date']}, " if result["crossover_date"] else "on "
    month = int(days / engine.DAYS_PER_MONTH) + 1
    text = f"Inference overtakes training {when}day {days:,.0f} (month {month}) after launch"
    known = ranges.get("crossover_days")
    if known is not None:
        text += f", range {_day(known.p5, horizon)} to {_day(known.p95, horizon)}"
    if basis == "usd":
        text += f", at {units.format('usd', result['crossover_usd'])}"
    return text + "."


def _day(value: float | None, horizon: float) -> str:
    return f"{value:,.0f}" if value is not None else f"beyond {horizon:,.0f}"


def _explain(sides: Sides, c: Mapping[str, Any], basis: str) -> None:
    q = sides.serving
    unit = {"usd": "USD", "kwh": "kWh", "co2e_kg": "kg"}[basis]
    formula = f"training {level(sides, c, basis):.6g} {unit} / {c[f'{basis}_per_request']:.6g} {unit} per request"
    q.step(
        "requests to parity",
        formula,
        c[f"{basis}_parity"],
        "requests",
        "Luccioni et al. 2024, arXiv:2311.16863, section 4.3.2",
    )
    if f"{basis}_days" in c:
        q.step(
            "days to parity",
            f"requests to parity / {c['requests_per_day']:,.0f} per day",
            c[f"{basis}_days"],
            "d",
            "docs/method.md, crossover",
        )
