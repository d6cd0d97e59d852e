"""Steady state of a serving replica: TPOT, TTFT and tokens per second of continuous or static batching."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np

from llmcost.engine.machine import roofline
from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape, blocks_of
from llmcost.engine.numeric.kinds import Array, Num
from llmcost.engine.serving.arrivals import BURST, OPEN, Front, Met, Served, burst, open_loop
from llmcost.engine.serving.inputs import Calibration, Layout, Load, Precision, calibration_from_factors
from llmcost.engine.serving.iteration import Rates, Work, iteration, rates
from llmcost.engine.serving.memory import Memory, max_batch, memory, most_held

__all__ = [
    "BINDS",
    "Calibration",
    "Layout",
    "Load",
    "Point",
    "Precision",
    "calibration_from_factors",
    "max_batch",
    "operating_point",
    "static_point",
    "times",
]


BINDS = ("HBM bandwidth", "compute", "link", "fixed cost", "HBM capacity")  # what Point.binds counts


class Point(NamedTuple):
    """A replica in operation; each field a float or an array. The `*_row` fields add up to `tpot_seconds`."""

    tpot_seconds: Num  # mean time between tokens of one request
    ttft_seconds: Num  # first token without open-loop queueing; closed loop: with the prompts in front
    prefill_seconds: Num  # machine time one prompt adds
    output_tokens_per_second: Num  # of the replica
    batch: Num  # requests in flight after the memory bound
    max_batch: Num  # requests that fit
    weights_bytes: Num
    activation_bytes: Num
    kv_bytes_per_request: Num
    missing_bytes: Num  # > 0: not even one request fits; the times then ignore memory
    prefill_share: Num  # share of machine time that prefill takes
    binds: Num  # index into BINDS
    linear_row: Num
    experts_row: Num
    attention_row: Num
    head_row: Num
    communication_row: Num
    fixed_row: Num
    prefill_row: Num  # what other requests' prompts add
    draft_row: Num = 0.0  # of a draft model, see `techniques.speculative_point`
    drafted: Num = 0.0  # tokens it proposes a step
    tokens_per_step: Num = 1.0
    front_seconds: Num = 0.0  # of a first token, besides iterations
    first_steps: Num = 0.5  # iterations a first token waits besides those of its prompt

    def rows(self) -> dict[str, Num]:
        """The additive parts of `tpot_seconds` [s], by name."""
        return {name[:-4]: getattr(self, name) for name in self._fields if name.endswith("_row")}


class _State(NamedTuple):
    """A point prepared: derived quantities shared by the modes."""

    shape: Shape
    layout: Layout
    precision: Precision
    calibration: Calibration
    rate: Rates
    new_tokens: Num
    prompt_context: Num
    context: Num

    def work(self, decoding: Num, prompt_tokens: Num, without: Work | None = None) -> Work:
        return iteration(
            self.shape, self.layout, self.precision, self.rate, decoding, self.context, prompt_tokens,
            self.prompt_context, self.calibration, without,
        )  # fmt: skip


class Steady(NamedTuple):
    """The steady state of continuous batching: what its iterations are, and the times that follow."""

    plain: Work  # an iteration that decodes
    mixed: Work  # the same with prompts
    share: Num  # of iterations that carry prompts [-]
    extra: Num  # what prompts add to one [s]
    between: Num  # of it, between two tokens of a request [s]
    prefill: Num  # machine time that a prompt adds [s]
    front: Num  # of a first token, besides iterations [s]
    steps: Num  # iterations that it waits besides those of its prompt [-]
    tpot_seconds: Num
    ttft_seconds: Num
    output_tokens_per_second: Num
    never_idle: Num  # requests from which on the replica never is; more than there are where it is at times


class Times(NamedTuple):
    """What a load is served with on a replica."""

    ttft_seconds: Array
    tpot_seconds: Array
    output_tokens_per_second: Array
    never_idle: Array  # as in `Steady`
    prefill_seconds: Array
    prefill_row: Array


Found = TypeVar("Found", Point, Times)


def _prepare(
    shape: Shape, machine: Machine, layout: Layout, precision: Precision, load: Load, calibration: Calibration
) -> _State:
    new = np.maximum(np.subtract(load.isl, load.cached_isl), 1.0)
    return _State(
        shape,
        layout,
        precision,
        calibration,
        rates(machine, precision, calibration),
        new_tokens=new,
        prompt_context=load.cached_isl + new / 2.0,
        context=load.isl + calibration.context_share * np.asarray(load.osl),
    )


def binding_part(work: Work, extra_compute: Num = 0.0) -> Num:
    """What an iteration spends most time on, as an index into `BINDS` [-].

    Parameters
    ----------
    work : Work
        An iteration.
    extra_compute : float or array
        Arithmetic that is not in it [s].
    """
    passed = work.linear + work.experts + work.attention + work.prefill_attention + work.head - work.compute
    parts = (np.maximum(passed, 0.0), work.compute + extra_compute, work.communication, work.fixed)
    longest, index = np.asarray(parts[0]), np.asarray(0)
    for i, part in enumerate(parts[1:], 1):  # an argmax over a stack takes several times as long
        index = np.where(part > longest, i, index)
        longest = np.maximum(longest, part)
    return index


def _point(plain: Work, held: Memory, **figures: Num) -> Point:
    return Point(
        weights_bytes=held.weights_bytes,
        activation_bytes=held.activation_bytes,
        kv_bytes_per_request=held.kv_bytes_per_request,
        missing_bytes=held.missing_bytes,
        linear_row=plain.linear,
        experts_row=plain.experts,
        attention_row=plain.attention,
        head_row=plain.head,
        communication_row=plain.communication,
        fixed_row=plain.fixed,
        **figures,
    )


def _pass_seconds(shape: Shape, work: Num, calibration: Calibration) -> Num:
    """What prompts add to an iteration that computes for `work`: prompts run outside CUDA graphs, launch by launch [s].

    Launches run ahead of the arithmetic, so the longer of both counts, rounded where they are alike.
    """
    moe = calibration.prompt_moe_seconds * shape.moe_layers * shape.topk / 8.0
    blocks = calibration.prompt_layer_seconds * blocks_of(shape)
    launches = blocks + calibration.prompt_mixer_seconds * shape.state_layers + moe
    return roofline.rounded(work, launches)


def _first_steps(shape: Shape, layout: Layout, calibration: Calibration) -> Num:
    """Iterations a request waits besides its own prefill [-]: the running one, and what the engine waits for."""
    gathering = calibration.gather_steps * (np.asarray(shape.n_experts) == 0)
    steps: Num = calibration.first_steps + gathering + calibration.balance_steps * layout.attention_dp
    return steps


def _share(share: Num, layout: Layout, calibration: Calibration) -> Num:
    """Iterations that carry prompts [-]: groups that share experts, and micro-batches of stages, wait for any's."""
    groups = np.where(np.asarray(layout.attention_dp) > 0, layout.dp, 1.0)
    alike = groups**calibration.uneven * layout.pp
    return share if np.all(alike == 1.0) else 1.0 - (1.0 - share) ** alike


