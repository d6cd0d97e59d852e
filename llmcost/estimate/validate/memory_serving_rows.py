"""Rows of what serving engines reported at their start: weights, tokens of cache, peaks, started or refused."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from llmcost.catalog import Catalog
from llmcost.engine.machine.factors import Told
from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.published import ClassBytes, class_bytes, published_in
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.normal import fits_probability, normal_quantile
from llmcost.engine.serving.cache import cache_bytes, printed_tokens, state_page_bytes
from llmcost.engine.serving.inputs import (
    Calibration,
    Layout,
    Load,
    Precision,
    calibration_from_factors,
    formats_from_rows,
)
from llmcost.engine.serving.memory import Memory, cache_spread, memory, under_way_bytes
from llmcost.errors import LlmcostError
from llmcost.estimate.asking.subject import machine_of
from llmcost.estimate.validate import cells
from llmcost.estimate.validate.cells import positive
from llmcost.estimate.validate.described import shape_of_row
from llmcost.estimate.validate.serving_rows import unwindowed
from llmcost.records import NamedTuple
from llmcost.spec import Framework

GIB = 2.0**30
QUANTITIES = ("kv_tokens", "weight_bytes", "peak_bytes", "fits")
NARROW = 0.9  # bytes a weight below which recipes differ in what they leave wide
Z95 = float(normal_quantile(0.95))
# Of the memory of a Mac, what Metal lets the GPU wire: recommendedMaxWorkingSetSize in start-up logs of llama.cpp.
APPLE_SHARES = ((17.0, 0.667), (30.0, 0.72), (60.0, 0.78), (math.inf, 0.75))
CUDA_SHARE = 0.985  # of what a card is sold as [GiB], that a process is shown: 0.97 to 0.996 on eleven cards
OTHER_SIZE = 0.15  # a stated memory that far from the preset's is that of another card of the name
UNIFORM_BITS = {"q4": 4.85, "q8": 8.5, "int8": 8.5, "int6": 6.5, "int5": 5.5, "int4": 4.5, "int3": 3.5, "int2": 2.6}
FILES = ("llama.cpp", "ollama", "mlx")  # engines whose files hold every tensor in the format they are named by
DRAFTS = re.compile(r"mtp|eagle|dflash|draft", re.IGNORECASE)
BLOCKS = re.compile(r"dflash|draft model", re.IGNORECASE)  # a model of its own, of which each pass writes a block
BLOCK_LAYERS = 5.0  # a log of SGLang: 2.16 GiB of a draft beside 6.92 of the model's sixteen layers
VISION = re.compile(r"\bVL\b|vision", re.IGNORECASE)
TOWER = 0.6e9  # parameters of the towers of Qwen2.5-VL and Qwen3-VL: 0.54 to 0.67B
CONTEXT_PARALLEL = re.compile(r"dcp (\d+)", re.IGNORECASE)
UNWINDOWED = (*FILES, "vllm-metal", "any")  # they keep the whole cache of models whose layers all slide
UNSTATED_LENGTH = 2048.0  # a request that any start has to hold [tokens]
UNSTATED_POOL = 32768.0  # length by which a pool is counted where none is stated [tokens]


class Started(NamedTuple):
    """What is said of an engine's start, and what it was asked to hold."""

    shape: Shape
    machine: Machine
    layout: Layout
    precision: Precision
    calibration: Calibration
    length: float | None  # max_model_len [tokens]
    sequences: float | None  # max_num_seqs [-]
    as_asked: bool  # the cache is what was asked for, no pool
    by_blocks: bool  # tokens are printed by blocks of one group of layers
    contiguous: bool  # the cache of every sequence is set aside at the start
    split: float = 1.0  # ways the cache is split over ranks beside tensor parallelism
    shortens: bool = False  # requests are cut to the pool, so it starts with one shorter than max_model_len

    @property
    def request_tokens(self) -> float:
        """Tokens of a request without which it does not start [tokens]."""
        return UNSTATED_LENGTH if self.length is None or self.shortens else self.length


