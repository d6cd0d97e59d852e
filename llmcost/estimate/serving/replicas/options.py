"""What a replica is chosen from: layouts, formats, batches and targets, said or open."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from llmcost import units
from llmcost.engine.model import transformer as tf
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import Z95, Num
from llmcost.engine.numeric.spread import Spread, median
from llmcost.engine.serving import operating_point as serving
from llmcost.engine.serving import ranges
from llmcost.engine.serving import search as serving_search
from llmcost.engine.serving.first_token_spread import kind_of, sides, spread_from_factors
from llmcost.engine.serving.inputs import generation_of
from llmcost.engine.serving.operating_point import Calibration, Layout, Load, Precision
from llmcost.engine.serving.speculation import Draft, speculative_point
from llmcost.errors import LlmcostError
from llmcost.estimate.asking.ledger import Origin, as_number
from llmcost.estimate.asking.network import keep as keep_network
from llmcost.estimate.asking.network import networked
from llmcost.estimate.asking.no_fit import NoFit
from llmcost.estimate.asking.own import Own, Place, own, way
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.software import TUNED, classes_of, kin, measured
from llmcost.estimate.asking.subject import Chip, Subject
from llmcost.estimate.serving.replicas.engines import Engine, constants, engine, settled
from llmcost.estimate.serving.replicas.formats import dtypes, precision, say_arithmetic
from llmcost.estimate.serving.replicas.layouts import layouts_of
from llmcost.estimate.serving.replicas.lengths import Lengths
from llmcost.estimate.serving.replicas.targets import targets
from llmcost.records import NamedTuple

SOURCE = "docs/method.md, serving"
RESIDUALS = "presets/calibration/serving.toml: residuals of validation/serving_measured.csv"
USUAL = "docs/method-serving.md, engines: the usual one"
OWN = "measurements of one's own: docs/method.md"


class Options(NamedTuple):
    """What a replica is chosen from."""

    model: Subject
    device: Chip
    shape: Shape
    dtypes: tuple[str, ...]
    precisions: tuple[Precision, ...]
    calibration: Calibration
    candidates: Layout
    load: Load
    targets: serving_search.Targets
    batches: Any
    lengths: Lengths | None
    static: bool  # batches that end together
    phase: str  # prefill or decode alone; empty: both
    default_tpot: bool  # nobody asked for the TPOT that is kept
    used: Engine = Engine()
    draft: Draft | None = None  # proposes tokens; `shape` then holds both models, as memory does

    @property
    def total_points(self) -> Any:
        """Lengths that memory sets aside, or None where every request is alike."""
        return None if self.lengths is None else self.lengths.total_points(float(self.calibration.kv_reserve))

    @property
    def mode(self) -> serving_search.Mode:
        """The engine of the batching asked for."""
        return mode_of(self.static, self.draft)

    def search(self, load: Load, targets: serving_search.Targets) -> serving_search.Answer:
        """Every layout, format and batch, evaluated."""
        return serving_search.search(
            self.shape, self.device.machine, self.candidates, list(self.precisions), load, self.calibration, targets,
            None, self.batches, self.total_points, self.mode,
        )  # fmt: skip


def within(question: Question, asked: Options, load: Load, kept: serving_search.Targets) -> serving_search.Answer:
    """The search within the targets; a default that nothing keeps gives way to the fastest, and the answer says so."""
    answer = asked.search(load, kept)
    if answer.cheapest >= 0 or not asked.default_tpot:
        return answer
    bare = asked.search(load, kept._replace(tpot_seconds=math.inf))
    if bare.cheapest < 0:
        return bare
    reached = units.format("seconds", float(bare.grid.pick(bare.fastest).point.tpot_seconds))
    question.warn(
        "W017",
        f"no layout meets the default TPOT of {units.format('seconds', kept.tpot_seconds)}: the fastest is {reached}",
        "--tpot none for the cheapest at any speed",
    )
    return bare._replace(cheapest=bare.fastest, binds=serving_search.binding(bare.grid, bare.fastest))


def mode_of(static: bool, draft: Draft | None) -> serving_search.Mode:
    """The engine of a batching, with a draft model or without."""
    mode = serving.static_point if static else serving.operating_point
    if draft is None:
        return mode
    return lambda _, *point: speculative_point(mode, draft, *point)


def options(
    question: Question, model: Subject, device: Chip, gpus: int | None, lengths: Lengths | None, static: bool,
    phase: str = "",
) -> Options:  # fmt: skip
    """What was asked of a replica, and what is open."""
    _need_rates(device)
    shape = shape_of(question, model)
    _warn_context(question, model)
    formats = dtypes(question, model)
    used, generation = engine(question, device.preset), generation_of(device.preset.generation, device.machine)
    if not used.stated:
        question.record("framework", TUNED if used.has is None else used.name, Origin("default", USUAL))
    known = constants(question, device.machine, generation, used)
    calibration = _imbalance(question, shape, _limits(question, known, used.name, static, phase))
    alone = static or phase == "prefill"
    stack = own(question.catalog, "serving")
    if stack is not None and not stack.of(generation, kin(question.catalog, used.name)):
        stack = None
    candidates, load = layouts_of(question, shape, device, gpus, used), _load(question, phase)
    device = networked(question, device, candidates, calibration)
    piped = not static and bool(np.all(np.asarray(candidates.pp) > 1))
    widths = _half_widths(question, device, shape, known, used, alone, piped)
    _errors(question, widths, stack, _place(question, model, device))
    kept, default = targets(question, static, phase)
    precisions = tuple(precision(question, d, model) for d in formats)
    calibration = settled(question, shape, device, candidates, precisions, load, calibration)
    return Options(
        model, device, shape, formats, precisions, calibration, candidates, load, kept, _batches(question, phase),
        lengths, static, phase, default, used,
    )  # fmt: skip


def _limits(question: Question, known: Calibration, engine: str, static: bool, phase: str) -> Calibration:
    """What an iteration carries, and how many sequences run at once: said, or as the engine comes."""
    most = question.stated("max_num_seqs")
    carried = question.factor("serving", "chunk_tokens").origin
    origin = carried if engine == "any" else Origin("default", f"presets/frameworks/{engine}.toml")
    if not static and phase != "decode":
        chunk = question.stated("chunk_tokens")
        if chunk is not None:
            known = known._replace(chunk_tokens=float(chunk))
        else:
            question.record("chunk_tokens", known.chunk_tokens, origin, "tokens")
    if most is not None:
        return known._replace(batch_limit=float(most))
    if engine != "any" and not static and phase != "prefill":
        question.record("max_num_seqs", known.batch_limit, origin)
    return known


def record(question: Question, asked: Options, layout: Layout, batch: float | None, dtype: str) -> None:
    """Show what was chosen among the inputs; a replica of prompts alone has no batch, a dense model no groups."""
    groups = layout.dp if float(asked.shape.n_experts) else None
    keep_network(question, asked.device, layout)
    chosen = {"tp": layout.tp, "pp": layout.pp, "dp": groups, "ep": layout.ep, "batch": batch}
    for name, value in chosen.items():
        if value is not None and question.scenario.get(name, question.side) is None:
            question.record(name, int(value), Origin("computed", SOURCE))
    # taken once more, so that the KV cache format shown is not that of the last one tried
    say_arithmetic(question, asked.device, precision(question, dtype, asked.model), dtype)
    if question.stated("dtypes") is not None:
        question.record("dtype", dtype, Origin("computed", SOURCE))


def too_large(question: Question, held: float) -> NoFit | None:
    """The refusal of a batch that was asked for and does not fit."""
    asked = question.stated("batch")
    if asked is None or held >= asked:
        return None
    return NoFit(f"a batch of {asked:,} does not fit: memory holds at most {held:,.0f} requests")


def _need_rates(device: Chip) -> None:
    """Refuse a machine whose preset does not say how fast it computes or reads."""
    unknown = [n for n in ("bf16_flops", "memory_bytes_per_second") if math.isnan(getattr(device.machine, n))]
    if unknown:
        raise LlmcostError(
            f"the {' and '.join(unknown)} of {device.found.name} {'is' if len(unknown) == 1 else 'are'} not known",
            f"llmcost presets new hardware NAME --from {device.found.name}, or give --tokens-per-second",
        )


def _warn_context(question: Question, model: Subject) -> None:
    longest = model.preset.max_context if model.preset else None
    wanted = median(question.numbers["isl"]) + median(question.numbers.get("osl", 0.0))
    if longest is not None and wanted > longest:
        question.warn("W013", f"{wanted:,.0f} tokens are more than the context of {model.name} ({longest:,})", "")


def too_slow(name: str, chip_name: str, grid: serving_search.Grid) -> NoFit:
    """The refusal of targets that nothing keeps."""
    return missed(name, chip_name, float(np.min(grid.point.tpot_seconds)), float(np.min(grid.point.ttft_seconds)))


def missed(name: str, chip_name: str, tpot: float, ttft: float) -> NoFit:
    """The same, from the best times of any point [s]."""
    reach = f"best TPOT {tpot * 1000:.1f} ms, best TTFT {ttft * 1000:.0f} ms"
    return NoFit(f"no layout and batch of {name} on {chip_name} keeps the targets: {reach}")


def shape_of(question: Question, model: Subject) -> Shape:
    """The architecture, or Llama's at the same number of parameters where only that is known."""
    if not math.isnan(float(model.shape.n_layers)):
        return model.shape
    assert model.params is not None
    if model.moe:
        raise LlmcostError(
            f"{model.name} has no known architecture, and experts cannot be guessed",
            "llmcost presets import config.json, or give --tokens-per-second",
        )
    question.warn(
        "W012",
        f"the architecture of {model.name} is assumed: Llama 3 shapes scaled to its parameters",
        "llmcost presets import config.json",
    )
    return tf.dense_shape(median(model.params))


