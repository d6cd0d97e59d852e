"""Each way that requests come, against a replica simulated iteration by iteration."""

from __future__ import annotations

import random
from typing import Any

import pytest

from llmcost.engine.serving.arrivals import Front, Met, Served, burst, open_loop, waiting_users
from llmcost.engine.serving.at_a_load import first_token, first_token_of_groups
from llmcost.engine.serving.in_flight import Loaded
from llmcost.engine.serving.inputs import Calibration, Layout, Load
from llmcost.engine.serving.operating_point import Point

STEP, TOKEN, PROMPT = 0.010, 1e-4, 2e-5  # an iteration: 10 ms, 0.1 ms a sequence, 20 us a prompt token
ISL, OSL, CHUNK = 1000, 100, 8000
PREFILL = ISL * PROMPT


def simulate(arrivals: list[float], slots: int, answers: list[int] | None = None) -> tuple[float, float, float]:
    """Mean TTFT and TPOT [s] and tokens per second of a replica whose iterations carry prompts beside decoding."""
    waiting = sorted(arrivals)
    lengths = iter(answers or [OSL] * len(arrivals))
    running: list[Any] = []  # [arrival, first token, tokens left, tokens]
    now = 0.0
    done: list[tuple[float, float, float, int]] = []
    while waiting or running:
        if not running and waiting[0] > now:
            now = waiting[0]
        admitted: list[float] = []
        while waiting and waiting[0] <= now and len(running) + len(admitted) < slots and len(admitted) < CHUNK // ISL:
            admitted.append(waiting.pop(0))
        now += STEP + TOKEN * len(running) + PREFILL * len(admitted)
        for request in running:
            request[2] -= 1
        done += [(now, *request[:2], request[3]) for request in running if not request[2]]
        running = [request for request in running if request[2]]
        running += [[arrival, now, tokens - 1, tokens] for arrival, tokens in zip(admitted, lengths, strict=False)]
    ttft = sum(first - arrival for _, arrival, first, _ in done) / len(done)
    tpot = sum((end - first) / (tokens - 1) for end, _, first, tokens in done) / len(done)
    return ttft, tpot, sum(tokens for *_, tokens in done) / (max(end for end, *_ in done) - min(arrivals))


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


@pytest.mark.parametrize(("sent", "slots"), [(200, 200), (1000, 1000), (1000, 250)])
def test_a_burst_of_mixed_answers_ends_with_its_longest(sent: int, slots: int) -> None:
    """Answers of exponential length: the longest run on alone, and short ones meet prompts at most of their tokens."""
    draw = random.Random(11)
    answers = [max(round(draw.expovariate(1.0 / OSL)), 2) for _ in range(sent)]
    ttft, tpot, speed = simulate([0.0] * sent, slots, answers)
    whole = Front(0.0, 0.0, STEP + TOKEN * slots + CHUNK * PROMPT, 1.0, STEP + TOKEN, CHUNK / ISL)
    args = served(slots, 0.0), whole, float(slots), float(sent), sum(answers) / sent
    mixed, alike = burst(*args, spread=1.0), burst(*args)
    assert mixed.ttft_seconds == pytest.approx(ttft, rel=0.35)
    assert mixed.tpot_seconds == pytest.approx(tpot, rel=0.25)
    assert mixed.tokens_per_second == pytest.approx(speed, rel=0.2)
    assert alike.tokens_per_second > 1.15 * speed


def test_a_slow_front_end_sets_the_pace_of_a_burst() -> None:
    """By hand: 1,000 requests of 100 tokens at 10 ms a request: at most 100 requests a second."""
    at, free = served(100.0, 0.0), Front(0.010, 0.0, 1.0, 1.0, 0.0)
    met = burst(at._replace(prefill_seconds=0.001), free, 1000.0, 1000.0, 1.0)
    assert met.tokens_per_second == pytest.approx(1000.0 / (1000 * 0.010 + 0.020))


