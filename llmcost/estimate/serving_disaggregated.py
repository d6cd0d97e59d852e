"""Separate pools: prompts run on one kind of replica, answers on another, the KV cache is handed over."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from llmcost.engine import queueing, serving, serving_pools
from llmcost.engine.serving import Layout, Load
from llmcost.engine.spread import median
from llmcost.estimate.question import Question
from llmcost.estimate.replica import front_rows, ranks
from llmcost.estimate.serving_load import Server
from llmcost.estimate.serving_options import SOURCE, NoFit, Options, no_fit, record, too_large, too_slow
from llmcost.estimate.serving_prompts import best_layout, size_of, too_late
from llmcost.estimate.serving_targets import within


class Pools(NamedTuple):
    """A prefill replica and a decode replica that answer together."""

    asked: Options
    precision: serving.Precision
    dtype: str
    prefill: Layout
    decode: Layout
    batch: float
    point: serving.Point  # of the decode replica
    binds: str
    front: tuple[dict[str, Any], ...]
    fastest: tuple[float, float]

    @property
    def prefill_size(self) -> int:
        """Accelerators of a prefill replica [-]."""
        return int(size_of(self.prefill))

    @property
    def gpus(self) -> int:
        """Accelerators of a decode replica [-]."""
        return int(size_of(self.decode))

    def _prefill(self, load: Load) -> serving_pools.PrefillPoint:
        a = self.asked
        return serving_pools.prefill_point(a.shape, a.device.machine, self.prefill, self.precision, load, a.calibration)

    def _decode(self, load: Load) -> serving.Point:
        a = self.asked
        return serving_pools.decode_point(a.shape, a.device.machine, self.decode, self.precision, load, a.calibration)

    def speed(self, p: Mapping[str, Any]) -> dict[str, Any]:
        """Latencies, the rate of a decode replica, and accelerator-seconds of each phase at the numbers `p`."""
        cached = p["isl"] * p["cache_hit"]
        load = Load(p["isl"], p["osl"], cached, self.batch)
        first, then = self._prefill(load), self._decode(load)
        slower = p["throughput_error"]
        prompt = first.prompt_seconds * self.prefill_size * slower
        answer = self.gpus * p["osl"] / then.output_tokens_per_second * slower
        rate = then.output_tokens_per_second / slower
        out = {
            "tpot_seconds": then.tpot_seconds * p["tpot_error"],
            "ttft_seconds": (first.alone_seconds + first.transfer_seconds) * p["ttft_error"],
            "output_tokens_per_second": rate,
            "requests_per_second_per_replica": rate / p["osl"],
            "prefill_gpu_seconds": prompt,
            "decode_gpu_seconds": answer,
            "prefill_share": prompt / (prompt + answer),
        }
        if np.any(cached):
            bare = self._decode(Load(p["isl"] - cached, p["osl"], 0.0, self.batch))
            saved = 1.0 - then.output_tokens_per_second / bare.output_tokens_per_second
            out["cached_share"] = np.maximum(saved, 0.0) * (1.0 - out["prefill_share"])
        return out

    def gpu_seconds(self, out: Mapping[str, Any]) -> Any:
        """Accelerator time of one request at full load [s]."""
        return out["prefill_gpu_seconds"] + out["decode_gpu_seconds"]

    def kinds(self, out: Mapping[str, Any]) -> list[tuple[str, int, Any]]:
        """Its kinds of replica: name, accelerators, accelerator time of one request at full load [s]."""
        return [
            ("decode", self.gpus, out["decode_gpu_seconds"]),
            ("prefill", self.prefill_size, out["prefill_gpu_seconds"]),
        ]

    def facts(self) -> dict[str, Any]:
        """What the replicas are, for the result."""
        return {
            "gpus_per_replica": self.gpus,
            "prefill_gpus_per_replica": self.prefill_size,
            "prefill_layout": ranks(self.prefill),
            "tp": int(self.decode.tp),
            "pp": int(self.decode.pp),
            "dp": int(self.decode.dp),
            "ep": int(self.decode.ep),
            "batch": int(self.batch),
            "dtype": self.dtype,
            "weight_bytes": float(self.point.weights_bytes) * self.gpus,
            "kv_bytes_per_request": float(self.point.kv_bytes_per_request),
            "tokens_per_second_per_user": 1.0 / float(self.point.tpot_seconds),
            "binds": self.binds,
            "fastest_tpot_seconds": self.fastest[0],
            "fastest_usd_per_mtok_output": self.fastest[1],
        }

    def ttft(self, p: Mapping[str, float], requests_per_second: Any, replicas: Any, quantile: Any) -> Any:
        """TTFT of random arrivals over as many prefill replicas as the decode replicas need [s]."""
        first = self._prefill(Load(p["isl"], p["osl"], p["isl"] * p["cache_hit"], self.batch))
        out = self.speed(p)
        per_decode = out["prefill_gpu_seconds"] * out["requests_per_second_per_replica"] / self.prefill_size
        servers = np.maximum(np.ceil(np.multiply(replicas, per_decode) - 1e-9), 1.0)
        lengths = self.asked.lengths
        points = np.ones(1) if lengths is None else lengths.prompt_points()
        known = self.asked.calibration
        extra = known.request_seconds + first.transfer_seconds
        stretch = (first.alone_seconds - known.request_seconds) / first.prompt_seconds
        return queueing.latency_quantile(
            quantile, servers, requests_per_second, first.prompt_seconds * points, 1.0, extra, stretch
        )

    def queue(self) -> Server:
        """Itself."""
        return self

    def explain(self, question: Question, c: Mapping[str, Any]) -> None:
        """The steps of both pools."""
        question.step(
            "prefill", f"accelerator-seconds of a prompt on {self.prefill_size} with {ranks(self.prefill)}",
            float(c["prefill_gpu_seconds"]), "s", SOURCE,
        )  # fmt: skip
        for name, seconds in self.point.rows().items():
            if name != "prefill":
                question.step(name, "time of one decode iteration spent on it", float(seconds), "s", SOURCE)
        question.step(
            "TPOT", f"one iteration with {self.batch:.0f} requests in flight", float(c["tpot_seconds"]), "s", SOURCE
        )
        question.step(
            "decode", f"{self.gpus} accelerators x OSL / {float(c['output_tokens_per_second']):.4g} tokens/s",
            float(c["decode_gpu_seconds"]), "s", SOURCE,
        )  # fmt: skip


def choose(question: Question, asked: Options, price: float) -> Pools | NoFit:
    """The cheapest prefill replica within the TTFT target and the cheapest decode replica within the TPOT target."""
    arriving = asked.load._replace(cached_isl=asked.load.isl)
    answer = within(question, asked, arriving, asked.targets._replace(ttft_seconds=math.inf), price)
    grid = answer.grid
    if not len(grid.gpus_per_replica):
        return no_fit(question, asked)
    if answer.cheapest < 0:
        return too_slow(asked.model.name, asked.device.found.name, grid)
    best = grid.pick(answer.cheapest)
    batch, which = float(best.point.batch), int(best.precision_index)
    short = too_large(question, batch)
    if short is not None:
        return short
    precision, dtype = asked.precisions[which], asked.dtypes[which]
    prefill, cost = best_layout(asked, precision)
    if prefill is None or not math.isfinite(cost):
        return too_late(asked, precision)
    decode = Layout(*(float(v) for v in best.layout))
    record(question, asked, decode, batch, dtype)
    quick, used = grid.pick(answer.fastest), median(question.numbers["utilization"])
    at = serving_pools.decode_point(
        asked.shape, asked.device.machine, decode, precision, asked.load._replace(batch=batch), asked.calibration
    )
    fastest = (float(quick.point.tpot_seconds), float(quick.usd_per_mtok) / used)
    return Pools(
        asked, precision, dtype, prefill, decode, batch, at, answer.binds, front_rows(answer, used, "decode"), fastest
    )
