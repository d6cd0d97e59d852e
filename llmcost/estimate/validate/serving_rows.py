"""Measured serving rows as the engine sees them: the inputs of a row, and what it leaves open."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast

import numpy as np

from llmcost.catalog import Catalog
from llmcost.dtypes import SPELLINGS
from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import Array, Num
from llmcost.engine.serving.arrivals import BURST, CLOSED, OPEN
from llmcost.engine.serving.inputs import Layout, Precision, formats_from_rows, generation_of
from llmcost.errors import LlmcostError, did_you_mean
from llmcost.estimate.asking.software import as_held, stack, usual
from llmcost.estimate.asking.subject import machine_of, narrowed
from llmcost.estimate.validate import cells, described
from llmcost.estimate.validate.cells import positive
from llmcost.estimate.validate.serving_row_layouts import layouts_of_row
from llmcost.estimate.validate.table import Faults, Index, Table, first_of
from llmcost.records import NamedTuple
from llmcost.spec import ServingStack
from llmcost.terms.validate import COLUMNS

T = TypeVar("T")
Names = np.ndarray[Any, np.dtype[np.str_]]
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
    """What rows of one kind say: all but their lengths and requests."""

    shape: Shape
    machine: Machine
    layout: tuple[float, ...]
    precision: Precision
    load: str
    generation: str
    framework: str
    arrivals: float = CLOSED
    cached: float = 0.0  # share of the prompt found in the prefix cache, where a row tells none [-]
    drafted: bool = False  # tokens are proposed ahead
    draft_tokens: float = math.nan  # of them a step, where told [tokens]
    tokens_per_step: float = math.nan  # that a step yields, where told [tokens]
    apart: bool = False  # prompts run on accelerators of their own
    prefill_groups: float = math.nan  # groups that take prompts there, where told [-]
    year: int | None = None


class Cases(NamedTuple):
    """Rows as arrays, one element per row; what all of them share may be a number."""

    shape: Shape
    machine: Machine
    layout: Layout
    precision: Precision
    isl: Array
    osl: Array
    batch: Array  # nan: as many as fit
    static: np.ndarray[Any, np.dtype[np.bool_]]
    prefill_only: np.ndarray[Any, np.dtype[np.bool_]]
    alone: np.ndarray[Any, np.dtype[np.bool_]]  # one user at a time: the layout is chosen for latency
    cached_isl: Array  # decode-only rows: every prompt arrives with its KV cache
    generation: Names
    framework: Names
    arrivals: Array
    drafted: np.ndarray[Any, np.dtype[np.bool_]]
    draft_tokens: Array
    tokens_per_step: Array
    apart: np.ndarray[Any, np.dtype[np.bool_]]
    prefill_groups: Array
    year: Array  # nan: not known
    spread: Array  # standard deviation of answers over their mean [-]

    def lean(self) -> Cases:
        """The same, with a number for what all of the rows share of their models, machines, layouts and formats."""
        return self._replace(
            shape=shared(self.shape), machine=shared(self.machine), layout=shared(self.layout),
            precision=shared(self.precision),
        )  # fmt: skip


class Kinds(NamedTuple):
    """What rows say but for their lengths and requests, each once, with every layout that may be meant."""

    cases: Cases  # of all kinds side by side, a layout each; lengths and requests are open
    first: Index  # where those of a kind begin
    layouts: Index  # of each, how many
    rank: Index  # in an order in which those that are much alike follow one another
    loads: Names  # of the cases
    cached: Array  # of the cases: share of the prompt found in the cache where a row tells none [-]


class Asked(NamedTuple):
    """Rows ready for the engine: what kind each is of, and its numbers (nan: not told)."""

    kinds: Kinds
    kind: Index
    isl: Array
    osl: Array
    batch: Array
    cached: Array
    why: Faults  # why a row cannot be predicted

    def cases(self, rows: Index, options: Index) -> Cases:
        """Some rows, each with one of the cases of its kind."""
        kinds, isl, batch = self.kinds, self.isl[rows], self.batch[rows]
        of = some(kinds.cases, options)
        loads, told = kinds.loads[options], self.cached[rows]
        cached = np.where(np.isnan(told), kinds.cached[options], np.minimum(told, 1.0))
        at_once = (of.arrivals == CLOSED) & (loads == "offline") & ~np.isnan(batch)
        osl = self.osl[rows]
        return of._replace(
            isl=isl,
            osl=np.where(np.isnan(osl), UNSTATED_OSL, osl),
            batch=batch,
            cached_isl=np.where(loads == "decode-only", isl, isl * cached),
            arrivals=np.where(at_once, BURST, of.arrivals),
            spread=spread_of(isl, osl),
        )


def some(values: T, here: Index) -> T:
    """The rows `here` of an array, or of a record of arrays; a number counts for every row."""
    if isinstance(values, tuple):
        return type(values)(*[some(v, here) for v in values])
    return cast("T", np.asarray(values)[here]) if np.ndim(cast("Any", values)) else values


def shared(values: T) -> T:
    """A record of arrays with a number in place of an array that holds no other: the engine takes shorter paths."""
    if isinstance(values, tuple):
        return type(values)(*[shared(v) for v in values])
    column = np.asarray(values)
    return cast("T", float(column[0])) if column.ndim and np.all(column == column[0]) else values


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
    row: Mapping[str, str], formats: Mapping[str, Precision], most_bytes: float = math.inf, *, moe: bool = True,
    has: ServingStack | None = None,
) -> Precision:  # fmt: skip
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
    known = as_held(known, formats, has)
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


VARIED = ("isl_eff", "osl_eff", "concurrency_or_batch", "prefix_hit_pct")  # of rows of one kind


class Lookup:
    """What rows name, each looked up once."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._shapes: dict[tuple[str, ...], Shape] = {}
        self._machines: dict[str, tuple[Machine, str]] = {}
        self.formats = formats_from_rows(catalog.formats())
        self.factors = catalog.factors("serving", "memory")
        self.ranges = catalog.ranges()

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


