"""Measured serving rows as the engine sees them: the inputs of a row, what it leaves open, the prediction."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from llmcost.catalog import Catalog
from llmcost.dtypes import SPELLINGS
from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import Z95, Array, Num
from llmcost.engine.serving.first_token_spread import FULL, MANY, FirstTokenSpread, kind_of, sides, spread_from_factors
from llmcost.engine.serving.inputs import calibration_from_factors
from llmcost.engine.serving.memory import max_batch, memory
from llmcost.engine.serving.operating_point import (
    Calibration,
    Layout,
    Load,
    Point,
    Precision,
    operating_point,
    static_point,
)
from llmcost.errors import LlmcostError, did_you_mean
from llmcost.estimate.asking.subject import machine_of
from llmcost.estimate.validate import cells, described
from llmcost.estimate.validate.cells import number, positive
from llmcost.estimate.validate.serving_row_layouts import layouts_of_row

QUANTITIES = ("tpot", "ttft", "output_tokens_per_s")
STATIC = ("static-batch", "interactive", "prefill-only")
LOADS = (*STATIC, "closed-loop", "offline", "server", "decode-only")
ARCHITECTURE = (
    "model_id", "params_total", "params_active", "n_layers", "d_model", "n_heads", "n_kv_heads", "d_head", "d_ff",
    "vocab", "attention_kind", "moe_experts", "moe_topk", "ep",
)  # fmt: skip
UNSTATED_FORMATS = ("bf16", "fp8", "int4")
QUANT_SCALES = 0.5  # a 16-bit scale per block of 32 weights (llama.cpp Q4_0, Q5_0, Q8_0)
# Measured rows did fit: our count of what an engine holds may be this much too high.
MEASURED_SLACK = 1.15
# Rows of a text-generation test at an unstated length: llama-bench style tests generate up to 512 tokens.
UNSTATED_OSL = 512.0


class Case(NamedTuple):
    """One row ready for the engine."""

    shape: Shape
    machine: Machine
    layout: tuple[float, ...]
    precision: tuple[float, ...]
    isl: float
    osl: float
    batch: float  # nan: as many as fit
    load: str
    generation: str
    framework: str


class Cases(NamedTuple):
    """Rows as arrays, one element per row."""

    shape: Shape
    machine: Machine
    layout: Layout
    precision: Precision
    isl: Array
    osl: Array
    batch: Array
    static: np.ndarray[Any, np.dtype[np.bool_]]
    prefill_only: np.ndarray[Any, np.dtype[np.bool_]]
    cached_isl: Array  # decode-only rows: every prompt arrives with its KV cache
    generation: list[str]
    framework: list[str]


class Prediction(NamedTuple):
    """Median and 90 % interval of the three quantities in seconds and tokens per second, or why there is none."""

    values: dict[str, tuple[float, float, float]]  # quantity -> p5, p50, p95
    reason: str


def shape_of_row(row: Mapping[str, str], catalog: Catalog) -> Shape:
    """Shape of the row's model: its preset or its columns; windows only where the engine ran them.

    Raises
    ------
    LlmcostError
        The row names no model and describes none.
    """
    shape = described.shape_of_row(row, catalog)
    kind = cells.text(row, "attention_kind")
    return _unwindowed(shape) if kind and "SWA" not in kind.upper() else shape


def _unwindowed(shape: Shape) -> Shape:
    return shape._replace(
        attention_flops=shape.attention_flops + shape.window_flops,
        attention_flops_absorbed=shape.attention_flops_absorbed + shape.window_flops_absorbed,
        kv_elements=shape.kv_elements + shape.window_kv_elements,
        window=0.0,
        window_flops=0.0,
        window_flops_absorbed=0.0,
        window_kv_elements=0.0,
    )


def precision_of_row(
    row: Mapping[str, str], formats: Mapping[str, Mapping[str, Any]], most_bytes: float = math.inf
) -> tuple[float, ...]:
    """Precision of a row from the formats of the calibration preset.

    A blank weight format is 16-bit, or the widest of 8 and 4 bits with no more than `most_bytes` per parameter; a
    blank KV format follows the arithmetic: 8 bits where it is 8 or 4.

    Raises
    ------
    LlmcostError
        A format that is not known.
    """
    fitting = (name for name in UNSTATED_FORMATS if float(formats[name]["weight_bytes"]) <= most_bytes)
    stated = cells.text(row, "weight_precision") or next(fitting, UNSTATED_FORMATS[0])
    known = _format(stated, "weight", formats)
    asked = cells.text(row, "compute_precision")
    if asked:
        bits = float(_format(asked, "compute", formats)["compute_bits"])
        known["weight_only"] = bool(known["weight_only"]) or float(known["weight_bytes"]) * 8 < bits * 0.75
        known["compute_bits"] = bits
    cache = SPELLINGS.get(name := cells.text(row, "kv_precision").lower(), name)
    kv = formats[cache]["weight_bytes"] if cache in formats else 1.0 if float(known["compute_bits"]) <= 8 else 2.0
    return tuple(
        float({**known, "kv_bytes": kv}[name]) for name in Precision._fields
    )  # the presets' keys are the engine's field names


def _format(name: str, what: str, formats: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A number format by name; `... (4.15 bpw)` and llama.cpp's Q2 to Q8 are weight-only formats of that many bits."""
    plain = SPELLINGS.get(low := name.lower(), low)
    if plain in formats:
        return dict(formats[plain])
    stated, quants = re.search(r"([\d.]+) bpw\)", low), re.match(r"i?q(\d)_", low)
    bits = float(stated[1]) if stated else float(quants[1]) + QUANT_SCALES if quants else 0.0
    if not bits:
        raise LlmcostError(f"unknown {what} precision {name[:40]!r}", did_you_mean(plain, formats))
    return dict(formats["int4"]) | {"weight_bytes": bits / 8, "attention_bytes": bits / 8}


