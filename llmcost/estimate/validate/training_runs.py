"""Whole training runs: layout, step, number of steps, and what a campaign adds, against published GPU-hours."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from llmcost import spec
from llmcost.catalog import Catalog
from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import SECONDS_PER_DAY, SECONDS_PER_HOUR
from llmcost.engine.training import campaign as cp
from llmcost.engine.training import layouts as par
from llmcost.engine.training.batch import TOKENS_PER_GPU, batch_tokens
from llmcost.engine.training.calibration import Calibration, calibration_from_factors, stacked
from llmcost.engine.training.flops import training_flops_of
from llmcost.engine.training.micro_batch import PRECISIONS, Run
from llmcost.errors import LlmcostError
from llmcost.estimate.asking.subject import machine_of
from llmcost.estimate.training.stack import Asked, Software, software, usual
from llmcost.estimate.validate import cells
from llmcost.estimate.validate.cells import positive
from llmcost.estimate.validate.described import shape_of_row
from llmcost.estimate.validate.training_rows import Prediction

DEFAULT_SEQ_LEN = {"volta": 2048.0, "ampere": 2048.0, "tpu-v3": 2048.0, "tpu-v4": 2048.0}
LATER_SEQ_LEN = 4096.0
DAYS_WANTED = 30.0  # a blank number of accelerators: as many as finish in a month
MFU_GUESSED = 0.4
# Stacks of earlier models had neither FlashAttention (arXiv 2205.14135, May 2022) nor selective recomputation (arXiv
# 2205.05198, May 2022): attention kept every score, every layer was recomputed, many trained in fp16.
EARLY = dt.date(2022, 9, 1)
EARLY_MACHINES = ("volta", "tpu-v3")  # where the model's date is not known
# Large models were trained on few tokens until arXiv 2203.15556 (March 2022, table 1) showed that 20 per parameter are
# best: one of unknown date on a machine of those years with less than twice that is taken to be early.
EARLY_TOKENS, EARLY_PARAMS, OLD_MACHINES = 40.0, 1e10, (*EARLY_MACHINES, "ampere", "tpu-v4")


class Whole(NamedTuple):
    """One run ready for the engine."""

    shape: Shape
    machine: Machine
    generation: str
    n_gpus: float  # as stated, else as many as finish in a month
    stated_gpus: float  # nan where the row does not state them
    run: Run
    tokens: float
    early: bool  # its software is of before `EARLY`
    software: Software

    @property
    def overtrained(self) -> bool:
        """More tokens per active parameter than `engine.campaign.OVERTRAINED`."""
        return bool(self.tokens > cp.OVERTRAINED * float(self.shape.params_active))


def whole(row: Mapping[str, str], catalog: Catalog) -> Whole:
    """The inputs of a run; what it does not state its model's preset does, or a rule.

    Raises
    ------
    LlmcostError
        No tokens, no accelerator, no model.
    """
    model, hardware = _preset(row, catalog), cells.text(row, "hardware_id")
    tokens = float(positive(row, "tokens") or (model.training_tokens if model else 0.0) or 0.0)
    if not tokens or not hardware:
        raise LlmcostError("no accelerator" if tokens else "no tokens")
    shape = shape_of_row(row, catalog)
    accelerator = cells.accelerator(catalog, hardware)
    machine = machine_of(accelerator)
    otherwise = DEFAULT_SEQ_LEN.get(accelerator.generation, LATER_SEQ_LEN)
    seq_len = positive(row, "seq_len") or (model and model.training_seq_len) or otherwise
    flops = tokens * float(training_flops_of(shape, seq_len).model)
    precision = PRECISIONS.get(cells.text(row, "precision").lower() or "bf16", PRECISIONS["bf16"])
    stated = positive(row, "n_gpus")
    n_gpus = stated or _enough(flops, float(machine.bf16_flops))
    batch = (model and model.training_batch_tokens) or batch_tokens(flops, bool(shape.n_experts))
    sequences = max(float(batch), TOKENS_PER_GPU * n_gpus) / seq_len
    run = Run(float(seq_len), float(np.exp2(np.round(np.log2(max(sequences, 8.0))))), precision)
    early = _is_early(model, accelerator.generation, float(shape.params_active), tokens)
    used = _software(row, catalog, n_gpus, accelerator.generation)
    return Whole(shape, machine, accelerator.generation, n_gpus, stated or np.nan, run, tokens, early, used)


def _software(row: Mapping[str, str], catalog: Catalog, gpus: float, generation: str) -> Software:
    """The stack of a run; one that is not known counts as not stated."""
    named = cells.text(row, "framework_id").lower()
    if named:
        with contextlib.suppress(LlmcostError):
            return software(catalog, named)
    return usual(catalog, Asked("pretrain", gpus, generation))


def constants(todo: Whole, factors: Iterable[Mapping[str, Any]]) -> Calibration:
    """The constants of a run's generation under its software."""
    return stacked(calibration_from_factors(factors, todo.generation)[0], todo.software.stack)


