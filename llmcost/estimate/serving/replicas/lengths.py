"""How long requests are: one length, a spread around it, or the user's own sample."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from llmcost import units
from llmcost.engine.numeric.kinds import Array
from llmcost.engine.numeric.spread import median
from llmcost.engine.serving.queueing import empirical_lengths, lognormal_lengths
from llmcost.errors import LlmcostError, one_of
from llmcost.estimate.asking import csv_file
from llmcost.estimate.asking.ledger import Origin
from llmcost.estimate.asking.question import Question, origin_from
from llmcost.readers import registry
from llmcost.readers.content import Content
from llmcost.readers.rows import TRACE
from llmcost.records import NamedTuple

COLUMNS = ("isl", "osl")
MOST_PAIRS = 50_000  # of a log
LENGTH = ("a length", "a positive number of tokens", 1e9, False)  # a cell of lengths


class Lengths(NamedTuple):
    """Lengths of requests whose tails count: pairs of equally likely prompts and answers [tokens].

    `independent`: any prompt may meet any answer; otherwise they are pairs of one sample.
    """

    prompts: Array
    answers: Array
    independent: bool

    def prompt_points(self) -> Any:
        """Equally likely prompts, relative to their mean [-]."""
        points = self.prompts if self.independent else empirical_lengths(self.prompts)
        return points / points.mean()

    def total_points(self, reserve: float) -> Any:
        """Equally likely tokens set aside for a request: the prompt and a share of the answer [tokens]."""
        if self.independent:
            return np.add.outer(self.prompts, reserve * self.answers).ravel()
        return empirical_lengths(self.prompts + reserve * self.answers)


def lengths(question: Question, phase: str = "") -> Lengths | None:
    """Read `isl` and `osl`, and how they vary; None where every request is alike. Prefill alone has no answers.

    Raises
    ------
    LlmcostError
        A length is missing, said twice, or the file is not a table of lengths.
    """
    file = question.given("lengths")
    if file is not None:
        return _measured(question, str(file.value), origin_from(file.origin, file.source))
    isl = question.number("isl")
    osl = 1.0 if phase == "prefill" else question.number("osl")
    if isl is None or osl is None:
        raise question.need("isl" if isl is None else "osl", "cost follows from the lengths of a request")
    given_rate = not phase and question.scenario.get("tokens_per_second", question.side) is not None
    spread = None if given_rate else question.stated("length_spread")
    if spread is None:
        return None
    return Lengths(lognormal_lengths(median(isl), spread), lognormal_lengths(median(osl), spread), True)


def _measured(question: Question, name: str, origin: Origin) -> Lengths:
    for key in COLUMNS:
        said = question.scenario.get(key, question.side)
        if said is not None and said.origin == "flag":
            raise one_of(f"--{key}", "--lengths")
    prompts, answers = read(name)
    for key, values in zip(COLUMNS, (prompts, answers), strict=True):
        question.sample(key, float(values.mean()), origin._replace(source=f"mean of {len(values):,} rows of {name}"))
    return Lengths(prompts, answers, False)


def read(name: str) -> tuple[Any, Any]:
    """Prompt and answer lengths of a CSV file with columns `isl` and `osl`, or of a log of requests [tokens].

    Raises
    ------
    LlmcostError
        No such file, not CSV, a column missing, no rows, or a length that is not a positive number.
    """
    if _is_log(name):
        return _logged(name)
    found = csv_file.numbers("--lengths", name, COLUMNS, *LENGTH)
    return found[:, 0], found[:, 1]


def _is_log(name: str) -> bool:
    """Whether a file is a log of requests, and no table of lengths."""
    path = Path(name)
    if not path.is_file() or not path.stat().st_size:
        return False
    content = Content(path)
    return not set(COLUMNS) <= set(content.headings) and registry.recognised(content, (TRACE,)) is not None


def _logged(name: str) -> tuple[Any, Any]:
    """Lengths of a log of requests; of a long one, evenly spaced requests."""
    found = registry.log(Path(name)).rows[0]
    if found.isl is None or found.osl is None:
        raise LlmcostError(f"--lengths {units.shown(name)}: the log tells no lengths", "--isl 1000 --osl 500")
    step = max(len(found.isl) // MOST_PAIRS, 1)
    return np.asarray(found.isl[::step], dtype=float), np.asarray(found.osl[::step], dtype=float)