def operating_point(
    shape: Shape, machine: Machine, layout: Layout, precision: Precision, load: Load, calibration: Calibration
) -> Point:
    r"""Continuous batching in steady state with `load.batch` requests in flight.

    Every iteration decodes one token of each running request; a share f of the iterations also carries q prompt
    tokens of newly admitted requests, q at least one prompt or chunk:

    .. math:: TPOT = t(b, 0) + (1 - \varphi) f (t(b, q) - t(b, 0)), \quad f q = (b - 1) n / OSL

    with n the prompt tokens not in the cache. The share phi of other requests' prefill is met before the first token,
    and is part of TTFT. Throughput follows from Little's law, B OSL / (TTFT + (OSL - 1) TPOT).
    Requests that memory does not hold wait, and their wait is part of TTFT. What is in the cache is read from it where
    that is faster than to compute it again.

    Parameters
    ----------
    shape, machine, layout, precision, load, calibration
        The point; any field may be an array, all broadcast.

    Source: docs/method.md, "serving"; Little 1961, doi:10.1287/opre.9.3.383; Agrawal et al. 2024, arXiv 2403.02310.
    """
    return _sooner(load, lambda load: _continuous(shape, machine, layout, precision, load, calibration))


def _sooner(load: Load, of: Callable[[Load], Found]) -> Found:
    """What is found where the cache is read, or part of a prompt computed again if that is faster."""
    found, partly = of(load), np.greater(load.cached_isl, 0.0) & np.less(load.cached_isl, load.isl)
    if not np.any(partly):
        return found
    again = of(load._replace(cached_isl=0.0))
    faster = partly & (again.output_tokens_per_second > found.output_tokens_per_second)
    kept = (np.where(faster, a, b) for a, b in zip(again, found, strict=True))
    return type(found)(*kept) if np.any(faster) else found