def asked(rows: Sequence[Mapping[str, str]], known: Lookup) -> Asked:
    """The inputs of rows, and why one has none."""
    table = Table.of(rows)
    same, kind = table.different(COLUMNS["serving"].inputs.difference(VARIED))
    found, wrong, texts = [], np.zeros(len(same), dtype=np.intp), [""]
    for number, place in enumerate(same):
        try:
            found.append(_cases(table[place], known))
        except LlmcostError as error:
            found.append([])
            wrong[number] = len(texts)
            texts.append(error.message)
    (isl, no_isl), (osl, no_osl), (batch, no_batch), (hit, no_hit) = (table.numbers(name) for name in VARIED)
    blank = Faults(np.isnan(isl).astype(np.intp), ["", "isl_eff is blank: the prompt length is not stated"])
    why = first_of([no_isl, no_osl, blank, Faults(wrong[kind], texts), no_batch, no_hit])
    return Asked(_kinds(found), kind, isl, osl, np.where(batch > 0, batch, np.nan), hit / 100.0, why)


def _kinds(found: list[list[Case]]) -> Kinds:
    every = [case for cases in found for case in cases]
    count = np.array([len(cases) for cases in found], dtype=np.intp)
    cached = np.array([case.cached for case in every])
    shapes: dict[int, int] = {}

    def alike(number: int) -> tuple[Any, ...]:
        one = found[number][:1]
        return tuple((c.load in STATIC, c.drafted, c.framework, c.generation,
                      shapes.setdefault(id(c.shape), len(shapes)), c.layout) for c in one)  # fmt: skip

    rank = np.empty(len(found), dtype=np.intp)
    rank[sorted(range(len(found)), key=alike)] = np.arange(len(found))
    loads = np.array([case.load for case in every])
    return Kinds(gather(every), np.cumsum(count) - count, count, rank, loads, cached)


