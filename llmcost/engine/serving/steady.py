"""Continuous batching in steady state: what follows from the requests in flight, of a replica and its load."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, TypeVar

import numpy as np

from llmcost.engine.machine import roofline
from llmcost.engine.model.transformer import Shape, blocks_of
from llmcost.engine.numeric.kinds import Array, Flags, Num
from llmcost.engine.numeric.nested import picked
from llmcost.engine.serving.arrivals import BURST, OPEN, Front, Met, Served, burst, open_loop
from llmcost.engine.serving.inputs import Calibration, Layout, Load
from llmcost.engine.serving.iteration import Attention, Costs, Pass
from llmcost.records import NamedTuple


class Steady(NamedTuple):
    """The steady state of continuous batching: what its iterations are, and the times that follow."""

    decoding: Num  # sequences of a group that an iteration decodes [-]
    carried: Num  # prompt tokens of one that carries any [tokens]
    alone: Num  # an iteration that decodes [s]
    share: Num  # of iterations that carry prompts [-]
    extra: Num  # what prompts add to one [s]
    between: Num  # of it, between two tokens of a request [s]
    prefill: Num  # machine time that a prompt adds [s]
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
    batch: Array  # requests in flight
    front_seconds: Array  # of a first token, besides iterations
    first_steps: Array  # iterations a first token waits besides those of its prompt


class _Rated(Protocol):
    @property
    def output_tokens_per_second(self) -> Num: ...

    def __iter__(self) -> Iterator[Num]: ...


NOTHING = Calibration()
Found = TypeVar("Found", bound=_Rated)


def prompt_launches(shape: Shape, calibration: Calibration) -> Num:
    """Launches of a pass that carries prompts: they run outside CUDA graphs, launch by launch [s].

    Parameters
    ----------
    shape, calibration
        The model, and what a launch takes.

    Source: docs/method-serving.md.
    """
    moe = calibration.prompt_moe_seconds * shape.moe_layers * shape.topk / 8.0
    blocks = calibration.prompt_layer_seconds * blocks_of(shape)
    return blocks + calibration.prompt_mixer_seconds * shape.state_layers + moe


def _first_steps(shape: Shape, layout: Layout, calibration: Calibration) -> Num:
    """Iterations a request waits besides its own prefill [-]: the running one, and what the engine waits for."""
    gathering = calibration.gather_steps * (np.asarray(shape.n_experts) == 0)
    steps: Num = calibration.first_steps + gathering + calibration.balance_steps * layout.attention_dp
    return steps


def _alike(layout: Layout, calibration: Calibration) -> Num:
    """Groups that share experts, and micro-batches of stages, that wait for any's prompts [-]."""
    groups = np.where(np.asarray(layout.attention_dp) > 0, layout.dp, 1.0)
    alike: Num = groups**calibration.uneven * layout.pp
    return alike


