"""Charts of parts: where a step, a bill, memory or a day goes."""

from __future__ import annotations

from llmcost import units
from llmcost.render import text as words
from llmcost.render.charts.kinds import Bar, Bars, cost_label, is_number, rows_of
from llmcost.result import Estimate

MOST = 24
MEASURES = {
    "crossover_days": "the answer", "run_crossover_days": "dollars, final run",
    "program_crossover_days": "dollars, whole programme", "energy_crossover_days": "energy",
    "carbon_crossover_days": "carbon", "flops_crossover_days": "compute",
}  # fmt: skip


def step(estimate: Estimate) -> Bars | None:
    """Where the time of a training step goes."""
    return _shares(estimate, "step", "seconds", "Where the time of a training step goes, as shares")


def phases(estimate: Estimate) -> Bars | None:
    """Accelerator-hours of the phases of a run."""
    return _shares(estimate, "phases", "gpu_hours", "Accelerator-hours by phase, as shares")


def energy(estimate: Estimate) -> Bars | None:
    """Where the electricity goes."""
    return _shares(estimate, "energy", "energy_kwh", "Where the electricity goes, as shares")


def _shares(estimate: Estimate, name: str, key: str, title: str) -> Bars | None:
    rows = [r for r in rows_of(estimate, name) if is_number(r.get(key)) and r[key] > 0]
    total = sum(float(r[key]) for r in rows)
    made = [Bar(words.clean(r["name"]), float(r[key]) / total, f"{float(r[key]) / total:.1%}") for r in rows]
    return Bars(title, sorted(made, key=lambda bar: -bar.value)[:MOST], "share") if len(made) > 1 else None


def memory(estimate: Estimate) -> Bars | None:
    """Memory of one accelerator by part."""
    made = [
        Bar(
            words.clean(r["name"]), float(r["bytes"]), f"{float(r['bytes']) / 2**30:.2f} GiB", r.get("p5"), r.get("p95")
        )
        for r in rows_of(estimate, "memory")
        if r.get("bytes")
    ]
    title = "Memory of one accelerator by part; the thin line is the 90 % range"
    return Bars(title, made[:MOST], "memory") if made else None


def alternatives(estimate: Estimate) -> Bars | None:
    """The figure that alternatives are compared by."""
    rows = rows_of(estimate, "alternatives")
    key = next((row["range_of"] for row in rows if row.get("range_of")), "usd_per_request")
    term = words.term_of(key)
    made = [
        Bar(words.clean(r["name"]), float(r[key]), words.figure(term, r[key]), r.get("p5"), r.get("p95"))
        for r in rows
        if is_number(r.get(key))
    ]
    more = f", the first {MOST} of {len(made):,}" if len(made) > MOST else ""
    label = cost_label(term.label) if term.kind.startswith("usd") else term.label
    title = f"{label[:1].upper()}{label[1:]} of each alternative{more}; the thin line is the 90 % range"
    return Bars(title, made[:MOST], label) if len(made) > 1 else None


def measures(estimate: Estimate) -> Bars | None:
    """When inference overtakes training, in dollars, energy, carbon and compute."""
    term = words.term_of("crossover_days")
    found = [
        Bar(label, float(value), words.figure(term, value), of.p5 if of else None, of.p95 if of else None)
        for key, label in MEASURES.items()
        if key != "crossover_days"
        for value, of in [(estimate.result.get(key), estimate.ranges.get(key))]
        if is_number(value)
    ]
    title = "Days until inference overtakes training, by what is counted; the thin line is the 90 % range"
    return Bars(title, found, "days after launch") if len(found) > 1 else None


def limits(estimate: Estimate) -> Bars | None:
    """Estimates of a check as shares of their limits."""
    rows = rows_of(estimate, "rows") if estimate.command == "check" else []
    made = [
        Bar(f"{words.clean(r['budget'])}: {words.clean(r['limit'])}", share, f"{share:.0%}")
        for r in rows
        for most in [r.get("fail") or r.get("warn")]
        if is_number(r.get("estimate")) and is_number(most) and (share := float(r["estimate"]) / float(most)) >= 0
    ]
    title = "Estimate as a share of its limit; the line is the limit"
    return Bars(title, made[:MOST], "share of the limit", level=1.0) if made else None


def hours(estimate: Estimate) -> Bars | None:
    """Traffic of a log over the hours of a day."""
    rows = rows_of(estimate, "day_hours")
    made = [Bar(f"{int(r['hour']):02d}:00", float(r["relative_traffic"]), f"{r['relative_traffic']:.2f}") for r in rows]
    title = "Traffic of each hour of the day (UTC); the line is the mean of all hours"
    return Bars(title, made, "times the mean", level=1.0, upright=True) if len(made) > 1 else None


def weekdays(estimate: Estimate) -> Bars | None:
    """Traffic of a log over the days of a week."""
    rows = rows_of(estimate, "weekdays")
    made = [Bar(words.clean(r["weekday"]), float(r["relative_traffic"]), f"{r['relative_traffic']:.2f}") for r in rows]
    title = "Traffic of each weekday; the line is the mean of all days"
    return Bars(title, made, "times the mean", level=1.0, upright=True) if len(made) > 1 else None


def lengths(estimate: Estimate) -> Bars | None:
    """How long requests of a log are."""
    made = [
        Bar(f"{words.clean(r['quantity'])}, {label}", float(r[f"{key}_tokens"]), f"{r[f'{key}_tokens']:,.0f} tokens")
        for r in rows_of(estimate, "lengths")
        for key, label in (("p50", "median"), ("mean", "mean"), ("p95", "95 % below"), ("p99", "99 % below"))
        if is_number(r.get(f"{key}_tokens"))
    ]
    return Bars("Tokens of a request", made, "tokens") if made else None


def errors(estimate: Estimate) -> Bars | None:
    """Median errors of a validation by group."""
    rows = [r for r in rows_of(estimate, "groups") if is_number(r.get("median_ape_pct"))]
    made = [
        Bar(f"{words.clean(r['name'])}: {words.clean(r['quantity'])}"
            if r["name"] != r["quantity"] else words.clean(r["name"]),
            float(r["median_ape_pct"]), f"{r['median_ape_pct']:.2g} % ({units.several(r['n'], 'row')})")
        for r in rows
    ]  # fmt: skip
    more = f", the first {MOST} of {len(made):,}" if len(made) > MOST else ""
    return Bars(f"Median error of each group of measurements{more}", made[:MOST], "per cent") if made else None
