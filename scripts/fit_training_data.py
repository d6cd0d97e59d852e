"""Measured training rows as arrays: part of scripts/fit_training.py."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from llmcost.catalog import Catalog
from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape
from llmcost.engine.training.calibration import Calibration
from llmcost.engine.training.memory import Layout
from llmcost.engine.training.micro_batch import Run
from llmcost.engine.training.peak import Habits, Keeping
from llmcost.engine.training.step import step
from llmcost.errors import LlmcostError
from llmcost.estimate.validate import training_rows as tr

ROOT = Path(__file__).parent.parent
FILES = ("validation/training_measured.csv", "validation/training_finetune.csv")
Array = Any
MOST_CANDIDATES = 6  # layouts kept of a row that leaves its own open: the fastest under the starting constants


class Data(NamedTuple):
    """Measured rows, and all their candidate layouts in one stack."""

    rows: list[dict[str, str]]
    cases: list[tr.Case]
    measured: Array
    source: Array
    weight: Array  # of a row inside its source: near-duplicates share one
    owner: Array  # row of each candidate
    start: Array  # first candidate of each row
    shape: Shape
    machine: Machine
    layout: Layout
    run: Run

    @property
    def moe(self) -> Array:
        """Rows of mixtures of experts."""
        return np.array([float(c.shape.n_experts) > 0 for c in self.cases])

    @property
    def tuning(self) -> Array:
        """Rows that train a model further: all of it or adapters."""
        return np.array([c.method not in ("pretrain", "continue") for c in self.cases])


def load(catalog: Catalog, start: Calibration) -> Data:
    """Rows of validation/ that the engine can take."""
    return taken([row for name in FILES for row in tr.read_rows(ROOT / name)], catalog, start)


def taken(every: Iterable[dict[str, str]], catalog: Catalog, start: Calibration) -> Data:
    """Those of some rows that the engine can take."""
    rows, cases, stacks = [], [], []
    for row in every:
        try:
            todo = tr.case(row, catalog)
            layout = likely(todo, tr.under(todo, start))
        except LlmcostError as error:
            print("skipped", row["id"], error.message)
            continue
        rows.append(row)
        cases.append(todo)
        stacks.append(layout)
    owner = np.repeat(np.arange(len(rows)), [s.shape[1] for s in stacks])
    group = [(r["source_group"], r["hardware_id"], r["model"], r["method"]) for r in rows]
    count = Counter(group)
    kinds = Counter(g[0] for g in count)
    quality = np.array([0.5 if r["quality"] == "B" else 1.0 for r in rows])

    def column(values: Iterable[Any]) -> Array:
        return np.array(list(values), dtype=float)[owner]

    def kept(side: str) -> list[Array]:
        return [column(getattr(getattr(c.run.memory, side), f) for c in cases) for f in Keeping._fields]

    replicated, sharded = (Keeping(*kept(side)) for side in ("replicated", "sharded"))
    return Data(
        rows=rows,
        cases=cases,
        measured=np.array([float(r["measured_step_s"]) for r in rows]),
        source=np.array([g[0] for g in group]),
        weight=quality / np.array([count[g] * kinds[g[0]] for g in group]),
        owner=owner,
        start=np.searchsorted(owner, np.arange(len(rows))),
        shape=Shape(*[column(getattr(c.shape, f) for c in cases) for f in Shape._fields]),
        machine=Machine(*[column(getattr(c.machine, f) for c in cases) for f in Machine._fields]),
        layout=Layout(*np.concatenate(stacks, axis=1)),
        run=Run(
            **{f: column(getattr(c.run, f) for c in cases) for f in Run._fields if f != "memory"},
            memory=Habits(replicated, sharded),
        ),
    )


def likely(todo: tr.Case, start: Calibration) -> Array:
    """The candidates of a row as an array: the fastest few."""
    layout = tr.candidates(todo)
    seconds = step(todo.shape, todo.machine, layout, todo.run, start).step_seconds
    best = np.argsort(np.broadcast_to(seconds, np.shape(layout.tp)))[:MOST_CANDIDATES]
    return np.array(layout)[:, best]
