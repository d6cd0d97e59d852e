"""What follows from the figures of a row: TPOT, requests in flight, step time; wrong ones are put right."""

from __future__ import annotations

from typing import TypeVar

from llmcost.readers.rows import ServingRow, TrainingRow

Row = TypeVar("Row", ServingRow, TrainingRow)
FAR = 0.3  # a printed figure further than this from the one that follows from the others is not taken
IDLE = 1.5  # users over requests in flight from which a run was mostly ramp and drain, or its client too slow
MILLI = 1e-3
WHOLE_RUN = "the whole run / steps: start-up, evaluation and saving are inside"


def serving(row: ServingRow) -> ServingRow:
    """A serving row with what its figures imply, and a note on each figure that was worked out.

    TPOT = (latency - TTFT) / (OSL - 1): tools that count chunks of a stream print less, those that divide the latency
    by the answer print more. Requests in flight = requests/s x latency (Little 1961, doi:10.1287/opre.9.3.383).

    Parameters
    ----------
    row : ServingRow
        Figures as the file has them [s, tokens, 1/s].

    Examples
    --------
    31.16 requests/s of 0.5467 s with a first token after 0.0298 s and 62.36 tokens each:

    >>> r = serving(ServingRow(osl=62.36, ttft_seconds=0.0298, tpot_seconds=0.0040, latency_seconds=0.5467,
    ...                        requests_per_second=31.16, request_rate=31.4))
    >>> round(r.tpot_seconds, 5), round(r.concurrency, 1), r.load
    (0.00842, 17.0, 'server')
    """
    return _loaded(_in_flight(_tpot(_rates(row))))


def _rates(row: ServingRow) -> ServingRow:
    """Requests, tokens and rates from one another."""
    rps = row.requests_per_second
    if rps is None and row.requests and row.duration_seconds:
        rps = row.requests / row.duration_seconds
    osl, isl, output = row.osl, row.isl, row.output_tokens_per_second
    if output is None and rps is None and row.load == "static-batch" and row.latency_seconds and row.concurrency:
        rps = row.concurrency / row.latency_seconds  # one batch after the other
    if output is None and rps and osl:
        output = rps * osl
    if osl is None and rps and output:
        osl = output / rps
        row = _noted(row, f"answers of {osl:.6g} tokens: output tokens/s over requests/s")
    known, other = (isl, "answers") if osl is None else (osl, "prompts")
    if (isl is None or osl is None) and known and rps and row.total_tokens_per_second:
        left = row.total_tokens_per_second / rps - known
        if left > 0.0:
            isl, osl = (left, osl) if isl is None else (isl, left)
            row = _noted(row, f"{other} of {left:.6g} tokens: the other tokens/s over requests/s")
    if output is None and rps and osl:
        output = rps * osl
    return row._replace(requests_per_second=rps, osl=osl, isl=isl, output_tokens_per_second=output)


def _tpot(row: ServingRow) -> ServingRow:
    latency, ttft, osl, printed = row.latency_seconds, row.ttft_seconds, row.osl, row.tpot_seconds
    if latency is None or ttft is None or osl is None or osl <= 1 or latency <= ttft:
        return _from_itl(row)
    true = (latency - ttft) / (osl - 1.0)
    if printed is None:
        return _noted(row, "TPOT = (latency - TTFT) / (tokens - 1)")._replace(tpot_seconds=true)
    if abs(printed / true - 1.0) <= FAR:
        return row
    note = (
        f"TPOT is printed as {printed / MILLI:.4g} ms; (latency - TTFT) / (tokens - 1) is {true / MILLI:.4g} ms, taken"
    )
    return _noted(row, note)._replace(tpot_seconds=true)


def _from_itl(row: ServingRow) -> ServingRow:
    if row.tpot_seconds is not None or row.itl_seconds is None:
        return row
    return _noted(row, "TPOT is the time between tokens: the file has no other")._replace(tpot_seconds=row.itl_seconds)


def _in_flight(row: ServingRow) -> ServingRow:
    """Little's law where the file does not say how many requests were in flight."""
    latency = row.latency_seconds
    if latency is None and row.ttft_seconds and row.tpot_seconds and row.osl:
        latency = row.ttft_seconds + row.tpot_seconds * (row.osl - 1.0)
    if row.in_flight is not None or not latency or not row.requests_per_second:
        return row
    return row._replace(in_flight=row.requests_per_second * latency)


