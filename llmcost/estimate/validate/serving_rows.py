"""Measured serving rows as the engine sees them: the inputs of a row, and what it leaves open."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from llmcost.catalog import Catalog
from llmcost.dtypes import SPELLINGS
from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import Array, Num
from llmcost.engine.serving.arrivals import BURST, CLOSED, OPEN
from llmcost.engine.serving.inputs import Layout, Precision, formats_from_rows, generation_of
from llmcost.errors import LlmcostError, did_you_mean
from llmcost.estimate.asking.software import usual
from llmcost.estimate.asking.subject import machine_of, narrowed
from llmcost.estimate.validate import cells, described
from llmcost.estimate.validate.cells import number, positive
from llmcost.estimate.validate.serving_row_layouts import layouts_of_row
from llmcost.records import NamedTuple

STATIC = ("static-batch", "interactive", "prefill-only")
LOADS = (*STATIC, "closed-loop", "offline", "server", "decode-only")
ARCHITECTURE = (
    "model_id", "params_total", "params_active", "n_layers", "d_model", "n_heads", "n_kv_heads", "d_head", "d_ff",
    "vocab", "attention_kind", "moe_experts", "moe_topk", "ep",
)  # fmt: skip
UNSTATED_FORMATS = ("bf16", "fp8", "int4")
QUANT_SCALES = 0.5  # a 16-bit scale per block of 32 weights (llama.cpp Q4_0, Q5_0, Q8_0)
# Rows of a text-generation test at an unstated length: llama-bench style tests generate up to 512 tokens.
UNSTATED_OSL = 512.0
UNSTATED_HIT = 0.5  # of the rows that state one the middle
SET = 3e-3  # of a length that a benchmark sets: how far its prompts are off
MIXED = 1.0  # spread of the answers of a data set
OLD = 2023  # year of an engine that a row calls old: the one before the present scheduler


class Case(NamedTuple):
    """One row ready for the engine."""

    shape: Shape
    machine: Machine
    layout: tuple[float, ...]
    precision: Precision
    isl: float
    osl: float
    batch: float  # nan: as many as fit
    load: str
    generation: str
    framework: str
    arrivals: float = CLOSED
    cached: float = 0.0  # share of the prompt found in the prefix cache [-]
    drafted: bool = False  # tokens are proposed ahead
    draft_tokens: float = math.nan  # of them a step, where told [tokens]
    tokens_per_step: float = math.nan  # that a step yields, where told [tokens]
    apart: bool = False  # prompts run on accelerators of their own
    prefill_groups: float = math.nan  # groups that take prompts there, where told [-]
    year: int | None = None
    spread: float = 0.0  # standard deviation of answers over their mean [-]


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
    alone: np.ndarray[Any, np.dtype[np.bool_]]  # one user at a time: the layout is chosen for latency
    cached_isl: Array  # decode-only rows: every prompt arrives with its KV cache
    generation: list[str]
    framework: list[str]
    arrivals: Array
    drafted: np.ndarray[Any, np.dtype[np.bool_]]
    draft_tokens: Array
    tokens_per_step: Array
    apart: np.ndarray[Any, np.dtype[np.bool_]]
    prefill_groups: Array
    year: list[int | None]
    spread: Array


def shape_of_row(row: Mapping[str, str], catalog: Catalog) -> Shape:
    """Shape of the row's model: its preset or its columns; windows only where the engine ran them.

    Raises
    ------
    LlmcostError
        The row names no model and describes none.
    """
    shape = described.shape_of_row(row, catalog)
    kind = cells.text(row, "attention_kind").upper()
    everywhere = float(shape.window) > 0 and float(shape.kv_elements) == 0  # as Mistral 7B: engines left it out
    return unwindowed(shape) if everywhere and kind and "SWA" not in kind else shape


def unwindowed(shape: Shape) -> Shape:
    """The model with full attention in place of its windows."""
    return shape._replace(
        attention_flops=shape.attention_flops + shape.window_flops,
        attention_flops_absorbed=shape.attention_flops_absorbed + shape.window_flops_absorbed,
        kv_elements=shape.kv_elements + shape.window_kv_elements,
        window=0.0,
        window_flops=0.0,
        window_flops_absorbed=0.0,
        window_kv_elements=0.0,
        local_window=0.0,
        local_kv_elements=0.0,
        local_layers=0.0,
    )


def precision_of_row(
    row: Mapping[str, str], formats: Mapping[str, Precision], most_bytes: float = math.inf, *, moe: bool = True
) -> Precision:
    """Precision of a row from the formats of the calibration preset.

    A blank weight format is 16-bit, or the widest of 8 and 4 bits with no more than `most_bytes` per parameter; a
    blank KV format follows the arithmetic: 8 bits where it is 8 or 4.

    Raises
    ------
    LlmcostError
        A format that is not known.
    """
    fitting = (name for name in UNSTATED_FORMATS if formats[name].weight_bytes <= most_bytes)
    stated = cells.text(row, "weight_precision") or next(fitting, UNSTATED_FORMATS[0])
    known = _format(stated, "weight", formats)
    if narrowed(stated.lower(), moe=moe):
        known = known._replace(attention_bytes=known.weight_bytes)
    asked = cells.text(row, "compute_precision")
    if asked:
        bits = _format(asked, "compute", formats).compute_bits
        widened = known.weight_only or known.weight_bytes * 8 < bits * 0.75
        known = known._replace(weight_only=float(widened), compute_bits=bits)
    cache = SPELLINGS.get(name := cells.text(row, "kv_precision").lower(), name)
    kv = formats[cache].kv_bytes if cache in formats else 1.0 if known.compute_bits <= 8 else 2.0
    return known._replace(kv_bytes=kv)


def _format(name: str, what: str, formats: Mapping[str, Precision]) -> Precision:
    """A number format by name; `... (4.15 bpw)` and llama.cpp's Q2 to Q8 are weight-only formats of that many bits."""
    plain = SPELLINGS.get(low := name.lower(), low)
    if plain in formats:
        return formats[plain]
    stated, quants = re.search(r"([\d.]+) bpw\)", low), re.match(r"i?q(\d)_", low)
    bits = float(stated[1]) if stated else float(quants[1]) + QUANT_SCALES if quants else 0.0
    if not bits:
        raise LlmcostError(f"unknown {what} precision {name[:40]!r}", did_you_mean(plain, formats))
    return formats["int4"]._replace(weight_bytes=bits / 8, attention_bytes=bits / 8)


