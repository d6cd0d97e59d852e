"""Prefill alone: a replica that runs prompts and writes no answers."""

from __future__ import annotations

import math

import numpy as np

from llmcost.engine.machine.roofline import Machine
from llmcost.engine.numeric.kinds import SECONDS_PER_HOUR, Array, Num
from llmcost.engine.numeric.spread import median
from llmcost.engine.serving import at_a_load as serving_traffic
from llmcost.engine.serving import memory as serving_memory
from llmcost.engine.serving import operating_point as serving
from llmcost.engine.serving import pools as serving_pools
from llmcost.engine.serving.operating_point import BINDS, Layout, Load
from llmcost.estimate.asking import network
from llmcost.estimate.asking.ledger import Ledger
from llmcost.estimate.asking.memory_parts import MemoryRow, memory_rows
from llmcost.estimate.asking.no_fit import NoFit
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.values import ServingFigures, ServingNumbers
from llmcost.estimate.fleet.sizing import Kinds
from llmcost.estimate.serving.replicas import memory_parts
from llmcost.estimate.serving.replicas.formats import held_once
from llmcost.estimate.serving.replicas.load import Arrivals, Demand, Server, Under
from llmcost.estimate.serving.replicas.options import SOURCE, Options, record
from llmcost.estimate.serving.replicas.possible import no_fit
from llmcost.estimate.serving.replicas.replica import Choice, Facts, FrontRow, degrees, one_kind, ranks
from llmcost.records import NamedTuple


class Prompts(NamedTuple):
    """A prefill replica: iterations full of prompt, which any number of requests may wait for."""

    asked: Options
    precision: serving.Precision
    dtype: str
    layout: Layout
    front: tuple[FrontRow, ...] = ()

    @property
    def gpus(self) -> int:
        """Accelerators of a replica [-]."""
        return int(size_of(self.layout))

    def point(self, load: Load, machine: Machine | None = None) -> serving_pools.PrefillPoint:
        """The engine's answer at these lengths, on the machine that was taken or on another network."""
        a = self.asked
        machine = machine or a.device.machine
        return serving_pools.prefill_point(a.shape, machine, self.layout, self.precision, load, a.calibration)

    def speed(self, p: ServingNumbers) -> ServingFigures:
        """Rates at the numbers `p`."""
        at = self.point(_load(p), network.at(self.asked.device.machine, p))
        seconds = at.prompt_seconds * p["throughput_error"]
        return {
            "ttft_idle_seconds": at.alone_seconds * p["ttft_error"],
            "input_tokens_per_second": at.tokens_per_second / p["throughput_error"],
            "requests_per_second_per_replica": 1.0 / seconds,
        }

    def kinds(self, out: ServingFigures) -> Kinds:
        """Its kinds of replica: name, accelerators, accelerator time of one request at full load [s]."""
        return one_kind(self.gpus, out)

    def choices(self) -> list[Choice]:
        """None: prompts alone are never set against training."""
        return []

    def facts(self) -> Facts:
        """What the replica is, for the result."""
        a = self.asked
        held = serving_memory.weights_bytes(a.shape, self.layout, self.precision)
        return {
            "gpus_per_replica": self.gpus,
            **degrees(self.layout),
            "dtype": self.dtype,
            "batch_max": int(self._room()),
            "weight_bytes": held_once(a.shape, self.precision),
            "weight_bytes_per_gpu": float(held),
            "binds": BINDS[int(self.point(a.load).binds)],
        }

    def memory(self) -> list[MemoryRow]:
        """The memory of one of its accelerators by part, with one prompt."""
        a = self.asked
        load = a.load._replace(osl=1.0)
        held = memory_parts.parts(a.shape, a.device, self.layout, self.precision, load, a.calibration, batch=1.0)
        return memory_rows(a.device, held)

    def _room(self) -> float:
        a = self.asked
        load = a.load._replace(osl=1.0)
        return float(serving.max_batch(a.shape, a.device.machine, self.layout, self.precision, load, a.calibration))

    def under(self, p: ServingNumbers, share: Num, replicas: Num) -> Under:
        """So many of them at a share of what they can do."""
        at, lengths = self.point(_load(p), network.at(self.asked.device.machine, p)), self.asked.lengths
        rate = share * replicas / at.prompt_seconds
        prompts = None if lengths is None else lengths.prompt_points()
        return Under(None, serving_traffic.first_token_of_pool(at, self.asked.calibration, rate, replicas, prompts))

    def server(self) -> Server:
        """Itself: prompts queue for it."""
        return self

    def explain(self, ledger: Ledger, c: ServingFigures) -> None:
        """The steps of its speed."""
        at = self.point(self.asked.load)
        load = self.asked.load
        new = max(load.isl - load.cached_isl, 1.0)
        ledger.step(
            "prompt", f"machine time of {new:.0f} uncached tokens in full iterations, {ranks(self.layout)}",
            float(at.prompt_seconds), "s", SOURCE,
        )  # fmt: skip
        ledger.step(
            "TTFT, nobody waiting", "front end + the prompt", float(c["ttft_idle_seconds"]), "s", SOURCE
        )  # fmt: skip
        ledger.step(
            "input tokens per second", f"{new:.0f} / {float(at.prompt_seconds):.4g} s",
            float(c["input_tokens_per_second"]), "1/s", SOURCE,
        )  # fmt: skip