class Lookup:
    """Presets that rows name, each looked up once."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._shapes: dict[tuple[str, ...], Shape] = {}
        self._machines: dict[str, tuple[Machine, str]] = {}
        self.formats = {f["name"]: f for f in catalog.table("serving", "formats")}
        self.factors = catalog.factors("serving")

    def shape(self, row: Mapping[str, str]) -> Shape:
        """Shape of the row's model."""
        key = tuple(cells.text(row, name) for name in ARCHITECTURE)
        if key not in self._shapes:
            self._shapes[key] = shape_of_row(row, self._catalog)
        return self._shapes[key]

    def machine(self, name: str) -> tuple[Machine, str]:
        """An accelerator as the engine takes it, and its generation."""
        if name not in self._machines:
            preset = cells.accelerator(self._catalog, name)
            self._machines[name] = machine_of(preset), preset.generation
        return self._machines[name]


def cases_of_row(row: Mapping[str, str], known: Lookup) -> list[Case]:
    """The inputs of a row, once for every layout that may be meant.

    Raises
    ------
    LlmcostError
        An input is missing, unknown or not a number.
    """
    isl, osl = number(row, "isl_eff"), number(row, "osl_eff")
    if isl is None:
        raise LlmcostError("isl_eff is blank: the prompt length is not stated")
    load = re.sub(r"[\s_]+", "-", cells.text(row, "load").lower())
    load = load if load in LOADS else "closed-loop"
    machine, generation = known.machine(cells.text(row, "hardware_id"))
    shape = known.shape(row)
    batch, layouts = positive(row, "concurrency_or_batch"), layouts_of_row(row, shape)
    memory_bytes = float(machine.memory_bytes) * layouts[0][0] * layouts[0][1]
    stated = Case(
        shape,
        machine,
        layouts[0],
        precision_of_row(row, known.formats, memory_bytes / float(shape.params_total)),
        isl,
        UNSTATED_OSL if osl is None else osl,
        math.nan if batch is None else batch,
        load,
        generation,
        cells.text(row, "framework_id").lower() or "any",
    )
    return [stated._replace(layout=layout) for layout in layouts]


def fastest(options: list[list[Case]], factors: list[dict[str, Any]]) -> list[Case]:
    """Of the layouts each row may mean, the one with most tokens per second; of prefill-only ones the first to answer.

    A layout whose weights do not fit is taken only where none does.
    """
    several = [i for i, cases in enumerate(options) if len(cases) > 1]
    chosen = [cases[0] for cases in options]
    if not several:
        return chosen
    cases = gather([case for i in several for case in options[i]])
    calibration = calibrations(cases, factors)
    with np.errstate(invalid="ignore", divide="ignore"):
        at, fits = points(cases, calibration), weights_fit(cases, calibration)
        speed = np.where(cases.prefill_only, 1.0 / at.ttft_seconds, at.output_tokens_per_second)
    rank = np.where(fits & np.isfinite(speed), speed, -1.0)
    ends = np.cumsum([len(options[i]) for i in several])
    for i, scores in zip(several, np.split(rank, ends[:-1]), strict=True):
        chosen[i] = options[i][int(np.argmax(scores))]
    return chosen


def gather(cases: list[Case]) -> Cases:
    """Rows side by side as arrays."""

    def stack(tuples: list[tuple[Num, ...]]) -> list[Array]:
        return list(np.array(tuples, dtype=float).T)

    loads = [c.load for c in cases]
    return Cases(
        Shape(*stack([tuple(c.shape) for c in cases])),
        Machine(*stack([tuple(c.machine) for c in cases])),
        Layout(*stack([c.layout for c in cases])),
        Precision(*stack([c.precision for c in cases])),
        np.array([c.isl for c in cases]),
        np.array([c.osl for c in cases]),
        np.array([c.batch for c in cases]),
        np.isin(loads, STATIC),
        np.isin(loads, ("prefill-only",)),
        np.where(np.isin(loads, ("decode-only",)), [c.isl for c in cases], 0.0),
        [c.generation for c in cases],
        [c.framework for c in cases],
    )