# What rows of one model, machine and engine differ in, and what a prediction does not read.
VARIED = {
    "isl_eff", "osl_eff", "concurrency_or_batch", "prefix_hit_pct", "id", "source", "tpot_ms", "ttft_ms",
    "output_tokens_per_s",
}  # fmt: skip


class Lookup:
    """What rows name, each looked up once."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._shapes: dict[tuple[str, ...], Shape] = {}
        self._machines: dict[str, tuple[Machine, str]] = {}
        self._cases: dict[tuple[tuple[str, str], ...], list[Case] | LlmcostError] = {}
        self.formats = formats_from_rows(catalog.formats())
        self.factors = catalog.factors("serving", "memory")
        self.ranges = catalog.ranges()

    def cases(self, row: Mapping[str, str]) -> list[Case]:
        """What a row says but for its lengths and requests, once for every layout that may be meant.

        Raises
        ------
        LlmcostError
            An input is missing, unknown or not a number.
        """
        key = tuple([cell for cell in row.items() if cell[0] not in VARIED])
        if key not in self._cases:
            try:
                self._cases[key] = _cases(row, self)
            except LlmcostError as error:
                self._cases[key] = error
        found = self._cases[key]
        if isinstance(found, LlmcostError):
            raise found.with_traceback(None)
        return found

    def shape(self, row: Mapping[str, str]) -> Shape:
        """Shape of the row's model."""
        key = tuple(cells.text(row, name) for name in ARCHITECTURE)
        if key not in self._shapes:
            self._shapes[key] = shape_of_row(row, self.catalog)
        return self._shapes[key]

    def year(self, model: str, hardware: str) -> int | None:
        """Year of the newest of a model and an accelerator; None where neither is known."""
        dates = [cells.accelerator(self.catalog, hardware).release_date]
        with contextlib.suppress(LlmcostError):
            dates.append(cells.model(self.catalog, model).release_date if model else None)
        years = [d.year for d in dates if d is not None]
        return max(years) if years else None

    def usual(self, hardware: str) -> str:
        """The engine of a row that names none."""
        return usual(self.catalog, cells.accelerator(self.catalog, hardware))

    def machine(self, name: str) -> tuple[Machine, str]:
        """An accelerator as the engine takes it, and its generation."""
        if name not in self._machines:
            preset = cells.accelerator(self.catalog, name)
            machine = machine_of(preset)
            self._machines[name] = machine, generation_of(preset.generation, machine)
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
    cases = known.cases(row)
    batch, cached, first = positive(row, "concurrency_or_batch"), cached_of_row(row), cases[0]
    arrivals = BURST if first.arrivals == CLOSED and first.load == "offline" and batch is not None else first.arrivals
    length, spread = UNSTATED_OSL if osl is None else osl, spread_of_row(isl, osl)
    many = math.nan if batch is None else batch
    return [
        case._replace(isl=isl, osl=length, batch=many, arrivals=arrivals, cached=cached, spread=spread)
        for case in cases
    ]