def _loaded(row: ServingRow) -> ServingRow:
    """The kind of load, and the concurrency that a prediction is to take."""
    at_rate = row.request_rate is not None
    load = row.load or ("server" if at_rate else "closed-loop" if row.concurrency else None)
    mean, stated = row.in_flight, row.concurrency
    kept = stated is not None and not at_rate and (load == "offline" or stated <= IDLE * (mean or 0.0))
    if mean is None or kept:
        return row._replace(load=load)
    if stated is not None and abs(stated / mean - 1.0) > FAR:
        row = _noted(row, f"{stated:.4g} in flight is a limit or a peak; requests/s x latency = {mean:.4g}, taken")
    elif stated is None:
        row = _noted(row, f"{mean:.4g} requests in flight: requests/s x latency (Little's law)")
    return row._replace(concurrency=mean, load=load)


def training(row: TrainingRow) -> TrainingRow:
    """A training row with what its figures imply: batch, rates and step time from one another.

    Parameters
    ----------
    row : TrainingRow
        Figures as the log has them [s, tokens, 1/s].

    Examples
    --------
    MLPerf MI300X LoRA: 2.02298 samples/s at a global batch of 8 is a step of 3.954 s.

    >>> r = training(TrainingRow(global_batch=8.0, samples_per_second=2.02298))
    >>> round(r.step_seconds, 3), r.step_basis
    (3.955, 'global batch / samples per second')
    """
    return _scopes(_step(_batch(row)))


def _batch(row: TrainingRow) -> TrainingRow:
    tokens, batch = row.global_batch_tokens, row.global_batch
    if batch is None and tokens and row.seq_len:
        batch = tokens / row.seq_len
    if batch is None and row.micro_batch and row.accumulation and row.gpus:
        shared = (row.tp or 1.0) * (row.pp or 1.0) * (row.cp or 1.0)
        batch = row.micro_batch * row.accumulation * row.gpus / shared
        row = _noted(row, f"global batch {batch:g}: micro-batch x accumulation x data-parallel ranks")
    if tokens is None and batch and row.seq_len:
        tokens = batch * row.seq_len
    whole = row.run_step_seconds
    if whole is None and row.run_seconds and row.steps:
        whole = row.run_seconds / row.steps
    per_second = row.tokens_per_second
    if per_second is None and row.tokens_per_second_per_gpu and row.gpus:
        per_second = row.tokens_per_second_per_gpu * row.gpus
    return row._replace(
        global_batch_tokens=tokens, global_batch=batch, run_step_seconds=whole, tokens_per_second=per_second
    )


def _step(row: TrainingRow) -> TrainingRow:
    """Seconds of a step, from a rate or from the whole run where the log does not time steps."""
    if row.step_seconds is not None:
        return row
    ways = (
        (row.global_batch, row.samples_per_second, "global batch / samples per second"),
        (row.global_batch_tokens, row.tokens_per_second, "tokens of a step / tokens per second"),
        (row.run_step_seconds, 1.0, WHOLE_RUN),
    )
    for amount, rate, basis in ways:
        if amount and rate:
            return row._replace(step_seconds=amount / rate, step_basis=basis)
    return row


def _scopes(row: TrainingRow) -> TrainingRow:
    """Rates of the job and of one accelerator, and their number where both are known."""
    total, own, gpus = row.tokens_per_second, row.tokens_per_second_per_gpu, row.gpus
    step = row.step_seconds if row.step_basis != WHOLE_RUN else None  # rates are of steady training
    if total is None and step and row.global_batch_tokens:
        total = row.global_batch_tokens / step
    if gpus is None and total and own:
        gpus = float(round(total / own)) or None
        row = _noted(row, f"{gpus:.0f} accelerators: tokens/s of the job over tokens/s of one") if gpus else row
    if own is None and total and gpus:
        own = total / gpus
    samples = row.samples_per_second or (row.global_batch / step if row.global_batch and step else None)
    return row._replace(tokens_per_second=total, tokens_per_second_per_gpu=own, gpus=gpus, samples_per_second=samples)


def _noted(row: Row, note: str) -> Row:
    return row._replace(notes=(*row.notes, note))
