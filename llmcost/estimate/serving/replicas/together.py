"""Both phases on the same accelerators: a layout, precision and batch, said or chosen, and the speed that follows."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import Num
from llmcost.engine.numeric.recent import Recent
from llmcost.engine.numeric.spread import median
from llmcost.engine.serving import at_a_load as serving_traffic
from llmcost.engine.serving import in_flight
from llmcost.engine.serving import operating_point as serving
from llmcost.engine.serving import pools as serving_pools
from llmcost.engine.serving import search as serving_search
from llmcost.engine.serving import sizes as serving_choice
from llmcost.engine.serving.operating_point import Calibration, Layout, Load, Precision
from llmcost.engine.serving.sizes import Sizes
from llmcost.engine.serving.speculation import Draft
from llmcost.engine.serving.steady import Times
from llmcost.estimate.asking import network
from llmcost.estimate.asking.ledger import Ledger
from llmcost.estimate.asking.memory_parts import MemoryRow, memory_rows
from llmcost.estimate.asking.no_fit import NoFit
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.subject import Chip
from llmcost.estimate.asking.values import ServingFigures, ServingNumbers
from llmcost.estimate.fleet.sizing import Kinds
from llmcost.estimate.serving.replicas import memory_parts
from llmcost.estimate.serving.replicas import sizes as serving_sizes
from llmcost.estimate.serving.replicas.formats import held_once
from llmcost.estimate.serving.replicas.lengths import Lengths
from llmcost.estimate.serving.replicas.load import Demand, Server, Under
from llmcost.estimate.serving.replicas.options import (
    SOURCE,
    Options,
    mode_of,
    record,
    too_large,
    too_slow,
    within,
)
from llmcost.estimate.serving.replicas.possible import no_fit
from llmcost.estimate.serving.replicas.replica import (
    Choice,
    Facts,
    FrontRow,
    cache_of_a_request,
    degrees,
    one_kind,
    ranks,
)
from llmcost.estimate.serving.replicas.users import ALIKE, Users, kept, most, read_users, spread_of, tail
from llmcost.records import NamedTuple

FRONT_ROWS = 12
# What takes the time of one iteration of T tokens, b of them decoded: symbols of docs/method-serving.md.
ROWS = {
    "linear": "2 W T / (tp peak eta_c) + (W bytes / tp + activations) / (bandwidth eta_m), W weights outside experts",
    "experts": "2 P_e k T / (ranks peak eta_c) + P_e E_v bytes / (ranks bandwidth eta_m), E_v = E (1 - (1 - k/E)^T)",
    "attention": "b KV(ISL + OSL/2) bytes / (tp bandwidth eta_kv) + b FLOPs / (tp peak eta_a)",
    "head": "2 V d b / (tp peak eta_c) + V d bytes / (tp bandwidth eta_m)",
    "communication": "2 L (2 (n-1)/n 2 T d / link + alpha log2 n) of tp, and all-to-all of ep",
    "fixed": "launches of a layer x L + scheduling of a step and of each request",
    "prefill": "(ISL - cached) / OSL prompt tokens for each one decoded: their products, attention and links",
}


class Together(NamedTuple):
    """A replica that runs prompts and answers in one batch, or decodes alone."""

    gpus: int
    shape: Shape
    device: Chip
    layout: Layout
    precision: Precision
    calibration: Calibration
    batch: float
    point: serving.Point
    binds: str
    front: tuple[FrontRow, ...]
    dtype: str
    batch_max: float
    lengths: Lengths | None
    static: bool
    load: Load
    stands: bool = False  # its batch was said: that many are in flight at any load
    decodes_only: bool = False  # every prompt comes with its KV cache: it decodes alone
    draft: Draft | None = None
    fastest: tuple[float, float] = (math.nan, math.nan)  # TPOT [s], USD per Mtok of output
    sizes: Sizes | None = None  # what it was chosen from, where the traffic decided
    arrivals: str = "poisson"  # how requests come
    users: Users | None = None  # who wait for their answers, in place of arrivals
    answers_spread: float = ALIKE  # standard deviation of answers over their mean [-]
    held: bool = False  # memory is known to hold its batch

    @property
    def asked(self) -> float:
        """Requests that are there at once: in flight, or waiting for a place."""
        return self.batch if self.users is None else self.users.at_once

    def speed(self, p: ServingNumbers) -> ServingFigures:
        """TPOT, TTFT, tokens per second and prefill share at the numbers `p`."""
        numbers = (p["isl"], p["osl"], p.get("cache_hit"), p.get("network_bandwidth"), p.get("network_latency"))
        at, bare = SPEEDS.of((self, *numbers), lambda: self._speeds(p))
        rate = at.output_tokens_per_second / p["throughput_error"]
        out: ServingFigures = {
            "tpot_full_seconds": at.tpot_seconds * p["tpot_error"],
            "output_tokens_per_second": rate,
            "requests_per_second_per_replica": rate / p["osl"],
        }
        if self.decodes_only:
            return out
        out |= {"ttft_full_seconds": at.ttft_seconds * p["ttft_error"], "prefill_share": prefill_share(at, self.static)}
        if bare is not None:
            reading = (_decoding(at) - _decoding(bare)) * at.output_tokens_per_second / at.batch
            out["cached_share"] = np.clip(reading, 0.0, 1.0 - out["prefill_share"])
        return out

    def _speeds(self, p: ServingNumbers) -> tuple[serving.Point | Times, serving.Point | Times | None]:
        """Its full batch, and what it would do without the cached part of its prompts; None where nothing is cached."""
        load, machine = self._load(p), network.at(self.device.machine, p)
        if self.decodes_only or not np.any(load.cached_isl):
            return self._at(load, machine), None
        return self._at(load, machine), self._at(Load(load.isl - load.cached_isl, load.osl, 0.0, self.asked), machine)

    def _load(self, p: ServingNumbers) -> Load:
        cached = p["isl"] if self.decodes_only else p["isl"] * p["cache_hit"]
        return Load(p["isl"], p["osl"], cached, self.asked)

    @property
    def _mode(self) -> Callable[[Shape, Machine, Layout, Precision, Load, Calibration], serving.Point | Times]:
        return serving.times if self.held else mode_of(self.static, self.draft)

    def _at(self, load: Load, machine: Machine) -> serving.Point | Times:
        return self._mode(self.shape, machine, self.layout, self.precision, load, self.calibration)

    def under(self, p: ServingNumbers, share: Num, replicas: Num) -> Under:
        """So many of them at a share of what they can do."""
        load = self._load(p)
        machine = network.at(self.device.machine, p)
        points = in_flight.loaded(
            self._mode, self.shape, machine, self.layout, self.precision, load, self.calibration, share
        )
        if self.decodes_only:
            return Under(points.at, None)
        prompts = None if self.lengths is None else self.lengths.prompt_points()
        if self.arrivals == "burst":
            groups = serving_traffic.first_token_of_groups(points, self.layout, load, self.calibration, share, prompts)
            return Under(points.at, groups)
        ca2 = 0.0 if self.arrivals == "steady" else 1.0
        first = serving_traffic.first_token(points, self.layout, load, self.calibration, share, replicas, prompts, ca2)
        return Under(points.at, first)

    def kinds(self, out: ServingFigures) -> Kinds:
        """Its kinds of replica: name, accelerators, accelerator time of one request at full load [s]."""
        return one_kind(self.gpus, out)

    def choices(self) -> list[Choice]:
        """The sizes that it was chosen from, for the traffic."""
        if self.sizes is None:
            return []
        possible = np.isfinite(self.sizes.gpu_seconds)
        rows = zip(self.sizes.gpus[possible], np.asarray(self.sizes.gpu_seconds)[possible] * self.load.osl, strict=True)
        return [((float(gpus), float(seconds)),) for gpus, seconds in rows]

    def facts(self) -> Facts:
        """What the replica is, for the result."""
        facts: Facts = {
            "gpus_per_replica": self.gpus,
            **degrees(self.layout),
            "batch": int(self.batch),
            "batch_max": int(self.batch_max),
            "dtype": self.dtype,
            "weight_bytes": held_once(self.shape, self.precision),
            "weight_bytes_per_gpu": float(self.point.weights_bytes),
            "kv_bytes_per_request": cache_of_a_request(self.shape, self.layout, self.point, self.calibration),
            "output_tokens_per_second_per_gpu": float(self.point.output_tokens_per_second) / self.gpus,
            "binds": self.binds,
            "fastest_tpot_seconds": self.fastest[0],
            "fastest_usd_per_mtok_output": self.fastest[1],
        }
        return facts if self.users is None else facts | self._users(self.users)

    def memory(self) -> list[MemoryRow]:
        """The memory of one of its accelerators by part, with its batch."""
        at = (self.shape, self.device, self.layout, self.precision, self.load, self.calibration)
        return memory_rows(self.device, memory_parts.parts(*at, self.batch))

    def _users(self, users: Users) -> Facts:
        """What 99 % of users who wait for their answers meet."""
        found = tail(self.point, self.layout, self.load._replace(batch=users.at_once), self.answers_spread)
        waits: Facts = {
            "ttft_p99_seconds": float(found.ttft_seconds),
            "tpot_p99_seconds": float(found.tpot_seconds),
        }
        return waits | {"users_most": int(users.at_once)} if users.found else waits

    def server(self) -> Server | None:
        """Itself, where requests come as they like: no batch was said."""
        return None if self.stands else self

    def explain(self, ledger: Ledger, c: ServingFigures) -> None:
        """The steps of the replica's speed."""
        for name, seconds in self.point.rows().items():
            if name == "draft" and self.draft is None:
                continue
            ledger.step(name, ROWS.get(name, "time of one iteration spent on it"), float(seconds), "s", SOURCE)
        told = "one iteration"
        if self.draft is not None:
            y, a = float(self.point.drafted), self.draft.acceptance
            tokens, source = float(self.point.tokens_per_step), "Leviathan et al. 2023, arXiv 2211.17192, equation 1"
            ledger.step("tokens per step", f"(1 - {a:g}^({y:.0f} + 1)) / (1 - {a:g})", tokens, "tokens", source)
            told = f"one step that verifies {y:.0f} proposed tokens, over {tokens:.3g} it yields,"
        formula = f"{told} with {self.batch:.0f} requests in flight"
        ledger.step("TPOT, batch full", formula, float(c["tpot_full_seconds"]), "s", SOURCE)
        ledger.step(
            "output tokens per second",
            f"batch {self.batch:.0f} x OSL / (TTFT + (OSL - 1) x TPOT)",
            float(c["output_tokens_per_second"]),
            "1/s",
            SOURCE,
        )


