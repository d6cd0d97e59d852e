"""Rollouts of reinforcement learning, at the speed of generation that the serving engine predicts."""

from __future__ import annotations

import math

from llmcost.engine.machine.factors import Told
from llmcost.engine.numeric.kinds import Z95
from llmcost.engine.numeric.spread import Spread
from llmcost.engine.serving import operating_point as serving
from llmcost.engine.serving import search as serving_search
from llmcost.engine.serving.inputs import formats_from_rows
from llmcost.estimate.asking.ledger import Origin
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.subject import Chip, Subject
from llmcost.estimate.training.methods import Method, Work, assumed_shape
from llmcost.estimate.training.step import sequence_length


def timed(
    question: Question, model: Subject | None, device: Chip, gpus: int | None, dtype: str,
    method: Method, work: Work | None,
) -> Work | None:  # fmt: skip
    """The work with its rollouts at the speed of generation, where that can be told."""
    if not method.declared.rollouts or work is None or model is None:
        return work
    if gpus and _price(question, model, device, gpus, sequence_length(question, model, method), dtype):
        return Work(tuple(p._replace(decodes=True) if p.name == "rollouts" else p for p in work.phases))
    question.warn(
        "W016",
        "rollouts are counted at the MFU of training: decoding is slower, and its speed is not known here",
        "--gpus 64",
    )
    return work


def _price(question: Question, model: Subject, device: Chip, gpus: int, seq_len: float, dtype: str) -> bool:
    """The speed of generation on these accelerators, from the serving engine; whether one could be told."""
    machine = device.machine
    if math.isnan(machine.memory_bytes_per_second) or (model.moe and math.isnan(float(model.shape.n_layers))):
        return False
    shape = assumed_shape(question, model)
    formats = formats_from_rows(question.catalog.formats())
    precision = formats[dtype]._replace(kv_bytes=formats["bf16"].kv_bytes)
    calibration = serving.calibration_from_factors(
        question.catalog.factors("serving", "memory"),
        device.preset.generation,
        "any",
        Told(memory_bytes=float(machine.shown_bytes)),
    )
    layouts = serving_search.layouts(shape, machine, float(gpus))
    load = serving.Load(1.0, seq_len, 0.0, 1.0)
    answer = serving_search.search(
        shape, machine, layouts, [precision], load, calibration, serving_search.Targets(), float(gpus)
    )
    if answer.cheapest < 0:
        return False
    best = answer.grid.pick(answer.cheapest)
    ranks = f"{int(best.gpus_per_replica)} GPUs a replica, {int(best.point.batch)} rollouts in flight on each"
    speed = Origin("computed", f"presets/calibration/serving.toml: {ranks}", None, "measured")
    question.sample("rollout_tokens_per_second_per_gpu", float(best.tokens_per_second) / gpus, speed, "tokens/s")
    sigma = Z95 * float(calibration.throughput_log_spread)
    source = "presets/calibration/serving.toml: residuals of validation/serving_measured.csv"
    spread = Spread(math.exp(-sigma), 1.0, math.exp(sigma))
    question.sample("rollout_error", spread, Origin("default", source, None, "measured"), "ratio")
    return True
