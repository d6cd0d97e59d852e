"""A log of requests as keys of a scenario: what `--trace FILE` says, and what `trace -o scenario.toml` writes."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from llmcost.engine.numeric.kinds import SECONDS_PER_DAY
from llmcost.estimate.trace import profile as known
from llmcost.scenario import Scenario, Setting, layer

NODE_TOKENS = 5e6  # KV cache of a node of eight accelerators: what of a prompt's prefix it may hold [tokens]
MOST_HIT, MOST_PEAK, MOST_SPREAD = 0.999, 20.0, 10.0  # what the keys take
Said: TypeAlias = str | float  # a value as a file would say it
LENGTHS = ("isl", "osl", "lengths", "length_spread")
CACHE = ("cache_hit", "cache_curve", "shared_prompt", "session_share")
PEAKS = ("peak_to_average", "weekend", "hourly")


def with_trace(scenario: Scenario) -> Scenario:
    """The question with what its `trace` tells, below everything that was said.

    Raises
    ------
    LlmcostError
        The trace cannot be read.
    """
    said = scenario.get("trace")
    if said is None:
        return scenario
    path = Path(str(said.value))
    values = keys(known.profile(path), path)
    for group in (LENGTHS, PEAKS, ("requests", "users", "traffic"), CACHE, ("growth", "traffic", "ceiling")):
        if scenario.has(*group):
            values = {k: v for k, v in values.items() if k not in group}
    added: dict[str, Setting] = layer(values, f"file:{path.name}", path.name)
    return scenario._replace(layers=(*scenario.layers, added))


def keys(found: known.Profile, path: Path) -> dict[str, Said]:
    """Keys of a scenario that the log tells: lengths, traffic, its peak, weekend, growth and reused prefix."""
    return {**_lengths(found, path), **_traffic(found), **_cache(found)}


def _lengths(found: known.Profile, path: Path) -> dict[str, Said]:
    trace = found.trace
    if trace.isl is not None and trace.osl is not None:
        return {"lengths": str(path)}
    rows = {row["quantity"]: row for row in known.lengths(trace)}
    values: dict[str, Said] = {name: row["mean_tokens"] for name, row in rows.items()}
    if len(rows) == 2:
        values["length_spread"] = min(max(row["cv"] for row in rows.values()), MOST_SPREAD)
    return values


def _traffic(found: known.Profile) -> dict[str, Said]:
    if not found.per_second:
        return {}
    values: dict[str, Said] = {"requests": f"{found.per_second * SECONDS_PER_DAY:.6g}/day"}
    peak, weekend, grown = found.peak_to_average, found.weekend, found.growth
    if peak is not None:
        values["peak_to_average"] = min(max(peak, 1.0), MOST_PEAK)
    if weekend is not None and 0.001 <= weekend <= 1.0:
        values["weekend"] = weekend
    if grown is not None and grown.p5 * grown.p95 > 0:
        values["growth"] = f"{100 * grown.p5:.4g}%..{100 * grown.p95:.4g}%/mo"
    return values


def _cache(found: known.Profile) -> dict[str, Said]:
    share = known.cached_share(found.trace)
    if share is not None:
        return {"cache_hit": min(share, MOST_HIT)} if share else {}
    rows = known.reuse_by_size(found.trace)
    at = {size: row["reused_share"] for row in rows if (size := row.get("cache_tokens"))}
    share = at.get(NODE_TOKENS)
    curve = ",".join(f"{size:.0f}:{100 * min(at[size], MOST_HIT):.4g}%" for size in sorted(at))
    return {} if not share else {"cache_hit": min(share, MOST_HIT), "cache_curve": curve}
