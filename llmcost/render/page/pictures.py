"""Which chart says most of an answer: curves, bars or points, by what the answer holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from llmcost import units
from llmcost.render import text as words
from llmcost.render.page import svg
from llmcost.result import Estimate

Row = Mapping[str, Any]
SHARES = {"step": ("name", "seconds"), "energy": ("name", "energy_kwh"), "phases": ("name", "gpu_hours")}


def pictures(estimate: Estimate) -> list[tuple[str, Markup]]:
    """The charts of an answer with their titles, the one that is the answer first."""
    arrays = estimate.arrays
    found = [
        ("Cumulative spend since launch, with 90 % ranges", spend(estimate)),
        ("What moves the crossing: day at the ends of each input's 90 % range", _tornado(estimate)),
        ("Alternatives, with 90 % ranges", _alternatives(arrays.get("alternatives", []))),
        ("Memory of one accelerator", _memory(arrays.get("memory", []))),
        (
            "Estimate as a share of what is allowed",
            _limits(estimate),
        ),
        *((f"Where it goes: {name}", _shares(arrays.get(name, []), *keys)) for name, keys in SHARES.items()),
        ("Cost against speed: every point that no other beats", _front(arrays.get("front", []))),
    ]
    return [(title, picture) for title, picture in found if picture is not None]


def spend(estimate: Estimate) -> Markup | None:
    """Both curves of a crossover, up to a third beyond where they meet."""
    rows = [row for row in estimate.arrays.get("curve", []) if row.get("training_usd") is not None]
    if len(rows) < 2:
        return None
    day, of = estimate.result.get("crossover_days"), estimate.ranges.get("crossover_days")
    far = of.p95 if of is not None and of.p95 is not None else day
    until = 1.15 * float(far) if isinstance(far, int | float) and far > 0 else float(rows[-1]["day"])
    rows = [row for row in rows if row["day"] <= until] if until > float(rows[1]["day"]) else rows
    found = [_curve(rows, name, style) for name, style in (("training", "t"), ("inference", "i"))]
    usd = estimate.result.get("crossover_usd")
    crossing = {
        "day": float(day) if isinstance(day, int | float) else None,
        "usd": float(usd) if isinstance(usd, int | float) else None,
        "p5": of.p5 if of else None,
        "p95": of.p95 if of else None,
    }
    return svg.curves(found, crossing, words.clean(estimate.headline), "chart")


def _curve(rows: Sequence[Row], name: str, style: str) -> svg.Curve:
    days, values = [float(row["day"]) for row in rows], [float(row[f"{name}_usd"]) for row in rows]
    label = f"{name} {units.format('usd', values[-1])}"
    if rows[-1].get(f"{name}_p5_usd") is None:
        return svg.Curve(label, style, days, values)
    low, high = ([float(row[f"{name}_{q}_usd"]) for row in rows] for q in ("p5", "p95"))
    return svg.Curve(label, style, days, values, low, high)


def _tornado(estimate: Estimate) -> Markup | None:
    rows = [r for r in estimate.arrays.get("sensitivity", []) if r.get("swing_days")]
    made = [
        svg.Bar(words.input_name(r["input"]), float(r["swing_days"]), _ends(r))
        for r in rows
        if r.get("days_at_low") is not None and r.get("days_at_high") is not None
    ]
    return svg.bars(made[:10], "days that the crossing moves by, for each input") if made else None


def _ends(row: Row) -> str:
    return f"day {row['days_at_low']:,.0f} to {row['days_at_high']:,.0f}"


def _alternatives(rows: Sequence[Row]) -> Markup | None:
    key = next((row["range_of"] for row in rows if row.get("range_of")), "usd_per_request")
    term = words.term_of(key)
    told = [row for row in rows if isinstance(row.get(key), int | float)]
    made = [
        svg.Bar(words.clean(r["name"]), float(r[key]), words.figure(term, r[key]), r.get("p5"), r.get("p95"))
        for r in told
    ]
    return svg.bars(made, f"{term.label} of each alternative") if len(made) > 1 else None


def _memory(rows: Sequence[Row]) -> Markup | None:
    key = next((k for k in ("bytes", "memory_bytes") if rows and k in rows[0]), None)
    if key is None:
        return None
    made = [
        svg.Bar(words.clean(r["name"]), float(r[key]), f"{float(r[key]) / 2**30:.2f} GiB", r.get("p5"), r.get("p95"))
        for r in rows
        if r.get(key)
    ]
    return svg.bars(made, "memory of one accelerator by part") if made else None


def _limits(estimate: Estimate) -> Markup | None:
    rows: Sequence[Row] = estimate.arrays.get("rows", []) if estimate.command == "check" else []
    made = [
        svg.Bar(f"{words.clean(r['budget'])}: {words.clean(r['limit'])}", share, f"{share:.0%}")
        for r in rows
        if isinstance(r.get("estimate"), int | float)
        and isinstance(r.get("fail") or r.get("warn"), int | float)
        and (share := float(r["estimate"]) / float(r.get("fail") or r["warn"])) >= 0
    ]
    return svg.bars(made, "estimates as shares of their limits") if made else None


def _shares(rows: Sequence[Row], name: str, value: str) -> Markup | None:
    told = [r for r in rows if isinstance(r.get(value), int | float) and r[value] > 0]
    total = sum(float(r[value]) for r in told)
    made = [svg.Bar(words.clean(r[name]), float(r[value]), f"{float(r[value]) / total:.1%}") for r in told]
    return svg.bars(sorted(made, key=lambda bar: -bar.value), "shares by part") if len(made) > 1 else None


def _front(rows: Sequence[Row]) -> Markup | None:
    cost, speed = "usd_per_mtok_output", "tokens_per_second_per_user_full"
    known = [r for r in rows if isinstance(r.get(cost), int | float) and isinstance(r.get(speed), int | float)]
    if len(known) < 2:
        return None
    told = [(float(r[speed]), float(r[cost]), _point(r)) for r in known]
    return svg.points(told, "tokens/s of one user", "$/Mtok of output", "cost against speed")


def _point(row: Row) -> str:
    name, layout = (words.clean(row.get(key) or "") for key in ("name", "layout"))
    return f"{name} {layout}, batch {row.get('batch')}".strip()
