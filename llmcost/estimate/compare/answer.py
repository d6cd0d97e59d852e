"""The answer of a comparison: a row per alternative, what decides, and its sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from llmcost import units
from llmcost.catalog import Catalog, presets_date
from llmcost.engine.numeric.kinds import Array, Num, finite
from llmcost.estimate.asking import sampling
from llmcost.estimate.asking.ledger import Number
from llmcost.estimate.asking.software import TUNED
from llmcost.estimate.compare.blocks import Block, Streams, centre
from llmcost.estimate.compare.ranked import Ranked, chosen, ordered
from llmcost.estimate.lifetime.curves import EXACT_SAMPLED
from llmcost.keys import KEYS
from llmcost.records import NamedTuple
from llmcost.result import Estimate, Input, Range, Scalar, Warning
from llmcost.terms import compared

# What decides which is cheapest: the first that every feasible alternative has.
RECURRING = ("usd_per_month", "usd_per_request", "usd_per_mtok_output", "upfront_usd")
LASTING = ("total_usd_horizon", *RECURRING)  # where something is spent up front, or days are unlike
SAMPLED_POINTS = 200_000  # draws over all alternatives: enough for ranges to two digits
FEWEST_SAMPLES = 200
CHUNK = 2_000_000  # points figured at once: memory stays under a few hundred megabytes
MOVING_SAMPLES, MOVING_CHUNK = 1_000, 250  # the same where every point has days of its own


class Table(NamedTuple):
    """Rows of a comparison, in the order asked for, and what ranks them."""

    blocks: list[Block]
    rows: list[Ranked]
    deciding: str | None
    cheapest: Ranked | None
    samples: Array | None  # of the deciding figure: (feasible alternatives, samples)


def estimate(
    table: Table, catalog: Catalog, headline: str, sort: str | None = None, columns: str | None = None
) -> Estimate:
    """The answer from alternatives side by side, under its sentence."""
    rows, cheapest, deciding = table.rows, table.cheapest, table.deciding
    result: dict[str, Scalar] = {
        "name": cheapest.name if cheapest else None,
        "deciding": deciding,
        "count": len(rows),
        "infeasible": sum(not row.feasible for row in rows),
    }
    held = held_equal(table.blocks)
    if held:
        result["held_equal"] = held
    ranges: dict[str, Range] = {}
    at_price: dict[str, Range] = {}
    if cheapest is not None and deciding is not None:
        result |= {deciding: cheapest.amount(deciding), "probability_cheapest": cheapest.probability_cheapest}
        ranges |= {} if cheapest.whole is None else {deciding: cheapest.whole}
        at_price |= {} if cheapest.with_prices is None else {deciding: cheapest.with_prices}
    return Estimate(
        command="compare",
        headline=headline,
        result=result,
        ranges=ranges,
        ranges_at_price=at_price,
        inputs=shared(table.blocks),
        warnings=_warnings(table.blocks),
        arrays={"alternatives": chosen(ordered(rows, sort), columns)},
        presets=presets_date(catalog),
    )


def tabulated(blocks: list[Block]) -> Table:
    """Figures of every alternative, its place among the others, and how sure that is."""
    names = differing(blocks)
    rows = [row for block in blocks for row in _rows(block, names)]
    feasible = [row for row in rows if row.feasible]
    lasting = any(row.figures["upfront_usd"] for row in feasible) or any(block.case.moving for block in blocks)
    order = LASTING if lasting else RECURRING
    deciding = next((k for k in order if feasible and all(row.figures[k] is not None for row in feasible)), None)
    if deciding is None:
        return Table(blocks, rows, None, None, None)
    cheapest = min(feasible, key=lambda row: row.amount(deciding))
    least = cheapest.amount(deciding)
    for row in feasible:
        row.ratio = row.amount(deciding) / least if least else None
        row.range_of = deciding
    whole = [block.numbers for block in blocks]
    held = [block.case.at_prices(numbers) for block, numbers in zip(blocks, whole, strict=True)]
    samples = _sampled(blocks, rows, deciding, whole)
    settled = samples if held == whole else _sampled(blocks, rows, deciding, held)
    _spread(feasible, deciding, samples, settled)
    return Table(blocks, rows, deciding, cheapest, samples)


def _rows(block: Block, names: Sequence[str]) -> list[Ranked]:
    """A row per alternative of a block."""
    figures: dict[str, Num] = {} if block.case.reason else centre(block)
    service = block.case.service
    count, most = len(block.names), None if service is None else service.fleet_gpus
    columns = {k: np.broadcast_to(figures[k], (count,)).tolist() for k in compared() if k in figures}
    given = {k: v.value for k, v in block.case.inputs.items() if k in names}
    axes = {_label(k, block): v.tolist() for k, v in {**block.axes, **block.picked}.items()}
    found = []
    for i, name in enumerate(block.names):
        known = columns if not block.reasons[i] else {}
        values = {k: finite(known[k][i]) if k in known else None for k in compared()}
        needed, reason = values["gpus"], block.reasons[i]
        if most is not None and needed is not None and needed > most:
            reason = f"the traffic needs {needed:,.0f} accelerators, {most:,} are given"
        inputs = {**given, **{k: v[i] for k, v in axes.items() if k in names}}
        found.append(Ranked(name, values, inputs, reason or None, block.case.moving))
    return found


def differing(blocks: list[Block]) -> list[str]:
    """Names of the inputs that are not the same in every alternative: keys first, in their own order."""
    every = [block.case.inputs for block in blocks]
    names = dict.fromkeys(name for inputs in every for name in inputs)
    axes = {_label(k, b) for b in blocks for k, v in {**b.axes, **b.picked}.items() if len(v) > 1}
    first = every[0]

    def known(inputs: Mapping[str, Input], name: str) -> object:
        return inputs[name].value if name in inputs else None

    found = [n for n in names if n in axes or any(known(i, n) != known(first, n) for i in every)]
    order = {key: i for i, key in enumerate(KEYS)}
    bare = {n: n.removeprefix("train_").removeprefix("serve_") for n in found}
    return sorted(found, key=lambda n: (bare[n] not in order and n not in order, order.get(n, order.get(bare[n], 0))))


def _label(key: str, block: Block) -> str:
    """What an input of that key is called: with its side where a question has two."""
    sided = f"serve_{key}"
    return sided if key not in block.case.inputs and sided in block.case.inputs else key


def shared(blocks: list[Block]) -> dict[str, Input]:
    """Inputs that every alternative which has them has alike."""
    axes = {_label(key, block) for block in blocks for key in (*block.axes, *block.picked)}
    found: dict[str, Input] = {}
    apart: set[str] = set()
    for block in blocks:
        for name, value in block.case.inputs.items():
            if not _alike(found.setdefault(name, value), value):
                apart.add(name)
    return {name: value for name, value in found.items() if name not in axes | apart}


def _alike(a: Input, b: Input) -> bool:
    return (a.value, a.p5, a.p95) == (b.value, b.p5, b.p95)


def sample_count(blocks: list[Block]) -> tuple[int, int]:
    """Samples of each alternative and their seed: said, or as many as there is room for; few are none."""
    question = next(q for block in blocks for q in block.case.questions)
    samples, seed = sampling.settings(question)
    if question.scenario.get("samples") is None:
        most = MOVING_SAMPLES if any(block.case.moving for block in blocks) else samples
        samples = min(most, SAMPLED_POINTS // sum(len(block.names) for block in blocks))
        samples = samples if samples >= FEWEST_SAMPLES else 0
    return samples, seed


def _sampled(
    blocks: list[Block], rows: list[Ranked], deciding: str, numbers: Sequence[Mapping[str, Number]]
) -> Array | None:
    """Samples of the deciding figure of every feasible alternative; None where nothing is uncertain."""
    count, seed = sample_count(blocks)
    if not count or not any(sampling.uncertain(some) for some in numbers):
        return None
    streams, found, at = Streams(count, seed), [], 0
    for block, own in zip(blocks, numbers, strict=True):
        kept = [i for i in range(len(block.names)) if rows[at + i].feasible]
        at += len(block.names)
        if not kept:
            continue
        p = streams.draws(own)
        step = 1 if block.case.moving else max(CHUNK // count, 1)
        for start in range(0, len(kept), step):
            some = kept[start : start + step]
            found.append(_drawn(block.some(some), p, deciding, len(some), count))
    return np.concatenate(found)


def _drawn(block: Block, p: Mapping[str, Num], deciding: str, rows: int, count: int) -> Array:
    """Samples of a figure of some alternatives: (alternatives, samples)."""
    if not block.case.moving:
        return np.broadcast_to(block.at(p, EXACT_SAMPLED)[deciding], (rows, count))
    parts = []
    for start in range(0, count, MOVING_CHUNK):
        some = {k: v[start : start + MOVING_CHUNK] if isinstance(v, np.ndarray) else v for k, v in p.items()}
        size = min(MOVING_CHUNK, count - start)
        parts.append(np.broadcast_to(block.at(some, EXACT_SAMPLED)[deciding], (rows, size)))
    return np.concatenate(parts, axis=1)


def _spread(rows: list[Ranked], deciding: str, samples: Array | None, settled: Array | None) -> None:
    """The 90 % interval of each alternative without and with prices, and how often it is the cheapest of one draw."""
    if samples is None:
        return
    least = samples == samples.min(axis=0)
    chance = (least / least.sum(axis=0)).mean(axis=1)
    for i, row in enumerate(rows):
        row.probability_cheapest = float(chance[i])
        whole, held = sampling.spreads(_range(row, deciding, settled, i), _range(row, deciding, samples, i))
        row.whole, row.with_prices = whole.get(deciding), held.get(deciding)


def _range(row: Ranked, deciding: str, samples: Array | None, i: int) -> dict[str, Range]:
    if samples is None:
        return {}
    return sampling.ranges({deciding: row.amount(deciding)}, {deciding: np.ascontiguousarray(samples[i])})


QUALITY = ("model", "params", "params_active", "api", "method", "tokens", "teacher", "dtype", "serve_dtype", "isl")
WORK = ("requests", "isl", "osl", "cache_hit", "horizon")


def held_equal(blocks: list[Block]) -> str:
    """What is taken to be the same where alternatives may answer differently well; empty where they cannot."""
    if not set(differing(blocks)) & set(QUALITY):
        return ""
    alike = shared(blocks)
    return ", ".join(["quality of the answers (not predicted)", *(k.replace("_", " ") for k in WORK if k in alike)])


def _warnings(blocks: list[Block]) -> list[Warning]:
    seen: dict[tuple[str, str], Warning] = {}
    for block in blocks:
        for warning in block.case.warnings:
            seen.setdefault((warning.code, warning.message), warning)
    return [*seen.values(), *_unlike_days(blocks), *_unlike_engines(blocks)]


def _unlike_days(blocks: list[Block]) -> list[Warning]:
    """Fleets sized for an assumed peak beside fleets sized for a mean load: a difference that nobody asked for."""
    served = [block.case.serving.inputs for block in blocks if block.case.serving is not None]
    assumed = next((i["peak_to_average"] for i in served if _assumes_peak(i)), None)
    level = [inputs for inputs in served if "utilization" in inputs and "peak_to_average" not in inputs]
    if assumed is None or not level:
        return []
    peak, load = f"{float(assumed.value):g}", units.format("share", float(level[0]["utilization"].value))
    message = (
        f"not like for like: a mix, or a fleet that follows its traffic, is sized for an assumed peak of {peak} x the "
        f"mean, the others for a mean load of {load}"
    )
    return [Warning("W082", message, f"--peak-to-average {peak} sizes all of them alike")]


def _assumes_peak(inputs: Mapping[str, Input]) -> bool:
    return "peak_to_average" in inputs and inputs["peak_to_average"].origin == "default"


def _unlike_engines(blocks: list[Block]) -> list[Warning]:
    """Machines whose usual engines differ, side by side: a difference of software that nobody asked for."""
    served = [block.case.serving.inputs for block in blocks if block.case.serving is not None]
    usual = [i["framework"].value for i in served if "framework" in i and i["framework"].origin == "default"]
    names = list(dict.fromkeys(str(name) for name in usual))
    if len(names) < 2:
        return []
    message = f"not like for like: the engines that are usual on these machines differ ({', '.join(names)})"
    one = next((name for name in names if name != TUNED), TUNED)
    return [Warning("W087", message, f"--framework {one} puts all on one engine where it runs on all")]
