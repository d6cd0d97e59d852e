"""`fit`: serving or training, on machines that were named or on the smallest that hold the model."""

from __future__ import annotations

from llmcost.catalog import Catalog
from llmcost.errors import LlmcostError
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.subject import chip, subject
from llmcost.keys import SERVE, TRAIN
from llmcost.result import Estimate
from llmcost.scenario import Scenario

TRAINS = (
    "method",
    "seq_len",
    "micro_batch",
    "tokens",
    "zero",
    "recompute",
    "optimizer",
    "loss_kernel",
    "global_batch_tokens",
)
SERVES = ("isl", "osl", "kv_dtype", "batch")


def fit(scenario: Scenario, catalog: Catalog) -> Estimate:
    """Whether a model fits, to serve it or, where a key of training was said, to train it.

    Raises
    ------
    LlmcostError
        Unknown names, impossible values, or no model. A model that does not fit is an answer with exit code 1.
    """
    trains = scenario.has(*TRAINS) and not scenario.has(*SERVES)
    question = Question(scenario, catalog, TRAIN if trains else SERVE)
    model = subject(question)
    if model is None:
        raise question.need("model", "what is held follows from its architecture")
    device = chip(question)
    if trains:
        raise LlmcostError("fit answers for serving; what a training run lacks is said by train", "llmcost train")
    if device is None:
        from llmcost.estimate.fit import machines

        return machines.serving(question, model)
    from llmcost.estimate.fit import serving

    return serving.answer(question, model, device)
