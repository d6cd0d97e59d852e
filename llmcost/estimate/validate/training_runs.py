"""Whole training runs: layout, step, number of steps, and what a campaign adds, against published GPU-hours."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from functools import lru_cache, partial

import numpy as np

from llmcost import spec
from llmcost.catalog import Catalog
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import SECONDS_PER_DAY, SECONDS_PER_HOUR
from llmcost.engine.training import search as searching
from llmcost.engine.training.batch import TOKENS_PER_GPU, usual_batch
from llmcost.engine.training.calibration import Calibration, Stack, calibration_from_factors, stacked
from llmcost.engine.training.campaign import Like, billed, is_early
from llmcost.engine.training.micro_batch import FP8, PRECISIONS, Run
from llmcost.engine.training.peak import Habits
from llmcost.errors import LlmcostError
from llmcost.estimate.training import keeping
from llmcost.estimate.training.feed import feed
from llmcost.estimate.training.kept import habits_of
from llmcost.estimate.training.stack import (
    Asked,
    Software,
    released,
    software,
    stores_scores,
    usual,
    with_usual_kernels,
)
from llmcost.estimate.validate import cells
from llmcost.estimate.validate.cells import positive
from llmcost.estimate.validate.described import shape_of_row
from llmcost.estimate.validate.training_rows import LEAN, Prediction
from llmcost.records import FactorRow, NamedTuple

DEFAULT_SEQ_LEN = {"volta": 2048.0, "ampere": 2048.0, "tpu-v3": 2048.0, "tpu-v4": 2048.0}
LATER_SEQ_LEN, MODERN_SEQ_LEN = 4096.0, 8192.0  # of models that nobody names, and of named ones: as `train` takes it
DAYS_WANTED = 30.0  # a blank number of accelerators: as many as finish in a month
MFU_GUESSED = 0.4
NATIVE = ("bf16", "fp16", "fp8")  # formats of a model that its training may have been in
SLACK = 1.07  # a run that did fit: "80 GB" on a box are 80 GiB


class Whole(NamedTuple):
    """One run ready for the engine."""

    shape: Shape
    like: Like
    n_gpus: float  # as stated, else as many as finish in a month
    stated_gpus: float  # nan where the row does not state them
    run: Run
    software: Software
    year: float  # of the software
    habits: tuple[Habits, ...]  # what it may keep in memory, tried in this order


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
    machine = cells.machine(catalog, hardware)
    seq_len = positive(row, "seq_len") or _length(model, accelerator.generation)
    flops = 6.0 * float(shape.params_active) * tokens
    said = cells.text(row, "precision").lower() or (
        model.native_dtype if model and model.native_dtype in NATIVE else ""
    )
    precision = PRECISIONS.get(str(said), PRECISIONS["bf16"])
    stated = positive(row, "n_gpus")
    n_gpus = stated or _enough(flops, float(machine.bf16_flops))
    own = (model.training_batch_tokens, model.training_tokens) if model else (None, None)
    batch = max(usual_batch(flops, bool(shape.n_experts), tokens, *own), TOKENS_PER_GPU * n_gpus)
    used = _software(row, catalog, Asked("pretrain", n_gpus, accelerator.generation, precision >= FP8))
    year = released(positive(row, "year"), used)
    used = with_usual_kernels(catalog, used, shape, accelerator.generation, year)
    scores = stores_scores(accelerator.generation, positive(row, "year"))
    run = Run(float(seq_len), batch / float(seq_len), precision, unfused=float(scores))
    lean = habits_of(catalog, used.name, LEAN)  # of a run that did fit, where nothing else does
    habits = (*keeping.variants(catalog, keeping.usual(catalog, used), True), lean)
    day = model.release_date if model else None
    early = is_early(day, accelerator.generation, float(shape.params_active), tokens)
    like = Like(machine, accelerator.generation, float(shape.params_active), tokens, early)
    return Whole(shape, like, n_gpus, stated or np.nan, run, used, year, habits)


def _length(model: spec.Model | None, generation: str) -> float:
    """Sequence length of a run that does not state it: its model's, else what was usual on such machines [tokens]."""
    if model is None:
        return DEFAULT_SEQ_LEN.get(generation, LATER_SEQ_LEN)
    longest = float(model.max_context or MODERN_SEQ_LEN)
    return float(model.training_seq_len or min(longest, MODERN_SEQ_LEN))


