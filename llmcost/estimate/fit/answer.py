"""`fit`: on machines that were named, or on the smallest that hold the model."""

from __future__ import annotations

from llmcost.catalog import Catalog
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.subject import chip, subject
from llmcost.keys import SERVE
from llmcost.result import Estimate
from llmcost.scenario import Scenario


def fit(scenario: Scenario, catalog: Catalog) -> Estimate:
    """Whether a model fits, to serve it.

    Raises
    ------
    LlmcostError
        Unknown names, impossible values, or no model. A model that does not fit is an answer with exit code 1.
    """
    question = Question(scenario, catalog, SERVE)
    model = subject(question)
    if model is None:
        raise question.need("model", "what is held follows from its architecture")
    device = chip(question)
    if device is None:
        from llmcost.estimate.fit import machines

        return machines.serving(question, model)
    from llmcost.estimate.fit import serving

    return serving.answer(question, model, device)
