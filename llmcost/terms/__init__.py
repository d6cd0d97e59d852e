"""Every name in an answer: its label, kind, unit and meaning. `docs/glossary.md` has a row for each."""

from __future__ import annotations

from functools import cache

from llmcost.terms import (
    calibrate,
    check,
    compare,
    crossover,
    fit,
    fleet,
    serving,
    sweep,
    techniques,
    trace,
    training,
    validate,
)
from llmcost.terms.term import MEAN, SERVE, SUM, TRAIN, Term

__all__ = ["MEAN", "SECTIONS", "SERVE", "SUM", "TERMS", "TRAIN", "Term", "compared", "mixed", "results", "short"]

SECTIONS = {
    "Training": training.TERMS,
    "Serving": serving.TERMS,
    "Techniques": techniques.TERMS,
    "Fleet and users": fleet.TERMS,
    "Crossover": crossover.TERMS,
    "Comparison": compare.TERMS,
    "Fit": fit.TERMS,
    "Sweep": sweep.TERMS,
    "Validation": validate.TERMS,
    "Calibration": calibrate.TERMS,
    "Traces": trace.TERMS,
    "Check": check.TERMS,
}
_OWN = {TRAIN: "Training", SERVE: "Serving"}  # section of a command's own figures
TERMS: dict[str, Term] = {term.name: term for section in SECTIONS.values() for term in section}


@cache
def results(command: str) -> tuple[Term, ...]:
    """What the result of a command has, its own section first.

    >>> [term.name for term in results("train")][:2]
    ['total_usd', 'run_usd']
    """
    found = [term for term in TERMS.values() if command in term.answers]
    return tuple(sorted(found, key=lambda term: term not in SECTIONS[_OWN[command]]))


@cache
def short(command: str) -> tuple[str, ...]:
    """The figures of the short answer of a command, most wanted first.

    >>> short("train")[:2]
    ('total_usd', 'gpu_hours')
    """
    return _ordered({name: term.short[command] for name, term in TERMS.items() if command in term.short})


@cache
def compared() -> tuple[str, ...]:
    """The figures of an alternative, in the order of its columns.

    >>> compared()[0]
    'total_usd_horizon'
    """
    return _ordered({name: term.compared for name, term in TERMS.items() if term.compared})


@cache
def mixed(how: str) -> tuple[str, ...]:
    """The figures of a service that mix in one way over several that share the requests.

    >>> "gpus" in mixed(SUM), "usd_per_request" in mixed(MEAN)
    (True, True)
    """
    return tuple(name for name, term in TERMS.items() if term.mixes == how)


def _ordered(places: dict[str, int]) -> tuple[str, ...]:
    return tuple(sorted(places, key=lambda name: places[name]))
