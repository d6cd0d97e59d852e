"""Separate prefill and decode pools, and the batch that memory holds where lengths vary."""

from __future__ import annotations

import numpy as np

from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape, kv_elements
from llmcost.engine.numeric.kinds import Num
from llmcost.engine.serving.cache import cache_bytes, kv_ranks
from llmcost.engine.serving.inputs import Calibration, Layout, Load, Precision
from llmcost.engine.serving.iteration import iteration
from llmcost.engine.serving.memory import memory
from llmcost.engine.serving.operating_point import Point, binding_part, operating_point
from llmcost.engine.serving.parts import rates
from llmcost.engine.serving.queueing import tail_batch
from llmcost.records import NamedTuple


class PrefillPoint(NamedTuple):
    """A replica that runs prompts and hands their KV cache over."""

    prompt_seconds: Num  # machine time of one prompt with the iterations full: gpu-seconds follow
    alone_seconds: Num  # latency of a prompt that finds the replica idle
    transfer_seconds: Num  # handing the KV cache to the decode pool
    tokens_per_second: Num  # new prompt tokens
    binds: Num  # index into serving.BINDS


def prefill_point(
    shape: Shape, machine: Machine, layout: Layout, precision: Precision, load: Load, calibration: Calibration
) -> PrefillPoint:
    r"""A prefill replica: iterations of nothing but prompt tokens.

    .. math:: t_{prompt} = n / C \cdot t(0, C) / (pp \cdot dp)

    Parameters
    ----------
    shape, machine, layout, precision, load, calibration
        The point; prompts of `load.isl - load.cached_isl` new tokens.

    Source: docs/method.md, "serving"; Zhong et al. 2024 (DistServe), arXiv 2401.09670.
    """
    new = np.maximum(np.subtract(load.isl, load.cached_isl), 1.0)
    rate = rates(machine, precision, calibration)
    seen = load.cached_isl + new / 2.0
    chunk = calibration.chunk_tokens
    work = iteration(shape, layout, precision, rate, 0.0, 0.0, chunk, seen, calibration, layout.pp)
    full = work.total
    piece = np.minimum(new, chunk)
    alone = iteration(shape, layout, precision, rate, 0.0, 0.0, piece, seen, calibration).total
    cache = kv_elements(shape, load.isl) * precision.kv_bytes / (kv_ranks(shape, layout) * layout.pp)
    slots = np.multiply(layout.pp, layout.dp)
    return PrefillPoint(
        prompt_seconds=new / chunk * full / slots,
        alone_seconds=calibration.request_seconds + new / piece * alone,
        transfer_seconds=cache / rate.links.network + rate.links.message_seconds,
        tokens_per_second=chunk / full * slots,
        binds=binding_part(work),
    )


def decode_point(
    shape: Shape, machine: Machine, layout: Layout, precision: Precision, load: Load, calibration: Calibration
) -> Point:
    """A decode replica: every prompt arrives with its KV cache.

    Parameters
    ----------
    shape, machine, layout, precision, load, calibration
        As in `operating_point`.

    Source: as `prefill_point`.
    """
    cached = load._replace(cached_isl=np.asarray(load.isl, dtype=float))
    return operating_point(shape, machine, layout, precision, cached, calibration)


def tail_max_batch(
    shape: Shape,
    machine: Machine,
    layout: Layout,
    precision: Precision,
    load: Load,
    calibration: Calibration,
    total_points: Num,
) -> Num:
    """Requests of varying length that fit in memory 95 % of the time [-].

    Parameters
    ----------
    shape, machine, layout, precision, load, calibration
        The point; `load.batch` is ignored.
    total_points : array
        Equally likely lengths that are set aside, prompt and answer [tokens].

    Source: `queueing.tail_batch`.
    """
    held = memory(shape, machine, layout, precision, load._replace(batch=1.0), calibration)
    points = np.asarray(total_points, dtype=float)
    sizes, mean = np.asarray(kv_elements(shape, points)), float(points.mean())
    share = cache_bytes(shape, layout, precision, mean, calibration) / kv_elements(shape, mean)
    fit = np.floor(tail_batch(held.usable_bytes, sizes.mean() * share, sizes.var() * share**2))
    fit = np.where(held.holds(calibration.fit_margin), fit, 0.0)
    return layout.dp * np.minimum(fit, calibration.batch_limit)
