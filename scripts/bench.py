"""Timings: whole commands as ratios to an empty Python process, and rates of the engine.

A ratio survives a slow or busy machine; the absolute times printed beside it do not.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from llmcost import spec
from llmcost.catalog import Catalog
from llmcost.engine import parallelism, serving, serving_search, training, transformer
from llmcost.engine.calibration import calibration_from_factors
from llmcost.engine.training_work import Run
from llmcost.estimate.subject import machine_of

RUNS = 9
BLOCK = 65_536  # arrays this long stay in the cache
COMMANDS = {
    "--version": ["--version"],
    "--help": ["--help"],
    "presets list models": ["presets", "list", "models"],
    "train --json": [
        "train",
        "-m",
        "llama-3.1-405b",
        "--tokens",
        "15.6T",
        "-H",
        "h100-sxm",
        "--gpus",
        "16384",
        "--json",
    ],
    "train": ["train", "-m", "llama-3.1-405b", "--tokens", "15.6T", "-H", "h100-sxm", "--gpus", "16384"],
    "serve --json": ["serve", "llama-3.1-70b-chat", "--json"],
    "crossover --json": ["crossover", "llama-3.1-70b-chat", "--json"],
    "check --json (4 answers)": ["check", "examples/ci/llmcost.toml", "--json"],
}


def _wall(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def _median(run: Callable[[], float]) -> float:
    run()
    return statistics.median(run() for _ in range(RUNS))


def _timed(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def commands() -> None:
    """Whole processes."""
    empty = _median(lambda: _wall([sys.executable, "-c", "pass"]))
    print(f"{'command':28} {'wall':>9}  x empty Python process")
    print(f"{'python -c pass':28} {empty * 1000:6.0f} ms     1.0")
    for name, args in COMMANDS.items():
        seconds = _median(lambda args=args: _wall([sys.executable, "-m", "llmcost", *args]))  # type: ignore[misc]
        print(f"{name:28} {seconds * 1000:6.0f} ms  {seconds / empty:6.1f}")


def engine() -> None:
    """Points per second on one core, and searches."""
    catalog = Catalog()
    accelerator, _ = catalog.load(spec.Accelerator, "h100-sxm")
    machine = machine_of(accelerator)
    shape = transformer.shape_of(catalog.load(spec.Model, "llama-3.1-70b")[0])
    constants = serving.calibration_from_factors(catalog.factors("serving"), accelerator.generation, "any")
    load = serving.Load(1000.0, 500.0, 0.0, np.linspace(1.0, 400.0, BLOCK))
    layout, precision = serving.Layout(tp=4.0), serving.Precision(1.0, 1.0, 8.0, 0.0, 1.0, 2.0, 0.0)
    seconds = _median(
        lambda: _timed(lambda: serving.operating_point(shape, machine, layout, precision, load, constants))
    )
    print(f"{'serving operating points':28} {BLOCK / seconds:12,.0f} per second")
    candidates = serving_search.layouts(shape, machine)
    targets = serving_search.Targets(2.0, 0.05)
    seconds = _median(
        lambda: _timed(lambda: serving_search.search(shape, machine, candidates, [precision], load, constants, targets))
    )
    print(f"{'serving search':28} {seconds * 1000:9.1f} ms")
    big = transformer.shape_of(catalog.load(spec.Model, "llama-3.1-405b")[0])
    fitted, _ = calibration_from_factors(catalog.factors("training"), accelerator.generation)
    run = Run(8192.0, 2048.0, 0.0)
    every = parallelism.layouts(big, machine, 16384, run)
    many = type(every)(*(np.resize(axis, BLOCK) for axis in every))
    seconds = _median(lambda: _timed(lambda: training.step(big, machine, many, run, fitted)))
    print(f"{'training layouts':28} {BLOCK / seconds:12,.0f} per second")
    seconds = _median(lambda: _timed(lambda: parallelism.search(big, machine, 16384, run, fitted)))
    print(f"{'training layout search, 405B':28} {seconds * 1000:9.1f} ms")


def main() -> None:
    commands()
    engine()


if __name__ == "__main__":
    main()
