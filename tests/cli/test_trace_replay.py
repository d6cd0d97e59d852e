"""A fleet sized for a log keeps its p95 time to first token when the log is replayed on it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import Cli

COUNT, CHUNK = 4000, 8192  # requests; prompt tokens of an iteration, the engine's default
Lengths = np.ndarray[Any, np.dtype[np.int64]]
Times = np.ndarray[Any, np.dtype[np.float64]]


def log(path: Path, per_second: float) -> tuple[Times, Lengths, Lengths]:
    """Random arrivals with lognormal lengths."""
    rng = np.random.default_rng(3)
    times = np.cumsum(rng.exponential(1.0 / per_second, COUNT))
    sent = np.clip(rng.lognormal(6.6, 0.9, COUNT), 1, 30_000).astype(int) + 1
    written = np.clip(rng.lognormal(4.9, 0.8, COUNT), 1, 4_000).astype(int) + 1
    start = dt.datetime(2026, 3, 2)
    lines = [
        f"{(start + dt.timedelta(seconds=float(t))).isoformat(sep=' ')},{i},{o}"
        for t, i, o in zip(times, sent, written, strict=True)
    ]
    path.write_text("\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *lines]) + "\n")
    return times, sent, written


def first_tokens(fleet: dict[str, Any], times: Times, sent: Lengths, written: Lengths) -> Times:
    """Time to first token of every request: continuous batching in chunks, each request to the emptiest replica.

    An iteration takes the time of its prompt tokens and that of one token of every answer that is being written, which
    lies between the answer's fastest and its full batch.
    """
    count, most = int(fleet["replicas"]), int(fleet["batch"])
    prompt = fleet["prefill_share"] / (fleet["requests_per_second_per_replica"] * float(sent.mean()))
    alone = fleet["fastest_tpot_seconds"]
    each = (fleet["tpot_full_seconds"] * (1.0 - fleet["prefill_share"]) - alone) / most
    found, clock = np.zeros(len(times)), [0.0] * count
    waiting: list[list[list[int]]] = [[] for _ in range(count)]
    writing: list[list[list[int]]] = [[] for _ in range(count)]
    arrived = 0
    while arrived < len(times) or any(waiting) or any(writing):
        busy = [r for r in range(count) if waiting[r] or writing[r]]
        now = min(busy, key=lambda r: clock[r]) if busy else -1
        if arrived < len(times) and (now < 0 or times[arrived] <= clock[now]):
            free = min(range(count), key=lambda r: len(waiting[r]) + len(writing[r]))
            if not waiting[free] and not writing[free]:
                clock[free] = max(clock[free], float(times[arrived]))
            waiting[free].append([arrived, int(sent[arrived])])
            arrived += 1
            continue
        room, done = CHUNK, list[int]()
        while waiting[now] and room > 0 and len(writing[now]) + len(done) < most:
            taken = min(waiting[now][0][1], room)
            waiting[now][0][1] -= taken
            room -= taken
            if waiting[now][0][1] == 0:
                done.append(waiting[now].pop(0)[0])
        clock[now] += (CHUNK - room) * prompt + alone + each * len(writing[now])
        writing[now] = [[who, left - 1] for who, left in writing[now] if left > 1]
        for who in done:
            found[who] = clock[now] - times[who]
            writing[now].append([who, int(written[who])])
    return found


@pytest.mark.parametrize("per_second", [12.0, 40.0])
def test_the_fleet_of_a_log_keeps_its_target(per_second: float, cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    arrivals = log(path, per_second)
    target = 0.7
    words = (
        "serve",
        "--model",
        "llama-3.1-70b",
        "--hardware",
        "h100-sxm",
        "--trace",
        str(path),
        "--ttft-p95",
        f"{target}s",
    )
    fleet = cli(*words, "--json").json["result"]
    assert fleet["ttft_p95_seconds"] <= target
    p95 = float(np.quantile(first_tokens(fleet, *arrivals), 0.95))
    assert p95 <= target
    assert p95 == pytest.approx(fleet["ttft_p95_seconds"], rel=0.35)
