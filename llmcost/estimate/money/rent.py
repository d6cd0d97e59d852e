"""What an accelerator-hour costs a job: given, owned, or quoted for the term that a job of its size goes by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from llmcost import spec
from llmcost.engine.money import renting as engine
from llmcost.engine.numeric.kinds import SECONDS_PER_HOUR, Num
from llmcost.engine.numeric.spread import median as median_of
from llmcost.engine.numeric.spread import product
from llmcost.errors import LlmcostError, Missing
from llmcost.estimate.asking.ledger import NO_DOLLARS, UNPRICED, Number, Origin
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.values import ServingNumbers
from llmcost.estimate.money import unpriced
from llmcost.estimate.money.quotes import ON_DEMAND, NoQuote, Quote, rental_quote
from llmcost.keys import TRAIN
from llmcost.records import NamedTuple

if TYPE_CHECKING:
    from llmcost.estimate.money.owning import Owned

CLUSTER_TERM = "1-year"  # that clusters go by


class Job(NamedTuple):
    """The size of a job: its accelerators or, where nobody counts them, its accelerator-hours."""

    gpus: Num | None = None
    hours: Num = 0.0


class BySize(NamedTuple):
    """Rates where the size of a job tells its term: by the hour, and of a cluster [USD/h]."""

    by_the_hour: float
    of_a_cluster: float
    least: float  # accelerators of a cluster
    weeks: float  # that one is rented for at least [h]

    def rate(self, job: Job) -> Num:
        """What an accelerator-hour costs a job [USD/h]."""
        size = np.divide(job.hours, self.weeks) if job.gpus is None else job.gpus
        return engine.rate_of_size(self.by_the_hour, self.of_a_cluster, size, self.least)

    def floors(self) -> list[tuple[float, float]]:
        """The cost of n accelerators as a sum of rates [USD/h] times n with a floor."""
        return engine.floors_of_size(self.by_the_hour, self.of_a_cluster, self.least)


class Terms(NamedTuple):
    """What an accelerator-hour costs: the rate of a question, and what makes it where machines are owned.

    Rates of other terms are told over that on demand where a market sets all of them, and are None where they are
    given.
    """

    rate: Number = 0.0  # [USD/h]
    owned: Owned | None = None
    reserved: float | None = None
    spot: float | None = None
    by_size: BySize | None = None  # where the size of the job tells the term
    planned: float = 1.0  # what it tells of the job that the rate is of [USD/h]

    @property
    def usd_per_hour(self) -> float:
        """The rate at its median."""
        return median_of(self.rate)

    def price_of(self, job: Job, price: Num) -> Num:
        """What an accelerator-hour costs a job where one of the job as planned costs a `price` [USD/h]."""
        return price if self.by_size is None else price * (self.by_size.rate(job) / self.planned)

    def floors(self, price: Num) -> list[tuple[Num, float]]:
        """The cost of n accelerators as a sum of rates [USD/h] times n with a floor."""
        if self.by_size is None:
            return [(price, 0.0)]
        return [(price * (rate / self.planned), floor) for rate, floor in self.by_size.floors()]

    def reserved_price(self, p: ServingNumbers) -> Num:
        """A committed hour, used or not [USD/h]."""
        return p["reserved_price"] if self.reserved is None else p["price"] * self.reserved

    def spot_price(self, p: ServingNumbers) -> Num:
        """A spot hour [USD/h]."""
        return p.get("spot_price", 0.0) if self.spot is None else p["price"] * self.spot


def read_terms(question: Question, hardware: str | None, job: Job | None = None) -> Terms:
    """The rate of a question: given, or the rule's, with its caveats recorded; what owning costs where it is owned.

    `job` is its size, once that is known.

    Raises
    ------
    LlmcostError
        Neither a price nor an accelerator with one, or a mix of commitments for a load that does not change.
    """
    if question.owns:
        return _owned(question)
    mixed = _mixed(question)
    given = question.number("price")
    if given is not None:
        return Terms(given)
    if hardware is None:
        raise Missing(
            "missing --price or --hardware: the rate per accelerator-hour is not known",
            "--price 2.50/h, or --hardware h100-sxm",
        )
    said = _term(question, mixed)
    by_size = None if said else _by_size(question, hardware)
    planned = 1.0 if by_size is None else by_size.by_the_hour if job is None else float(by_size.rate(job))
    clustered = by_size is not None and planned < by_size.by_the_hour
    commitment = said or (CLUSTER_TERM if clustered else ON_DEMAND)
    if said is None:
        origin = Origin("default", "docs/method.md, prices: large jobs are rented as a cluster")
        question.record("commitment", commitment, origin if clustered else Origin("default"))
    times = planned / by_size.of_a_cluster if by_size is not None and clustered else 1.0
    try:
        rate = quoted(question, hardware, commitment, "price", times)
    except NoQuote as error:
        rate = _unpriced(question, hardware, error)
    question.keep("price", rate)
    return Terms(rate, by_size=by_size, planned=planned)


def _by_size(question: Question, hardware: str) -> BySize | None:
    """Both rates, where the size of the job tells its term; a fleet that follows its day is not committed to."""
    scaling = question.scenario.peek("scaling", question.side)
    follows = scaling is not None and scaling.value == "autoscale" and question.side != TRAIN
    if follows or question.scenario.peek("provider", question.side) is not None:
        return None
    try:
        small, large = (median_of(_quote(question, hardware, term).rate) for term in (ON_DEMAND, CLUSTER_TERM))
    except NoQuote:
        return None
    gpus, seconds = (median_of(question.factor("defaults", name).value) for name in ("cluster_gpus", "cluster_rental"))
    return BySize(small, large, gpus, seconds / SECONDS_PER_HOUR)


OWN_ONE = "--commitment electricity is what it draws, --commitment owned what owning it takes; or --price 0.50/h"


def _unpriced(question: Question, hardware: str, error: NoQuote) -> Number:
    """A stand-in for a rate that nobody quotes: the question is answered without dollars.

    Raises
    ------
    NoQuote
        The prices of a day were asked for that has none.
    """
    if question.scenario.peek("as_of", question.side) is not None:
        raise error
    own = question.catalog.load(spec.Accelerator, hardware)[0].setting == "desktop"
    question.warn(UNPRICED, f"{error.message}{NO_DOLLARS}", OWN_ONE if own else error.hint)
    return unpriced.UNIT_RATE


def _owned(question: Question) -> Terms:
    from llmcost.estimate.money import owning as ownership

    question.stated("commitment")
    if question.scenario.peek("price", question.side) is not None:
        raise LlmcostError(
            f"--price and --commitment {question.stated('commitment')} are two answers to one question: give one",
            "what it cost to buy: --commitment owned --purchase-price 30k",
        )
    rate, owned = ownership.hour(question, "price")
    question.sample("price", rate, Origin("computed", ownership.SOURCE))
    return Terms(rate, owned)


def _mixed(question: Question) -> bool:
    """Whether base and peaks are rented on different terms."""
    setting = question.scenario.peek("commitment", question.side)
    if setting is None or setting.value != "mix":
        return False
    question.stated("commitment")
    own = question.scenario.peek(f"{TRAIN}_commitment")
    if question.side == TRAIN and (question.alone or (own is not None and own.value == "mix")):
        raise LlmcostError(
            "--commitment mix is for a load that changes through the day, and a training run is even",
            "commit to all of it: --commitment 1-year",
        )
    return True


def _term(question: Question, mixed: bool) -> str | None:
    """The term that is said; of a mix that of its peaks, for the base has a rate of its own.

    Where a mix is said of both sides it is that of the fleet: the load of a run is even, and goes by its size.
    """
    if mixed:
        return None if question.side == TRAIN else ON_DEMAND
    said = question.stated("commitment")
    return None if said is None else str(said)


def quoted(question: Question, hardware: str, commitment: str, name: str, times: float = 1.0) -> Number:
    """The rate of a term, shown under a name with its caveats [USD/h]; `times` it where more is rented than is used."""
    quote = _quote(question, hardware, commitment)
    if times > 1.0:
        source = f"{quote.origin.source}; x {times:.3g}, as all of the smallest cluster is rented"
        quote = quote._replace(rate=product(quote.rate, times), origin=quote.origin._replace(source=source))
    usual = commitment == CLUSTER_TERM and question.scenario.peek("commitment", question.side) is None
    for code, message, hint in quote.caveats:
        if not (usual and code == "W021"):  # nobody asked for the term: that its price is a discount is in its source
            question.warn(code, message, hint)
    question.record(name, quote.rate, quote.origin, "USD/h")
    return quote.rate


def rents(question: Question, hardware: str) -> dict[str, float | None]:
    """The rate of each term [USD/h]; None where nobody quotes it."""
    found: dict[str, float | None] = {}
    for term in (ON_DEMAND, "1-year", "3-year"):
        try:
            found[term] = median_of(_quote(question, hardware, term).rate)
        except LlmcostError:
            found[term] = None
    return found


def _quote(question: Question, hardware: str, commitment: str) -> Quote:
    provider = question.preset("provider", spec.Provider)
    name, as_of = provider[1].name if provider else None, question.stated("as_of")
    return rental_quote(question.catalog, hardware, commitment, name, as_of, _region(question))


def _region(question: Question) -> str | None:
    """The region, where it may have quotes of its own; taking it here alone would change nothing."""
    setting = question.scenario.peek("region", question.side)
    return None if setting is None else question.catalog.find("regions", setting.value).name