def _load(p: ServingNumbers) -> Load:
    return Load(p["isl"], 1.0, p["isl"] * p["cache_hit"])


def size_of(layout: Layout) -> Num:
    """Accelerators of a replica, or of each of several [-]."""
    return layout.tp * layout.pp * layout.dp


class Tried(NamedTuple):
    """Every layout of a format: what a prompt takes of its accelerators, and the first token; infinite without one."""

    gpu_seconds: Array
    ttft_seconds: Array


def choose(question: Question, asked: Options, demand: Demand) -> Prompts | NoFit:
    """The layout and format whose prompts cost least, among those that hold one and keep the TTFT target."""
    every = [tried(asked, precision, demand.arrivals) for precision in asked.precisions]
    kept = [cheapest(asked, one) for one in every]
    if not any(np.isfinite(one.gpu_seconds).any() for one in every):
        return no_fit(question, asked)
    which = int(np.argmin([seconds for _, seconds in kept]))
    layout, seconds = kept[which]
    if not math.isfinite(seconds):
        return too_late(every)
    record(question, asked, layout, None, asked.dtypes[which])
    new, used = max(float(asked.load.isl - asked.load.cached_isl), 1.0), median(question.numbers["utilization"])
    usd = demand.terms.usd_per_hour / SECONDS_PER_HOUR / used / new * 1e6
    return Prompts(asked, asked.precisions[which], asked.dtypes[which], layout, front(asked, every, usd))


def cheapest(asked: Options, of: Tried) -> tuple[Layout, float]:
    """The layout whose prompts take least accelerator time in time, and that time [s]: infinite where none does."""
    cost = np.where(of.ttft_seconds <= asked.targets.ttft_seconds, of.gpu_seconds, np.inf)
    at = int(np.argmin(cost))
    return Layout(*(float(np.asarray(axis)[at]) for axis in asked.candidates)), float(np.asarray(cost)[at])


def front(asked: Options, every: list[Tried], usd: float) -> tuple[FrontRow, ...]:
    """Layouts that no other beats on both cost and first token, cheapest first.

    `usd` is the price of a million prompt tokens that take a second of an accelerator each prompt.
    """
    cost, late = (np.concatenate(axis) for axis in zip(*every, strict=True))
    order = [i for i in np.lexsort((late, cost)) if late[i] <= asked.targets.ttft_seconds and np.isfinite(late[i])]
    rows: list[FrontRow] = []
    for i in order:
        if rows and late[i] >= rows[-1]["ttft_seconds"]:
            continue
        layout = Layout(*(float(np.asarray(axis)[i % np.size(axis)]) for axis in asked.candidates))
        rows.append(
            {
                "usd_per_mtok_input": float(cost[i]) * usd,
                "ttft_seconds": float(late[i]),
                "gpus_per_replica": int(size_of(layout)),
                "layout": ranks(layout),
            }
        )
    return tuple(rows)


def too_late(every: list[Tried]) -> NoFit:
    """The refusal of a TTFT target that no layout keeps."""
    reach = min(float(np.min(one.ttft_seconds)) for one in every)
    told = f"best TTFT {reach * 1000:.0f} ms" if math.isfinite(reach) else "at full load prompts queue without end"
    return NoFit(f"no prefill layout keeps the target at this load: {told}")


def tried(asked: Options, precision: serving.Precision, arrivals: Arrivals) -> Tried:
    """Cost and mean TTFT of every layout under the arrivals; a decode pool also waits for the KV cache."""
    args = (asked.shape, asked.device.machine, asked.candidates, precision, asked.load._replace(osl=1.0))
    fits = serving.max_batch(*args, asked.calibration) >= 1.0
    at = serving_pools.prefill_point(*args, asked.calibration)
    handed = 0.0 if asked.phase == "prefill" else at.transfer_seconds
    rate, servers = arrivals.of(at.prompt_seconds)
    prompts = None if asked.lengths is None else asked.lengths.prompt_points()
    first = serving_traffic.first_token_of_pool(at, asked.calibration, rate, servers, prompts, handed)
    cost = np.where(fits, at.prompt_seconds * size_of(asked.candidates), np.inf)
    return Tried(cost, np.where(fits, first.mean_seconds, np.inf))
