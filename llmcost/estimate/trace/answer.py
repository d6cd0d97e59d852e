"""`llmcost trace`: what a log of requests looks like."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from llmcost import units
from llmcost.catalog import Catalog, presets_date
from llmcost.estimate.trace import profile as known
from llmcost.estimate.trace.layer import NODE_TOKENS, keys
from llmcost.result import Estimate, Range, Scalar, Warning

NOT_TOLD = {
    "lengths": "the log tells no lengths: --isl and --osl are still to be said",
    "clock": "the clock of the log has no date: no hours of the day, no weekdays, no growth",
    "day": "the log is shorter than a day: no hours of the day, no weekdays, no growth",
    "week": "the log is shorter than a week: no weekdays, no growth",
    "weeks": "the log is shorter than two weeks: no growth",
    "prefix": "the log does not tell what prompts share: no reuse by cache size",
    "traffic": "the file tells lengths alone: no traffic",
}
DAY, WEEK = 86_400.0, 604_800.0


def trace(catalog: Catalog, file: str) -> Estimate:
    """Describe a log of requests.

    Parameters
    ----------
    catalog : Catalog
        Where presets are found; the answer names their date.
    file : str
        The log.

    Raises
    ------
    LlmcostError
        Not a log of requests, or one that is broken.
    """
    found = known.profile(Path(file))
    correlation, joint = known.joint(found.trace)
    lengths, reuse = known.lengths(found.trace), known.reuse(found.trace)
    result: dict[str, Scalar] = {
        "file": found.name,
        "format": found.format,
        **_counts(found),
        **{f"mean_{row['quantity']}": row["mean_tokens"] for row in lengths},
        "isl_osl_correlation": correlation,
        "cached_share_seen": known.cached_share(found.trace),
        "reused_share": next((r["reused_share"] for r in reuse if r.get("cache_tokens") == NODE_TOKENS), None),
        **_grown(found),
        **known.users(found.trace),
    }
    for name in ("mean_isl", "mean_osl"):
        result.setdefault(name, None)
    grown = found.growth
    arrays: dict[str, Sequence[object]] = {
        "lengths": lengths,
        "joint": joint,
        "bursts": [_finite(burst._asdict()) for burst in found.bursts],
        "day_hours": [{"hour": h, "relative_traffic": r} for h, r in enumerate(found.hours)],
        "weekdays": [{"weekday": d, "relative_traffic": r} for d, r in zip(known.DAYS, found.weekdays, strict=False)],
        "reuse": reuse,
    }
    return Estimate(
        command="trace",
        headline=_headline(found, lengths),
        result=result,
        ranges={} if grown is None else {"growth_per_month": Range(grown.p5, grown.per_month, grown.p95)},
        arrays={name: rows for name, rows in arrays.items() if rows},
        warnings=[Warning("W101", NOT_TOLD[what]) for what in _missing(found)],
        presets=presets_date(catalog),
    )


def scenario_file(file: str) -> str:
    """The log as a scenario in TOML, to be read and changed."""
    import tomli_w

    path = Path(file)
    found = known.profile(path)
    values = {"title": f"Traffic of {found.name}", **keys(found, path)}
    said = [f"# Made from {found.name} ({found.format}): {_headline(found, known.lengths(found.trace))}"]
    said += [f"# {NOT_TOLD[what]}" for what in _missing(found)]
    for row in known.reuse(found.trace):
        if row.get("cache_tokens"):
            said.append(f"# cache_hit {row['reused_share']:.3f} with a cache of {row['cache_tokens']:,.0f} tokens")
    return "\n".join(said) + "\n" + tomli_w.dumps(values)


def _counts(found: known.Profile) -> dict[str, Scalar]:
    trace = found.trace
    return {
        "requests_seen": trace.total if trace.rates is None else None,
        "requests_failed": trace.failed,
        "requests_empty": trace.empty,
        "first_request": trace.start,
        "span_seconds": found.span_seconds or None,
        "mean_requests_per_second": found.per_second or None,
        "requests_per_day": found.per_second * DAY or None,
        "peak_to_average_seen": found.peak_to_average,
    }


def _grown(found: known.Profile) -> dict[str, Scalar]:
    grown = found.growth
    if grown is None:
        return {"growth_per_month": None}
    return {"growth_per_month": grown.per_month, "growth_p5_per_month": grown.p5, "growth_p95_per_month": grown.p95}


def _finite(row: dict[str, float]) -> dict[str, float | None]:
    return {k: v if v == v else None for k, v in row.items()}


def _missing(found: known.Profile) -> list[str]:
    """What the log cannot answer."""
    trace, missing = found.trace, []
    if trace.isl is None and trace.lengths is None:
        missing.append("lengths")
    if trace.seconds is None and trace.rates is None:
        return [*missing, "traffic"]
    if trace.start is None:
        missing.append("clock")
    elif not found.hours:
        missing.append("day")
    elif not found.weekdays:
        missing.append("week")
    elif found.growth is None:
        missing.append("weeks")
    return missing if trace.blocks is not None or trace.cached is not None else [*missing, "prefix"]


def _headline(found: known.Profile, lengths: list[known.LengthRow]) -> str:
    trace = found.trace
    parts = []
    if trace.rates is None and trace.lengths is None:
        skipped = trace.failed + trace.empty
        parts.append(f"{trace.total:,} requests" + (f", {skipped:,} of them failed or empty" if skipped else ""))
    if found.per_second:
        parts.append(f"{found.per_second:.3g}/s over {units.format('seconds', found.span_seconds)}")
    parts += [
        f"{r['quantity'].upper()} {r['mean_tokens']:,.0f} in the mean, {r['p95_tokens']:,.0f} at p95" for r in lengths
    ]
    return "; ".join(parts) + "."
