"""Answers of the scenarios that budgets are about: each scenario and command is answered once."""

from __future__ import annotations

import datetime as dt
import os.path
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import structs

from llmcost import units
from llmcost.budget.limits import Budget, BudgetFile, Limit
from llmcost.catalog import Catalog, Found, is_path
from llmcost.errors import Exit, LlmcostError, Missing
from llmcost.estimate.check.spending import BURN, SPENT, spending
from llmcost.estimate.crossover import crossover
from llmcost.estimate.lifetime.case import sides
from llmcost.estimate.prepared import prepared
from llmcost.estimate.serving.answer import serve
from llmcost.estimate.training.answer import train
from llmcost.files import read_toml
from llmcost.keys import CROSSOVER, SERVE, TRAIN
from llmcost.records import NamedTuple
from llmcost.result import Estimate
from llmcost.scenario import Said, Scenario, layer, resolve
from llmcost.terms import SECTIONS

SPENDING = "spending"  # of scenarios that train nothing
ENGINES: dict[str, Callable[[Scenario, Catalog], Estimate]] = {
    TRAIN: train, SERVE: serve, CROSSOVER: crossover, SPENDING: spending,
}  # fmt: skip
SECTION_OF = {TRAIN: "Training", SERVE: "Serving", CROSSOVER: "Crossover"}
HOME = {term.name: on for on, section in SECTION_OF.items() for term in SECTIONS[section]}
AMBIGUOUS = ("gpus", "tp", "pp", "dp", "ep")  # of the run or of the fleet: which is meant has to be said
GIVEN = ("train_cost", "train_energy")  # what crossover alone takes
# What a scenario costs, by command: the first of these that its answer has.
COSTS = {TRAIN: ("total_usd",), SERVE: ("usd_per_month", "usd_per_request"), CROSSOVER: ("training_usd",)}


class Subject(NamedTuple):
    """A scenario that budgets are about: its name in reports, what it says, and the day that its prices are of."""

    label: str
    said: Mapping[str, Any]
    origin: str
    as_of: dt.date | None  # for all scenarios: over what this one says
    usual_as_of: dt.date | None  # of the budget files: below it
    resolved: Scenario | None = None  # kept by `read`

    def read(self) -> Subject:
        """The same with its values parsed: many budgets are about one scenario.

        Raises
        ------
        LlmcostError
            Values that are wrong.
        """
        return self._replace(resolved=self.question())

    def question(self) -> Scenario:
        """What it asks, with nothing read of it yet."""
        if self.resolved is not None:
            return self.resolved._replace(read=set())
        flags = {} if self.as_of is None else {"as_of": self.as_of}
        found = resolve(flags, Said(self.said, self.origin, self.label))
        if self.usual_as_of is None:
            return found
        return found._replace(layers=(*found.layers, layer({"as_of": self.usual_as_of}, "file:budget")))

    def day(self) -> dt.date | None:
        """The day that its prices are of, where anyone said one."""
        setting = self.question().get("as_of")
        return None if setting is None else setting.value


class Subjects:
    """The scenarios that budgets are about, each read once."""

    def __init__(self, catalog: Catalog, as_of: dt.date | None, usual_as_of: dt.date | None) -> None:
        self._catalog, self._days = catalog, (as_of, usual_as_of)
        self._known: dict[tuple[str, str | None], Subject] = {}

    def of(self, file: BudgetFile, budget: Budget) -> list[Subject]:
        """The scenarios of a budget: one, or those that it adds up."""
        named = [structs.replace(budget, scenario=name) for name in budget.scenarios] or [budget]
        return [self._one(file, one) for one in named]

    def _one(self, file: BudgetFile, budget: Budget) -> Subject:
        key = (file.label, budget.scenario)
        if key not in self._known:
            self._known[key] = subject(file, budget, self._catalog, *self._days)
        return self._known[key]


