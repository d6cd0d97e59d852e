"""The training that a distilled model takes: part of the training side wherever serving one is compared with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmcost.errors import LlmcostError
from llmcost.estimate.asking.question import Origin, Question
from llmcost.estimate.serving.technique_keys import FILE
from llmcost.estimate.training import answer as train
from llmcost.keys import TRAIN
from llmcost.scenario import Setting

TAG = "distill."
# What is said of the training of the teacher and says nothing about that of the student.
TEACHERS = (
    "train_cost", "train_energy", "gpu_hours", "training_flops", "params", "params_active", "mfu", "seq_len", "epochs",
    "long_tokens", "long_seq_len", "global_batch_tokens", "gpus", "train_gpus", "tp", "pp", "ep", "train_tp",
    "train_pp", "train_ep", "vpp", "cp", "zero", "micro_batch", "recompute", "technique",
)  # fmt: skip


def take(training: Question, serving: Question) -> None:
    """Take the run that makes the student, where the serving side serves one; it stays with the training side.

    Raises
    ------
    LlmcostError
        No teacher, or too little said to price the run.
    """
    said = serving.applied.said if serving.applied is not None else ()
    given = next((s.values for s in said if s.name == "distill"), None)
    if given is None:
        return
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
    training.student = train.plan(question)
    for name, value in question.numbers.items():
        if training.numbers.get(name) != value:
            training.numbers[TAG + name] = value
    for caveat in question.warnings:
        if caveat.code != "W031":  # the length of this run is nobody's question
            training.warn(caveat.code, caveat.message, caveat.hint)


def added(training: Question, out: dict[str, Any], p: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Totals of training with those of the student's run on top.

    `names` gives the figure of a run for each total; a total that is not known stays so.
    """
    if training.student is None:
        return out
    own = {**p, **{k.removeprefix(TAG): v for k, v in p.items() if k.startswith(TAG)}}
    run = train.figures(training.student, own)
    total = {name: out[name] + run[key] for name, key in names.items() if name in out and run.get(key) is not None}
    return out | total | ({"training_usd_distillation": run["run_usd"]} if "run_usd" in run else {})