def calibrations(cases: Cases, factors: list[dict[str, Any]]) -> Calibration:
    """Constants of every row as arrays, picked by hardware generation and serving framework."""
    pairs = list(zip(cases.generation, cases.framework, strict=True))
    known = {pair: tuple(calibration_from_factors(factors, *pair)) for pair in sorted(set(pairs))}
    columns = np.array([known[pair] for pair in pairs], dtype=float).T
    # a constant that is the same everywhere stays a scalar: the engine takes shorter paths
    return Calibration(*[float(c[0]) if np.all(c == c[0]) else c for c in columns])


def points(cases: Cases, calibration: Calibration) -> Point:
    """Every row in operation: static batches as such, everything else as continuous batching."""
    args = (cases.shape, cases.machine, cases.layout, cases.precision)
    limit = np.maximum(max_batch(*args, Load(cases.isl, cases.osl), calibration), 1.0)
    load = Load(cases.isl, cases.osl, cases.cached_isl, np.where(np.isnan(cases.batch), limit, cases.batch))
    still, moving = static_point(*args, load, calibration), operating_point(*args, load, calibration)
    return Point(*[np.where(cases.static, a, b) for a, b in zip(still, moving, strict=True)])


def first_token_kind(cases: Cases, at: Point) -> npt.NDArray[np.intp]:
    """What first tokens of each row may have to wait for, see `kind_of`; a batch that is not stated fills memory."""
    held = (cases.layout.attention_dp > 0) | ~(cases.batch <= FULL * np.maximum(at.max_batch, 1.0))
    many = ~(cases.batch <= MANY * cases.layout.dp)
    return np.asarray(kind_of(cases.static, held, cases.shape.n_experts > 0, many))


def first_token_sides(cases: Cases, at: Point, factors: list[dict[str, Any]]) -> tuple[Array, Array]:
    """Standard deviations of ln(measured / predicted) of each row's TTFT below and above the median."""
    pairs = list(zip(cases.generation, cases.framework, strict=True))
    known = {pair: tuple(spread_from_factors(factors, *pair)) for pair in sorted(set(pairs))}
    low, high = sides(FirstTokenSpread(*np.array([known[pair] for pair in pairs]).T), first_token_kind(cases, at))
    return np.asarray(low), np.asarray(high)


def weights_fit(cases: Cases, calibration: Calibration, slack: float = 1.0) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Whether the weights alone fit the accelerators of each row, or exceed them by no more than the slack."""
    load = Load(cases.isl, cases.osl)
    held = memory(cases.shape, cases.machine, cases.layout, cases.precision, load, calibration)
    fit = held.weights_bytes <= cases.machine.memory_bytes * calibration.memory_capacity * slack
    return np.asarray(fit, dtype=bool)


def predict(rows: Iterable[Mapping[str, str]], catalog: Catalog) -> list[Prediction]:
    """Predictions for measured rows, in order; a row that cannot be predicted says why.

    Reads only the input columns of a row: model, architecture, hardware, layout, precisions, lengths, batch, load,
    framework.
    """
    known = Lookup(catalog)
    answers: list[Prediction | None] = []
    todo: list[list[Case]] = []
    for row in rows:
        try:
            todo.append(cases_of_row(row, known))
            answers.append(None)
        except LlmcostError as error:
            answers.append(Prediction({}, error.message))
    if not todo:
        return [a for a in answers if a is not None]
    found = iter(_predict(gather(fastest(todo, known.factors)), known.factors))
    return [next(found) if answer is None else answer for answer in answers]


def _predict(cases: Cases, factors: list[dict[str, Any]]) -> list[Prediction]:
    calibration = calibrations(cases, factors)
    with np.errstate(invalid="ignore", divide="ignore"):
        at, fits = points(cases, calibration), weights_fit(cases, calibration, MEASURED_SLACK)
    spreads = (
        (calibration.tpot_log_spread, calibration.tpot_log_spread),
        first_token_sides(cases, at, factors),
        (calibration.throughput_log_spread, calibration.throughput_log_spread),
    )
    centres = [np.asarray(v) for v in (at.tpot_seconds, at.ttft_seconds, at.output_tokens_per_second)]
    widths = [[np.broadcast_to(np.exp(Z95 * np.asarray(s)), fits.shape) for s in pair] for pair in spreads]
    answers = []
    for i in range(len(fits)):
        if not fits[i]:
            answers.append(Prediction({}, "the weights do not fit the memory of the stated accelerators"))
            continue
        values = {
            name: (float(c[i] / low[i]), float(c[i]), float(c[i] * high[i]))
            for name, c, (low, high) in zip(QUANTITIES, centres, widths, strict=True)
            if np.isfinite(c[i]) and not (cases.prefill_only[i] and name != "ttft")
        }
        answers.append(Prediction(values, "" if values else "the machine's peak or bandwidth is not known"))
    return answers