class Standing(NamedTuple):
    """A replica and its load, but for the requests in flight: what stays the same however many there are."""

    known: Calibration
    costs: Costs
    at: Attention
    arrivals: Num  # how requests come, as in `Load`
    spread: Num
    slots: Num  # groups and micro-batches beside each other [-]
    stages: Num  # of a pipeline [-]
    new: Num  # prompt tokens to compute [tokens]
    osl: Num
    steps: Num  # iterations a first token waits besides those of its prompt [-]
    alive: Num  # iterations of a request: those it waits, that of its prompt, and the others' of its answer [-]
    each: Num  # prompt tokens that an iteration carries for each other request [tokens]
    least: Num  # that one carries of a prompt [tokens]
    most: Num  # requests of a group from which on more would offer more prompt than an iteration carries [-]
    fewest: float  # the least of them [-]
    launches: Num  # of a pass with prompts [s]
    front: Num  # of a first token, besides iterations [s]
    alike: Num  # groups that wait for one another's prompts [-]
    computed: Flags  # else prompts come from another pool, with their cache
    alike_known: bool  # whether its constants are plain numbers

    def of(self, index: Any) -> Standing:
        """Some of its elements; plain numbers stand for all."""
        found: Standing = picked(self._replace(known=NOTHING), index)
        return found._replace(known=self.known if self.alike_known else picked(self.known, index))

    def steady(self, run: Num, sent: Num) -> Steady:
        """The steady state with `run` requests in flight, of `sent` that are there.

        Every value has the least shape that it depends on: layouts, loads and batches along axes of their own are
        cheap.
        """
        known, costs = self.known, self.paced(run)
        chunk, new, osl, slots = known.chunk_tokens, self.new, self.osl, self.slots
        decoding = group = np.maximum(run / slots, 1.0)
        if np.max(group, initial=0.0) > self.fewest:
            decoding = np.minimum(group, self.most)
        others = decoding - 1.0
        offered = others * self.each
        carried = np.minimum(np.maximum(offered, self.least), chunk)
        share = np.minimum(offered / carried, 1.0)
        if not np.all(self.alike == 1.0):
            share = 1.0 - (1.0 - share) ** self.alike
        # `work` of prompts is without the launches of their pass: those that wait share one
        alone, work = costs.seconds(decoding, carried, self.at)
        extra = roofline.rounded(work, self.launches)  # launches run ahead of the arithmetic
        if self.computed is not True:
            extra = np.where(self.computed, extra, work)
        between = share * (extra - known.burst_share * work)
        tpot = alone + between
        pieces = new / carried
        prefill = extra * pieces
        own = known.burst_share * (1.0 - 1.0 / self.alive)  # of others' prompts, those in the own pass are met there
        service = self.front + np.maximum(pieces, 1.0) * (alone + extra) + others * (own * work * pieces)
        service = service + (group > 1.0) * (self.steps * tpot)
        # a replica that is never idle finishes no more than its time allows: the others' share of it is waited for
        rest = (osl - 1.0) * tpot
        busy = prefill + osl * alone / decoding  # of the machine, by a request of one group
        never_idle = slots * np.maximum(decoding, (service + rest) / busy)
        ttft = np.maximum(service, group * busy - rest)
        throughput = run * osl / (ttft + rest)
        if sent is not run:
            ttft = ttft + np.maximum(sent - run, 0.0) * osl / throughput
        if np.any(self.arrivals):
            served = Served(alone, prefill, share, extra, np.maximum(pieces, 1.0), self.front)
            kind = np.asarray(self.arrivals)
            whole = (tpot, ttft, throughput), *self._arriving(served, costs, group, np.maximum(sent / slots, 1.0), sent)
            tpot, ttft, throughput = (
                np.where(kind == OPEN, a, np.where(kind == BURST, b, c)) for c, a, b in zip(*whole, strict=True)
            )
        return Steady(decoding, carried, alone, share, extra, between, prefill, tpot, ttft, throughput, never_idle)

    def paced(self, run: Num) -> Costs:
        """What a pass costs with so many requests in flight: beyond one for each micro-batch all stages are at work."""
        return self.costs.paced(np.where(run > self.slots, self.stages, 1.0))

    def _arriving(self, served: Served, costs: Costs, group: Num, sent: Num, requests: Num) -> tuple[Met, Met]:
        """The same group under random arrivals, and with `sent` requests at once; tokens per second of the replica."""
        known, osl = self.known, self.osl
        random = open_loop(served, group, osl, known.open_steps)
        fill = np.where(group > 1.0, np.maximum(known.burst_fill * group, 1.0), 1.0)
        step, more = costs.seconds(fill, np.minimum(known.chunk_tokens, sent * self.new), self.at)
        together = np.maximum(known.chunk_tokens / self.new, 1.0)
        turn, token = known.turn_seconds * self.slots, known.token_seconds * self.slots
        one = self.paced(1.0).seconds(1.0, 0.0, self.at)[0]
        front = Front(turn, token, step + more, known.burst_between, one, together, known.burst_tail)
        at_once = burst(served._replace(step_seconds=step), front, group, sent, osl, self.spread)
        # of random arrivals fewer than one may be in flight; a burst sends one at least
        busy = np.minimum(self.slots, requests)
        random = random._replace(tokens_per_second=random.tokens_per_second * busy)
        return random, at_once._replace(tokens_per_second=at_once.tokens_per_second * np.maximum(busy, 1.0))

    def times(self, run: Num) -> Times:
        """What the load is served with, `run` requests in flight that memory holds."""
        at = self.steady(run, run)
        found = (
            at.ttft_seconds, at.tpot_seconds, at.output_tokens_per_second, at.never_idle, at.prefill, at.between, run,
            self.front, self.steps,
        )  # fmt: skip
        return Times(*map(np.asarray, found))


