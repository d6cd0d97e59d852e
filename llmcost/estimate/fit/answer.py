"""`fit`: on machines that were named, or on the smallest that hold the model."""

from __future__ import annotations

from llmcost.catalog import Catalog
from llmcost.estimate.asking.no_fit import CONFIDENCE
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.subject import Subject, chip, subject
from llmcost.estimate.fit.held import Held, read_held
from llmcost.keys import KEYS, SERVE, TRAIN
from llmcost.result import Estimate
from llmcost.scenario import Scenario, Setting


def _only(command: str, other: str) -> list[str]:
    """Keys that one command takes and the other does not."""
    return [name for name, key in KEYS.items() if command in key.commands and other not in key.commands]


def of_training(scenario: Scenario) -> bool:
    """Whether training is asked about: by a method, or by a file that speaks of it alone.

    An option is a slip as easily, and is refused without a method.
    """
    if scenario.has("method"):
        return True
    said = (scenario.peek(key, TRAIN) for key in _only(TRAIN, SERVE))
    return any(one and one.origin != "flag" for one in said) and not scenario.has(*_only(SERVE, TRAIN))


def read_model(question: Question) -> Subject:
    """The model that has to fit.

    Raises
    ------
    LlmcostError
        None was named.
    """
    model = subject(question)
    if model is None:
        raise question.need("model", "what is held follows from its architecture")
    return model


def held_on(scenario: Scenario, catalog: Catalog) -> Held:
    """The layout that a named machine would serve it in; its accelerator is known to be said."""
    question = Question(scenario, catalog, SERVE)
    model, device = read_model(question), chip(question)
    assert device is not None
    return read_held(question, model, device)


def fit(scenario: Scenario, catalog: Catalog) -> Estimate:
    """Whether a model fits, to serve it, or to train it where a method is named or a file speaks of training alone.

    Raises
    ------
    LlmcostError
        Unknown names, impossible values, or no model. A model that does not fit is an answer with exit code 1.
    """
    trains = of_training(scenario)
    question = Question(scenario, catalog, TRAIN if trains else SERVE)
    if trains and not scenario.has("fit_confidence"):  # `train` takes the layouts that pre-training is tuned to
        question = question.over({"fit_confidence": Setting(CONFIDENCE, "default")})
    model, device = read_model(question), chip(question)
    if device is None:
        if trains:
            from llmcost.estimate.fit import training_machines

            return training_machines.answer(question, model)
        from llmcost.estimate.fit import machines

        return machines.serving(question, model)
    if model.preset is not None and model.preset.max_context is None:
        note = f"how many tokens {model.name} takes is not known: the longest is what memory holds"
        question.warn(
            "W013", note, "a preset of your own with max_context: llmcost presets new models NAME --from NAME"
        )
    if trains:
        from llmcost.estimate.fit import training

        return training.answer(question, model, device)
    from llmcost.estimate.fit import serving

    return serving.answer(question, model, device)
