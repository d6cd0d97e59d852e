"""The smallest machines that hold a training run, where none was named."""

from __future__ import annotations

import numpy as np

from llmcost import spec
from llmcost.catalog import presets_date
from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.normal import fits_probability
from llmcost.engine.training import layouts as par
from llmcost.engine.training.memory import FULL
from llmcost.engine.training.micro_batch import BF16, UNFUSED, Run
from llmcost.engine.training.peak import Memory
from llmcost.errors import LlmcostError
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.subject import Subject, machine_of
from llmcost.estimate.fit.machines import most, offered, shown, where
from llmcost.estimate.fit.verdict import MachineRow, tokens, verdict
from llmcost.estimate.training import keeping, stack
from llmcost.estimate.training import step as steps
from llmcost.estimate.training.methods import Method, assumed_shape, read_method
from llmcost.estimate.training.stack import Software, take_software
from llmcost.estimate.training.throughput import training_dtype
from llmcost.records import NamedTuple
from llmcost.result import Estimate, cells

COUNTS = (1, 2, 4, 8, 16, 32, 64)  # accelerators of one kind that are tried
JOINED = 8.0  # accelerators that have a fast link among them, where they have one
USUAL = "ampere"  # whose software the list is of: it does not depend on the chip


class Least(NamedTuple):
    """What the leanest layout of so many accelerators holds."""

    gpus: int
    held: Memory
    needed: float  # with the confidence asked for [bytes]


def answer(question: Question, model: Subject) -> Estimate:
    """Every accelerator of the presets, in the fewest that hold the run, the least memory first."""
    method = read_method(question, model)
    keeping.warn_of_unmeasured(question, method)
    length = steps.sequence_length(question, model, method)
    training_dtype(question, model, method)
    used = take_software(question, method.name, 1, USUAL, "bf16")
    shape = assumed_shape(question, model)
    fixed = steps.fixed_by(question, shape)
    habits = keeping.take(question, method, used, fixed).habits
    run = method.run(Run(length, 1.0, float(BF16)))._replace(memory=habits)
    known: dict[tuple[bool, bool], list[Least]] = {}
    rows = []
    usual, measured = question.stated("framework") is None, steps.fitted(question.catalog)
    for name in offered(question.catalog):
        preset, found = question.catalog.load(spec.Accelerator, name)
        if preset.generation not in measured or (usual and not _runs(question, preset.generation, method, used)):
            continue
        machine, unfused = machine_of(preset), preset.generation in UNFUSED
        if np.isnan(machine.bf16_flops) or np.isnan(machine.memory_bytes_per_second):
            continue
        kind = (unfused, bool(machine.scale_up_domain > 1))
        if kind not in known:
            known[kind] = _least(shape, run._replace(unfused=float(unfused)), fixed, kind[1])
        row = _on(found.name, preset, machine, [one for one in known[kind] if one.gpus <= most(preset)], method)
        if row is not None:
            rows.append(row)
    rows.sort(key=lambda row: (row["gpus"] * row["driver_bytes"], row["gpus"]))
    if not rows:
        raise LlmcostError(f"no machine of the presets holds {method.verb} {model.name}", "--method qlora")
    first = rows[0]
    doing = f"{method.verb[:1].upper()}{method.verb[1:]} {model.name}"
    return Estimate(
        command="fit",
        headline=f"{doing} with sequences of {tokens(length)} tokens fits {where(rows)}.",
        result={"verdict": verdict(first["fits_probability"]), **cells(first)},
        inputs=question.inputs,
        warnings=question.warnings,
        arrays={"machines": shown(rows)},
        presets=presets_date(question.catalog),
    )


def _runs(question: Question, generation: str, method: Method, used: Software) -> bool:
    """Whether the software that the list is of is what people train with on such a chip."""
    return stack.usual(question.catalog, stack.Asked(method.name, 1, generation)).name == used.name


def _least(shape: Shape, run: Run, fixed: dict[str, float], joined: bool) -> list[Least]:
    """The leanest layout by count, whatever the memory of the card."""
    bare = Machine(*[np.nan] * len(Machine._fields))._replace(scale_up_domain=JOINED if joined else 1.0)
    lean = {"vpp": 1.0, "cp": 1.0, "micro_batch": float(run.together), "recompute": float(FULL)} | fixed
    found = []
    for count in COUNTS:
        one = run._replace(global_batch=float(count) * lean["micro_batch"])
        every = par.layouts(shape, bare, float(count), one, lean)
        if not np.size(every.tp):
            continue
        held = par.footprint(shape, bare, every, one)
        needed = np.broadcast_to(held.needed(run.memory.margin), np.shape(every.tp))
        best = int(np.argmin(needed))
        sizes = (float(np.broadcast_to(np.asarray(part), needed.shape)[best]) for part in held)
        found.append(Least(count, Memory(*sizes), float(needed[best])))
    return found


def _on(name: str, preset: spec.Accelerator, machine: Machine, least: list[Least], method: Method) -> MachineRow | None:
    """The fewest accelerators of a kind that hold the run; None where none do."""
    for one in least:
        beside = method.resident_bytes / one.gpus
        room = float(machine.shown_bytes) - beside
        if one.needed <= room:
            chance = float(fits_probability(one.held.deviations(room)))
            peak = float(one.held.within(room).total_bytes) + beside
            return {
                "hardware": name, "gpus": one.gpus, "fits_probability": chance, "peak_bytes": peak,
                "usable_bytes": float(machine.shown_bytes),
                "driver_bytes": float(preset.driver_memory_bytes or machine.shown_bytes),
            }  # fmt: skip
    return None
