"""Timings: whole commands as ratios to an empty Python process and to bare imports, and rates of the engine.

Processor time, not the clock's, and ratios: both survive a slow or busy machine. Budgets are for an idle one. Ratios to
bare imports stand in bench.toml, written with `--store`; what has risen by 10 % or misses its target is shown.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from llmcost import spec
from llmcost.catalog import Catalog
from llmcost.engine.model import transformer
from llmcost.engine.serving import operating_point as serving
from llmcost.engine.serving import search as serving_search
from llmcost.engine.training import layouts as parallelism
from llmcost.engine.training import search as training_search
from llmcost.engine.training import step as training
from llmcost.engine.training.calibration import calibration_from_factors
from llmcost.engine.training.micro_batch import Run
from llmcost.estimate.asking.subject import machine_of

RUNS = 9
BLOCK = 65_536  # arrays this long stay in the cache
RUN = "-m llama-3.1-405b --tokens 15.6T -H h100-sxm --gpus 16384"
GIVEN = "--train-cost 150M --cost-per-request 0.05 --requests 10M/day"
COMMANDS = {  # name -> words, and what they may take [ms]
    "--version": ("--version", 100),
    "--help": ("--help", None),
    "presets list models --json": ("presets list models --json", None),
    "train --json": (f"train {RUN} --json", 250),
    "train": (f"train {RUN}", 300),
    "serve --json": ("serve llama-3.1-70b-chat --json", None),
    "serve --json, 20B requests a day": ("serve llama-3.1-70b-chat --requests 20B/day --ttft-p95 1s --json", None),
    "crossover --json, figures given": (f"crossover {GIVEN} --json", None),
    "crossover --json": ("crossover llama-3.1-70b-chat --json", None),
    "check --json, 4 answers": ("check examples/ci/llmcost.toml --json", None),
    "crossover --json, growing fleet": ("crossover llama-3.1-70b-chat --growth 5%/mo --json", None),
    "the same, 10 samples": ("crossover llama-3.1-70b-chat --growth 5%/mo --samples 10 --json", None),
}
COMPLETION = {"_LLMCOST_COMPLETE": "complete_bash", "COMP_WORDS": "llmcost train --model lla", "COMP_CWORD": "3"}
STORED = Path(__file__).parent / "bench.toml"
RISE = 1.1  # of a ratio, from which on it is shown
TARGETS = {  # ratios to bare imports
    "train --json": 1.6,
    "train": 1.9,
    "check --json, 4 answers": 2.0,
}
IMPORTS = "import typer, msgspec, numpy"


def _processor(command: list[str], more: dict[str, str] | None = None) -> float:
    """User and system seconds of a process that keeps its bytecode, as an installation does."""
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1", **(more or {})}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    child = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime


def _median(run: Callable[[], float]) -> float:
    run()
    return statistics.median(run() for _ in range(RUNS))


def remark(name: str, ratio: float, stored: dict[str, float]) -> str:
    """What a ratio has to be told for: a rise since it was stored, a target that it misses."""
    told = []
    if name in stored and ratio > RISE * stored[name]:
        told.append(f"up {100 * (ratio / stored[name] - 1):.0f}% from {stored[name]:.2f}")
    if ratio > TARGETS.get(name, ratio):
        told.append(f"target {TARGETS[name]:.1f}")
    return "; ".join(told)


def _timed(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def commands(store: bool) -> None:
    """Whole processes."""
    stored = tomllib.loads(STORED.read_text("utf-8"))["ratios"] if STORED.is_file() else {}
    found: dict[str, float] = {}
    empty = _median(lambda: _processor([sys.executable, "-c", "pass"]))
    bare = _median(lambda: _processor([sys.executable, "-c", IMPORTS]))
    print(f"{'processor time':32} {'':>8}  x empty  x imports  budget")

    def line(name: str, seconds: float, budget: int | None = None) -> None:
        told = f"{budget:5} ms" if budget else ""
        found[name] = seconds / bare
        said = f"{told:8}  {remark(name, found[name], stored)}"
        print(f"{name:32} {seconds * 1000:5.0f} ms  {seconds / empty:7.1f}  {seconds / bare:9.2f}  {said}".rstrip())

    line("python -c pass", empty)
    line(IMPORTS, bare)
    llmcost = [sys.executable, "-m", "llmcost"]
    line("completion of a name", _median(lambda: _processor(llmcost, COMPLETION)), 70)
    for name, (words, budget) in COMMANDS.items():
        line(name, _median(partial(_processor, [*llmcost, *words.split()])), budget)
    if store:
        lines = (f'"{name}" = {ratio:.2f}' for name, ratio in found.items())
        STORED.write_text(
            "\n".join(
                (
                    "# Written by `python -m scripts.bench --store`: processor time over that of bare imports.",
                    "[ratios]",
                    *lines,
                )
            )
            + "\n",
            "utf-8",
        )


def engine() -> None:
    """Points per second on one core, and searches."""
    catalog = Catalog()
    accelerator, _ = catalog.load(spec.Accelerator, "h100-sxm")
    machine = machine_of(accelerator)
    shape = transformer.shape_of(catalog.load(spec.Model, "llama-3.1-70b")[0])
    constants = serving.calibration_from_factors(catalog.factors("serving", "memory"), accelerator.generation, "any")
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
    seconds = _median(lambda: _timed(lambda: training_search.search(big, machine, 16384, run, fitted)))
    print(f"{'training layout search, 405B':28} {seconds * 1000:9.1f} ms")


def main() -> None:
    with tempfile.TemporaryDirectory() as compiled:  # as installed: modules are compiled once
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = compiled
        commands("--store" in sys.argv)
    engine()


if __name__ == "__main__":
    main()
