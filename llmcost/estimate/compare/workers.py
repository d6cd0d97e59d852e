"""Alternatives planned in several processes, or on the machines of a dask scheduler."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from llmcost import units
from llmcost.errors import LlmcostError
from llmcost.records import NamedTuple
from llmcost.scenario import Scenario

Job = TypeVar("Job")
Made = TypeVar("Made")
MOST = 512
A_CHUNK = 16  # jobs sent at once: a plan takes milliseconds, a message costs as much
SCHEDULERS = ("tcp://", "tls://", "ws://", "wss://")


class Outcome(NamedTuple):
    """What became of a job, and the keys that it read: reading marks them in another process only."""

    made: Any
    read: frozenset[str]
    error: LlmcostError | None = None


def count(where: str) -> int | None:
    """How many processes, or None for the address of a scheduler.

    Raises
    ------
    LlmcostError
        Neither a number of processes nor an address.
    """
    if where.startswith(SCHEDULERS):
        return None
    if where.isdecimal() and 1 <= int(where) <= MOST:
        return int(where)
    raise LlmcostError(
        f"--workers: {units.shown(where)} is no number of processes (1 to {MOST}) and no address of a scheduler",
        "--workers 4, or --workers tcp://host:8786",
    )


class _Attempt:
    """A job made where it lands; an error travels as a value."""

    def __init__(self, make: Callable[[Any], Any], scenario: Callable[[Any], Scenario]) -> None:
        self.make, self.scenario, self.currency = make, scenario, units.current()

    def __call__(self, job: Any) -> Outcome:
        read = self.scenario(job).read
        try:
            with units.amounts_in(self.currency):
                return Outcome(self.make(job), frozenset(read))
        except LlmcostError as error:
            return Outcome(None, frozenset(read), error)


def run(
    where: str, make: Callable[[Job], Made], jobs: Sequence[Job], scenario: Callable[[Job], Scenario]
) -> list[Made]:
    """`make` of every job, in their order.

    Raises
    ------
    LlmcostError
        The first that a job raises; no such scheduler, or dask is not installed.
    """
    processes = count(where)
    attempt = _Attempt(make, scenario)
    outcomes = _scheduled(where, attempt, jobs) if processes is None else _processes(processes, attempt, jobs)
    made = []
    for job, outcome in zip(jobs, outcomes, strict=True):
        scenario(job).read.update(outcome.read)
        if outcome.error is not None:
            raise outcome.error
        made.append(outcome.made)
    return made


def _processes(number: int, attempt: _Attempt, jobs: Sequence[Any]) -> Iterable[Outcome]:
    from llmcost.estimate.processes import pool

    with pool(min(number, len(jobs))) as several:
        return list(several.map(attempt, jobs, chunksize=A_CHUNK))


def _scheduled(address: str, attempt: _Attempt, jobs: Sequence[Any]) -> Iterable[Outcome]:
    try:
        from distributed import Client
    except ImportError:
        raise LlmcostError(
            "--workers with an address needs dask, which is not installed", "install llmcost with its extra 'dask'"
        ) from None
    try:
        client = Client(address, timeout="10s")
    except (OSError, ValueError) as error:
        raise LlmcostError(
            f"--workers {units.shown(address)}: no scheduler answers: {type(error).__name__}",
            "dask scheduler starts one",
        ) from None
    with client:
        return list(client.gather(client.map(attempt, jobs, batch_size=A_CHUNK, pure=False)))
