"""How a step is fed: batches that divide over the accelerators, and how many accelerators a batch keeps at work."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping

from llmcost.engine.training import layouts as par
from llmcost.engine.training import search as searching
from llmcost.engine.training.step import Step
from llmcost.records import NamedTuple

NEAR = 0.05  # a batch no further off than this stands for the one that was wanted
FED = 0.5  # matrix products take less of the step: on half the accelerators it may be no longer
DIGITS = 2  # binary digits after the first of the sequences on each accelerator
LEADING = 3  # binary digits after the first that a count of many factors of two keeps

# Accelerators, sequences of a step, and degrees that are kept.
Search = Callable[[int, float, Mapping[str, float]], searching.Found]
DEGREES = ("tp", "pp", "vpp", "cp", "sp", "ep", "zero", "micro_batch")


class Fed(NamedTuple):
    """The fastest way to work off a batch."""

    found: searching.Found  # its steps as long as the run takes for a batch in the mean, its MFU over all accelerators
    batch: float  # the batch nearest to the one wanted that divides over all accelerators [sequences]
    working: int  # accelerators that the step is on; the others wait
    on_half: float  # seconds on half the accelerators over those on all, where that was looked at


def feed(search: Search, gpus: int, wanted: float, unit: float = 1.0) -> Fed:
    """The best step where the run wants `wanted` sequences in the mean, which may not divide.

    Where no layout takes the batches that divide over the accelerators, those of whole `unit`s are tried: a micro-batch
    that was asked for, in a run whose batch is open.

    A layout takes all the accelerators it is given. Where the batch is too small for them, or they do not divide into
    one, a layout of fewer is faster, so those are looked at too: more accelerators never take longer.

    Raises
    ------
    ValueError
        No valid layout on any of those counts.
    """
    best, working, on_half = _tried(search, gpus, wanted, unit), gpus, math.inf
    batch = _nearest(wanted, gpus)[0] if best is None else best.sequences
    for fewer in _fewer(gpus, None if best is None else best.found.best.step):
        if best is not None and not best.found.fitting:
            break
        other = _tried(search, fewer, wanted, unit)
        if other is None:
            continue
        if best is None:
            best, working = other, fewer
            continue
        ratio = other.per_sequence / best.per_sequence if other.found.fitting else math.inf
        if 2 * fewer == gpus:
            on_half = ratio
        if ratio < 1.0:
            best, working = other, fewer
        elif 2 * fewer == working or math.isinf(ratio) or other.products > FED * best.per_sequence:
            break  # a further half takes longer still
    if best is None:
        raise ValueError("no valid layout")
    return Fed(_for_batch(best, batch, working / gpus), batch, working, on_half)


class _Pace(NamedTuple):
    """The best layout for the batch nearest to the one wanted, and the time of a sequence in the mean [s]."""

    found: searching.Found
    sequences: float
    per_sequence: float

    @property
    def products(self) -> float:
        """Matrix products of a sequence, which take twice as long on half the accelerators [s]."""
        return float(self.found.best.step.gemm_seconds) / self.sequences


def _tried(search: Search, gpus: int, wanted: float, unit: float) -> _Pace | None:
    """The best layout of so many accelerators; None where there is none."""
    for each in dict.fromkeys((1.0, unit)):
        with contextlib.suppress(ValueError):
            return _pace(search, gpus, wanted, each)
    return None


def _nearest(wanted: float, gpus: int, unit: float = 1.0) -> list[float]:
    """The two batches that divide, in whole units, the nearer one first, as ratios go."""
    found = (unit * batch for batch in neighbours(max(wanted / unit, 1.0), gpus))
    return sorted(found, key=lambda batch: abs(math.log(batch / wanted)))


def _pace(search: Search, gpus: int, wanted: float, unit: float) -> _Pace:
    """A batch between two that divide is some steps of either, in one layout: the one that is best for the mixture.

    The number of steps is that of the batch wanted.
    """
    near, far = _nearest(wanted, gpus, unit)
    found = search(gpus, near, {})
    alone = _Pace(found, near, float(found.best.step.step_seconds) / near)
    if abs(near / wanted - 1.0) <= NEAR or not found.fitting:
        return alone
    share = (1.0 / near - 1.0 / wanted) / (1.0 / near - 1.0 / far)  # of the sequences, in steps of the other batch
    mixed = []
    batches = {near: found, far: _searched(search, gpus, far, {})}
    for best in [each.best for each in batches.values() if each is not None and each.fitting]:
        kept = {name: float(getattr(best.layout, name)) for name in DEGREES}
        pair = {batch: None if each is None else each.among(kept) for batch, each in batches.items()}
        level = max(0.0 if each is None else float(each.layout.recompute) for each in pair.values())
        for batch, each in pair.items():  # of one run, whatever its batch
            if each is not None and each.layout.recompute != level and None not in pair.values():
                again = _searched(search, gpus, batch, kept | {"recompute": level})
                pair[batch] = again.best if again is not None and again.fitting else None
        here, there = pair.values()
        if here is not None and there is not None:
            a, b = float(here.step.step_seconds) / near, float(there.step.step_seconds) / far
            mixed.append(_Pace(_beside(found, here), near, a + share * (b - a)))
    return min(mixed, key=lambda pace: pace.per_sequence, default=alone)


def _searched(search: Search, gpus: int, batch: float, kept: Mapping[str, float]) -> searching.Found | None:
    """What is found for a batch; None where there is no layout for it."""
    try:
        return search(gpus, batch, kept)
    except ValueError:
        return None


def _beside(found: searching.Found, best: searching.Choice) -> searching.Found:
    """The answer of a search with another layout as the best: what was the best is then the next one."""
    same = all(getattr(best.layout, name) == getattr(found.best.layout, name) for name in DEGREES)
    return found._replace(best=best, runner_up=found.runner_up if same else found.best)


def neighbours(wanted: float, gpus: int) -> tuple[float, float]:
    """The batches below and above `wanted` that divide over the accelerators: their multiples, or divisors below [-].

    Of the multiples those with few binary digits: 31 sequences on each divide into no micro-batches, 28 and 32 do.

    >>> neighbours(100.0, 64), neighbours(20.0, 64), neighbours(32.0, 64)
    ((64.0, 128.0), (16.0, 32.0), (32.0, 32.0))
    >>> neighbours(244.0, 8), neighbours(248.0, 8)
    ((224.0, 256.0), (248.0, 248.0))
    """
    if wanted >= gpus:
        if wanted % gpus == 0:
            return float(wanted), float(wanted)
        step = gpus * 2 ** max(int(math.log2(wanted / gpus)) - DIGITS, 0)
        low = wanted // step * step
        return float(low), float(low + step)
    found = par.divisors(gpus)
    return float(max(d for d in found if d <= wanted)), float(min(d for d in found if d >= wanted))


def _fewer(gpus: int, step: Step | None) -> Iterator[int]:
    """Counts below that may be faster: the next with many factors of two, and halves where the step is hardly fed.

    Halves too where no layout is on all of them.
    """
    even = gpus - gpus % 2 ** max(int(math.log2(gpus)) - LEADING, 0)
    if even < gpus:
        yield even
    if step is not None and float(step.gemm_seconds) >= FED * float(step.step_seconds):
        return
    while even % 2 == 0:
        even //= 2
        yield even


def _for_batch(pace: _Pace, batch: float, working: float) -> searching.Found:
    """The layout with its step as long as a batch takes in the mean, and utilisation over all accelerators."""
    seconds = pace.per_sequence * batch / float(pace.found.best.step.step_seconds)
    larger = batch / pace.sequences
    used = working * larger / seconds

    def choice(one: searching.Choice) -> searching.Choice:
        step = {name: value * seconds for name, value in one.step._asdict().items() if name.endswith("_seconds")}
        step |= {name: getattr(one.step, name) * larger for name in ("model_flops", "hardware_flops")}
        step |= {name: getattr(one.step, name) * used for name in ("mfu", "hfu")}
        return one._replace(step=Step(**step))

    runner = None if pace.found.runner_up is None else choice(pace.found.runner_up)
    return pace.found._replace(best=choice(pace.found.best), runner_up=runner)
