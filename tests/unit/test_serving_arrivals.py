"""Each way that requests come, against a replica simulated iteration by iteration."""

from __future__ import annotations

import random
from typing import Any

import pytest

from llmcost.engine.serving.arrivals import Front, Met, Served, burst, open_loop

STEP, TOKEN, PROMPT = 0.010, 1e-4, 2e-5  # an iteration: 10 ms, 0.1 ms a sequence, 20 us a prompt token
ISL, OSL, CHUNK = 1000, 100, 8000
PREFILL = ISL * PROMPT


def simulate(arrivals: list[float], slots: int) -> tuple[float, float, float]:
    """Mean TTFT and TPOT [s] and tokens per second of a replica whose iterations carry prompts beside decoding."""
    waiting = sorted(arrivals)
    running: list[Any] = []  # [arrival, first token, tokens left]
    now = 0.0
    done: list[tuple[float, float, float]] = []
    while waiting or running:
        if not running and waiting[0] > now:
            now = waiting[0]
        admitted: list[float] = []
        while waiting and waiting[0] <= now and len(running) + len(admitted) < slots and len(admitted) < CHUNK // ISL:
            admitted.append(waiting.pop(0))
        now += STEP + TOKEN * len(running) + PREFILL * len(admitted)
        for request in running:
            request[2] -= 1
        done += [(now, *request[:2]) for request in running if not request[2]]
        running = [request for request in running if request[2]]
        running += [[arrival, now, OSL - 1] for arrival in admitted]
    ttft = sum(first - arrival for _, arrival, first in done) / len(done)
    tpot = sum((end - first) / (OSL - 1) for end, _, first in done) / len(done)
    return ttft, tpot, len(done) * OSL / (max(end for end, *_ in done) - min(arrivals))


def served(batch: float, offered: float) -> Served:
    """The group at a mean batch, with so many prompts an iteration."""
    return Served(STEP + TOKEN * batch, PREFILL, min(offered, 1.0), PREFILL * max(offered, 1.0), 1.0, 0.0)


@pytest.mark.parametrize("rate", [2.0, 6.0, 12.0])
def test_random_arrivals_wait_for_an_iteration_and_a_half(rate: float) -> None:
    draw, at, arrivals = random.Random(7), 0.0, []
    for _ in range(1500):
        at += draw.expovariate(rate)
        arrivals.append(at)
    ttft, tpot, _ = simulate(arrivals, 10_000)
    batch = rate * (ttft + (OSL - 1) * tpot)
    met = open_loop(served(batch, batch / OSL), batch, float(OSL), 1.5)
    assert met.tpot_seconds == pytest.approx(tpot, rel=0.08)
    assert met.ttft_seconds == pytest.approx(ttft, rel=0.15)


@pytest.mark.parametrize(("sent", "slots"), [(8, 8), (64, 64), (256, 32)])
def test_a_burst_passes_in_waves(sent: int, slots: int) -> None:
    ttft, tpot, speed = simulate([0.0] * sent, slots)
    whole = Front(0.0, 0.0, STEP + TOKEN * slots + CHUNK * PROMPT, 1.0, 0.0, CHUNK / ISL)
    met: Met = burst(served(slots, 0.0), whole, float(slots), float(sent), float(OSL))
    assert met.ttft_seconds == pytest.approx(ttft, rel=0.25)
    assert met.tpot_seconds == pytest.approx(tpot, rel=0.15)
    assert met.tokens_per_second == pytest.approx(speed, rel=0.15)


def test_a_slow_front_end_sets_the_pace_of_a_burst() -> None:
    """By hand: 1,000 requests of 100 tokens at 10 ms a request: at most 100 requests a second."""
    at, free = served(100.0, 0.0), Front(0.010, 0.0, 1.0, 1.0, 0.0)
    met = burst(at._replace(prefill_seconds=0.001), free, 1000.0, 1000.0, 1.0)
    assert met.tokens_per_second == pytest.approx(1000.0 / (1000 * 0.010 + 0.020))
