"""A run, a service, or both, with their values read and their course over time: what lifetimes are figured from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from llmcost.catalog import Catalog
from llmcost.engine.numeric.kinds import Num
from llmcost.errors import LlmcostError
from llmcost.estimate.actuals.past import Past
from llmcost.estimate.asking import market, sampling
from llmcost.estimate.asking.ledger import Number
from llmcost.estimate.asking.no_fit import NoFit
from llmcost.estimate.asking.question import Question, labelled, merged
from llmcost.estimate.asking.values import (
    ServingNumbers,
    TrainingNumbers,
    owning_numbers,
    serving_numbers,
    training_numbers,
)
from llmcost.estimate.lifetime import course as courses
from llmcost.estimate.lifetime.course import Course
from llmcost.estimate.money.owning import Owned
from llmcost.estimate.serving.service import Given, Service
from llmcost.estimate.serving.supply import read_supply
from llmcost.estimate.training import bill as billing
from llmcost.keys import SERVE, TRAIN, Key
from llmcost.keys.demand import KEYS as OVER_TIME
from llmcost.records import NamedTuple
from llmcost.result import Input, Step, Warning
from llmcost.scenario import Scenario

if TYPE_CHECKING:  # what is given needs no engine: they are imported where something is planned
    from llmcost.estimate.serving.hosted import Hosted
    from llmcost.estimate.training.plan import Run

TRAIN_SAID = ("tokens", "rollout_tokens", "gpu_hours", "training_flops", "train_cost", "train_energy", "mfu")
RUN_SAID = ("gpus", "hardware")  # said for the training side alone: there is a run
SERVE_SAID = ("isl", "osl", "requests", "cost_per_request", "energy_per_request", "tokens_per_second")
HORIZON = "horizon_days"
MOVING = tuple(key.name for key in OVER_TIME)  # keys that make one day unlike another


class Case(NamedTuple):
    """A run and a service over time; a side that was not asked about has no question, one that is given no run."""

    training: Question | None
    serving: Question | None
    run: Run | None = None
    service: Service | None = None
    student: Run | None = None  # of the distilled model that is served
    scope: str = billing.RUN
    course: Course = Course(None, None)
    horizon_days: float | None = None  # None where there is no traffic
    past: Past | None = None  # what was really spent, in the place of the plan's first days
    refused: tuple[NoFit, Question] | None = None  # why there is no answer, and whose
    sided: bool = True  # whether inputs are shown with their side in their names

    @property
    def questions(self) -> list[Question]:
        """The sides that were asked about."""
        return [q for q in (self.training, self.serving) if q is not None]

    @property
    def priced(self) -> bool:
        """Whether dollars of both sides are known."""
        return all(q.priced for q in self.questions)

    @property
    def reason(self) -> str:
        """Why there is no answer; empty where there is one."""
        return "" if self.refused is None else self.refused[0].reason

    @property
    def hosted(self) -> Hosted | None:
        """The service, where it runs on accelerators."""
        if self.service is None or isinstance(self.service, Given):
            return None
        from llmcost.estimate.serving.hosted import Hosted

        return self.service if isinstance(self.service, Hosted) else None

    @property
    def in_dollars(self) -> Case:
        """The same case for those who ask what it costs alone: the electricity of a service has its place for that."""
        return self if self.hosted is None else self._replace(service=self.hosted._replace(place=None))

    @property
    def moving(self) -> bool:
        """Whether traffic, prices or training change over time."""
        return self.serving is not None and self.serving.scenario.has(*MOVING)

    @property
    def numbers(self) -> dict[str, Number]:
        """Every number of both sides, under names that tell the sides apart."""
        found = {f"{q.side}.{name}": value for q in self.questions for name, value in q.numbers.items()}
        return found if self.horizon_days is None else {**found, HORIZON: self.horizon_days}

    @property
    def parts(self) -> dict[str, Number]:
        """The same, with what an owned hour is made of in the place of its price."""
        found = self.numbers
        for side in (TRAIN, SERVE):
            owned = self.owned(side)
            if owned is not None:
                found.pop(f"{side}.{owned.key}", None)
                found |= {f"{side}.{name}": value for name, value in owned.numbers.items()}
        return found

    def at_prices(self, numbers: Mapping[str, Number]) -> dict[str, Number]:
        """Its numbers, or its parts, with prices that nobody stated at their medians."""
        found = dict(numbers)
        for q in self.questions:
            own = {tag: value for tag, value in found.items() if tag.startswith(f"{q.side}.")}
            found |= market.held(own, market.of(q))
        return found

    def owned(self, side: str) -> Owned | None:
        """What an hour of the machines of a side is made of, where they are owned."""
        if side == TRAIN:
            return None if self.run is None else self.run.bill.terms.owned
        return None if self.hosted is None else self.hosted.fleet.terms.owned

    def _of_side(self, side: str, p: Mapping[str, Num]) -> dict[str, Num]:
        """The numbers of a side under their own names, with the price of an owned hour where its parts are there."""
        found = {k.split(".", 1)[1]: v for k, v in p.items() if k.startswith(f"{side}.")}
        owned = self.owned(side)
        return found if owned is None or owned.key in found else found | {owned.key: owned.price(owning_numbers(found))}

    def trained(self, p: Mapping[str, Num]) -> TrainingNumbers:
        """The numbers of the training side."""
        return training_numbers(self._of_side(TRAIN, p))

    def served(self, p: Mapping[str, Num]) -> ServingNumbers:
        """The numbers of the serving side."""
        return serving_numbers(self._of_side(SERVE, p))

    @property
    def inputs(self) -> dict[str, Input]:
        """Inputs of both sides; what both have alike goes under its own name."""
        sides = {q.side: labelled(q) if self.sided else q.inputs for q in self.questions}
        if self.student is not None:
            sides[SERVE]["student"] = sides[SERVE].pop("model")
        return merged(sides.values())

    @property
    def warnings(self) -> list[Warning]:
        """Caveats of both sides, each once."""
        every = [w for q in self.questions for w in q.warnings]
        return [w for i, w in enumerate(every) if w not in every[:i]]

    @property
    def steps(self) -> list[Step]:
        """The explanation of both sides."""
        return [step for q in self.questions for step in q.steps]


def sides(scenario: Scenario) -> tuple[bool, bool]:
    """Whether something is trained, and whether something is served or bought."""
    return _trains(scenario), scenario.has(*SERVE_SAID)


def _trains(scenario: Scenario) -> bool:
    """Whether something is trained; who buys tokens trains nothing but what is given beside them."""
    run = any(f"{TRAIN}_{k}" in layer for layer in scenario.layers for k in RUN_SAID)
    if scenario.get("api") is None:
        return scenario.has(*TRAIN_SAID) or run
    bought = next(i for i, layer in enumerate(scenario.layers) if "api" in layer)
    return any("train_cost" in layer for layer in scenario.layers[: bought + 1])


def read_case(scenario: Scenario, catalog: Catalog, sided: bool = False) -> Case:
    """Read every value of what a scenario asks about; with `sided` inputs are shown with their side.

    Raises
    ------
    LlmcostError
        Nothing is asked, or anything that either side refuses.
    """
    trains, serves = sides(scenario)
    if not trains and not serves:
        raise LlmcostError(
            "nothing to compare: say what is trained (--tokens) or served (--isl, --osl)", "llmcost compare --help"
        )
    train = Question(scenario, catalog, TRAIN, alone=not serves) if trains else None
    serve = Question(scenario, catalog, SERVE, alone=not trains) if serves else None
    return _ranked(read_sides(train, serve, sided))


def _ranked(case: Case) -> Case:
    """The case, refused where no price is known: it has no rank in dollars."""
    side = next((q for q in case.questions if q.unpriced), None)
    if side is None or case.refused is not None:
        return case
    return case._replace(refused=(NoFit(f"{side.unpriced}, so it has no rank in dollars"), side))


class Half(NamedTuple):
    """A case of which one side is to be read again at other values of a key, the other standing as it was planned."""

    case: Case
    side: str


def half(case: Case, key: Key) -> Half | None:
    """The side of a case that a key says something of; None where both have to be read.

    A student is trained on one side because of what is served on the other.
    """
    side = _side_of(key)
    said = None if case.serving is None else case.serving.scenario.peek("technique", SERVE)
    taught = said is not None and "distill" in str(said.value)
    return None if not side or taught or case.training is None or case.serving is None else Half(case, side)


def _side_of(key: Key) -> str:
    """The only side that a key says something of; empty where it may be both."""
    for side, other in ((TRAIN, SERVE), (SERVE, TRAIN)):
        if key.name.startswith(f"{side}_") or (side in key.commands and other not in key.commands):
            return side
    return SERVE if key.name in (*MOVING, "horizon") else ""


def read_half(known: Half, scenario: Scenario, catalog: Catalog) -> Case:
    """The case of a scenario that says something else of one side alone.

    Raises
    ------
    LlmcostError
        Anything that the side refuses.
    """
    old, why = known.case, known.case.refused
    question = Question(scenario, catalog, known.side, alone=False)
    theirs = why if why is not None and why[1].side != known.side else None
    if known.side == TRAIN:
        case = _trained(old._replace(training=question, run=None, refused=None), question)
        return _ranked(case._replace(refused=case.refused or theirs))
    served = old._replace(serving=question, service=None, course=Course(None, None), horizon_days=None, refused=theirs)
    return _ranked(_served(served, question))


def read_sides(train: Question | None, serve: Question | None, sided: bool = True) -> Case:
    """Read every value of the sides that are asked about.

    Raises
    ------
    LlmcostError
        Anything that either side refuses; what does not fit is `refused`, not an error.
    """
    case = Case(train, serve, sided=sided)
    if train is not None:
        case = _trained(case, train)
    if serve is not None:
        case = _served(case, serve)
    if case.refused is None and case.horizon_days is not None and serve is not None and case.moving:
        courses.warn_of_growth(serve, case.course, case.horizon_days)
    return case


def _trained(case: Case, question: Question) -> Case:
    given = [question.number(key) for key in ("train_cost", "train_energy")]
    if any(v is not None for v in given):
        return case._replace(scope=_scope_of_given(question))
    from llmcost.estimate.training.plan import read_run

    run = read_run(question)
    if isinstance(run, NoFit):
        return case._replace(refused=(run, question))
    return case._replace(run=run, scope=run.bill.scope)


def _scope_of_given(question: Question) -> str:
    """What a given training spend holds; there is a programme around it when something is said of one."""
    scope = str(question.stated("scope") or billing.RUN)
    asked = scope == billing.PROGRAM or question.scenario.has(*billing.PROGRAMME_KEYS)
    if asked and "train_cost" in question.numbers:
        billing.read_programme(question, scope)
    return scope


def _served(case: Case, question: Question) -> Case:
    course = courses.read_course(question)
    days = None if course.kind is None else courses.horizon_days(question)
    case = case._replace(course=course, horizon_days=days)
    shape = None if days is None else course.shape(serving_numbers(sampling.central(question.numbers)), days)
    service = read_supply(question, shape)
    if isinstance(service, NoFit):
        return case._replace(refused=case.refused or (service, question))
    case = case._replace(service=service)
    if case.hosted is not None and case.training is not None:
        from llmcost.estimate.lifetime.student import read_student

        student = read_student(case.training, case.hosted.applied)
        if isinstance(student, NoFit):
            return case._replace(service=None, refused=case.refused or (student, case.training))
        case = case._replace(student=student)
    return case
