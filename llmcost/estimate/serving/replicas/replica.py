"""What a hosted service is made of: a replica that answers requests."""

from __future__ import annotations

from typing import Protocol, TypeAlias

from llmcost.engine.model.transformer import Shape
from llmcost.engine.serving.cache import kv_ranks
from llmcost.engine.serving.operating_point import Calibration, Layout, Point
from llmcost.estimate.asking.ledger import Ledger
from llmcost.estimate.asking.memory_parts import MemoryRow
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.values import ServingFigures, ServingNumbers
from llmcost.estimate.fleet.sizing import Kinds
from llmcost.estimate.serving.replicas.load import Server
from llmcost.records import NamedTuple, TypedDict


class Facts(TypedDict, total=False):
    """What a replica is, for the result; a figure that its kind does not have is not there."""

    gpus_per_replica: int
    prefill_gpus_per_replica: int
    prefill_layout: str
    tp: int
    pp: int
    dp: int
    ep: int
    batch: int
    batch_max: int
    dtype: str
    weight_bytes: float
    weight_bytes_per_gpu: float
    kv_bytes_per_request: float
    output_tokens_per_second_per_gpu: float
    binds: str
    fastest_tpot_seconds: float
    fastest_usd_per_mtok_output: float
    ttft_p99_seconds: float
    tpot_p99_seconds: float
    users_most: int


# A size of replica: accelerators and accelerator time of one request at full load [s], of each kind.
Choice: TypeAlias = tuple[tuple[float, float], ...]


class FrontRow(TypedDict, total=False):
    """A point of the search that no other beats on both cost and speed."""

    usd_per_mtok_output: float
    usd_per_mtok_input: float
    tokens_per_second_per_user_full: float
    ttft_full_seconds: float
    ttft_seconds: float
    batch: int
    gpus_per_replica: int
    layout: str


class Replica(Protocol):
    """Accelerators that answer together: both phases on all of them, in pools of their own, or one phase alone."""

    @property
    def gpus(self) -> int:
        """Accelerators of one, of its first kind [-]."""

    @property
    def front(self) -> tuple[FrontRow, ...]:
        """Points of the search that no other beats on both cost and speed, cheapest first."""

    def speed(self, p: ServingNumbers) -> ServingFigures:
        """Its rates and latencies at the numbers `p`, `requests_per_second_per_replica` among them."""

    def kinds(self, out: ServingFigures) -> Kinds:
        """Its kinds: name, accelerators, accelerator time of one request at full load [s]."""

    def choices(self) -> list[Choice]:
        """The sizes that it was chosen from, for the traffic; none where the traffic did not decide."""

    def facts(self) -> Facts:
        """What it is, for the result."""

    def memory(self) -> list[MemoryRow]:
        """The memory of one of its accelerators by part, with the requests that it was chosen for."""

    def server(self) -> Server | None:
        """Itself, where requests come as they like; None where its batch stands, or nothing is known of it."""

    def explain(self, ledger: Ledger, c: ServingFigures) -> None:
        """The steps of its speed."""


class GivenRate(NamedTuple):
    """A replica whose output tokens per second were given: nothing else is known of it."""

    gpus: int
    front: tuple[FrontRow, ...] = ()

    def speed(self, p: ServingNumbers) -> ServingFigures:
        """The rate, as tokens and as requests."""
        rate = p["tokens_per_second"]
        return {"output_tokens_per_second": rate, "requests_per_second_per_replica": rate / p["osl"]}

    def kinds(self, out: ServingFigures) -> Kinds:
        """Its only kind."""
        return one_kind(self.gpus, out)

    def choices(self) -> list[Choice]:
        """None: its size was given."""
        return []

    def facts(self) -> Facts:
        """Its accelerators."""
        return {"gpus_per_replica": self.gpus}

    def memory(self) -> list[MemoryRow]:
        """None: what it holds is not known."""
        return []

    def server(self) -> None:
        """None: how it takes a load is not known."""

    def explain(self, ledger: Ledger, c: ServingFigures) -> None:
        """That it was given."""
        ledger.step("output tokens per second", "given", float(c["output_tokens_per_second"]), "1/s", "given")


def given_rate(question: Question) -> GivenRate:
    """A replica whose output tokens per second were given."""
    return GivenRate(int(question.stated("tp") or 1) * int(question.stated("pp") or 1))


def cache_of_a_request(shape: Shape, layout: Layout, at: Point, known: Calibration) -> float:
    """KV cache of one request [bytes], what several accelerators hold alike counted once."""
    return float(at.kv_bytes_per_request * kv_ranks(shape, layout, known.kv_by_batch) * layout.pp)


def one_kind(gpus: int, out: ServingFigures) -> Kinds:
    """The only kind of a replica that answers alone: no name, its accelerators, and their time for a request [s]."""
    return [("", gpus, gpus / out["requests_per_second_per_replica"])]


def degrees(layout: Layout) -> Facts:
    """Parallel ranks of a replica, for the result."""
    return {"tp": int(layout.tp), "pp": int(layout.pp), "dp": int(layout.dp), "ep": int(layout.ep)}


def ranks(layout: Layout) -> str:
    """`tp 8, pp 2` of a layout."""
    every = {name: int(getattr(layout, name)) for name in ("tp", "pp", "dp", "ep")}
    return ", ".join(f"{name} {of}" for name, of in every.items() if of > 1) or "tp 1"
