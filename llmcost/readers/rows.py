"""What readers give: rows in base units (s, tokens, bytes, USD or the bill's own currency); None is not stated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmcost.readers.content import Content
from llmcost.records import NamedTuple

SERVING, TRAINING, TRACE, BILL = "serving", "training", "trace", "bill"


class ServingRow(NamedTuple):
    """One run of a serving benchmark, or one cell of its table."""

    name: str = ""
    model: str | None = None
    hardware: str | None = None
    gpus: float | None = None
    tp: float | None = None
    pp: float | None = None
    dp: float | None = None
    ep: float | None = None
    framework: str | None = None
    dtype: str | None = None  # format of the weights
    params_total: float | None = None
    load: str | None = None  # closed-loop, offline, server, static-batch, interactive, prefill-only, decode-only
    concurrency: float | None = None  # requests in flight, or users that each wait for an answer [-]
    request_rate: float | None = None  # asked for [1/s]
    isl: float | None = None  # mean [tokens]
    osl: float | None = None  # mean [tokens]
    cached_share: float | None = None  # of prompt tokens found in the prefix cache [-]
    requests: float | None = None  # completed [-]
    duration_seconds: float | None = None
    ttft_seconds: float | None = None  # mean; the median where the file has no mean
    tpot_seconds: float | None = None  # mean, the first token left out
    itl_seconds: float | None = None
    latency_seconds: float | None = None  # mean, from request to last token
    output_tokens_per_second: float | None = None  # of the whole system
    total_tokens_per_second: float | None = None
    requests_per_second: float | None = None
    in_flight: float | None = None  # mean, measured or by Little's law [-]
    prefill_tokens_per_second: float | None = None  # of a test of prompts alone, or of that phase
    decode_tokens_per_second: float | None = None  # while answers are written: the time of the prompts left out
    input_tokens: float | None = None  # counted in all
    output_tokens: float | None = None
    notes: tuple[str, ...] = ()


class TrainingRow(NamedTuple):
    """One training run as its log tells it."""

    name: str = ""
    model: str | None = None
    hardware: str | None = None
    gpus: float | None = None
    tp: float | None = None
    pp: float | None = None
    cp: float | None = None
    ep: float | None = None
    framework: str | None = None
    dtype: str | None = None
    method: str | None = None
    params_total: float | None = None
    seq_len: float | None = None  # [tokens]
    global_batch: float | None = None  # sequences of a step, over all accelerators [-]
    global_batch_tokens: float | None = None
    micro_batch: float | None = None  # sequences of an accelerator at a time [-]
    accumulation: float | None = None  # micro-batches of a step on each accelerator [-]
    steps: float | None = None  # steps that the log tells of, or that the run had [-]
    step_seconds: float | None = None  # steady: the median after warm-up
    step_basis: str | None = None  # what step_seconds was taken from
    run_seconds: float | None = None  # the whole run: start-up, evaluation and saving are inside
    run_step_seconds: float | None = None  # run_seconds / steps
    tokens: float | None = None  # trained on in the run
    tokens_per_second: float | None = None  # whole job
    tokens_per_second_per_gpu: float | None = None
    samples_per_second: float | None = None  # whole job
    run_samples_per_second: float | None = None  # whole job, over the whole run
    peak_allocated_bytes: float | None = None  # of the fullest accelerator
    peak_reserved_bytes: float | None = None
    accelerator_bytes: float | None = None  # size of its memory
    flops_per_second_per_gpu: float | None = None  # as the log counts them
    notes: tuple[str, ...] = ()


class BillRow(NamedTuple):
    """One line of a bill or of a usage export."""

    day: str | None = None  # ISO date on which the charge begins, UTC; None where the file has none
    until: str | None = None  # ISO date of the day after its last one; None where it is of one day, or not dated
    amount: float | None = None  # after credits, in `currency`; None in a usage export
    currency: str | None = None
    gross: float | None = None  # before credits
    service: str | None = None
    item: str | None = None  # SKU, meter or usage type
    model: str | None = None
    project: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    requests: float | None = None
    input_tokens: float | None = None  # every prompt token, cached ones included
    cached_tokens: float | None = None  # read from a prompt cache
    output_tokens: float | None = None
    llm: bool = False  # whether the line is of a language model


class Reading(NamedTuple):
    """What a file holds."""

    kind: str
    format: str
    rows: list[Any]  # of the kind: ServingRow, TrainingRow, BillRow; a trace has one `traces.Trace`
    notes: tuple[str, ...] = ()


class Reader(NamedTuple):
    """One format: its name, the kind of its rows, whether a file is of it, and what the file says.

    `recognises` never raises on a strange file; `read` raises `LlmcostError` on one that is broken or cut off.
    `rank` orders the asking: plain tables, which many files look like, come last.
    """

    name: str
    kind: str
    recognises: Callable[[Content], bool]
    read: Callable[[Content], Reading]
    rank: int = 0
