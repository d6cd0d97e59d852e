"""A replica under traffic: the first token of random arrivals."""

from __future__ import annotations

import numpy as np

from llmcost.engine.numeric.kinds import Num
from llmcost.engine.serving import queueing
from llmcost.engine.serving.in_flight import Loaded, empty, part_of
from llmcost.engine.serving.inputs import Calibration, Layout, Load
from llmcost.engine.serving.pools import PrefillPoint
from llmcost.engine.serving.queueing import Latency, Wait

PLACES = 64  # equally likely places in an iteration at which a request arrives
GOLDEN = 0.6180339887498949


def first_token(
    points: Loaded, layout: Layout, load: Load, calibration: Calibration, share: Num, replicas: Num = 1.0,
    prompts: Num | None = None, ca2: Num = 1.0,
) -> Latency:  # fmt: skip
    r"""TTFT of random arrivals at an operating point.

    The prompts of each replica queue for its iterations, of which one carries up to C prompt tokens: a server whose
    service is the machine time that n of them take. Batch slots are a second stage, of replicas times slots servers
    with the whole life of a request as service. What follows the wait: the front end, the rest of the iteration under
    way, and the passes of the own prompt. Prompts shorter than C also wait for those that came during the same
    iteration and run in the same one.

    .. math:: S = s_h + V_B n / C,\quad own = s + V \max(n / C, 1),\quad
        beside = \lambda s_h \, TPOT \max(1 - n / C, 0)

    with V an iteration without prompts (B: of the full batch) and s what a prompt adds to it (h: at half load; where
    experts are read once for several prompts it falls with the load). What the full batch sustains keeps prefill busy
    for no more than all of the time: S is at most one over that rate.

    Parameters
    ----------
    points : Loaded
        Of one replica.
    layout, load, calibration
        The replica.
    share, replicas : float or array
        Arrivals over what the replicas do with full batches [-], and how many they are [-].
    prompts : array, optional
        Equally likely prompts over their mean, along the last axis [-]; None is a fixed length.
    ca2 : float or array
        Squared coefficient of variation of gaps [-].

    Source: docs/method-serving.md, "at a load"; Allen 1990, section 5.3; Agrawal et al. 2024, arXiv 2403.02310
    (iterations that carry prompts).
    """
    at, idle, half, full, own = points
    osl = np.maximum(load.osl, 1.0)
    most = full.output_tokens_per_second / osl
    lanes = np.multiply(layout.dp, layout.pp)  # each runs prompts of its own
    part = part_of(load, calibration)
    service = np.minimum((half.prefill_seconds + empty(full) * part) / lanes, 1.0 / most)
    life = at.batch * osl / at.output_tokens_per_second
    busy = np.minimum(share * most * life, 1.0)  # an idle replica has no iteration under way
    lengths, place = _places(prompts)
    under_way = np.maximum(_last(at.first_steps) - 0.5 + place, 0.0)
    seconds = _last(at.front_seconds + own) + _last(idle.prefill_seconds) * (lengths - 1.0)
    queued = queueing.latency(replicas, share * most * replicas, _last(service) * lengths, ca2, seconds)
    queued = queued._replace(iteration=busy * at.tpot_seconds, places=under_way)
    slots = np.multiply(replicas, np.maximum(np.floor(full.batch), 1.0))
    full_slots = queueing.wait(slots, share * most * replicas, life, ca2)
    beside = share * most / lanes * at.tpot_seconds  # prompts that come during an iteration of one lane
    beside = np.where(np.asarray(ca2) > 0.0, beside, np.maximum(beside - 1.0, 0.0))  # evenly spaced ones are apart
    shared = np.where(part < 1.0, -np.expm1(-beside), 0.0)
    same_pass = Wait(shared, beside * half.prefill_seconds * np.maximum(1.0 - part, 0.0))
    return queued._replace(waits=(*queued.waits, full_slots, same_pass))


def first_token_of_groups(
    points: Loaded, layout: Layout, load: Load, calibration: Calibration, share: Num, prompts: Num | None = None
) -> Latency:
    r"""TTFT where requests come in groups, as many at once as are in flight.

    A group's prompts run k an iteration, one iteration after another; a request is equally likely to be any of them:

    .. math:: TTFT_i = t_{front} + own + (k \lceil i / k \rceil - 1) p, \quad i = 1 .. b

    Groups come evenly and wait for nobody below full load.

    Parameters
    ----------
    points, layout, load, calibration, share, prompts
        As in `first_token`.

    Source: definition; docs/method-serving.md, "How requests come".
    """
    at, *_, own = points
    group = np.maximum(_last(at.batch / np.multiply(layout.dp, layout.pp)), 1.0)
    together = np.maximum(1.0 / part_of(load, calibration), 1.0)
    lengths, place = _places(prompts)
    through = np.minimum(np.ceil(place * group / together) * together, group)
    seconds = _last(at.front_seconds + own) + _last(at.prefill_seconds) * (np.maximum(through, 1.0) - 1.0) * lengths
    full = np.greater_equal(share, 1.0)
    return Latency((Wait(np.where(full, 1.0, 0.0), np.where(full, np.inf, 0.0)),), seconds)


def first_token_of_pool(
    at: PrefillPoint, calibration: Calibration, rate: Num, replicas: Num, prompts: Num | None = None,
    transfer: Num = 0.0,
) -> Latency:  # fmt: skip
    """TTFT of random arrivals over replicas that run prompts and nothing else.

    Parameters
    ----------
    at : PrefillPoint
        Of one replica.
    calibration
        Its constants.
    rate, replicas : float or array
        Arrivals over all replicas [1/s], replicas [-].
    prompts : array, optional
        As in `first_token`.
    transfer : float or array
        Handing the KV cache to who answers [s].

    Source: as `first_token`.
    """
    lengths = np.ones(1) if prompts is None else prompts
    alone = _last(at.alone_seconds - calibration.request_seconds) * lengths
    seconds = calibration.request_seconds + _last(transfer) + alone
    return queueing.latency(replicas, rate, _last(at.prompt_seconds) * lengths, 1.0, seconds)


def _last(values: Num) -> Num:
    return np.asarray(values, dtype=float)[..., None]


def _places(prompts: Num | None) -> tuple[Num, Num]:
    """Pairs of a prompt over the mean and a place in an iteration, equally likely along the last axis [-].

    Where every prompt is the mean it is one, and stands beside all places.
    """
    lengths = np.ones(1) if prompts is None else np.asarray(prompts, dtype=float)
    each = np.repeat(lengths, -(-PLACES // np.shape(lengths)[-1]), axis=-1)
    count = np.shape(each)[-1]
    shuffled = np.argsort(np.arange(count) * GOLDEN % 1.0)  # any place meets any length
    return lengths if prompts is None else each, (shuffled + 0.5) / count