def loaded(rate: float) -> tuple[Loaded, float]:
    """A replica of 200 places at a rate of prompts, and its share of what the places do."""

    def at(batch: float, prompts: float) -> Point:
        empty = STEP + TOKEN * batch
        tpot = empty / (1.0 - prompts * PREFILL)
        return Point(*[0.0] * 19)._replace(
            tpot_seconds=tpot, prefill_row=tpot - empty, prefill_seconds=PREFILL, batch=batch,
            output_tokens_per_second=batch * OSL / (OSL * tpot + PREFILL), first_steps=0.5,
        )  # fmt: skip

    most = 1.0 / (PREFILL + OSL * (TOKEN + STEP / 200.0))
    batch = rate * OSL * STEP / (1.0 - rate * (PREFILL + OSL * TOKEN))
    here, alone, half = at(batch, rate), at(1.0, 0.0), at(batch / 2.0, rate / 2.0)
    return Loaded(here, alone, half, at(200.0, most), STEP + TOKEN * batch + PREFILL), rate / most


@pytest.mark.parametrize("rate", [3.0, 7.0, 12.0])
def test_evenly_spaced_arrivals_wait_for_the_iteration_under_way_alone(rate: float) -> None:
    points, share = loaded(rate)
    load, known = Load(float(ISL), float(OSL), 0.0, 200.0), Calibration(chunk_tokens=float(CHUNK))
    ttft, _, _ = simulate([i / rate for i in range(600)], 200)
    even = first_token(points, Layout(), load, known, share, ca2=0.0)
    random_ones = first_token(points, Layout(), load, known, share)
    assert float(even.mean_seconds) == pytest.approx(ttft, rel=0.15)
    assert even.mean_seconds < random_ones.mean_seconds


def test_an_idle_replica_has_no_iteration_under_way() -> None:
    """A request a day: its first token takes the iteration of its own prompt, and waits for no other."""
    points, share = loaded(1.0 / 86_400.0)
    load, known = Load(float(ISL), float(OSL), 0.0, 200.0), Calibration(chunk_tokens=float(CHUNK))
    found = first_token(points, Layout(), load, known, share)
    assert float(found.mean_seconds) == pytest.approx(STEP + PREFILL, rel=1e-3)


@pytest.mark.parametrize("rate", [5.0, 12.0, 18.0])
def test_groups_wait_for_the_prompts_in_front_of_them(rate: float) -> None:
    points, share = loaded(rate)
    load, known = Load(float(ISL), float(OSL), 0.0, 200.0), Calibration(chunk_tokens=float(CHUNK))
    group = max(round(float(points.at.batch)), 1)
    arrivals = [i * group / rate for i in range(40) for _ in range(group)]
    ttft, _, _ = simulate(arrivals, 200)
    met = first_token_of_groups(points, Layout(), load, known, share)
    assert float(met.mean_seconds) == pytest.approx(ttft, rel=0.25)
    assert float(met.quantile(0.95)) > float(met.mean_seconds) > 0.0


def users(count: int, slots: int, answers: int = 3000) -> tuple[list[float], list[float]]:
    """Sorted TTFT and TPOT [s] of users who each wait for an answer of 50 to 150 tokens before asking again."""
    draw, now = random.Random(3), 0.0
    waiting = sorted(draw.random() * OSL * STEP for _ in range(count))
    running: list[list[float]] = []  # asked, first token, tokens left, tokens
    done: list[tuple[float, float]] = []
    while len(done) < answers:
        now = max(now, waiting[0]) if not running else now
        free = min(slots - len(running), CHUNK // ISL)
        admitted = [asked for asked in waiting if asked <= now][:free]
        waiting = waiting[len(admitted) :]
        now += STEP + TOKEN * len(running) + PREFILL * len(admitted)
        for request in running:
            request[2] -= 1
            if not request[2]:
                done.append((request[1] - request[0], (now - request[1]) / (request[3] - 1)))
                waiting.append(now)
        running = [request for request in running if request[2]]
        running += [[asked, now, length - 1, length] for asked in admitted for length in [draw.randint(50, 150)]]
    first, between = zip(*done[answers // 4 :], strict=True)
    return sorted(first), sorted(between)


@pytest.mark.parametrize(("count", "slots"), [(8, 8), (32, 32), (64, 64), (64, 32)])
def test_what_99_percent_of_waiting_users_meet(count: int, slots: int) -> None:
    first, between = users(count, slots)
    ttft, tpot, at = sum(first) / len(first), sum(between) / len(between), int(0.99 * len(first))
    life, group = OSL * tpot, float(min(count, slots))
    met = waiting_users(0.99, 2.326, Met(tpot, ttft, 0.0), PREFILL, group, float(OSL), life, float(count - group), 0.3)
    assert met.ttft_seconds == pytest.approx(first[at], rel=0.25)
    assert met.tpot_seconds == pytest.approx(between[at], rel=0.12)