def standing(once: Pass, load: Load) -> Standing:
    """A replica with its load; `load.batch` is ignored.

    Parameters
    ----------
    once, load
        A pass of the replica, and lengths.

    Source: docs/method-serving.md.
    """
    shape, layout, known = once.shape, once.layout, once.calibration
    new = np.maximum(np.subtract(load.isl, load.cached_isl), 1.0)
    osl = np.maximum(load.osl, 1.0)
    steps = _first_steps(shape, layout, known)
    alive = osl + steps
    most = known.chunk_tokens * alive / new + 1.0
    computed = np.less(load.cached_isl, load.isl)
    context = load.isl + known.context_share * np.asarray(load.osl)
    return Standing(
        known, once.costs, once.attention(context, load.cached_isl + new / 2.0), load.arrivals,
        load.spread,
        np.multiply(layout.dp, layout.pp), layout.pp, new, osl, steps, alive, new / alive,
        np.minimum(new, known.chunk_tokens), most, float(np.min(most, initial=np.inf)), prompt_launches(shape, known),
        # what precedes a prompt's work: the front end, and the ranks it is handed to
        known.request_seconds + known.rank_seconds * np.log2(layout.tp), _alike(layout, known),
        True if np.all(computed) else computed, not any(isinstance(v, np.ndarray) and v.ndim for v in known),
    )  # fmt: skip


class Running(NamedTuple):
    """A replica and its load: what is in the cache is read from it, or computed again where that is faster."""

    read: Standing
    again: Standing | None
    partly: Flags  # in the cache

    def of(self, index: Any) -> Running:
        """Some of its elements."""
        found: Running = picked(self, index)
        return found

    @property
    def ways(self) -> list[Running]:
        """To read what is in the cache, and to compute it again, each by itself."""
        return [Running(way, None, False) for way in (self.read, self.again) if way is not None]

    def times(self, run: Num) -> Times:
        """What the load is served with, `run` requests in flight that memory holds."""
        found = self.read.times(run)
        return found if self.again is None else sooner(self.partly, found, self.again.times(run))


def running(once: Pass, load: Load) -> Running:
    """A replica with its load; `load.batch` is ignored.

    Parameters
    ----------
    once, load
        A pass of the replica, and lengths.

    Source: as `standing`.
    """
    partly = in_part(load)
    again = standing(once, load._replace(cached_isl=0.0)) if np.any(partly) else None
    return Running(standing(once, load), again, partly)


def in_part(load: Load) -> Flags:
    """Whether some of a prompt is in the cache, and some is not."""
    return np.greater(load.cached_isl, 0.0) & np.less(load.cached_isl, load.isl)


def sooner(partly: Flags, found: Found, again: Found) -> Found:
    """What is found where the cache is read, or where a prompt that is there in part is computed again, if faster."""
    rates = (np.asarray(v.output_tokens_per_second) for v in (again, found))
    faster = partly & np.greater(*rates)
    if not np.any(faster):
        return found
    return type(found)(*(np.where(faster, a, b) for a, b in zip(again, found, strict=True)))
