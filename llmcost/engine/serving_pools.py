"""Separate prefill and decode pools, and open-loop traffic: the batch that a request rate sustains, and its TTFT."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from llmcost.engine.queueing import erlang_c, latency_quantile, tail_batch
from llmcost.engine.roofline import Machine
from llmcost.engine.serving import Point, binding_part, operating_point
from llmcost.engine.serving_inputs import Calibration, Layout, Load, Precision
from llmcost.engine.serving_memory import kv_elements, kv_ranks, memory
from llmcost.engine.serving_time import iteration, rates
from llmcost.engine.transformer import Shape

Num = Any


class PrefillPoint(NamedTuple):
    """A replica that runs prompts and hands their KV cache over."""

    prompt_seconds: Num  # machine time of one prompt with the iterations full: gpu-seconds follow
    alone_seconds: Num  # latency of a prompt that finds the replica idle
    transfer_seconds: Num  # handing the KV cache to the decode pool
    tokens_per_second: Num  # new prompt tokens
    binds: Num  # index into serving.BINDS


class Pools(NamedTuple):
    """Prefill and decode pools in balance, per request per second of traffic."""

    prefill_gpus: Num  # accelerator-seconds of prefill per request
    decode_gpus: Num  # accelerator-seconds of decode per request
    ttft_seconds: Num
    tpot_seconds: Num

    def gpus(self, requests_per_second: Num, utilization: Num = 1.0) -> Num:
        """Accelerators that carry a request rate at a utilisation of both pools [-]; not rounded."""
        return (self.prefill_gpus + self.decode_gpus) * requests_per_second / utilization


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
    work = iteration(shape, layout, precision, rate, 0.0, 0.0, chunk, seen, calibration)
    full = work.total
    piece = np.minimum(new, chunk)
    alone = iteration(shape, layout, precision, rate, 0.0, 0.0, piece, seen, calibration).total
    cache = kv_elements(shape, load.isl) * precision.kv_bytes / (kv_ranks(shape, layout) * layout.pp)
    wire = np.where(np.isnan(machine.network_bytes_per_second), rate.network, machine.network_bytes_per_second)
    slots = np.multiply(layout.pp, layout.dp)
    return PrefillPoint(
        prompt_seconds=new / chunk * full / slots,
        alone_seconds=calibration.request_seconds + new / piece * alone,
        transfer_seconds=cache / (calibration.network_efficiency * wire),
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


def pools(
    shape: Shape,
    machine: Machine,
    prefill_layout: Layout,
    decode_layout: Layout,
    precision: Precision,
    load: Load,
    calibration: Calibration,
) -> Pools:
    """Prefill and decode pools sized to the same request rate.

    Parameters
    ----------
    shape, machine, precision, load, calibration
        The point; `load.batch` is the batch of a decode replica.
    prefill_layout, decode_layout : Layout
        Layouts of the two kinds of replica.

    Source: balance of flows; Zhong et al. 2024, arXiv 2401.09670, section 4.
    """
    first = prefill_point(shape, machine, prefill_layout, precision, load, calibration)
    then = decode_point(shape, machine, decode_layout, precision, load, calibration)
    size = prefill_layout.tp * prefill_layout.pp * prefill_layout.dp
    other = decode_layout.tp * decode_layout.pp * decode_layout.dp
    return Pools(
        prefill_gpus=first.prompt_seconds * size,
        decode_gpus=other * load.osl / then.output_tokens_per_second,
        ttft_seconds=first.alone_seconds + first.transfer_seconds,
        tpot_seconds=then.tpot_seconds,
    )


class Traffic(NamedTuple):
    """Replicas under open-loop arrivals."""

    point: Point  # the batch the arrivals keep in flight
    utilization: Num  # arrivals over the highest rate the replicas sustain [-]
    ttft_seconds: Num  # at the quantile asked for; infinite when overloaded
    slot_wait: Num  # share of requests that find every batch slot taken [-]


def open_loop(
    shape: Shape,
    machine: Machine,
    layout: Layout,
    precision: Precision,
    load: Load,
    calibration: Calibration,
    requests_per_second: Num,
    replicas: Num = 1.0,
    quantile: Num = 0.95,
    prompt_points: Num | None = None,
    ca2: Num = 1.0,
    steps: int = 64,
) -> Traffic:
    r"""TTFT under random arrivals: the batch follows from the rate, the wait from a queue in front of prefill.

    The batch in flight is the one whose throughput is the rate (Little's law). The prefill of each replica is a
    server whose service is the occupancy of a prompt; batch slots are a second stage, of replicas times slots
    servers with the whole life of a request as service. Both waits add to the prefill itself.

    Parameters
    ----------
    shape, machine, layout, precision, load, calibration
        One configuration (scalars); `load.batch` bounds the batch of a replica, infinity leaves it to memory.
    requests_per_second : float or array
        Arrivals over all replicas [1/s].
    replicas, quantile, ca2 : float or array
        Replicas [-], quantile of TTFT [-], squared coefficient of variation of gaps [-].
    prompt_points : array, optional
        Equally likely new prompt lengths [tokens]: see `queueing.lognormal_lengths`; None is a fixed length.
    steps : int
        Batches tried between 1 and the bound [-].

    Source: docs/method.md, "serving"; Allen 1990, section 5.3.
    """
    ones = load._replace(batch=np.inf)
    bound = operating_point(shape, machine, layout, precision, ones, calibration).batch
    batch = np.geomspace(1.0, np.maximum(np.minimum(bound, load.batch), 1.0), steps)
    tried = operating_point(shape, machine, layout, precision, load._replace(batch=batch), calibration)
    sustained = np.maximum.accumulate(tried.output_tokens_per_second) / np.maximum(load.osl, 1.0)
    each = np.divide(requests_per_second, replicas)
    flight = np.interp(each, sustained, batch)
    at = operating_point(shape, machine, layout, precision, load._replace(batch=flight), calibration)
    new = np.maximum(np.subtract(load.isl, load.cached_isl), 1.0)
    points = np.array([new]) if prompt_points is None else np.asarray(prompt_points, dtype=float)
    services = np.expand_dims(at.occupancy_seconds, -1) * points / new
    life = at.occupancy_seconds + load.osl * at.tpot_seconds
    slots = np.floor(np.multiply(replicas, batch[-1]))
    full = erlang_c(slots, np.minimum(np.multiply(requests_per_second, life), slots * 0.999999))
    room = np.maximum(slots / life - requests_per_second, 1e-9)
    queued = np.where(each > sustained[-1], np.inf, full / room)
    # the token comes after the front end, the rest of the iteration under way, and every stage of the pipeline
    extra = calibration.request_seconds + 0.5 * at.tpot_seconds + queued
    lag = np.multiply(layout.dp, layout.pp)
    ttft = latency_quantile(quantile, replicas, requests_per_second, services, ca2, extra, lag)
    return Traffic(at, each / sustained[-1], ttft, full)


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
    share = precision.kv_bytes / (kv_ranks(shape, layout) * layout.pp)
    sizes = kv_elements(shape, np.asarray(total_points, dtype=float))
    fit = np.floor(tail_batch(held.usable_bytes, sizes.mean() * share, sizes.var() * share**2))
    return layout.dp * np.minimum(fit, calibration.batch_limit)