SPEEDS: Recent[tuple[serving.Point | Times, serving.Point | Times | None]] = Recent()  # of one size, at one length


def prefill_share(at: serving.Point | Times, static: bool = False) -> Num:
    """Share of the machine's time that is not decoding: what input tokens pay for [-].

    A request takes OSL / throughput of the machine; decoding OSL tokens among B takes OSL x (TPOT without prompts) / B.
    """
    if isinstance(at, serving.Point) and static:
        return at.prefill_share
    return np.clip(1.0 - _decoding(at) * at.output_tokens_per_second / at.batch, 0.0, 1.0)


def _decoding(at: serving.Point | Times) -> Num:
    return at.tpot_seconds - at.prefill_row


def choose(question: Question, asked: Options, demand: Demand) -> Together | NoFit:
    """The replica asked for; what was left open is what serves an output token cheapest within the targets.

    For a fleet whose traffic is known its size is what carries that traffic for least, replicas being whole.
    """
    answer = within(question, asked, asked.load, asked.targets)
    grid = answer.grid
    if not len(grid.gpus_per_replica):
        return no_fit(question, asked)
    if answer.cheapest < 0:
        return too_slow(asked.model.name, asked.device.found.name, grid)
    said = question.stated("batch")
    if said is not None and np.any(grid.meets & (grid.point.batch >= said)):  # it needs a replica that holds it
        answer = serving_search.among(grid, grid.point.batch >= said)
        grid = answer.grid
    sizes = None
    if demand.fleet is not None and np.asarray(grid.point.tpot_seconds)[answer.cheapest] <= asked.targets.tpot_seconds:
        sizes = serving_choice.of_grid(grid)
        answer = serving_sizes.for_traffic(answer, demand.fleet, demand.numbers(question), sizes)
    best = grid.pick(answer.cheapest)
    short = too_large(question, float(best.point.batch))
    if short is not None:
        return short
    layout, batch = Layout(*(float(v) for v in best.layout)), float(best.point.batch)
    which = int(best.precision_index)
    dtype, precision = asked.dtypes[which], asked.precisions[which]
    users, spread = _users_of(question, asked, layout, precision)
    if isinstance(users, NoFit):
        return users
    load = asked.load._replace(batch=batch if users is None else users.at_once)
    at = asked.mode(asked.shape, asked.device.machine, layout, precision, load, asked.calibration)
    batch = batch if users is None else float(at.batch)
    record(question, asked, layout, batch, dtype)
    size = int(layout.tp * layout.pp * layout.dp)
    paid = demand.terms.usd_per_hour / median(question.numbers["utilization"])
    decodes_only = asked.phase == "decode"
    stands = asked.static or users is not None or stated(question)
    comes = None if stands or decodes_only else question.stated("arrivals")
    quick, kind = grid.pick(answer.fastest), "decode" if decodes_only else "static" if asked.static else "continuous"
    return Together(
        size, asked.shape, asked.device, layout, precision, asked.calibration, batch, at, answer.binds,
        front_rows(answer, paid, kind), dtype, _room(asked, layout, precision), asked.lengths, asked.static,
        load, stands, decodes_only, asked.draft, (float(quick.point.tpot_seconds), _usd_per_mtok(quick, paid, kind)),
        sizes, comes or "poisson", users, spread,
    )  # fmt: skip


