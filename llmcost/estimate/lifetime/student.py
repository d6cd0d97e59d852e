"""The training that a distilled model takes: part of the training side wherever serving one is compared with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from llmcost.engine.numeric.kinds import Num
from llmcost.errors import LlmcostError
from llmcost.estimate.asking.ledger import Origin
from llmcost.estimate.asking.no_fit import NoFit
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.values import TrainingNumbers, named, training_numbers
from llmcost.keys import TRAIN
from llmcost.scenario import Setting

if TYPE_CHECKING:
    from llmcost.estimate.serving.techniques.applied import Applied
    from llmcost.estimate.training.plan import Run

TAG = "distill."
# What is said of the training of the teacher and says nothing about that of the student.
TEACHERS = (
    "train_cost", "train_energy", "gpu_hours", "training_flops", "params", "params_active", "mfu", "seq_len", "epochs",
    "long_tokens", "long_seq_len", "global_batch_tokens", "gpus", "train_gpus", "tp", "pp", "ep", "train_tp",
    "train_pp", "train_ep", "vpp", "cp", "sp", "zero", "micro_batch", "recompute", "technique",
)  # fmt: skip


def read_student(training: Question, applied: Applied) -> Run | NoFit | None:
    """The run that makes the student, where one is served; its numbers and caveats go to the training side.

    Raises
    ------
    LlmcostError
        No teacher, or too little said to price the run.
    """
    from llmcost.estimate.serving.techniques.keys import FILE
    from llmcost.estimate.training.plan import read_run

    given = next((s.values for s in applied.said if s.name == "distill"), None)
    if given is None:
        return None
    teacher = training.scenario.get("model", TRAIN)
    if teacher is None:
        raise LlmcostError("distill needs the model that is distilled", "--model llama-3.1-70b")
    factor = training.factor(FILE, "distill_tokens")
    tokens = given.get("tokens", factor.value)
    origin = Origin("technique:distill") if "tokens" in given else factor.origin
    training.record("distill_tokens", tokens, origin, "count")
    scenario = training.scenario
    layers = tuple({k: v for k, v in layer.items() if k not in TEACHERS} for layer in scenario.layers)
    run = {"method": "distill", "teacher": teacher.value, "model": given["model"], "tokens": tokens}
    asked = scenario._replace(layers=({k: Setting(v, "technique:distill") for k, v in run.items()}, *layers))
    question = Question(asked, training.catalog, TRAIN)
    found = read_run(question)
    for name, value in question.numbers.items():
        if training.numbers.get(name) != value:
            training.keep(TAG + name, value)
    for caveat in question.warnings:
        if caveat.code != "W031":  # the length of this run is nobody's question
            training.warn(caveat.code, caveat.message, caveat.hint)
    return found


def added(student: Run, out: dict[str, Num], p: TrainingNumbers, names: Mapping[str, str]) -> dict[str, Num]:
    """Totals of training with those of the student's run on top.

    `names` gives the figure of a run for each total; a total that is not known stays so.
    """
    own = {**p, **{k.removeprefix(TAG): v for k, v in p.items() if k.startswith(TAG)}}
    run = student.figures(training_numbers(own))
    total = {name: out[name] + named(run, key) for name, key in names.items() if name in out and key in run}
    return out | total | ({"training_usd_distillation": run["run_usd"]} if "run_usd" in run else {})