def _preset(row: Mapping[str, str], catalog: Catalog) -> spec.Model | None:
    """The model that a row names, if it is known."""
    try:
        return cells.model(catalog, cells.text(row, "model_id"))
    except LlmcostError:
        return None


def _is_early(model: spec.Model | None, generation: str, active: float, tokens: float) -> bool:
    if model is not None and model.release_date:
        return model.release_date < EARLY
    large = active >= EARLY_PARAMS and tokens < EARLY_TOKENS * active
    return generation in EARLY_MACHINES or (large and generation in OLD_MACHINES)


def _enough(flops: float, peak: float) -> float:
    wanted = flops / (peak * MFU_GUESSED * DAYS_WANTED * SECONDS_PER_DAY)
    return float(np.exp2(np.clip(np.round(np.log2(max(wanted, 1.0))), 3, 14)))


def gpu_hours(todo: Whole, calibration: Calibration) -> float:
    """Accelerator-hours of the steps alone.

    Raises
    ------
    LlmcostError
        No layout fits, on twice as many accelerators neither, up to 16 times.
    """
    n = power_of_two(todo.n_gpus)
    for _ in range(5):
        batch = max(float(todo.run.global_batch), n / 64.0)
        run = todo.run._replace(global_batch=batch)
        try:
            found = par.search(todo.shape, todo.machine, n, run, calibration, slack=1.07)
        except ValueError as error:
            raise LlmcostError("no valid layout") from error
        if found.fitting:
            seconds = found.best.step.step_seconds
            return float(todo.tokens / (batch * todo.run.seq_len) * seconds * n / SECONDS_PER_HOUR)
        n *= 2.0
    raise LlmcostError("the run does not fit in memory")


def power_of_two(n: float) -> float:
    """The nearest power of two: runs on 800 or 3,072 accelerators keep spares and odd replicas."""
    return float(np.exp2(np.maximum(0.0, np.round(np.log2(n)))))


def powers(todo: Whole, hours: float) -> tuple[float, ...]:
    """How much each factor of a campaign counts for a run of so many accelerator-hours of steps."""
    machine = todo.machine
    found = cp.exponents(hours, machine.memory_bytes, machine.bf16_flops, todo.shape.params_active, todo.early)
    return tuple(float(power) for power in found)


def predict_runs(rows: Iterable[Mapping[str, str]], catalog: Catalog) -> list[Prediction]:
    """GPU-hours of whole runs with the 90 % interval, in order; a run that cannot be predicted says why."""
    factors = catalog.factors("training")
    answers = []
    for row in rows:
        try:
            todo = whole(row, catalog)
            hours = gpu_hours(todo, constants(todo, factors))
            answers.append(_billed(todo, hours, cp.campaign_from_factors(factors, todo.generation)))
        except LlmcostError as error:
            answers.append(Prediction(None, None, None, error.message))
    return answers


def _billed(todo: Whole, hours: float, campaign: cp.Campaign) -> Prediction:
    if not np.isfinite(hours):
        return Prediction(None, None, None, "the machine's peak or bandwidth is not known")
    billed = hours * float(cp.overhead(campaign, powers(todo, hours)))
    p5, p50, p95 = cp.billed_hours(billed, todo.overtrained, todo.stated_gpus, campaign)
    return Prediction(float(p50), float(p5), float(p95), "")