def _errors(question: Question, half_widths: dict[str, tuple[Num, Num]], stack: Own | None, place: Place) -> None:
    """What the engine missed measurements by, as numbers of the question: sampled like every other.

    Near measurements of one's own it is what these say.
    """
    for name, ends in half_widths.items():
        low, high, shift, source = float(ends[0]), float(ends[1]), 0.0, RESIDUALS
        if stack is not None:
            figure = "output_tokens_per_s" if name == "throughput" else name
            low, high, shift = stack.told(figure, place, low, high)
            shift *= -1.0 if name == "throughput" else 1.0
            source = OWN
        spread = Spread(math.exp(shift - low), math.exp(shift), math.exp(shift + high))
        question.sample(f"{name}_error", spread, Origin("default", source, None, "measured"), "ratio")


def _place(question: Question, model: Subject, device: Chip) -> Place:
    """Where the question is among measurements: what it says of lengths, batch and accelerators."""
    said = {"isl": question.numbers.get("isl"), "osl": question.numbers.get("osl")}
    for name in ("batch", "gpus", "tp"):
        setting = question.scenario.peek(name, question.side)
        said[name] = None if setting is None or isinstance(setting.value, str) else as_number(setting.value, "count")
    at = {name: median(value) for name, value in said.items() if value is not None}
    return Place(model.name, device.found.name, way(question.scenario, question.side), at)


