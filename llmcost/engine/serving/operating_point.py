"""Steady state of a serving replica: TPOT, TTFT and tokens per second of continuous or static batching."""

from __future__ import annotations

import numpy as np

from llmcost.engine.machine import roofline
from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import Num
from llmcost.engine.serving.inputs import Calibration, Layout, Load, Precision, calibration_from_factors
from llmcost.engine.serving.iteration import Pass, Work, one_pass
from llmcost.engine.serving.memory import Memory, max_batch, memory, most_held
from llmcost.engine.serving.parts import rates
from llmcost.engine.serving.steady import Times, in_part, running, sooner, standing
from llmcost.records import NamedTuple

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


def _point(plain: Work, held: Memory, margin: Num, **figures: Num) -> Point:
    return Point(
        weights_bytes=held.weights_bytes,
        activation_bytes=held.activation_bytes,
        kv_bytes_per_request=held.kv_bytes_per_request,
        missing_bytes=held.missing_bytes(margin),
        linear_row=plain.linear,
        experts_row=plain.experts,
        attention_row=plain.attention,
        head_row=plain.head,
        communication_row=plain.communication,
        fixed_row=plain.fixed,
        **figures,
    )


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
    found = _continuous(shape, machine, layout, precision, load, calibration)
    partly = in_part(load)
    if not np.any(partly):
        return found
    again = _continuous(shape, machine, layout, precision, load._replace(cached_isl=0.0), calibration)
    return sooner(partly, found, again)


def _continuous(
    shape: Shape, machine: Machine, layout: Layout, precision: Precision, load: Load, calibration: Calibration
) -> Point:
    """The point with every cached token read from the cache."""
    held = memory(shape, machine, layout, precision, load._replace(batch=1.0), calibration)
    limit = most_held(held, layout, calibration)
    asked = np.asarray(load.batch, dtype=float)
    run = np.minimum(asked, np.maximum(limit, 1.0))
    once = passing(shape, machine, layout, precision, calibration)
    here = standing(once, load)
    found = here.steady(run, asked)
    costs = here.paced(run)
    plain, mixed = (costs.work(found.decoding, carried, here.at) for carried in (0.0, found.carried))
    extra = found.share * found.extra
    return _point(
        plain,
        held,
        calibration.fit_margin,
        tpot_seconds=found.tpot_seconds,
        ttft_seconds=found.ttft_seconds,
        prefill_seconds=found.prefill,
        output_tokens_per_second=found.output_tokens_per_second,
        batch=run,
        max_batch=limit,
        prefill_share=extra / (found.alone + extra),
        binds=np.where(asked > run, 4, binding_part(plain, found.share * (mixed.compute - plain.compute))),
        prefill_row=found.between,
        front_seconds=here.front,
        first_steps=here.steps,
    )


def passing(shape: Shape, machine: Machine, layout: Layout, precision: Precision, calibration: Calibration) -> Pass:
    """What a pass of a replica costs.

    Parameters
    ----------
    shape, machine, layout, precision, calibration
        As in `operating_point`.

    Source: `iteration.one_pass`.
    """
    return one_pass(shape, layout, precision, rates(machine, precision, calibration), calibration)


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
    return running(passing(shape, machine, layout, precision, calibration), load).times(load.batch)


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
    once = passing(shape, machine, layout, precision, calibration)
    here = standing(once, load)
    held = memory(shape, machine, layout, precision, load._replace(batch=1.0), calibration)
    limit = max_batch(shape, machine, layout, precision, load, calibration)
    batch, osl = np.asarray(load.batch, dtype=float), np.maximum(load.osl, 1.0)
    per_group = np.maximum(batch / layout.dp, 1.0)
    parts = np.clip(per_group, 1.0, layout.pp)
    plain = once.costs.paced(parts).work(per_group / parts, 0.0, here.at)
    prompts = per_group * here.new
    chunk = np.where(np.asarray(layout.pp) > 1, calibration.pipeline_tokens, calibration.static_tokens)
    pieces = np.maximum(np.where(np.asarray(layout.pp) > 1, parts, 1.0), prompts / chunk)
    first = once.costs.paced(np.minimum(pieces, layout.pp)).work(0.0, prompts / pieces, here.at)
    alone = roofline.rounded(first.total, here.launches)
    prefill = np.where(np.asarray(load.isl) > 0, alone * (pieces + layout.pp - 1.0) / layout.pp, 0.0)
    ttft = prefill
    total = ttft + (osl - 1.0) * plain.total
    return _point(
        plain,
        held,
        calibration.fit_margin,
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
