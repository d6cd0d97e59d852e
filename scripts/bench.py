"""Timings as ratios to an empty Python process (ours) and rates of the engine.

A ratio survives a slow or busy machine; the absolute times printed beside it do not.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable

RUNS = 9
COMMANDS = {
    "--version": ["--version"],
    "--help": ["--help"],
    "presets list models": ["presets", "list", "models"],
    "train --json": ["train", "--model", "llama-3.1-70b", "--hardware", "h100-sxm", "--gpus", "1024", "--json"],
    "train": ["train", "--model", "llama-3.1-70b", "--hardware", "h100-sxm", "--gpus", "1024"],
    "serve --json": ["serve", "llama-3.1-70b-chat", "--json"],
    "crossover --json": ["crossover", "llama-3.1-70b-chat", "--json"],
}


def _wall(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def _median(run: Callable[[], float]) -> float:
    run()
    return statistics.median(run() for _ in range(RUNS))


def main() -> None:
    empty = _median(lambda: _wall([sys.executable, "-c", "pass"]))
    print(f"{'empty Python process':28} {empty * 1000:7.0f} ms   1.0")
    for name, args in COMMANDS.items():
        seconds = _median(lambda args=args: _wall([sys.executable, "-m", "llmcost", *args]))  # type: ignore[misc]
        print(f"{name:28} {seconds * 1000:7.0f} ms {seconds / empty:5.1f}")


if __name__ == "__main__":
    main()