def subject(
    file: BudgetFile, budget: Budget, catalog: Catalog, as_of: dt.date | None, usual_as_of: dt.date | None
) -> Subject:
    """The scenario of a budget: a preset, a file beside the budget file, or the budget file itself.

    Raises
    ------
    LlmcostError
        No such preset or file, not TOML, or a value that is wrong.
    """
    name = budget.scenario
    if name is None:
        assert file.scenario is not None
        found = Subject(file.label, file.scenario, f"file:{os.path.basename(file.label)}", as_of, usual_as_of)
    elif is_path(name):
        label = os.path.normpath(os.path.join(os.path.dirname(file.label), name)).replace(os.sep, "/")
        path = _find(budget, catalog, label if is_path(label) else f"./{label}").path
        found = Subject(label, read_toml(path), f"file:{path.name}", as_of, usual_as_of)
    else:
        preset = _find(budget, catalog, name)
        found = Subject(preset.name, read_toml(preset.path), preset.origin, as_of, usual_as_of)
    return found.read()  # a wrong value is a finding once, not once a command


def _find(budget: Budget, catalog: Catalog, name: str) -> Found:
    try:
        return catalog.find("scenarios", name)
    except LlmcostError as error:
        hint = "a path counts from the folder of the budget file" if is_path(name) else error.hint
        raise LlmcostError(f"{budget.place}: scenario: {error.message}", hint) from None


class Answers:
    """Answers by scenario and command, each computed when first asked for.

    `wrong` collects what makes a scenario a wrong question.
    """

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.known: dict[tuple[str, str], Estimate | LlmcostError] = {}
        self.wrong: list[LlmcostError] = []

    def ask(self, of: Subject, on: str) -> Estimate | LlmcostError:
        """The answer of a command, or why there is none."""
        key = (of.label, on)
        if key not in self.known:
            try:
                (asked,), catalog = prepared([of.question()], self.catalog)
                self.known[key] = ENGINES[on](asked, catalog)
            except LlmcostError as error:
                self.known[key] = error
                if not isinstance(error, Missing) and error.code != Exit.NO:
                    self.wrong += [_placed(of, found) for found in getattr(error, "findings", [error])]
        return self.known[key]

    def command(self, of: Subject, limit: Limit) -> str:
        """The command whose answer a limit is on: said, or the one that the key belongs to.

        Raises
        ------
        LlmcostError
            Two commands answer and mean different things.
        """
        if limit.on is not None:
            return limit.on
        if limit.key in (BURN, SPENT):
            return CROSSOVER if isinstance(self.ask(of, CROSSOVER), Estimate) else SPENDING
        home = HOME.get(limit.key)
        if limit.key in AMBIGUOUS:
            return self._only(of, limit)
        if home is None:
            return next((on for on in self.commands(of) if self.figure(of, on, limit.key) is not None), SERVE)
        if home != CROSSOVER and of.question().has(*GIVEN) and isinstance(self.ask(of, home), Missing):
            return CROSSOVER if self.figure(of, CROSSOVER, limit.key) is not None else home
        return home

    def _only(self, of: Subject, limit: Limit) -> str:
        asked = asks(of.question())
        if len(asked) > 1:
            raise LlmcostError(
                f"{limit.place}: {limit.name}: train and serve both have {limit.key} here",
                'on = "train", or on = "serve"',
            )
        return next(iter(asked), TRAIN)

    def commands(self, of: Subject) -> list[str]:
        """What a scenario asks and has an answer to; crossover where both sides are given figures."""
        return [on for on in asks(of.question()) if isinstance(self.ask(of, on), Estimate)] or [CROSSOVER]

    def figure(self, of: Subject, on: str, key: str) -> Any:
        """A figure of an answer; None where either is not known."""
        found = self.ask(of, on)
        return found.result.get(key) if isinstance(found, Estimate) else None

    def cost(self, of: Subject, on: str) -> str:
        """The key that says what a scenario costs."""
        return next((key for key in COSTS[on] if self.figure(of, on, key) is not None), COSTS[on][0])

    def estimates(self) -> list[tuple[str, str, Estimate]]:
        """Everything that was answered, in the order it was asked."""
        return [(label, on, e) for (label, on), e in self.known.items() if isinstance(e, Estimate)]


def asks(question: Scenario) -> list[str]:
    """Whether a scenario asks what training costs, what serving costs, or both."""
    return [on for on, wanted in zip((TRAIN, SERVE), sides(question), strict=True) if wanted]


def _placed(of: Subject, error: LlmcostError) -> LlmcostError:
    """A finding with its scenario in front, unless that is there already."""
    label = units.shown(of.label, 200)[1:-1]
    named = error.message.startswith((label, os.path.basename(label), units.shown(of.label)))
    return error if named else units.at(label, error)
