"""Whether a model can be served: one request and many, the longest, the speed, and what would make it fit."""

from __future__ import annotations

import math

import numpy as np

from llmcost.catalog import presets_date
from llmcost.engine.serving.cache import cache_bytes
from llmcost.engine.serving.memory import share_taken
from llmcost.engine.serving.operating_point import Layout, max_batch, operating_point
from llmcost.errors import Exit
from llmcost.estimate.asking.memory_parts import driver_bytes, memory_rows
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.subject import Chip, Subject
from llmcost.estimate.fit import remedies as cures
from llmcost.estimate.fit.held import Held, longest, read_held
from llmcost.estimate.fit.verdict import NOT, Remedy, gib, machine, said, tokens, verdict
from llmcost.estimate.serving.replicas import memory_parts
from llmcost.estimate.serving.replicas.formats import held_once
from llmcost.estimate.serving.replicas.replica import degrees, ranks
from llmcost.records import TypedDict
from llmcost.result import Estimate, Scalar, cells


def answer(question: Question, model: Subject, device: Chip) -> Estimate:
    """The answer for machines that were named."""
    held = read_held(question, model, device)
    asked = held.asked
    chance = held.chance(asked.load, held.batch)
    figures = _figures(held, chance)
    found = cures.serving(question, held) if verdict(chance) != "fits" else []
    known = asked.calibration
    parts = memory_parts.parts(asked.shape, device, *held.args[2:], asked.load, known, held.batch, held.memory)
    result: dict[str, Scalar] = {
        "verdict": verdict(chance), "fits_probability": chance, **cells(figures), "gpus": held.gpus,
        **cells(degrees(held.layout)), "dtype": held.dtype, "missing_bytes": _missing(held, chance),
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


def _figures(held: Held, chance: float) -> Figures:
    """Memory, tokens of cache, requests, the longest, and speeds."""
    asked, at = held.asked, held.memory
    known, load = asked.calibration, asked.load
    peak = float(
        at.weights_bytes + at.activation_bytes + math.ceil(held.batch / held.layout.dp) * at.kv_bytes_per_request
    )
    share = share_taken(asked.shape, asked.device.machine, held.layout, known)
    usable = float(asked.device.machine.shown_bytes * (1.0 if float(known.share_of_free) else share))
    figures: Figures = {
        "peak_bytes": peak, "usable_bytes": usable, "driver_bytes": driver_bytes(asked.device),
        "kv_tokens": pool_tokens(held), "concurrency": 0, "longest_context_tokens": longest(held),
        "output_tokens_per_second_per_user": None, "output_tokens_per_second": None,
        "kv_bytes_per_token": float(_per_token(held)),
    }  # fmt: skip
    if verdict(chance) == NOT:
        return figures
    room = float(max_batch(*held.args, load, known._replace(fit_margin=-math.inf)))
    figures["concurrency"] = int(room)
    alone = operating_point(*held.args, load._replace(batch=1.0), known._replace(fit_margin=-math.inf))
    full = operating_point(*held.args, load._replace(batch=max(room, 1.0)), known._replace(fit_margin=-math.inf))
    if np.isfinite(alone.tpot_seconds):
        figures["output_tokens_per_second_per_user"] = 1.0 / float(alone.tpot_seconds)
        figures["output_tokens_per_second"] = float(full.output_tokens_per_second)
    return figures


def _per_token(held: Held) -> float:
    """Cache of one more token on all accelerators together [bytes]."""
    known, shape = held.asked.calibration, held.asked.shape
    long, short = (cache_bytes(shape, Layout(), held.precision, n, known) for n in (65536.0, 32768.0))
    return float(long - short) / 32768.0


def pool_tokens(held: Held) -> int:
    """Tokens of cache beside weights and workspace, of one data-parallel rank [tokens]."""
    length = held.asked.load.isl + held.asked.load.osl
    one = cache_bytes(held.asked.shape, held.layout, held.precision, length, held.asked.calibration)
    return max(int(float(held.memory.usable_bytes) * length / float(one)), 0)


def _missing(held: Held, chance: float) -> float | None:
    """Bytes that each accelerator lacks for it to fit with the confidence asked for; null where it fits."""
    if verdict(chance) == "fits":
        return None
    at, known = held.memory, held.asked.calibration
    need = math.ceil(held.batch / held.layout.dp) * at.kv_bytes_per_request + float(at.below(known.fit_margin))
    return max(float(need - at.usable_bytes), 0.0)


def _headline(held: Held, model: Subject, chance: float, r: Figures, found: list[Remedy], given: int) -> str:
    device = held.asked.device
    few = f"{held.gpus:,} of the {given:,} {device.found.name}"
    where = f"{model.name} in {held.dtype} on {few if given > held.gpus else machine(held.gpus, device)}"
    used = f"{gib(r['peak_bytes'])} of {gib(r['driver_bytes'])} GiB on each" if held.gpus > 1 else (
        f"{gib(r['peak_bytes'])} of {gib(r['driver_bytes'])} GiB"
    )  # fmt: skip
    first = f"{where[:1].upper()}{where[1:]} {said(chance)}: {used}"
    if verdict(chance) == NOT:
        cure = f"; {found[0].note} with {found[0].change}" if found else ""
        return f"{first}{cure}."
    length = tokens(float(held.asked.load.isl + held.asked.load.osl))
    users = f"{r['concurrency']:,} requests of {length} tokens at once" if r["concurrency"] != 1 else (
        f"one request of {length} tokens at a time"
    )  # fmt: skip
    text = f"{first}; {users}, {tokens(r['longest_context_tokens'])} tokens at most for one"
    alone, full = r["output_tokens_per_second_per_user"], r["output_tokens_per_second"]
    if alone:
        text += f", {alone:,.0f} tokens/s for one user"
        if full is not None and full > alone:  # else prompts take all the time
            text += f" and {full:,.0f} for all"
    return text + (f" ({ranks(held.layout)})." if held.gpus > 1 else ".")