def _arriving(state: _State, served: Served, load: Load, group: Num, sent: Num, slots: Num) -> tuple[Met, Met]:
    """The same group under random arrivals, and with `sent` requests at once; tokens per second of the replica."""
    known, osl = state.calibration, np.maximum(load.osl, 1.0)
    random = open_loop(served, group, osl, known.open_steps)
    fill = np.where(group > 1.0, np.maximum(known.burst_fill * group, 1.0), 1.0)
    whole = state.work(fill, np.minimum(known.chunk_tokens, sent * state.new_tokens)).total
    together = np.maximum(known.chunk_tokens / state.new_tokens, 1.0)
    turn, token = known.turn_seconds * slots, known.token_seconds * slots
    front = Front(turn, token, whole, known.burst_between, state.work(1.0, 0.0).total, together, known.burst_tail)
    at_once = burst(served._replace(step_seconds=state.work(fill, 0.0).total), front, group, sent, osl, load.spread)
    # of random arrivals fewer than one may be in flight; a burst sends one at least
    busy = np.minimum(slots, load.batch)
    random = random._replace(tokens_per_second=random.tokens_per_second * busy)
    return random, at_once._replace(tokens_per_second=at_once.tokens_per_second * np.maximum(busy, 1.0))


def _continuous(
    shape: Shape, machine: Machine, layout: Layout, precision: Precision, load: Load, calibration: Calibration
) -> Point:
    """The point with every cached token read from the cache."""
    held = memory(shape, machine, layout, precision, load._replace(batch=1.0), calibration)
    limit = most_held(held, layout, calibration)
    asked = np.asarray(load.batch, dtype=float)
    run = np.minimum(asked, np.maximum(limit, 1.0))
    found = _steady(shape, machine, layout, precision, load, calibration, run)
    plain, share = found.plain, found.share
    return _point(
        plain,
        held,
        tpot_seconds=found.tpot_seconds,
        ttft_seconds=found.ttft_seconds,
        prefill_seconds=found.prefill,
        output_tokens_per_second=found.output_tokens_per_second,
        batch=run,
        max_batch=limit,
        prefill_share=share * found.extra / (plain.total + share * found.extra),
        binds=np.where(asked > run, 4, binding_part(plain, share * (found.mixed.compute - plain.compute))),
        prefill_row=found.between,
        front_seconds=found.front,
        first_steps=found.steps,
    )


def times(
    shape: Shape, machine: Machine, layout: Layout, precision: Precision, load: Load, calibration: Calibration
) -> Times:
    """TTFT [s], TPOT [s] and output tokens per second [1/s] of `operating_point`, where memory holds the batch.

    Parameters
    ----------
    shape, machine, layout, precision, load, calibration
        As in `operating_point`; `load.batch` is known to fit.

    Source: as `operating_point`.
    """

    def figures(load: Load) -> Times:
        at = _steady(shape, machine, layout, precision, load, calibration, load.batch)
        found = at.ttft_seconds, at.tpot_seconds, at.output_tokens_per_second, at.never_idle, at.prefill, at.between
        return Times(*map(np.asarray, found))

    return _sooner(load, figures)