def _users_of(
    question: Question, asked: Options, layout: Layout, precision: Precision
) -> tuple[Users | NoFit | None, float]:
    """Users who wait for their answers, said or found, and how their answers vary."""
    if asked.static or asked.phase:
        return None, ALIKE
    said, spread = read_users(question), spread_of(question)
    if said is not None:
        return Users(said), spread
    limits = kept(question, asked.targets)
    if limits is None:
        return None, spread

    def at(load: Load) -> serving.Point:
        return asked.mode(asked.shape, asked.device.machine, layout, precision, load, asked.calibration)

    return most(at, layout, asked.load, limits, spread), spread


def stated(question: Question) -> bool:
    """Whether a batch was said that is in flight at any load: where a p95 is to be kept, it bounds what arrives."""
    scenario, side = question.scenario, question.side
    return scenario.peek("batch", side) is not None and scenario.peek("ttft_p95", side) is None


def _room(asked: Options, layout: Layout, precision: Precision) -> float:
    """Requests that fit in memory, with the tails of their lengths [-]."""
    args = (asked.shape, asked.device.machine, layout, precision, asked.load, asked.calibration)
    room = float(serving.max_batch(*args))
    if asked.lengths is None:
        return room
    return min(room, float(serving_pools.tail_max_batch(*args, asked.total_points)))


