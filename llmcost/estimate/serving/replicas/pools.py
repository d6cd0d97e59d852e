"""Separate pools: prompts run on one kind of replica, answers on another, the KV cache is handed over."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from llmcost.engine.machine.roofline import Machine
from llmcost.engine.numeric.kinds import Num
from llmcost.engine.numeric.spread import median
from llmcost.engine.serving import at_a_load as serving_traffic
from llmcost.engine.serving import in_flight
from llmcost.engine.serving import operating_point as serving
from llmcost.engine.serving import pools as serving_pools
from llmcost.engine.serving import search as serving_search
from llmcost.engine.serving.operating_point import Layout, Load
from llmcost.engine.serving.search import Grid
from llmcost.estimate.asking import network
from llmcost.estimate.asking.ledger import Ledger
from llmcost.estimate.asking.memory_parts import MemoryRow, memory_rows
from llmcost.estimate.asking.no_fit import NoFit
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.values import ServingFigures, ServingNumbers
from llmcost.estimate.fleet.sizing import Fleet, Kinds
from llmcost.estimate.serving.replicas import memory_parts, sizes
from llmcost.estimate.serving.replicas.formats import held_once
from llmcost.estimate.serving.replicas.load import Demand, Server, Under
from llmcost.estimate.serving.replicas.options import SOURCE, Options, record, too_large, too_slow, within
from llmcost.estimate.serving.replicas.possible import no_fit
from llmcost.estimate.serving.replicas.prompts import Tried, cheapest, size_of, too_late, tried
from llmcost.estimate.serving.replicas.replica import Choice, Facts, FrontRow, cache_of_a_request, degrees, ranks
from llmcost.estimate.serving.replicas.together import front_rows, stated
from llmcost.records import NamedTuple


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
    front: tuple[FrontRow, ...]
    fastest: tuple[float, float]
    stands: bool = False  # its batch was said: that many are in flight at any load
    tried: tuple[Choice, ...] = ()  # what it was chosen from, where the traffic decided

    @property
    def prefill_size(self) -> int:
        """Accelerators of a prefill replica [-]."""
        return int(size_of(self.prefill))

    @property
    def gpus(self) -> int:
        """Accelerators of a decode replica [-]."""
        return int(size_of(self.decode))

    def _prefill(self, load: Load, machine: Machine) -> serving_pools.PrefillPoint:
        a = self.asked
        return serving_pools.prefill_point(a.shape, machine, self.prefill, self.precision, load, a.calibration)

    def _decode(self, load: Load, machine: Machine) -> serving.Point:
        a = self.asked
        return serving_pools.decode_point(a.shape, machine, self.decode, self.precision, load, a.calibration)

    def speed(self, p: ServingNumbers) -> ServingFigures:
        """Latencies, the rate of a decode replica, and accelerator-seconds of each phase at the numbers `p`."""
        cached = p["isl"] * p["cache_hit"]
        load = Load(p["isl"], p["osl"], cached, self.batch)
        machine = network.at(self.asked.device.machine, p)
        first, then = self._prefill(load, machine), self._decode(load, machine)
        slower = p["throughput_error"]
        prompt = first.prompt_seconds * self.prefill_size * slower
        answer = self.gpus * p["osl"] / then.output_tokens_per_second * slower
        rate = then.output_tokens_per_second / slower
        out: ServingFigures = {
            "ttft_idle_seconds": (first.alone_seconds + first.transfer_seconds) * p["ttft_error"],
            "tpot_full_seconds": then.tpot_seconds * p["tpot_error"],
            "output_tokens_per_second": rate,
            "requests_per_second_per_replica": rate / p["osl"],
            "prefill_gpu_seconds": prompt,
            "decode_gpu_seconds": answer,
            "prefill_share": prompt / (prompt + answer),
        }
        if np.any(cached):
            bare = self._decode(Load(p["isl"] - cached, p["osl"], 0.0, self.batch), machine)
            saved = 1.0 - then.output_tokens_per_second / bare.output_tokens_per_second
            out["cached_share"] = np.maximum(saved, 0.0) * (1.0 - out["prefill_share"])
        return out

    def kinds(self, out: ServingFigures) -> Kinds:
        """Its kinds of replica: name, accelerators, accelerator time of one request at full load [s]."""
        return [
            ("decode", self.gpus, out["decode_gpu_seconds"]),
            ("prefill", self.prefill_size, out["prefill_gpu_seconds"]),
        ]

    def choices(self) -> list[Choice]:
        """The sizes that they were chosen from, for the traffic."""
        return list(self.tried)

    def facts(self) -> Facts:
        """What the replicas are, for the result."""
        return {
            "gpus_per_replica": self.gpus,
            "prefill_gpus_per_replica": self.prefill_size,
            "prefill_layout": ranks(self.prefill),
            **degrees(self.decode),
            "batch": int(self.batch),
            "dtype": self.dtype,
            "weight_bytes": held_once(self.asked.shape, self.precision),
            "weight_bytes_per_gpu": float(self.point.weights_bytes),
            "kv_bytes_per_request": cache_of_a_request(
                self.asked.shape, self.decode, self.point, self.asked.calibration
            ),
            "binds": self.binds,
            "fastest_tpot_seconds": self.fastest[0],
            "fastest_usd_per_mtok_output": self.fastest[1],
        }

    def memory(self) -> list[MemoryRow]:
        """The memory of one accelerator of each pool by part: answers with their batch, one prompt."""
        a = self.asked
        rows: list[MemoryRow] = []
        for pool, layout, load, batch in (
            ("decode", self.decode, a.load._replace(batch=self.batch), self.batch),
            ("prefill", self.prefill, a.load._replace(osl=1.0), 1.0),
        ):
            held = memory_parts.parts(a.shape, a.device, layout, self.precision, load, a.calibration, batch)
            rows += [{**row, "name": f"{pool}: {row['name']}"} for row in memory_rows(a.device, held)]
        return rows

    def under(self, p: ServingNumbers, share: Num, replicas: Num) -> Under:
        """So many decode replicas at a share of what they can do, with as many prefill replicas as they need."""
        a, load = self.asked, Load(p["isl"], p["osl"], p["isl"] * p["cache_hit"], self.batch)
        machine = network.at(a.device.machine, p)
        first, points = self._prefill(load, machine), in_flight.loaded(
            serving_pools.decode_point, a.shape, machine, self.decode, self.precision, load, a.calibration,
            share,
        )  # fmt: skip
        at = points.full if self.stands else points.at
        most = points.full.output_tokens_per_second / p["osl"]
        servers = np.maximum(np.ceil(replicas * most * first.prompt_seconds - 1e-9), 1.0)
        prompts = None if a.lengths is None else a.lengths.prompt_points()
        first_token = serving_traffic.first_token_of_pool(
            first, a.calibration, share * replicas * most, servers, prompts, first.transfer_seconds
        )
        return Under(at, first_token)

    def server(self) -> Server:
        """Itself: prompts queue for it."""
        return self

    def explain(self, ledger: Ledger, c: ServingFigures) -> None:
        """The steps of both pools."""
        ledger.step(
            "prefill", f"accelerator-seconds of a prompt on {self.prefill_size} with {ranks(self.prefill)}",
            float(c["prefill_gpu_seconds"]), "s", SOURCE,
        )  # fmt: skip
        for name, seconds in self.point.rows().items():
            if name != "prefill":
                ledger.step(name, "time of one decode iteration spent on it", float(seconds), "s", SOURCE)
        formula = f"one iteration with {self.batch:.0f} requests in flight"
        ledger.step("TPOT, batch full", formula, float(c["tpot_full_seconds"]), "s", SOURCE)
        ledger.step(
            "decode", f"{self.gpus} accelerators x OSL / {float(c['output_tokens_per_second']):.4g} tokens/s",
            float(c["decode_gpu_seconds"]), "s", SOURCE,
        )  # fmt: skip


class _Pair(NamedTuple):
    """A decode point of the search with a prefill layout of its format, and the accelerator time of a request [s]."""

    point: int
    prefill: Layout
    gpus: tuple[float, float]
    seconds: tuple[float, float]

    @property
    def choice(self) -> Choice:
        """Both kinds, each with the accelerator time of a request."""
        return tuple(zip(self.gpus, self.seconds, strict=True))


def choose(question: Question, asked: Options, demand: Demand) -> Pools | NoFit:
    """The cheapest prefill replica within the TTFT target and the cheapest decode replica within the TPOT target.

    For a fleet whose traffic is known their sizes are what carries that traffic for least, replicas being whole.
    """
    arriving = asked.load._replace(cached_isl=asked.load.isl)
    answer = within(question, asked, arriving, asked.targets._replace(ttft_seconds=math.inf))
    grid = answer.grid
    if not len(grid.gpus_per_replica):
        return no_fit(question, asked)
    if answer.cheapest < 0:
        return too_slow(asked.model.name, asked.device.found.name, grid)
    whole = demand.fleet if bool(grid.meets[answer.cheapest]) else None
    points = [answer.cheapest] if whole is None else [int(i) for i in serving_search.by_size(grid)]
    prompts = {which: tried(asked, asked.precisions[which], demand.arrivals) for which in _formats(grid, points)}
    pairs = [pair for index in points for pair in _pairs(asked, grid, index, prompts, whole is not None)]
    if not pairs:
        return too_late(list(prompts.values()))
    pair = pairs[_least(whole, demand.numbers(question), pairs)]
    best = grid.pick(pair.point)
    answer = answer._replace(cheapest=pair.point, binds=serving_search.binding(grid, pair.point))
    batch, which = float(best.point.batch), int(best.precision_index)
    short = too_large(question, batch)
    if short is not None:
        return short
    precision, dtype = asked.precisions[which], asked.dtypes[which]
    decode = Layout(*(float(v) for v in best.layout))
    network.keep(question, asked.device, pair.prefill)
    record(question, asked, decode, batch, dtype)
    quick, paid = grid.pick(answer.fastest), demand.terms.usd_per_hour / median(question.numbers["utilization"])
    at = serving_pools.decode_point(
        asked.shape, asked.device.machine, decode, precision, asked.load._replace(batch=batch), asked.calibration
    )
    fastest = (float(quick.point.tpot_seconds), float(quick.gpu_hours_per_mtok) * paid)
    return Pools(
        asked, precision, dtype, pair.prefill, decode, batch, at, answer.binds, front_rows(answer, paid, "decode"),
        fastest, stated(question), () if whole is None else tuple(one.choice for one in pairs),
    )  # fmt: skip


def _formats(grid: Grid, points: list[int]) -> set[int]:
    return {int(grid.pick(index).precision_index) for index in points}


def _pairs(asked: Options, grid: Grid, index: int, prompts: Mapping[int, Tried], every_size: bool) -> Iterator[_Pair]:
    """A decode point with the cheapest prefill layout in time, or with that of every size."""
    point = grid.pick(index)
    of = prompts[int(point.precision_index)]
    size = float(point.gpus_per_replica)
    decoding = size * float(asked.load.osl) / float(point.point.output_tokens_per_second)
    gpus = np.broadcast_to(size_of(asked.candidates), np.shape(of.gpu_seconds))
    for each in sorted(set(gpus.tolist())) if every_size else [None]:
        some = of if each is None else of._replace(gpu_seconds=np.where(gpus == each, of.gpu_seconds, np.inf))
        layout, seconds = cheapest(asked, some)
        if math.isfinite(seconds):
            yield _Pair(index, layout, (size, float(size_of(layout))), (decoding, seconds))


def _least(fleet: Fleet | None, p: ServingNumbers, pairs: list[_Pair]) -> int:
    """The pair whose fleet costs least, or whose request does where no traffic says how many replicas there are."""
    (decode, prefill), (answers, prompts) = (np.array([getattr(p, k) for p in pairs]).T for k in ("gpus", "seconds"))
    if fleet is None:
        return int(np.argmin(answers + prompts))
    kinds = [("decode", decode, answers), ("prefill", prefill, prompts)]
    usd = sizes.paid(fleet, kinds, p)
    return int(sizes.least(usd, answers + prompts))
