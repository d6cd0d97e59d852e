"""The layouts that an engine has, on as many accelerators as there are."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import Flags
from llmcost.engine.serving import search
from llmcost.engine.serving.inputs import Layout
from llmcost.errors import LlmcostError
from llmcost.estimate.asking.network import RANKS
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.subject import Chip
from llmcost.estimate.serving.replicas.engines import Engine

Said = Mapping[str, int | None]


def layouts_of(question: Question, shape: Shape, device: Chip, gpus: int | None, used: Engine) -> Layout:
    """Layouts to try: what was said is kept, the rest is every valid one of a replica."""
    said = said_of(question)
    if said["ep"] is not None and not float(shape.n_experts):
        raise LlmcostError("--ep: this model has no experts to spread", "leave --ep out")
    if (said["dp"] or 1) > 1 and not float(shape.n_experts):
        raise LlmcostError("--dp: without experts to share, data-parallel groups are replicas", "leave --dp out")
    every = every_of(shape, device, math.inf if gpus is None else float(gpus), used, said)
    if not np.size(every.tp):
        raise LlmcostError(f"{used.name} has no layout of more than one accelerator", "--gpus 1")
    found = as_said(every, said)
    if np.size(found.tp):
        return found
    size = math.prod(float(said[name] or 1) for name in ("tp", "pp", "dp"))
    if gpus is not None and size > gpus:
        ranks = " x ".join(f"--{k} {v}" for k, v in said.items() if v is not None and k != "ep")
        raise LlmcostError(f"--gpus {gpus} is fewer than {ranks} of one replica", f"--gpus {size:.0f}")
    asked = ", ".join(f"--{k} {v}" for k, v in said.items() if v is not None)
    raise LlmcostError(
        f"no valid layout with {asked} on {device.found.name}",
        "tp is a power of two inside the scale-up domain and divides the heads; dp is a power of two; ep is tp x dp",
    )


def said_of(question: Question) -> Said:
    """Degrees that were asked for."""
    return {name: question.stated(name) for name in RANKS}


def every_of(shape: Shape, device: Chip, most: float, used: Engine, said: Said) -> Layout:
    """Valid layouts of at most so many accelerators that the engine has."""
    asked = {"tensor": float(said["tp"] or 1), "staged": float(said["pp"] or 0)}
    every = search.layouts(shape, device.machine, most, stages=not used.tensor_parallel, **asked)
    return some(every, ~used.lacks(every))


def as_said(every: Layout, said: Said) -> Layout:
    """Those of the degrees that were asked for."""
    keep = np.ones(np.shape(every.tp), dtype=bool)
    for name, value in said.items():
        if value is not None:
            keep &= getattr(every, name) == value
    if said["tp"] is not None:  # a replica of this many ranks was asked for
        keep &= (every.attention_dp == 0) | (said["ep"] is not None) | (said["dp"] is not None)
        keep &= (every.pp == 1) | (said["pp"] is not None)
    return some(every, keep)


def some(every: Layout, keep: Flags) -> Layout:
    """Some of the layouts."""
    return Layout(*(np.asarray(axis)[keep] for axis in every))
