"""A real scheduler and real workers on this machine: the same bytes as without, also where a worker is killed."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

POINTS = int(os.environ.get("POINTS", "2000000"))
QUESTION = [
    *("--model", "llama-3.1-8b", "--hardware", "h100-sxm", "--vary", "isl=100..8000:100", "--vary", "osl=50..2000:50"),
    *("--vary", f"price=1..4/h:{max(POINTS // 5000, 2)}"),
]
TEXT = "{:44} {:>8.1f} s  {:>9,.0f} points/s  {}"


def _port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _quiet(module: str, *words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", f"distributed.cli.{module}", *words]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def _worker(address: str) -> subprocess.Popen[bytes]:
    return _quiet("dask_worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--memory-limit", "0")


@contextmanager
def cluster(workers: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler, its address, and its workers."""
    port = _port()
    address = f"tcp://127.0.0.1:{port}"
    scheduler = _quiet("dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            time.sleep(0.1)
    started = [_worker(address) for _ in range(workers)]
    try:
        yield address, started
    finally:
        for process in (*started, scheduler):
            if process.poll() is None:
                process.kill()
            process.wait()


def _command(path: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "llmcost", "sweep", *QUESTION, "-o", str(path), "-q", *more]


def swept(path: Path, *more: str, killed: subprocess.Popen[bytes] | None = None) -> tuple[str, float]:
    """A sweep: the digest of its file, and how long it took; a process that is killed -9 once rows are there."""
    begun = time.monotonic()
    command = _command(path, *more)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as run:
        partial = Path(f"{path}.partial")
        while killed is not None and run.poll() is None:
            if partial.exists() and partial.stat().st_size > 100_000:
                os.kill(killed.pid, signal.SIGKILL)
                killed = None
            time.sleep(0.02)
    if run.returncode:
        raise SystemExit(f"{' '.join(command)}: exit {run.returncode}")
    if killed is not None:
        raise SystemExit("the sweep was over before a worker could be killed: POINTS=10000000")
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16], time.monotonic() - begun


def main() -> None:
    """Print what each way took, and fail where bytes differ."""
    with tempfile.TemporaryDirectory() as folder:
        seen: dict[str, str] = {}

        def line(name: str, digest: str, seconds: float) -> None:
            seen[name] = digest
            print(TEXT.format(name, seconds, POINTS / seconds, digest), flush=True)

        line("this process", *swept(Path(folder, "one.parquet")))
        line("two processes", *swept(Path(folder, "two.parquet"), "--workers", "2"))
        with cluster(2) as (address, _):
            line("a scheduler with two workers", *swept(Path(folder, "three.parquet"), "--scheduler", address))
        with cluster(2) as (address, workers):
            lost = swept(Path(folder, "four.parquet"), "--scheduler", address, killed=workers[0])
            line("the same, one worker killed -9", *lost)
        with cluster(1) as (address, workers):
            began = time.monotonic()
            name = Path(folder, "five.parquet")
            with subprocess.Popen(_command(name, "--scheduler", address), stdout=subprocess.DEVNULL) as run:
                while not (Path(f"{name}.partial").exists() and Path(f"{name}.partial").stat().st_size > 100_000):
                    time.sleep(0.02)
                run.kill()
            line("the sweep itself killed -9, then gone on", swept(name)[0], time.monotonic() - began)
    if len(set(seen.values())) > 1:
        raise SystemExit("the bytes differ")
    began = time.monotonic()
    command = _command(Path("x.parquet"), "--scheduler", f"127.0.0.1:{_port()}")
    away = subprocess.run(command, capture_output=True, text=True, check=False)
    print(f"nobody there: exit {away.returncode} after {time.monotonic() - began:.1f} s: {away.stderr.splitlines()[0]}")


if __name__ == "__main__":
    main()
