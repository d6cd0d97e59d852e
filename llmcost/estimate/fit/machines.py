"""The smallest machines that hold a model, where none was named."""

from __future__ import annotations

import numpy as np

from llmcost import spec
from llmcost.catalog import Catalog, presets_date
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.normal import fits_probability
from llmcost.engine.numeric.spread import median
from llmcost.engine.serving.memory import Memory, memory
from llmcost.engine.serving.operating_point import Load, Precision, operating_point
from llmcost.engine.serving.search import layouts
from llmcost.errors import Exit, LlmcostError
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.subject import Chip, Subject, machine_of
from llmcost.estimate.fit.held import lengths, usual_lengths
from llmcost.estimate.fit.verdict import NOT, MachineRow, tokens, verdict
from llmcost.estimate.serving.replicas.engines import constants, engine, share_of
from llmcost.estimate.serving.replicas.formats import dtypes, held_once, precision
from llmcost.estimate.serving.replicas.options import shape_of
from llmcost.result import Estimate, cells

MOST, SHOWN = 64.0, 12  # accelerators of one machine that are tried, and machines that are listed
CARDS = 8.0  # accelerators that a desktop or workstation holds


def serving(question: Question, model: Subject) -> Estimate:
    """Every accelerator of the presets, in the fewest that hold one request, the least memory first."""
    lengths(question, model)
    shape, format_ = shape_of(question, model), dtypes(question, model)[0]
    narrow = precision(question, format_, model)
    rows = []
    for name in offered(question.catalog):
        row = _on(question, name, shape, narrow)
        if row is not None:
            rows.append(row)
    rows.sort(key=lambda row: (row["gpus"] * row["driver_bytes"], row["gpus"]))
    if not rows:
        raise LlmcostError(f"no machine of the presets holds {model.name} in {format_}", "--dtype int4")
    first = rows[0]
    chance = first["fits_probability"]
    name, length = f"{model.name[:1].upper()}{model.name[1:]}", tokens(usual_lengths(question))
    return Estimate(
        command="fit",
        headline=f"{name} in {format_} holds a request of {length} tokens {where(rows)}.",
        result={
            "verdict": verdict(chance),
            "fits_probability": chance,
            **{k: v for k, v in cells(first).items() if k in KEYS},
            "dtype": format_,
            **model.sizes(),
            "weight_bytes": held_once(shape, narrow),
        },
        inputs=question.inputs,
        warnings=question.warnings,
        arrays={"machines": shown(rows)},
        presets=presets_date(question.catalog),
        exit_code=int(Exit.NO if verdict(chance) == NOT else Exit.OK),
    )


def offered(catalog: Catalog) -> list[str]:
    """Accelerators that have a price, for rent or for sale."""
    rented = {quote.hardware for name in catalog.names("prices") for quote in catalog.quotes(name, None)}
    return [name for name in catalog.names("hardware")
            if name in rented or catalog.load(spec.Accelerator, name)[0].purchase_usd is not None]  # fmt: skip


def most(preset: spec.Accelerator) -> float:
    """How many of a kind are taken to work together: one of a whole machine, the cards of a desktop, or servers."""
    if preset.setting != "desktop":
        return MOST
    return CARDS if preset.system_watts is None else 1.0


def where(rows: list[MachineRow]) -> str:
    """The machine of the fewest accelerators and that of the least memory, of rows with the least memory first.

    Examples
    --------
    >>> seen = {"fits_probability": 1.0, "peak_bytes": 60e9, "usable_bytes": 70e9}
    >>> card: MachineRow = {"hardware": "rtx4090", "gpus": 3, "driver_bytes": 24e9, **seen}
    >>> where([card, {"hardware": "h100-sxm", "gpus": 1, "driver_bytes": 80e9, **seen}])
    'on one h100-sxm, in the least memory on 3 x rtx4090; others are listed'
    """
    least, fewest = rows[0], smallest(rows)
    said = [f"{'one' if row['gpus'] == 1 else str(row['gpus']) + ' x'} {row['hardware']}" for row in (fewest, least)]
    smaller = "" if fewest is least else f", in the least memory on {said[1]}"
    return f"on {said[0]}{smaller}" + ("; others are listed" if len(rows) > 1 else "")


def smallest(rows: list[MachineRow]) -> MachineRow:
    """The machine of the fewest accelerators, the least memory of those."""
    return min(rows, key=lambda row: (row["gpus"], row["driver_bytes"]))


def shown(rows: list[MachineRow]) -> list[MachineRow]:
    """Those that are listed: of the least memory, and the one of the fewest accelerators."""
    listed = rows[:SHOWN]
    return listed if smallest(rows) in listed else [*listed[:-1], smallest(rows)]


KEYS = (
    "hardware",
    "gpus",
    "peak_bytes",
    "usable_bytes",
    "driver_bytes",
    "concurrency",
    "output_tokens_per_second_per_user",
)


def _on(question: Question, name: str, shape: Shape, narrow: Precision) -> MachineRow | None:
    """The fewest accelerators of a kind that hold one request; None where none do or its rates are not known."""
    preset, found = question.catalog.load(spec.Accelerator, name)
    device = Chip(machine_of(preset), preset, found)
    if np.isnan(device.machine.bf16_flops) or np.isnan(device.machine.memory_bytes_per_second):
        return None
    used = engine(question, preset)
    every = layouts(shape, device.machine, largest=most(preset), stages=not used.tensor_parallel)
    known = constants(question, device.machine, preset.generation, used)
    load = Load(median(question.numbers["isl"]), median(question.numbers["osl"]))
    held = memory(shape, device.machine, every, narrow, load, known)
    good = np.asarray((held.room >= known.fit_margin) & ~used.lacks(every))
    if not good.any():
        return None
    size = np.asarray(every.tp * every.pp * every.dp)
    fewest = float(size[good].min())
    at = operating_point(shape, device.machine, every, narrow, load, known)
    pace = np.where(good & (size == fewest), at.tpot_seconds, np.inf)
    best = int(np.argmin(pace))
    one = Memory(*(float(np.broadcast_to(np.asarray(v), size.shape)[best]) for v in held))
    share = np.broadcast_to(np.asarray(share_of(shape, device, every, known)), size.shape)[best]
    room = np.floor(one.usable_bytes / one.kv_bytes_per_request) * np.asarray(every.dp)[best]
    return {
        "hardware": found.name, "gpus": int(fewest), "fits_probability": float(fits_probability(one.room)),
        "peak_bytes": float(one.weights_bytes + one.activation_bytes + one.kv_bytes_per_request),
        "usable_bytes": float(device.machine.shown_bytes * share),
        "driver_bytes": float(preset.driver_memory_bytes or device.machine.shown_bytes),
        "concurrency": int(min(room, float(known.batch_limit))),
        "output_tokens_per_second_per_user": 1.0 / float(np.asarray(at.tpot_seconds)[best]),
    }  # fmt: skip
