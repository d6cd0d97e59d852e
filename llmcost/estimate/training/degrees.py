"""Degrees of a layout that were said: those that no layout has are refused, and the nearest that one has are named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape
from llmcost.engine.training import layouts as par
from llmcost.engine.training.micro_batch import Run
from llmcost.errors import LlmcostError
from llmcost.estimate.asking.question import Question
from llmcost.estimate.training.feed import neighbours
from llmcost.records import NamedTuple

# Where several were said: the one that is blamed first is the one that people change first.
ORDER = ("micro_batch", "vpp", "ep", "sp", "cp", "pp", "tp")
MOST_STAGES = 16  # virtual stages on each accelerator that are still proposed


class Asked(NamedTuple):
    """A run with the degrees that were asked for."""

    shape: Shape
    machine: Machine
    run: Run  # with the batch that is wanted
    gpus: int
    fixed: Mapping[str, float]  # said, or not had by the stack
    said: Mapping[str, float]

    @property
    def sequences(self) -> float:
        """The batch nearest to the one wanted that divides over the accelerators [sequences]."""
        together = float(self.run.together)
        wanted = float(self.run.global_batch) / together
        return together * min(neighbours(wanted, self.gpus), key=lambda batch: abs(np.log(batch / wanted)))

    def has_layout(self, fixed: Mapping[str, float]) -> bool:
        """Whether any layout has these degrees, fits or not."""
        run = self.run._replace(global_batch=self.sequences)
        return np.size(par.layouts(self.shape, self.machine, float(self.gpus), run, fixed).tp) > 0


def refuse_impossible(question: Question, shape: Shape, said: Mapping[str, float]) -> None:
    """Refuse degrees that no layout of this model has, whatever the accelerators.

    Raises
    ------
    LlmcostError
        Which one, and the nearest that is accepted.
    """
    layers, experts = float(shape.n_layers), float(shape.n_experts)
    stages, ranks = said.get("pp", 1.0) * said.get("vpp", 1.0), said.get("ep")
    if stages > layers + par.SPARE_LAYERS:
        raise LlmcostError(
            f"--pp x --vpp is {stages:,.0f} stages, the model has {layers:.0f} layers", "leave --vpp open"
        )
    _refuse_split(shape, said.get("sp", 1.0))
    if question.stated("expert_kernels") is not None and not experts:
        raise LlmcostError("--expert-kernels: this model has no experts", "leave --expert-kernels out")
    if ranks is not None and not experts:
        raise LlmcostError("--ep: this model has no experts to spread", "leave --ep out")
    if ranks is not None and ranks > experts:
        raise LlmcostError(
            f"--ep {ranks:,.0f} is more than the {experts:.0f} experts of the model", f"--ep {experts:.0f} at most"
        )
    if ranks is not None and experts % ranks:
        near = _near(ranks, [float(d) for d in par.divisors(experts)])
        raise LlmcostError(
            f"--ep {ranks:,.0f}: {experts:.0f} experts do not split evenly over that many ranks", _hint("ep", near)
        )


def _refuse_split(shape: Shape, ranks: float) -> None:
    """Ranks of Ulysses over which heads do not split evenly."""
    heads, cached = float(shape.n_heads), float(shape.n_heads if float(shape.is_mla) else shape.n_kv_heads)
    if not (heads % ranks or (cached % ranks and ranks % cached)):
        return
    whole = [d for d in par.divisors(heads, ranks) if cached % d == 0 or d % cached == 0]
    kept = f" and {cached:.0f} of keys and values" if cached != heads else ""
    raise LlmcostError(
        f"--sp {ranks:.0f}: {heads:.0f} attention heads{kept} do not split evenly over that many ranks",
        f"--sp {max(whole)}",
    )


def refusal(asked: Asked, batch_said: bool) -> LlmcostError:
    """Why no layout has the degrees that were said, and the nearest values of one of them that a layout has."""
    for name in ORDER:
        if name not in asked.said:
            continue
        others = {key: value for key, value in asked.fixed.items() if key != name}
        near = _near(asked.said[name], (v for v in _values(asked, name) if asked.has_layout(others | {name: v})))
        if near:
            spelt = f"{_flag(name)} {asked.said[name]:g}"
            return LlmcostError(f"{spelt}: {_why(asked, name, batch_said)}", _hint(name, near))
    said = ", ".join(f"{_flag(name)} {value:g}" for name, value in asked.said.items() if name != "recompute")
    what = said or f"a batch of {float(asked.run.global_batch):g} sequences"
    return LlmcostError(
        f"no valid layout of {asked.gpus:,} accelerators with {what}", "leave one of them open, or change --gpus"
    )


def _values(asked: Asked, name: str) -> Iterator[float]:
    """What could be said of a degree."""
    shape, gpus = asked.shape, float(asked.gpus)
    found = {
        "micro_batch": [b for b in par.divisors(asked.sequences) if b % float(asked.run.together) == 0],
        "vpp": range(1, MOST_STAGES + 1),
        "ep": par.divisors(float(shape.n_experts) or 1.0),
        "sp": par.divisors(float(shape.n_heads)),
        "cp": par.divisors(gpus),
        "pp": par.divisors(gpus, float(shape.n_layers)),
        "tp": par.divisors(float(shape.n_heads)),
    }
    return (float(value) for value in found[name])


def _why(asked: Asked, name: str, batch_said: bool) -> str:
    """What does not divide, in words."""
    said, shape = asked.fixed, asked.shape
    stages, layers = said.get("pp", 1.0) * said.get("vpp", 1.0), float(shape.n_layers)
    if name == "micro_batch":
        whose = "" if batch_said else ", the usual batch of such a run,"
        over = f"divide into whole micro-batches over {asked.gpus:,} accelerators"
        return f"{asked.sequences:,.0f} sequences a step{whose} do not {over}"
    if name == "vpp" and said.get("pp", 0.0) == 1.0:
        return "one pipeline stage has no virtual stages"
    if name == "vpp" and "pp" in said and (-layers) % stages > par.SPARE_LAYERS:
        return f"{layers:.0f} layers do not divide into {stages:.0f} stages (--pp x --vpp)"
    heads = said.get("tp", 1.0) * said.get("sp", 1.0)
    if name in ("tp", "sp") and float(shape.n_heads) % heads:
        return f"{float(shape.n_heads):.0f} attention heads do not split evenly over that many ranks"
    ranks = np.prod([said.get(one, 1.0) for one in ("tp", "pp", "cp", "sp")])
    if asked.gpus % ranks:
        return f"{asked.gpus:,} accelerators do not divide by {ranks:,.0f} ({_product(said)})"
    if name == "ep":
        return f"the accelerators of a stage do not divide into groups of {said['ep']:,.0f}"
    return f"no layout of {asked.gpus:,} accelerators with {asked.sequences:,.0f} sequences a step has it"


def _product(said: Mapping[str, float]) -> str:
    return " x ".join(_flag(name) for name in ("tp", "pp", "cp", "sp") if said.get(name, 1.0) > 1.0)


def _near(value: float, accepted: Iterator[float] | list[float]) -> list[float]:
    """The nearest accepted values below and above."""
    found = sorted(accepted)
    below, above = [v for v in found if v < value], [v for v in found if v > value]
    return below[-1:] + above[:1]


def _hint(name: str, near: list[float]) -> str:
    return " or ".join(f"{_flag(name)} {value:g}" for value in near)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
