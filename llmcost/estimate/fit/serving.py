"""Whether a model can be served: one request and many, the longest, the speed, and what would make it fit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from llmcost.catalog import presets_date
from llmcost.engine.numeric.kinds import Array, Num, finite
from llmcost.engine.serving.cache import cache_bytes
from llmcost.engine.serving.memory import share_taken
from llmcost.engine.serving.operating_point import Layout, Load, max_batch, operating_point
from llmcost.errors import Exit
from llmcost.estimate.asking.memory_parts import driver_bytes, memory_rows
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.subject import Chip, Subject
from llmcost.estimate.fit import remedies as cures
from llmcost.estimate.fit.held import Held, best, longest, read_held
from llmcost.estimate.fit.verdict import NEVER, NOT, SURE, Remedy, machine, said, tokens, used, verdict
from llmcost.estimate.serving.replicas import memory_parts
from llmcost.estimate.serving.replicas.formats import held_once
from llmcost.estimate.serving.replicas.replica import degrees, ranks
from llmcost.records import TypedDict
from llmcost.result import Estimate, Scalar, cells

AT_ONCE = 65_536  # loads x layouts x formats: temporaries stay small


def answer(question: Question, model: Subject, device: Chip) -> Estimate:
    """The answer for machines that were named."""
    held = read_held(question, model, device)
    asked = held.asked
    chance = float(held.chance)
    every = many(held, longest(held))
    figures = _told(held, every)
    found = cures.serving(question, held) if verdict(chance) != "fits" else []
    known = asked.calibration
    parts = memory_parts.parts(asked.shape, device, *held.args[2:], asked.load, known, held.batch, held.memory)
    result: dict[str, Scalar] = {
        "verdict": verdict(chance), "fits_probability": chance, **cells(figures), "gpus": held.gpus,
        **cells(degrees(held.layout)), "dtype": held.dtype, "missing_bytes": finite(every["missing_bytes"]),
        **model.sizes(), "weight_bytes": held_once(asked.shape, held.precision),
        "weight_bytes_per_gpu": float(held.memory.weights_bytes),
    }  # fmt: skip
    return Estimate(
        command="fit",
        headline=_headline(held, model, chance, figures, found, question.stated("gpus") or held.gpus),
        result=result,
        inputs=question.inputs,
        warnings=[w for w in question.warnings if w.code != "W083"],
        arrays={"memory": memory_rows(device, parts), "remedies": [r.row() for r in found]},
        presets=presets_date(question.catalog),
        exit_code=int(Exit.NO if verdict(chance) == NOT else Exit.OK),
    )


class Figures(TypedDict):
    """What a fit answers of memory, requests and speed."""

    peak_bytes: float
    usable_bytes: float
    driver_bytes: float
    kv_tokens: int
    concurrency: int
    longest_context_tokens: int
    output_tokens_per_second_per_user: float | None
    output_tokens_per_second: float | None
    kv_bytes_per_token: float


class Many(TypedDict):
    """The same of several loads as arrays: nan where it does not fit, or where nothing is missing."""

    fits_probability: Num
    peak_bytes: Num
    usable_bytes: Num
    kv_tokens: Num
    concurrency: Num
    longest_context_tokens: Num
    output_tokens_per_second_per_user: Num
    output_tokens_per_second: Num
    kv_bytes_per_token: Num
    missing_bytes: Num


def many(held: Held, most: Num) -> Many:
    """Memory, tokens of cache, requests and speeds; `most` is the longest request."""
    asked, at = held.asked, held.memory
    known, load, device = asked.calibration, asked.load, asked.device
    chance, need = held.chance, held.needed_bytes
    share = 1.0 if float(known.share_of_free) else share_taken(asked.shape, device.machine, held.layout, known)
    short = need + at.below(known.fit_margin) - at.usable_bytes
    found: Many = {
        "fits_probability": chance, "peak_bytes": at.weights_bytes + at.activation_bytes + need,
        "usable_bytes": device.machine.shown_bytes * share, "kv_tokens": _pool_tokens(held), "concurrency": 0.0,
        "longest_context_tokens": most, "output_tokens_per_second_per_user": np.nan,
        "output_tokens_per_second": np.nan, "kv_bytes_per_token": _per_token(held),
        "missing_bytes": np.where(np.less(chance, SURE), np.maximum(short, 0.0), np.nan),
    }  # fmt: skip
    some = np.greater_equal(chance, NEVER)
    if not np.any(some):
        return found
    known = known._replace(fit_margin=-math.inf)
    room = max_batch(*held.args, load, known)
    alone = operating_point(*held.args, load._replace(batch=1.0), known)
    full = operating_point(*held.args, load._replace(batch=np.maximum(room, 1.0)), known)
    quick = some & np.isfinite(alone.tpot_seconds)
    found["concurrency"] = np.where(some, np.trunc(room), 0.0)
    found["output_tokens_per_second_per_user"] = np.where(quick, 1.0 / np.asarray(alone.tpot_seconds), np.nan)
    found["output_tokens_per_second"] = np.where(quick, full.output_tokens_per_second, np.nan)
    return found


def of_loads(held: Held, isl: Array, osl: Array) -> dict[str, Any]:
    """The figures of every load, each in the layout that it is held in, as arrays."""
    known: dict[tuple[float, ...], int] = {}
    step = max(AT_ONCE // (np.size(held.asked.candidates.tp) * len(held.asked.precisions)), 1)
    parts = []
    for start in range(0, len(isl), step):
        load = Load(isl[start : start + step], osl[start : start + step])
        some = best(held.asked._replace(load=load), held.given, held.batch)
        kinds = [*zip(*(np.asarray(axis).tolist() for axis in (*some.layout, *some.precision)), strict=True)]
        for i, kind in enumerate(kinds):
            if kind not in known:
                known[kind] = longest(some.at(i))
        found: dict[str, Any] = {**many(some, np.array([known[kind] for kind in kinds], dtype=float))}
        found |= {name: getattr(some.layout, name) for name in ("tp", "pp", "dp", "ep")}
        found["gpus"] = some.layout.tp * some.layout.pp * some.layout.dp
        found["dtype"] = np.array(held.asked.dtypes)[some.format]
        parts.append({name: np.broadcast_to(np.asarray(v), len(kinds)) for name, v in found.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _told(held: Held, found: Many) -> Figures:
    """The figures of one load, for its answer."""
    return {
        "peak_bytes": float(found["peak_bytes"]), "usable_bytes": float(found["usable_bytes"]),
        "driver_bytes": driver_bytes(held.asked.device), "kv_tokens": int(found["kv_tokens"]),
        "concurrency": int(found["concurrency"]), "longest_context_tokens": int(found["longest_context_tokens"]),
        "output_tokens_per_second_per_user": finite(found["output_tokens_per_second_per_user"]),
        "output_tokens_per_second": finite(found["output_tokens_per_second"]),
        "kv_bytes_per_token": float(found["kv_bytes_per_token"]),
    }  # fmt: skip


def _per_token(held: Held) -> Num:
    """Cache of one more token on all accelerators together [bytes]."""
    known, shape = held.asked.calibration, held.asked.shape
    long, short = (cache_bytes(shape, Layout(), held.precision, n, known) for n in (65536.0, 32768.0))
    return (long - short) / 32768.0


def _pool_tokens(held: Held) -> Num:
    """Tokens of cache beside weights and workspace, of one data-parallel rank [tokens]."""
    length = held.asked.load.isl + held.asked.load.osl
    one = cache_bytes(held.asked.shape, held.layout, held.precision, length, held.asked.calibration)
    tokens: Num = np.maximum(np.trunc(held.memory.usable_bytes * length / one), 0.0)
    return tokens


def _headline(held: Held, model: Subject, chance: float, r: Figures, found: list[Remedy], given: int) -> str:
    device = held.asked.device
    few = f"{held.gpus:,} of the {given:,} {device.found.name}"
    where = f"{model.name} in {held.dtype} on {few if given > held.gpus else machine(held.gpus, device)}"
    taken = used(r["peak_bytes"], r["usable_bytes"], r["driver_bytes"], held.gpus)
    first = f"{where[:1].upper()}{where[1:]} {said(chance)}: {taken}"
    cure = f"; {found[0].note} with {found[0].change}" if found else ""
    if verdict(chance) == NOT:
        return f"{first}{cure}."
    asked, most = float(held.asked.load.isl + held.asked.load.osl), r["longest_context_tokens"]
    length, sure = tokens(asked), " with the confidence asked for" if most < asked else ""
    if most and not held.reached(held.chance_of(Load(float(most), 0.0))):
        sure = " at even odds"
    users = f"{r['concurrency']:,} requests of {length} tokens at once"
    told = ["", f"one request of {length} tokens at a time"][r["concurrency"]] if r["concurrency"] < 2 else users
    alone, full = r["output_tokens_per_second_per_user"], r["output_tokens_per_second"]
    speed = f"{alone:,.0f} tokens/s for one user" if alone else ""
    if alone and full is not None and full > alone:  # else prompts take all the time
        speed += f" and {full:,.0f} for all"
    parts = ", ".join(filter(None, (told, f"{tokens(most)} tokens at most for one{sure}" if most else "", speed)))
    layout = f" ({ranks(held.layout)})" if held.gpus > 1 else ""
    return f"{first}{'; ' if parts else ''}{parts}{layout}{cure}."