def _cases(row: Mapping[str, str], known: Lookup) -> list[Case]:
    """What a row says but for its lengths and requests."""
    load = re.sub(r"[\s_]+", "-", cells.text(row, "load").lower())
    load = load if load in LOADS else "closed-loop"
    kind, hardware = cells.text(row, "kind").lower(), cells.text(row, "hardware_id")
    machine, generation = known.machine(hardware)
    shape = known.shape(row)
    layouts = layouts_of_row(row, shape)
    memory_bytes = float(machine.memory_bytes) * layouts[0][0] * layouts[0][1]
    stated = Case(
        shape,
        machine,
        layouts[0],
        precision_of_row(row, known.formats, memory_bytes / float(shape.params_total), moe=float(shape.n_experts) > 0),
        math.nan,
        math.nan,
        math.nan,
        load,
        generation,
        cells.text(row, "framework_id").lower() or known.usual(hardware),
        OPEN if load == "server" or kind == "open-loop" else CLOSED,
        drafted=kind == "speculative",
        draft_tokens=positive(row, "draft_tokens") or math.nan,
        tokens_per_step=positive(row, "tokens_per_step") or math.nan,
        apart=kind == "disaggregated",
        prefill_groups=positive(row, "prefill_groups") or math.nan,
        year=year_of_row(row, known),
    )
    return [stated._replace(layout=layout) for layout in layouts]


def cached_of_row(row: Mapping[str, str]) -> float:
    """Share of the prompt found in the prefix cache: stated, or half where a row tells only that there is one."""
    stated = number(row, "prefix_hit_pct")
    if stated is None:
        return UNSTATED_HIT if cells.text(row, "kind").lower() == "prefix-cache" else 0.0
    return min(stated, 100.0) / 100.0


def spread_of_row(isl: float, osl: float | None) -> float:
    """Spread of the answers of a row: of a data set where its lengths are means, with a fraction; else none.

    A benchmark sets powers of two or multiples of 50; its prompts may be a token or two beside, and answers end early.
    """
    whole = osl is None or (isl == round(isl) and osl == round(osl))
    prompt = any(abs(isl - n) <= SET * n for n in (2.0 ** round(math.log2(max(isl, 1.0))), 50.0 * round(isl / 50.0)))
    answer = osl is not None and (osl % 50 == 0 or math.log2(max(osl, 1.0)).is_integer())
    return 0.0 if whole or prompt or answer else MIXED


def year_of_row(row: Mapping[str, str], known: Lookup) -> int | None:
    """Year of the software of a row: stated, or that of the newest of model and accelerator, both taken up when new."""
    stated = positive(row, "year")
    if stated is not None:
        return int(stated)
    if cells.text(row, "kind").lower() == "old-engine":
        return OLD
    return known.year(cells.text(row, "model_id"), cells.text(row, "hardware_id"))


def gather(cases: list[Case]) -> Cases:
    """Rows side by side as arrays."""

    def stack(tuples: list[tuple[Num, ...]]) -> list[Array]:
        """Columns of tuples that many rows share."""
        place: dict[int, int] = {}
        index = [place.setdefault(id(one), len(place)) for one in tuples]
        each = {id(one): one for one in tuples}
        return list(np.array([each[one] for one in place], dtype=float).T[:, index])

    loads = [c.load for c in cases]
    return Cases(
        Shape(*stack([c.shape for c in cases])),
        Machine(*stack([c.machine for c in cases])),
        Layout(*stack([c.layout for c in cases])),
        Precision(*stack([c.precision for c in cases])),
        np.array([c.isl for c in cases]),
        np.array([c.osl for c in cases]),
        np.array([c.batch for c in cases]),
        np.isin(loads, STATIC),
        np.isin(loads, ("prefill-only",)),
        np.isin(loads, ("interactive",)),
        np.array([c.isl if c.load == "decode-only" else c.isl * c.cached for c in cases]),
        [c.generation for c in cases],
        [c.framework for c in cases],
        np.array([c.arrivals for c in cases]),
        np.array([c.drafted for c in cases]),
        np.array([c.draft_tokens for c in cases]),
        np.array([c.tokens_per_step for c in cases]),
        np.array([c.apart for c in cases]),
        np.array([c.prefill_groups for c in cases]),
        [c.year for c in cases],
        np.array([c.spread for c in cases]),
    )
