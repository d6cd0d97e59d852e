"""Prefill alone: a replica that runs prompts and writes no answers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from llmcost.engine import serving, serving_memory, serving_pools, serving_traffic
from llmcost.engine.serving import BINDS, Layout, Load
from llmcost.estimate.question import Question
from llmcost.estimate.replica import degrees, one_kind, ranks
from llmcost.estimate.serving_load import Server, Under
from llmcost.estimate.serving_options import SOURCE, NoFit, Options, no_fit, record


class Prompts(NamedTuple):
    """A prefill replica: iterations full of prompt, which any number of requests may wait for."""

    asked: Options
    precision: serving.Precision
    dtype: str
    layout: Layout
    front: tuple[dict[str, Any], ...] = ()

    @property
    def gpus(self) -> int:
        """Accelerators of a replica [-]."""
        return int(size_of(self.layout))

    def point(self, load: Load) -> serving_pools.PrefillPoint:
        """The engine's answer at these lengths."""
        a = self.asked
        return serving_pools.prefill_point(a.shape, a.device.machine, self.layout, self.precision, load, a.calibration)

    def speed(self, p: Mapping[str, Any]) -> dict[str, Any]:
        """Rates at the numbers `p`."""
        at = self.point(_load(p))
        seconds = at.prompt_seconds * p["throughput_error"]
        return {
            "ttft_idle_seconds": at.alone_seconds * p["ttft_error"],
            "input_tokens_per_second": at.tokens_per_second / p["throughput_error"],
            "requests_per_second_per_replica": 1.0 / seconds,
        }

    def kinds(self, out: Mapping[str, Any]) -> list[tuple[str, int, Any]]:
        """Its kinds of replica: name, accelerators, accelerator time of one request at full load [s]."""
        return one_kind(self.gpus, out)

    def facts(self) -> dict[str, Any]:
        """What the replica is, for the result."""
        a = self.asked
        held = serving_memory.weights_bytes(a.shape, self.layout, self.precision)
        return {
            "gpus_per_replica": self.gpus,
            **degrees(self.layout),
            "dtype": self.dtype,
            "weight_bytes": float(held) * self.gpus,
            "binds": BINDS[int(self.point(a.load).binds)],
        }

    def under(self, p: Mapping[str, Any], share: Any, replicas: Any) -> Under:
        """So many of them at a share of what they can do."""
        at, lengths = self.point(_load(p)), self.asked.lengths
        rate = share * replicas / at.prompt_seconds
        prompts = None if lengths is None else lengths.prompt_points()
        return Under(None, serving_traffic.first_token_of_pool(at, self.asked.calibration, rate, replicas, prompts))

    def server(self) -> Server:
        """Itself: prompts queue for it."""
        return self

    def explain(self, question: Question, c: Mapping[str, Any]) -> None:
        """The steps of its speed."""
        at = self.point(self.asked.load)
        load = self.asked.load
        new = max(load.isl - load.cached_isl, 1.0)
        question.step(
            "prompt", f"machine time of {new:.0f} uncached tokens in full iterations, {ranks(self.layout)}",
            float(at.prompt_seconds), "s", SOURCE,
        )  # fmt: skip
        question.step(
            "TTFT, nobody waiting", "front end + the prompt", float(c["ttft_idle_seconds"]), "s", SOURCE
        )  # fmt: skip
        question.step(
            "input tokens per second", f"{new:.0f} / {float(at.prompt_seconds):.4g} s",
            float(c["input_tokens_per_second"]), "1/s", SOURCE,
        )  # fmt: skip


def _load(p: Mapping[str, Any]) -> Load:
    return Load(p["isl"], 1.0, p["isl"] * p["cache_hit"])


def size_of(layout: Layout) -> Any:
    """Accelerators of a replica, or of each of several [-]."""
    return layout.tp * layout.pp * layout.dp


def choose(question: Question, asked: Options) -> Prompts | NoFit:
    """The layout and format whose prompts cost least, among those that hold one and keep the TTFT target."""
    found = [(best_layout(asked, p), p, d) for p, d in zip(asked.precisions, asked.dtypes, strict=True)]
    fit = [(layout, cost, p, d) for (layout, cost), p, d in found if layout is not None]
    if not fit:
        return no_fit(question, asked)
    layout, cost, precision, dtype = min(fit, key=lambda choice: choice[1])
    if not math.isfinite(cost):
        return too_late(asked, precision)
    record(question, asked, layout, None, dtype)
    return Prompts(asked, precision, dtype, layout)


def best_layout(asked: Options, precision: serving.Precision) -> tuple[Layout | None, float]:
    """The layout whose prompts take least accelerator time, and that time [s]; none holds one, or none in time."""
    fits, first = _tried(asked, precision)
    if not fits.any():
        return None, math.inf
    seconds = first.alone_seconds + _transfer(asked, first)
    kept = fits & (seconds <= asked.targets.ttft_seconds)
    cost = np.where(kept, first.prompt_seconds * size_of(asked.candidates), np.inf)
    best = int(np.argmin(cost))
    return Layout(*(float(axis[best]) for axis in asked.candidates)), float(cost[best])


def too_late(asked: Options, precision: serving.Precision) -> NoFit:
    """The refusal of a TTFT target that no layout keeps."""
    fits, first = _tried(asked, precision)
    reach = float(np.min(np.where(fits, first.alone_seconds + _transfer(asked, first), np.inf)))
    return NoFit(f"no prefill layout keeps the target: best TTFT {reach * 1000:.0f} ms", None, None)


def _transfer(asked: Options, first: serving_pools.PrefillPoint) -> Any:
    """The hand-over of the KV cache, where a decode pool waits for it [s]."""
    return 0.0 if asked.phase == "prefill" else first.transfer_seconds


def _tried(asked: Options, precision: serving.Precision) -> tuple[Any, serving_pools.PrefillPoint]:
    args = (asked.shape, asked.device.machine, asked.candidates, precision, asked.load._replace(osl=1.0))
    fits = serving.max_batch(*args, asked.calibration) >= 1.0
    return fits, serving_pools.prefill_point(*args, asked.calibration)
