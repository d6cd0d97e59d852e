"""What has to fit, and the answer where nothing fits the machines or keeps the targets."""

from __future__ import annotations

from collections.abc import Mapping

from llmcost.catalog import presets_date
from llmcost.errors import Exit
from llmcost.estimate.asking.ledger import Origin
from llmcost.estimate.asking.question import Question
from llmcost.records import NamedTuple
from llmcost.result import Estimate

CONFIDENCE = 0.9  # chance with which a layout has to fit, unless told
METHOD = "docs/method-memory.md"


def confidence(question: Question, method: str = METHOD, usual: float = CONFIDENCE) -> float:
    """Chance with which a layout has to fit [-]: as said, or the usual one, which `method` tells of."""
    said = question.stated("fit_confidence")
    if said is not None:
        return float(said)
    question.record("fit_confidence", usual, Origin("default", method))
    return usual


class NoFit(NamedTuple):
    """Why there is none: memory missing on one accelerator [bytes], and the smallest count that fits."""

    reason: str
    missing_bytes: float | None = None
    smallest_gpus: int | None = None
    sizes: Mapping[str, float] = {}  # of the model that was asked about: its parameters, its weights


def refusal(no: NoFit, question: Question, command: str) -> Estimate:
    """The answer of a question that has none."""
    return Estimate(
        command=command,
        headline=no.reason[:1].upper() + no.reason[1:] + ".",
        result={
            "feasible": False,
            "reason": no.reason,
            "missing_bytes": no.missing_bytes,
            "smallest_gpus": no.smallest_gpus,
            **no.sizes,
        },
        inputs=question.inputs,
        warnings=question.warnings,
        presets=presets_date(question.catalog),
        exit_code=int(Exit.NO),
    )
