"""Every name in an answer: its label, kind, unit and meaning. `docs/glossary.md` has a row for each."""

from __future__ import annotations

from llmcost.terms import check, compare, crossover, fleet, serving, techniques, training, validate
from llmcost.terms.term import Term

__all__ = ["SECTIONS", "TERMS", "Term"]

SECTIONS = {
    "Training": training.TERMS,
    "Serving": serving.TERMS,
    "Techniques": techniques.TERMS,
    "Fleet and users": fleet.TERMS,
    "Crossover": crossover.TERMS,
    "Comparison": compare.TERMS,
    "Validation": validate.TERMS,
    "Check": check.TERMS,
}
TERMS: dict[str, Term] = {term.name: term for section in SECTIONS.values() for term in section}