def _usd_per_mtok(point: serving_search.Grid, usd_per_hour: float, kind: str) -> float:
    """Cost of a million output tokens at a point of the search [USD]; decode replicas have no prompts that pay.

    `usd_per_hour` is what an hour in use costs: the price over the utilization.
    """
    share = 0.0 if kind == "decode" else prefill_share(point.point, kind == "static")
    return float(point.gpu_hours_per_mtok * (1.0 - share)) * usd_per_hour


def front_rows(answer: serving_search.Answer, usd_per_hour: float, kind: str) -> tuple[FrontRow, ...]:
    """Points that no other point beats on both cost and speed, cheapest first, evenly thinned."""
    rows: list[FrontRow] = []
    chosen = sorted({round(i) for i in np.linspace(0, len(answer.front) - 1, FRONT_ROWS)})
    for index in answer.front[chosen]:
        point = answer.grid.pick(index)
        row: FrontRow = {
            "usd_per_mtok_output": _usd_per_mtok(point, usd_per_hour, kind),
            "tokens_per_second_per_user_full": 1.0 / float(point.point.tpot_seconds),
        }
        if kind != "decode":
            row["ttft_full_seconds"] = float(point.point.ttft_seconds)
        size = int(point.gpus_per_replica)
        rows.append({**row, "batch": int(point.point.batch), "gpus_per_replica": size, "layout": ranks(point.layout)})
    return tuple(rows)