def _cases(row: Mapping[str, str], known: Lookup) -> list[Case]:
    """What a row says but for its lengths and requests."""
    load = re.sub(r"[\s_]+", "-", cells.text(row, "load").lower())
    load = load if load in LOADS else "closed-loop"
    kind, hardware = cells.text(row, "kind").lower(), cells.text(row, "hardware_id")
    machine, generation = known.machine(hardware)
    together = positive(row, "machine_gpus")
    machine = machine if together is None else machine._replace(box=together)
    shape = known.shape(row)
    layouts = layouts_of_row(row, shape)
    memory_bytes = float(machine.memory_bytes) * layouts[0][0] * layouts[0][1]
    engine = cells.text(row, "framework_id").lower() or known.usual(hardware)
    stated = Case(
        shape,
        machine,
        layouts[0],
        precision_of_row(
            row,
            known.formats,
            memory_bytes / float(shape.params_total),
            moe=float(shape.n_experts) > 0,
            has=stack(known.catalog, engine),
        ),
        load,
        generation,
        engine,
        OPEN if load == "server" or kind == "open-loop" else CLOSED,
        drafted=kind == "speculative",
        draft_tokens=positive(row, "draft_tokens") or math.nan,
        tokens_per_step=positive(row, "tokens_per_step") or math.nan,
        apart=kind == "disaggregated",
        prefill_groups=positive(row, "prefill_groups") or math.nan,
        cached=UNSTATED_HIT if kind == "prefix-cache" else 0.0,
        year=year_of_row(row, known),
    )
    return [stated._replace(layout=layout) for layout in layouts]


def spread_of(isl: Array, osl: Array) -> Array:
    """Spread of the answers of rows: of a data set where their lengths are means, with a fraction; else none.

    A benchmark sets powers of two or multiples of 50; its prompts may be a token or two beside, and answers end early.
    """
    whole = np.isnan(osl) | ((isl == np.rint(isl)) & (osl == np.rint(osl)))
    near = (2.0 ** np.rint(np.log2(np.maximum(isl, 1.0))), 50.0 * np.rint(isl / 50.0))
    prompt = np.any([np.abs(isl - n) <= SET * n for n in near], axis=0)
    answer = (osl % 50 == 0) | (np.frexp(np.maximum(osl, 1.0))[0] == 0.5)
    return np.where(whole | prompt | answer, 0.0, MIXED)


def year_of_row(row: Mapping[str, str], known: Lookup) -> int | None:
    """Year of the software of a row: stated, or that of the newest of model and accelerator, both taken up when new."""
    stated = positive(row, "year")
    if stated is not None:
        return int(stated)
    if cells.text(row, "kind").lower() == "old-engine":
        return OLD
    return known.year(cells.text(row, "model_id"), cells.text(row, "hardware_id"))


def gather(cases: list[Case]) -> Cases:
    """Kinds of rows side by side as arrays; their lengths and requests are open."""

    def stack(record: Any, tuples: list[tuple[Num, ...]]) -> Any:
        """Columns of tuples that many rows share."""
        place: dict[int, int] = {}
        index = np.array([place.setdefault(id(one), len(place)) for one in tuples], dtype=np.intp)
        each = {id(one): one for one in tuples}
        return record(*np.array([each[one] for one in place], dtype=float).reshape(-1, len(record._fields)).T[:, index])

    loads, unsaid = np.array([c.load for c in cases]), np.full(len(cases), np.nan)
    years = [math.nan if c.year is None else c.year for c in cases]

    def column(name: str) -> Any:
        return np.array([getattr(c, name) for c in cases])

    return Cases(
        shape=stack(Shape, [c.shape for c in cases]),
        machine=stack(Machine, [c.machine for c in cases]),
        layout=stack(Layout, [c.layout for c in cases]),
        precision=stack(Precision, [c.precision for c in cases]),
        static=np.isin(loads, STATIC),
        prefill_only=loads == "prefill-only",
        alone=loads == "interactive",
        year=np.array(years),
        **dict.fromkeys(("isl", "osl", "batch", "cached_isl", "spread"), unsaid),
        **{name: column(name) for name in Case._fields[Case._fields.index("generation") : -1] if name != "cached"},
    )