def _steady(
    shape: Shape, machine: Machine, layout: Layout, precision: Precision, load: Load, calibration: Calibration,
    run: Num,
) -> Steady:  # fmt: skip
    """The steady state with `run` requests in flight.

    Every value has the least shape that it depends on: layouts, loads and batches along axes of their own are cheap.
    """
    state = _prepare(shape, machine, layout, precision, load, calibration)
    slots = np.multiply(layout.dp, layout.pp)
    group = np.maximum(run / slots, 1.0)
    osl = np.maximum(load.osl, 1.0)
    new, chunk = state.new_tokens, calibration.chunk_tokens
    steps = _first_steps(shape, layout, calibration)
    alive = osl + steps  # iterations of a request: those it waits, that of its prompt, and the others' of its answer
    decoding, most = group, chunk * alive / new + 1.0  # more would offer more prompt than an iteration carries
    if np.max(group, initial=0.0) > np.min(most, initial=np.inf):
        decoding = np.minimum(group, most)
    offered = (decoding - 1.0) * (new / alive)
    carried = np.clip(offered, np.minimum(new, chunk), chunk)
    share = _share(np.minimum(offered / carried, 1.0), layout, calibration)
    plain = state.work(decoding, 0.0)
    mixed = state.work(decoding, carried, plain)
    alone = plain.total
    work = mixed.total - alone  # of prompts, without the launches of their pass: those that wait share one
    computed = np.less(load.cached_isl, load.isl)  # else prompts come from another pool, with their cache
    extra = np.where(computed, _pass_seconds(shape, work, calibration), work)
    between = share * (extra - calibration.burst_share * work)
    tpot = alone + between
    pieces = new / carried
    passes = np.maximum(pieces, 1.0)
    prefill = extra * pieces
    own = 1.0 - 1.0 / alive  # of others' prompts, those in the pass of its own are met there
    waiting = (decoding - 1.0) * (calibration.burst_share * own) * (work * pieces)
    # what precedes a prompt's work: the front end, and the ranks it is handed to
    front = calibration.request_seconds + calibration.rank_seconds * np.log2(layout.tp)
    service = front + passes * (alone + extra) + waiting + np.where(group > 1.0, steps, 0.0) * tpot
    # a replica that is never idle finishes no more than its time allows: the others' share of it is waited for
    rest = (osl - 1.0) * tpot
    busy = prefill + osl * alone / decoding  # of the machine, by a request of one group
    never_idle = slots * np.maximum(decoding, (service + rest) / busy)
    service = np.maximum(service, group * busy - rest)
    throughput = run * osl / (service + rest)
    queued = np.maximum(load.batch - run, 0.0) * osl / throughput if load.batch is not run else 0.0
    ttft = service + queued
    if np.any(load.arrivals):
        served = Served(alone, prefill, share, extra, passes, front)
        sent = np.maximum(load.batch / slots, 1.0)
        others = _arriving(state, served, load, group, sent, slots)
        kind = np.asarray(load.arrivals)
        each = (tpot, ttft, throughput), *others
        tpot, ttft, throughput = (
            np.where(kind == OPEN, a, np.where(kind == BURST, b, c)) for c, a, b in zip(*each, strict=True)
        )
    return Steady(plain, mixed, share, extra, between, prefill, front, steps, tpot, ttft, throughput, never_idle)


def static_point(
    shape: Shape, machine: Machine, layout: Layout, precision: Precision, load: Load, calibration: Calibration
) -> Point:
    r"""A batch that starts together and ends together: prefill all prompts, then decode to the end.

    .. math:: tokens/s = B \cdot OSL / (t_{prefill}(B) + (OSL - 1) t_{decode}(B))

    Prefill-only work is `osl = 1`; a batch of 1 is the latency of one user. With pipeline stages the batch is cut
    into up to pp micro-batches.

    Parameters
    ----------
    shape, machine, layout, precision, load, calibration
        As in `operating_point`.

    Source: docs/method.md, "serving"; micro-batches fill a pipeline in (m + pp - 1)/m, Huang et al. 2019 (GPipe),
    arXiv 1811.06965.
    """
    state = _prepare(shape, machine, layout, precision, load, calibration)
    held = memory(shape, machine, layout, precision, load._replace(batch=1.0), calibration)
    limit = max_batch(shape, machine, layout, precision, load, calibration)
    batch, osl = np.asarray(load.batch, dtype=float), np.maximum(load.osl, 1.0)
    per_group = np.maximum(batch / layout.dp, 1.0)
    parts = np.clip(per_group, 1.0, layout.pp)
    plain = state.work(per_group / parts, 0.0)
    prompts = per_group * state.new_tokens
    chunk = np.where(np.asarray(layout.pp) > 1, calibration.pipeline_tokens, calibration.static_tokens)
    pieces = np.maximum(np.where(np.asarray(layout.pp) > 1, parts, 1.0), prompts / chunk)
    first = state.work(0.0, prompts / pieces)
    once = _pass_seconds(shape, first.total, calibration)
    prefill = np.where(np.asarray(load.isl) > 0, once * (pieces + layout.pp - 1.0) / layout.pp, 0.0)
    ttft = prefill
    total = ttft + (osl - 1.0) * plain.total
    return _point(
        plain,
        held,
        tpot_seconds=plain.total,
        ttft_seconds=ttft,
        prefill_seconds=prefill / batch,
        output_tokens_per_second=batch * osl / total,
        batch=batch,
        max_batch=limit,
        prefill_share=prefill / total,
        binds=binding_part(plain),
        prefill_row=np.zeros_like(plain.total),
    )