def _software(row: Mapping[str, str], catalog: Catalog, asked: Asked) -> Software:
    """The stack of a run; one that is not known counts as not stated."""
    named = cells.text(row, "framework_id").lower()
    if named:
        with contextlib.suppress(LlmcostError):
            return software(catalog, named)
    return usual(catalog, asked)


def constants(todo: Whole, factors: Iterable[FactorRow]) -> Calibration:
    """The constants of a run's generation under its software."""
    return _constants(factors, todo.like.generation, todo.software.stack, todo.year)


def _constants(factors: Iterable[FactorRow], generation: str, stack: Stack, year: float) -> Calibration:
    return stacked(calibration_from_factors(factors, generation)[0], stack, year)


def _preset(row: Mapping[str, str], catalog: Catalog) -> spec.Model | None:
    """The model that a row names, if it is known."""
    try:
        return cells.model(catalog, cells.text(row, "model_id"))
    except LlmcostError:
        return None


def _enough(flops: float, peak: float) -> float:
    wanted = flops / (peak * MFU_GUESSED * DAYS_WANTED * SECONDS_PER_DAY)
    return float(np.exp2(np.clip(np.round(np.log2(max(wanted, 1.0))), 3, 14)))


def gpu_hours(todo: Whole, calibration: Calibration) -> float:
    """Accelerator-hours of the steps alone, as `train` has them.

    Parameters
    ----------
    todo : Whole
        The run.
    calibration : Calibration
        Of `constants`.

    Raises
    ------
    LlmcostError
        No layout fits, on twice as many accelerators neither, up to 16 times.
    """

    def search(
        habits: Habits, slack: float, count: int, sequences: float, kept: Mapping[str, float]
    ) -> searching.Found:
        run = todo.run._replace(global_batch=sequences, memory=habits)
        return searching.search(todo.shape, todo.like.machine, float(count), run, calibration, kept, slack)

    gpus = round(todo.n_gpus)
    tries = [*((habits, 1.0) for habits in todo.habits), (todo.habits[-1], SLACK)]
    for count, (habits, slack) in ((gpus << doubled, one) for doubled in range(5) for one in tries):
        try:
            fed = feed(partial(search, habits, slack), count, max(float(todo.run.global_batch), 1.0))
        except ValueError as error:
            raise LlmcostError("no valid layout") from error
        if fed.found.fitting:
            steps = todo.like.tokens / (fed.batch * float(todo.run.seq_len))
            return steps * float(fed.found.best.step.step_seconds) * count / SECONDS_PER_HOUR
    raise LlmcostError("the run does not fit in memory")


def predict_runs(rows: Iterable[Mapping[str, str]], catalog: Catalog) -> list[Prediction]:
    """GPU-hours of whole runs with the 90 % interval, in order; a run that cannot be predicted says why."""
    factors = catalog.factors("training")
    known = lru_cache(partial(_constants, factors))
    answers = []
    for row in rows:
        try:
            todo = whole(row, catalog)
            hours = gpu_hours(todo, known(todo.like.generation, todo.software.stack, todo.year))
        except LlmcostError as error:
            answers.append(Prediction(None, None, None, error.message))
            continue
        if not np.isfinite(hours):
            answers.append(Prediction(None, None, None, "the machine's peak or bandwidth is not known"))
            continue
        found = billed(factors, todo.like, hours, todo.stated_gpus)
        answers.append(Prediction(found.p50, found.p5, found.p95, ""))
    return answers