def engine_of(catalog: Catalog, name: str) -> str:
    """The framework of a row as calibrations name it; "any" where none is known.

    Raises
    ------
    LlmcostError
        It only trains: what an engine inside a trainer may take follows from the run.
    """
    try:
        preset, found = catalog.load(Framework, re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-"))
    except LlmcostError:
        known = (engine for engine in ("vllm-metal", "vllm", "mlx", "llama.cpp", "sglang") if engine in name.lower())
        return next(known, "any")
    if preset.serving is None and preset.training is not None:
        raise LlmcostError(f"{found.name} trains models: what an engine inside it may take follows from the run")
    return str(found.name)


def version_of(text: str) -> float:
    """Minor version of vLLM that a cell states: 0.8.5 is 8.5, 0.2x about 25; nan where none is."""
    found = re.match(r"0\.(\d+)(x?)(?:\.(\d+))?", text)
    if not found:
        return math.nan
    if found[2] and len(found[1]) == 1 and int(found[1]) <= 3:  # 0.2x: anything from 0.20 to 0.29
        return int(found[1]) * 10.0 + 5.0
    return int(found[1]) + min(float(found[3] or 0) / 10.0, 0.9)


def started(row: Mapping[str, str], catalog: Catalog) -> Started:
    """The inputs of a row.

    Raises
    ------
    LlmcostError
        An input is missing, unknown or not a number.
    """
    engine, shape = engine_of(catalog, cells.text(row, "engine")), shape_of_row(row, catalog)
    machine, generation = machine_of_row(row, catalog)
    layout = _layout(row, engine)
    length = positive(row, "max_model_len")
    release = _release(row)
    told = Told(release=release, memory_bytes=float(machine.shown_bytes))
    known = calibration_from_factors(catalog.factors("serving", "memory"), generation, engine, told)
    if engine == "vllm" and release is not None and release < V0_UNTIL + 0.1:
        known = _prompts(known, release, length, generation.startswith("cdna"))
    known = _told(row, known)
    if engine == "llama.cpp" and _old_llama(cells.text(row, "engine_version")):
        known = known._replace(unfused_tokens=512.0)
    precision = _precision(row, catalog, engine)
    shape, known = _with_draft(row, _with_pictures(row, shape, catalog), known)
    found = CONTEXT_PARALLEL.search(row.get("model") or "")
    if engine in UNWINDOWED and float(shape.local_layers) == float(shape.attention_layers):
        shape = unwindowed(shape)
    return Started(
        shape, machine, layout, precision, known, length, positive(row, "max_num_seqs"),
        engine in FILES, engine == "vllm" and version_of(cells.text(row, "engine_version")) < FIRST_BY_REQUESTS,
        engine == "tensorrt-llm" and version_of(cells.text(row, "engine_version")) < FIRST_PAGED,
        float(found[1]) if found else 1.0, engine == "sglang",
    )  # fmt: skip


def machine_of_row(row: Mapping[str, str], catalog: Catalog) -> tuple[Machine, str]:
    """The accelerator that a row names, else one of the memory that it states, and its generation."""
    name, words = cells.text(row, "hardware_id"), cells.text(row, "hardware")
    apple = "apple" in (name + words).lower() or re.match(r"m\d", words.lower()) is not None
    stated = re.search(r"([\d.]+) ?gib", words.lower()) or re.search(r"([\d.]+) ?gb\b", words.lower())
    if name and not (apple and stated):
        try:
            preset = cells.accelerator(catalog, name)
        except LlmcostError:
            return Machine(*[math.nan] * len(Machine._fields)), "apple" if apple else "any"
        known = machine_of(preset)
        if stated is not None and abs(float(stated[1]) * 1e9 / preset.memory_bytes - 1.0) > OTHER_SIZE:
            known = known._replace(process_bytes=float(stated[1]) * CUDA_SHARE * GIB)
        return known, preset.generation
    nothing = Machine(*[math.nan] * len(Machine._fields))
    if stated is None:  # its weights are known all the same
        return nothing, "apple" if apple else "any"
    size = float(stated[1])
    share = CUDA_SHARE if "gib" not in stated[0] else 1.0
    if apple:
        share = next(share for most, share in APPLE_SHARES if size < most)
    shown = size * share * GIB
    return nothing._replace(memory_bytes=shown, process_bytes=shown), "apple" if apple else "any"


def _layout(row: Mapping[str, str], engine: str) -> Layout:
    count = positive(row, "n_gpus") or 1.0
    tp, pp, dp, ep = (positive(row, name) or 1.0 for name in ("tp", "pp", "dp", "ep"))
    if engine == "llama.cpp" and dp > 1:
        tp, dp = 1.0, 1.0
    if pp == 1.0 and tp == 1.0 and dp == 1.0:
        tp = count
    shared = 1.0 if dp > 1 or ep > tp else 0.0
    return Layout(tp, pp, max(dp, ep / tp) if shared else dp, ep, shared)


def _release(row: Mapping[str, str]) -> float | None:
    """The release of an engine that a row states; a vLLM with its first scheduler is an old one."""
    words = cells.text(row, "engine_version")
    version = version_of(words)
    version = min(version, V0_UNTIL) if "V0" in words else version
    return None if math.isnan(version) else version


def _prompts(known: Calibration, release: float, length: float | None, amd: bool) -> Calibration:
    """Prompts of vLLM to version 0.7: in one pass, or beyond some length in chunks; ROCm came later to those."""
    if length is not None and length > WHOLE_UNTIL and not amd:
        return known._replace(profiled=EARLY_CHUNK) if release < FIRST_WIDE else known
    return known._replace(profiled=max(length or 0.0, float(known.profiled)))


V0_UNTIL = 7.9  # vLLM 0.7 was the last release whose first scheduler was the usual one
FIRST_WIDE = 6.5  # vLLM 0.6.5: chunks are as wide as they are today
FIRST_BY_REQUESTS = 20.2  # vLLM 0.20.2: tokens printed are requests times their length (club-3090#46, #76)
FIRST_PAGED = 6.0  # TensorRT-LLM 0.6: the cache is paged
WHOLE_UNTIL, EARLY_CHUNK = 32768.0, 512.0  # vLLM 0.6: prompts are chunked beyond 32,768 tokens, in pieces of 512


def _told(row: Mapping[str, str], known: Calibration) -> Calibration:
    """What the row says the engine was told."""
    fraction = positive(row, "mem_fraction")
    if fraction is None:
        known = known._replace(share_spread=known.untold_share_spread)
    else:
        known = known._replace(memory_share=fraction, left_bytes=0.0, rank_share=0.0, share_spread=0.0)
    sequences = positive(row, "max_num_seqs")
    if sequences is not None and known.logit_bytes:
        known = known._replace(sampled=sequences)
    tokens = positive(row, "max_batched_tokens")
    return known._replace(profiled=tokens) if tokens is not None and known.profiled else known


def _old_llama(words: str) -> bool:
    """Whether a release of llama.cpp has no fused attention by default: before build 6325, August 2025."""
    build = re.search(r"b(\d{4})", words)
    return (int(build[1]) < 6325) if build else bool(re.search(r"202[345]-0[1-8]|2023|2024", words))


def _precision(row: Mapping[str, str], catalog: Catalog, engine: str) -> Precision:
    formats = formats_from_rows(catalog.formats())
    name = cells.text(row, "weight_precision").lower() or "bf16"
    cache = cells.text(row, "kv_dtype").lower().replace("q8_0", "int8").replace("f16", "fp16").replace("bfp16", "bf16")
    kv = float(formats[cache].kv_bytes) if cache in formats else 2.0
    bits = re.search(r"([\d.]+) bits", cells.text(row, "quant_note"))
    if bits or (name in UNIFORM_BITS and (engine in FILES or name not in formats or "metal" in row.get("engine", ""))):
        each = (float(bits[1]) if bits else UNIFORM_BITS[name]) / 8.0
        return Precision(each, kv, 16.0, 0.0, each, each, 1.0)
    stored = _as_published(row, catalog, name)
    if name not in formats and stored is None:
        raise LlmcostError(f"unknown weight_precision {name[:40]!r}", ", ".join(formats))
    known = formats.get(name, formats["fp8"])._replace(kv_bytes=kv)
    if stored is None:
        return known
    return known._replace(weight_bytes=stored.weights, attention_bytes=stored.attention, head_bytes=stored.ends)


def _as_published(row: Mapping[str, str], catalog: Catalog, name: str) -> ClassBytes | None:
    """Bytes of the published checkpoint, where the row names the format of one."""
    try:
        preset = cells.model(catalog, cells.text(row, "model_id"))
    except LlmcostError:
        return None
    found = preset.checkpoint if name.startswith("native") else published_in(preset, name)
    return None if found is None else class_bytes(preset, found)


def _with_draft(row: Mapping[str, str], shape: Shape, known: Calibration) -> tuple[Shape, Calibration]:
    """A draft head or a multi-token-prediction layer is one more layer of attention, a draft of blocks has several."""
    words = " ".join(row.get(column) or "" for column in ("model", "quant_note", "note"))
    if not DRAFTS.search(words):
        return shape, known
    more = BLOCK_LAYERS if BLOCKS.search(words) else 1.0
    full = max(float(shape.attention_layers - shape.local_layers), 1.0)
    with_draft = shape._replace(
        kv_elements=shape.kv_elements * (1.0 + more / full), attention_layers=shape.attention_layers + more
    )
    return with_draft, known._replace(block_draft=more) if more > 1.0 else known


def _with_pictures(row: Mapping[str, str], shape: Shape, catalog: Catalog) -> Shape:
    """The tower of the model that a row names, where the preset of its language model has none."""
    words = row.get("model") or ""
    if float(shape.vision_params):
        return shape
    try:
        named = cells.model(catalog, words)
    except LlmcostError:
        return shape._replace(vision_params=TOWER) if VISION.search(words) else shape
    same = (named.n_layers, named.d_model) == (float(shape.n_layers), float(shape.d_model))
    return shape._replace(vision_params=float(named.vision_params or 0.0)) if same else shape


Answer = tuple[float | None, float | None, float | None, str]  # predicted, p5, p95, why not


def predict(row: Mapping[str, str], catalog: Catalog) -> dict[str, Answer]:
    """What the engine says of a row by quantity; of `fits` the probability that it starts."""
    try:
        at = started(row, catalog)
    except LlmcostError as error:
        return dict.fromkeys(QUANTITIES, (None, None, None, error.message))
    load = Load(at.request_tokens, 0.0)
    held = memory(at.shape, at.machine, at.layout, at.precision, load, at.calibration)
    weights = float(held.weights_bytes)
    request = float(held.kv_bytes_per_request) / at.split
    peak = weights + float(held.activation_bytes) + request
    below, above = _own(at, weights, float(held.activation_bytes))
    found: dict[str, Answer] = {
        "weight_bytes": (weights, weights * math.exp(-below / weights), weights * math.exp(above / weights), ""),
        "peak_bytes": (peak, max(peak - below, weights * math.exp(-below / weights)), peak + above, ""),
    }
    if math.isnan(float(held.usable_bytes)):
        unknown: Answer = (None, None, None, "the memory of the machine is not stated")
        return {**dict.fromkeys(QUANTITIES, unknown), **found}
    return found | {
        "kv_tokens": pool(at, held),
        "fits": (float(fits_probability(held.deviations(needed(at, request)))), None, None, ""),
    }


def _own(at: Started, weights: float, workspace: float) -> tuple[float, float]:
    """How far what the engine itself takes may be below and above its median [bytes]."""
    narrow, known = float(at.precision.weight_bytes) < NARROW, at.calibration
    of_weights = Z95 * weights * float(known.narrow_spread if narrow else known.weights_spread)
    less, more = Z95 * float(known.workspace_less), math.expm1(Z95 * float(known.workspace_spread))
    return math.hypot(of_weights, workspace * less), math.hypot(of_weights, workspace * more)


def needed(at: Started, request: float) -> float:
    """Cache without which an engine does not start: one request, the states of those in flight [bytes]."""
    sequences = at.sequences or 1.0
    states = sequences * float(state_page_bytes(at.shape, at.layout, at.calibration)) / at.split
    return max(sequences * request if at.contiguous else request, states)


def pool(at: Started, held: Memory) -> Answer:
    """Tokens of cache, of one data-parallel rank."""
    if at.as_asked:
        return (at.length, at.length, at.length, "") if at.length else (None, None, None, "max_model_len is blank")
    longest = at.length or UNSTATED_POOL
    of_point = (at.shape, at.layout, at.calibration)
    one = float(cache_bytes(at.shape, at.layout, at.precision, longest, at.calibration)) / at.split
    one += float(under_way_bytes(*of_point, longest))  # the engine counts it with every request
    usable = float(held.usable_bytes) + float(under_way_bytes(*of_point))
    middle = _tokens(at, usable, longest, one)
    if middle <= 0:
        return None, None, None, "no memory is left for a cache"
    each = usable * float(cache_spread(at.shape, at.calibration))  # of every request in the pool
    below, above = (math.hypot(float(of(Z95)), Z95 * each) for of in (held.below, held.above))
    low, high = (_tokens(at, usable + d, longest, one) for d in (-below, above))
    return middle, max(low, 1.0), high, ""


def _tokens(at: Started, usable: float, longest: float, one: float) -> float:
    """Tokens of cache that the engine prints for so much memory [tokens]."""
    known = at.calibration
    if not float(known.paged_groups) and float(at.shape.state_layers):  # states have a pool of their own
        states = float(state_page_bytes(at.shape, at.layout, known)) / at.split
        share = float(known.state_share)
        held = (at.sequences or 1.0) * states
        usable = usable / (1.0 + share) if share and at.sequences is None else usable - held
        one -= states
    return float(printed_tokens(at.shape, at.layout, at.precision, usable, longest, one, known, at.by_blocks))