def _half_widths(
    question: Question, device: Chip, shape: Shape, known: Calibration, used: Engine, alone: bool, piped: bool
) -> dict[str, tuple[Num, Num]]:
    """By class, and as wide as engines differ where none was named; of a tuned one by what a first token may meet."""
    generation = device.preset.generation
    rows, unseen = question.catalog.ranges(), _unseen(question, device)
    tpot, rate = Z95 * known.tpot_log_spread, Z95 * known.throughput_log_spread
    software = generation_of(generation, device.machine), kin(question.catalog, used.name)
    classes = classes_of(question.catalog, device, shape, software, alone)._replace(staged=piped)
    found = {q: ranges.half_widths(rows, q, classes) for q in ranges.QUANTITIES}
    if used.has is None:
        kind = kind_of(alone, False, shape.n_experts > 0, False)
        low, high = sides(spread_from_factors(question.catalog.factors("serving"), generation, used.name), kind)
        engines = {"tpot": (tpot, tpot), "ttft": (Z95 * low, Z95 * high), "throughput": (rate, rate)}
        if not (unseen or piped):
            return engines
        # what lies between engines and what lies between machines do not depend on one another
        return {q: (np.hypot(engines[q][0], found[q][0]), np.hypot(engines[q][1], found[q][1])) for q in found}
    if used.stated:
        return found
    least = {"tpot": tpot, "ttft": 0.0, "throughput": rate}
    return {q: (np.maximum(low, least[q]), np.maximum(high, least[q])) for q, (low, high) in found.items()}


def _unseen(question: Question, device: Chip) -> bool:
    """Whether no serving row was measured on this generation, which the answer then says."""
    generation = generation_of(device.preset.generation, device.machine)
    unseen = generation not in measured(question.catalog)[1]
    if unseen:
        question.warn(
            "W086",
            f"no serving was measured on {device.found.name} or its generation: it is given the efficiency of others",
            "llmcost calibrate FILE with measurements of your own",
        )
    return unseen


def _load(question: Question, phase: str) -> Load:
    isl, osl = median(question.numbers["isl"]), median(question.numbers.get("osl", 1.0))
    return Load(isl, osl, isl if phase == "decode" else isl * median(question.numbers["cache_hit"]), 1.0)


def _imbalance(question: Question, shape: Shape, calibration: Calibration) -> Calibration:
    """The load of the busiest expert rank, said or as fitted; a model without experts has none."""
    if not float(shape.n_experts):
        return calibration
    said = question.stated("expert_imbalance")
    if said is not None:
        return calibration._replace(expert_imbalance=float(said))
    question.record(
        "expert_imbalance", calibration.expert_imbalance, question.factor("serving", "expert_imbalance").origin
    )
    return calibration


def _batches(question: Question, phase: str) -> Any:
    said = None if phase == "prefill" else question.stated("batch")
    if said is None and not phase:
        said = question.stated("users_at_once")
    return serving_search.BATCHES if said is None else np.array([float(said)])
