"""Where the parts of a sweep are made: in this process, in several, or on the workers of a Dask scheduler.

Wherever they are made, they come back in their order: the file has the same bytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import partial
from typing import Any

from llmcost import units
from llmcost.errors import LlmcostError, one_of
from llmcost.estimate.sweep.engines import Plan
from llmcost.estimate.sweep.work import Made, Maker, Work, about, here

MOST = 512  # processes
AHEAD = 3  # parts under way for each process: none waits for the next while the file is written
TRIES = 3  # of a part whose process ends under it
RETRIES = 20  # of a part whose worker is lost
PORT = 8786  # of a Dask scheduler, unless told
ANSWERS_WITHIN = 1.5  # seconds
LONGEST_GREETING = 1 << 20  # bytes
JOINED_WITHIN = 60.0  # seconds until a scheduler has a worker
START = "dask scheduler there, dask worker ADDRESS on every machine"


def place(workers: str, scheduler: str) -> Maker:
    """Where parts are made.

    Raises
    ------
    LlmcostError
        Both are said, or what is said is neither a number of processes nor an address.
    """
    if workers and scheduler:
        raise one_of("--scheduler", "--workers")
    if scheduler:
        return partial(scheduled, scheduler)
    if not workers:
        return here
    if not workers.isdecimal() or not 1 <= int(workers) <= MOST:
        hint = "--scheduler takes an address" if "://" in workers else "--workers 4"
        raise LlmcostError(f"--workers: {units.shown(workers)} is no number of processes (1 to {MOST})", hint)
    return here if int(workers) == 1 else partial(processes, int(workers))


def processes(number: int, work: Work, start: int) -> Iterator[Made]:
    """The parts from one on, made in several processes of this machine; one that is killed is replaced.

    Raises
    ------
    LlmcostError
        What a part refuses; a part under which processes keep ending.
    """
    from concurrent.futures.process import BrokenProcessPool

    from llmcost.estimate.processes import pool as fresh

    following, tries, few = start, TRIES, min(number, work.grid.parts)
    while following < work.grid.parts:
        with fresh(few, _begin, (work,)) as pool:
            under_way: deque[Any] = deque()
            try:
                submitted = following
                while submitted < work.grid.parts or under_way:
                    while submitted < work.grid.parts and len(under_way) < AHEAD * number:
                        under_way.append(pool.submit(_made, submitted))
                        submitted += 1
                    yield under_way.popleft().result()
                    following, tries = following + 1, TRIES
            except BrokenProcessPool:
                tries -= 1
                if not tries:
                    raise LlmcostError(
                        f"processes keep ending at part {following:,}: out of memory?", "fewer of them: --workers 1"
                    ) from None
            finally:
                pool.shutdown(wait=False, cancel_futures=True)


_WORK: list[Work] = []  # of this process
_PLANS: dict[int, Plan] = {}  # of it


def _begin(work: Work) -> None:
    """What a process does first; Ctrl-C is for the one that started it."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _WORK[:] = [work]


def _made(number: int) -> Made:
    return _WORK[0].made(number, _PLANS)


def scheduled(address: str, work: Work, start: int) -> Iterator[Made]:
    """The parts from one on, made by the workers of a Dask scheduler; what a lost worker held is made again.

    Raises
    ------
    LlmcostError
        No scheduler answers, it has no workers, they have another release, or Dask is not installed.
    """
    client = _client(address)
    try:
        _wait_for_workers(client, address)
        there = client.scatter(work, broadcast=True, hash=False)
        threads = sum(client.nthreads().values())
        mine, under_way = about(), deque[Any]()
        submitted = start
        while submitted < work.grid.parts or under_way:
            while submitted < work.grid.parts and len(under_way) < AHEAD * max(threads, 1):
                under_way.append(client.submit(_there, there, submitted, mine, pure=False, retries=RETRIES))
                submitted += 1
            yield under_way.popleft().result()
            if submitted % (AHEAD * 8) == 0:  # workers come and go
                threads = sum(client.nthreads().values())
    except LlmcostError:
        raise
    except (OSError, RuntimeError) as error:  # the scheduler went away
        raise LlmcostError(
            f"--scheduler {units.shown(address)} was lost: {type(error).__name__}", "the same command goes on from here"
        ) from None
    finally:
        client.close(timeout=2)


def _there(work: Work, number: int, wanted: str) -> Made:
    """A part on a worker, which has to answer as we do."""
    if about() != wanted:
        raise LlmcostError(
            f"a worker of the scheduler has {about()}, here it is {wanted}",
            "install the same releases on every machine",
        )
    return work.made(number, {})


def _client(address: str) -> Any:
    _refuse_silent(address)
    try:
        from distributed import Client
    except ImportError:
        raise LlmcostError(
            "--scheduler needs Dask, which is not installed", "install llmcost with its extra 'cluster'"
        ) from None
    import logging

    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # we say what happened
    try:
        return Client(address, timeout="3s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise LlmcostError(
            f"--scheduler {units.shown(address)}: no Dask scheduler answers: {type(error).__name__}", START
        ) from None


def _refuse_silent(address: str) -> None:
    """Say at once where nothing listens: before Dask is imported, which takes a second by itself."""
    import socket
    from urllib.parse import urlsplit

    said = units.shown(address)
    try:
        parts = urlsplit(address if "://" in address else f"tcp://{address}")
        host, port = parts.hostname, parts.port or PORT
    except ValueError:
        host, port = None, PORT
    if host is None or (parts.scheme not in ("tcp", "tls", "ws", "wss", "ucx")):
        raise LlmcostError(f"--scheduler: {said} is no address of a Dask scheduler", "--scheduler tcp://HOST:8786")
    try:
        with socket.create_connection((host, port), timeout=ANSWERS_WITHIN) as there:
            first = b"" if parts.scheme != "tcp" else there.recv(8)
    except OSError as error:
        why = "no answer in time" if isinstance(error, TimeoutError) else str(error.strerror or error)
        raise LlmcostError(f"--scheduler {said}: nothing listens there: {why}", START) from None
    # who listens says first how long its greeting is, in eight bytes
    if parts.scheme == "tcp" and (len(first) < 8 or int.from_bytes(first, "little") > LONGEST_GREETING):
        raise LlmcostError(f"--scheduler {said}: who listens there is no Dask scheduler", START)


def _wait_for_workers(client: Any, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=JOINED_WITHIN)
    except TimeoutError:
        raise LlmcostError(
            f"--scheduler {units.shown(address)} has no workers", f"dask worker {address} on every machine"
        ) from None
