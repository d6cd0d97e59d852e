"""Every figure of a case from its numbers: floats, samples or an axis of points alike."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from llmcost.engine.numeric.kinds import DAYS_PER_MONTH, Num
from llmcost.estimate.asking.values import ServingFigures, named
from llmcost.estimate.lifetime import curves
from llmcost.estimate.lifetime.case import HORIZON, Case
from llmcost.estimate.lifetime.curves import CO2E, EXACT, KWH, USD
from llmcost.estimate.serving import latency

# Figures of what is served, under the names of `serve`.
SERVED = (
    "usd_per_month", "usd_per_request", "usd_per_mtok_input", "usd_per_mtok_output",
    "energy_kwh_per_month", "co2e_kg_per_month", "kwh_per_request", "gpus",
)  # fmt: skip


def figures(case: Case, p: Mapping[str, Num], exact: int = EXACT) -> dict[str, Num]:
    """Every figure of a case from the numbers `p`.

    Fleets that grow count up to `exact` replicas one by one, as `crossover` does.
    """
    with np.errstate(invalid="ignore", divide="ignore"):  # a price of cached tokens where none are
        served: ServingFigures = {} if case.service is None else case.service.figures(case.served(p))
    out = _upfront(case, p) | {name: named(served, name) for name in SERVED if name in served}
    if case.horizon_days is not None and case.moving:
        return out | _over_time(case, p, exact)
    if "usd_per_month" in out:
        out["total_usd_horizon"] = out.get("upfront_usd", 0.0) + out["usd_per_month"] * p[HORIZON] / DAYS_PER_MONTH
        if "upfront_usd" in out:
            with np.errstate(divide="ignore", invalid="ignore"):
                days = np.divide(out["upfront_usd"], out["usd_per_month"]) * DAYS_PER_MONTH
            out["crossover_days"] = np.where(days <= p[HORIZON], days, np.inf)  # later is never, as in `crossover`
    return out


def _upfront(case: Case, p: Mapping[str, Num]) -> dict[str, Num]:
    """Spend, electricity, carbon and time of training, before the first request."""
    if case.training is None:
        return {}
    t = case.trained(p)
    run = {} if case.run is None else case.run.figures(t)
    totals = curves.trained(case, t, run)
    names = {
        "upfront_usd": curves.total(USD, case.scope),
        "training_kwh": curves.total(KWH),
        "training_co2e_kg": curves.total(CO2E),
    }
    found = {new: totals[old] for new, old in names.items() if old in totals}
    return found | {k: run[k] for k in ("gpu_hours", "duration_seconds") if k in run}


def _over_time(case: Case, p: Mapping[str, Num], exact: int) -> dict[str, Num]:
    """Total and crossing where days are not alike, as `crossover` has them."""
    assert case.horizon_days is not None
    found = curves.curves(case, p, case.horizon_days, exact)
    if USD not in found.spends:
        return {}
    spent, trained = found.spends[USD].by(case.horizon_days), found.training(USD, case.scope)
    if trained is None:
        return {"total_usd_horizon": spent}
    days = found.days(USD, case.horizon_days, case.scope)
    return {"total_usd_horizon": spent + trained * found.plans[USD].level(-1), "crossover_days": days}


def latencies(case: Case, p: Mapping[str, Num]) -> ServingFigures:
    """TPOT and TTFT of what is hosted, at its load; nothing is known of tokens that are bought."""
    if case.hosted is None:
        return {}
    s = case.served(p)
    with np.errstate(invalid="ignore", divide="ignore"):  # a price of cached tokens where none are
        return latency.column(case.hosted, s, case.hosted.figures(s))
