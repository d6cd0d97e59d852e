"""Write docs/accuracy-costs.md: published costs, rents and electricity beside what the commands answer."""

from __future__ import annotations

import csv
import datetime as dt
import math
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from llmcost import api, units
from llmcost.catalog import Catalog
from llmcost.engine.numeric.spread import Spread
from llmcost.estimate.money import quotes
from scripts.accuracy import table
from scripts.docs import also

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "accuracy-costs.md"
CATALOG = Catalog()
AMORTISED, ACQUISITION, RENT, RENT_NOW, OWNED = "amortised", "acquisition", "rent", "rent-now", "owned"
ACCELERATORS, SERVERS = "accelerator_kwh", "server_kwh"
HYPERSCALERS = ("aws", "azure", "gcp")
IN, OUT, MACHINE = 3000, 1000, "h200-sxm"  # a request of the table of bought tokens, and what it is served on


class Published(NamedTuple):
    """A published figure, and what is known of the job."""

    kind: str
    name: str
    hardware: str
    gpus: float | None
    hours: float | None
    date: dt.date | None
    value: float
    pue: float  # that the value holds


class Beside(NamedTuple):
    """A published figure beside the range of the answer."""

    row: Published
    value: float
    p5: float
    p50: float
    p95: float

    @property
    def inside(self) -> bool:
        """Whether the range holds it."""
        return self.p5 <= self.value <= self.p95

    @property
    def score(self) -> float:
        """The interval score of a 90 % range, on logarithms (Gneiting and Raftery 2007)."""
        low, high, y = (math.log(x) for x in (self.p5, self.p95, self.value))
        return high - low + 20.0 * (max(low - y, 0.0) + max(y - high, 0.0))


class Price(NamedTuple):
    """What a provider asks for a request, and what it costs here."""

    model: str
    provider: str
    asked: float
    p5: float
    p50: float
    p95: float


def rows(*kinds: str) -> list[Published]:
    """The rows of validation/costs.csv of these kinds."""
    with (ROOT / "validation" / "costs.csv").open(encoding="utf-8", newline="") as file:
        found = [r for r in csv.DictReader(file) if r["kind"] in kinds]
    return [
        Published(
            r["kind"], r["name"], r["hardware"], _number(r["accelerators"]), _number(r["hours"]),
            dt.date.fromisoformat(r["date"]) if r["date"] else None, float(r["published"]), _number(r["pue"]) or 1.0,
        )
        for r in found
    ]  # fmt: skip


def _number(text: str) -> float | None:
    return float(text) if text else None


def run(row: Published) -> Beside:
    """A training run by one definition of its cost; neither its price nor the age of its hardware said."""
    asked: dict[str, Any] = {
        "hardware": row.hardware,
        "gpus": row.gpus,
        "gpu_hours": row.hours,
        "cost_definition": row.kind,
    }
    found = api.train(**asked, samples=1000).ranges["total_usd"]
    return _beside(row, row.value, (found.p5, found.p50, found.p95))


def electricity(row: Published) -> Beside:
    """Electricity of a run from its hours, at the scope of the table that states it, without the PUE that it holds."""
    found = api.train(gpu_hours=row.hours, hardware=row.hardware, pue=1.1, price="1/h").ranges[row.kind]
    return _beside(row, row.value / row.pue, (found.p5, found.p50, found.p95))


def owned(row: Published) -> Beside:
    """An hour of an accelerator of one's own, at the defaults."""
    found = api.serve(model="llama-3.1-8b", isl=1000, osl=200, hardware=row.hardware, commitment="owned")
    key = "own_usd_per_hour"
    of = found.ranges.get(key) or found.ranges_at_price[key]
    middle = found.result[key]
    assert isinstance(middle, float)
    return _beside(row, row.value, (of.p5, middle, of.p95))


def rent(row: Published, day: dt.date | None) -> Beside | None:
    """An hour under a term of three years, as prices stood; None where nothing was quoted until then."""
    try:
        rate = quotes.rental_quote(CATALOG, row.hardware, "3-year", None, day).rate
    except quotes.NoQuote:
        return None
    assert isinstance(rate, Spread)
    return _beside(row, row.value, (rate.p5, rate.p50, rate.p95))


def first_quote(row: Published) -> dt.date:
    """The day of the first price known, which an answer names for a day before it."""
    known = (q for name in CATALOG.names("prices") for q in CATALOG.quotes(name, row.hardware))
    return min(q.date for q in known if not q.excluded)


def _beside(row: Published, value: float, ends: tuple[float | None, float | None, float | None]) -> Beside:
    p5, p50, p95 = ends
    assert p5 is not None
    assert p50 is not None
    assert p95 is not None
    return Beside(row, value, p5, p50, p95)


def prices() -> list[Price]:
    """What providers ask for a request of open models, and what it costs on rented machines at the defaults."""
    with (ROOT / "validation" / "api_prices.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    told = []
    for r in found:
        asked = (IN * float(r["input_usd_per_mtok"]) + OUT * float(r["output_usd_per_mtok"])) / 1e6
        of = api.serve(model=r["model"], hardware=MACHINE, isl=IN, osl=OUT).ranges["usd_per_request"]
        assert of.p5 is not None
        assert of.p50 is not None
        assert of.p95 is not None
        told.append(Price(r["model"], r["provider"], asked, of.p5, of.p50, of.p95))
    return told


def cause(beside: Beside) -> str:
    """Why a rent of the past is outside what is asked now: by asking again with the day, and with the provider's kind."""
    row = beside.row
    then = rent(row, row.date) or rent(row, first_quote(row))
    if then is not None and then.inside:
        return "history"
    return "hyperscaler" if _list_prices(row) else "unknown"


def _list_prices(row: Published) -> list[tuple[str, float]]:
    """Hyperscalers who asked that much for it on the day, or do today, within 5 %."""
    found = {}
    for name, day in product(HYPERSCALERS, (None, row.date)):
        try:
            rate = quotes.rental_quote(CATALOG, row.hardware, "3-year", name, day).rate
        except quotes.NoQuote:
            continue
        middle = rate.p50 if isinstance(rate, Spread) else float(rate)
        if abs(row.value / middle - 1.0) <= 0.05:
            found[name] = middle
    return list(found.items())


@cache
def runs(kind: str) -> list[Beside]:
    """Runs by one definition of cost, beside their answers."""
    return [run(row) for row in rows(kind)]


@cache
def energies() -> list[Beside]:
    """Electricity of runs, beside their answers."""
    return [electricity(row) for row in rows(ACCELERATORS, SERVERS)]


@cache
def hours() -> list[Beside]:
    """Owned hours, beside their answers."""
    return [owned(row) for row in rows(OWNED)]


def share(found: Iterable[Beside]) -> str:
    """How many of them are inside."""
    told = list(found)
    n = sum(x.inside for x in told)
    return f"{n} of {len(told)} ({100 * n / len(told):.0f} %)"


def listed(found: Iterable[Beside], head: str, show: Callable[[float], str]) -> str:
    """One line a figure."""
    heads = ["", "accelerator", head, "answer", "90 % range", "inside"]
    return table(
        heads, [[x.row.name, x.row.hardware, show(x.value), show(x.p50), _ends(x, show), _inside(x)] for x in found]
    )


def _ends(x: Beside | Price, show: Callable[[float], str]) -> str:
    return f"{show(x.p5)} to {show(x.p95)}"


def _inside(x: Beside, why: str = "") -> str:
    return "yes" if x.inside else f"**no**: {why}" if why else "**no**"


def _hour(value: float) -> str:
    return f"{value:.2f}"


def _mwh(value: float) -> str:
    return f"{value / 1e3:,.0f}"


def _mills(value: float) -> str:
    return f"{1e3 * value:.3g}"


def _score(found: list[Beside]) -> str:
    return f"{sum(x.score for x in found) / len(found):.2f}"


def rents() -> tuple[list[tuple[Published, Beside, Beside | None]], str]:
    """Rents of published runs beside today's range and beside that of their day, and the table."""
    found = []
    for row in rows(RENT):
        now = rent(row, None)
        assert now is not None
        found.append((row, now, rent(row, row.date)))
    lines = []
    for row, now, then in found:
        first = "" if then is not None else f"none until {first_quote(row)}: "
        at = then or rent(row, first_quote(row))
        assert at is not None
        lines.append([
            row.name, row.hardware, str(row.date), _hour(row.value), _ends(now, _hour), _inside(now, WHY[cause(now)]),
            first + _ends(at, _hour), _inside(at, _who(row)),
        ])  # fmt: skip
    heads = ["", "accelerator", "published", "$/h", "today", "inside", "on the day of publication", "inside"]
    return found, table(heads, lines)


def _who(row: Published) -> str:
    told = ", ".join(f"{name} asked {middle:.2f}" for name, middle in _list_prices(row))
    return told or "no provider in the price lists asked that"


WHY = {"history": "prices have moved", "hyperscaler": "a hyperscaler's list price", "unknown": "unknown"}
PARTS = """# Accuracy: costs, rents and electricity

`python -m scripts.costs` writes this page: published figures (`validation/costs.csv`, `validation/api_prices.csv`) beside what the commands answer when neither
a price nor the age of hardware is said. Inside means inside the 90 % range of the answer with every price moving (`ranges`). The *score* is the width of that range and 20 x the distance by which it
misses, on logarithms: neither a narrow lie nor a wide nothing has a low one. How a cost is made: [method.md](method.md), [method-fleet.md](method-fleet.md).

{also}

{summary}

## Rents

What Epoch AI's cloud costs come to an accelerator-hour, under three years' commitment, in dollars of December 2024; beside `--commitment 3-year` as of today, and with
`--as-of` the day of publication.

{rents}

As of today {now}. Of the others, {causes}. The range is that of what one more specialised cloud asks today; hyperscalers are asked by name (`--provider aws`).
On the day of publication {then} of those with a quote by then are inside. {early} came out before anybody had quoted their accelerator; `--as-of` says so and names the first day that has a price. At those prices {first}.

SemiAnalysis' rents of 2026 under the same term, beside today's range ({unquoted} have no quote):

{rent_now}

## Owned hours

SemiAnalysis' AI Cloud TCO Model (InferenceX at 77ca49a), for hyperscalers and new clouds, beside `serve ... --commitment owned`. No answer reads it, but it was known when the price of servers was last revised, to purchase quotes. B300 and GB300 are stand-ins there, 1.2 x
B200 and GB200. A buyer of thousands pays less than list price and borrows at a lower rate: `--cost-of-capital 6% --hardware-life 6y`.

{owned}

## Amortised and acquisition costs

Epoch AI's figures for {amortised_n} and {acquisition_n} runs. The age of hardware that is not said is 1.8 years (0.27 to 3.05), which are quantiles of these very runs: that part of the coverage is no test. The range of a purchase price is that of quotes.
Those outside were made on machines at the old end: {old}.

{amortised}

{acquisition}

## Electricity

Each run at the scope of the table that states it: the accelerators alone, or whole servers; a PUE that it holds is taken out.

{energy}

## Bought tokens

What providers ask for a request of {in_} tokens in and {out} out of open models, beside what it costs on rented {machine} at the defaults (on demand, 60 % of the fleet in use). No range of a cost has to hold a price; what
matters to who decides is the sign: {sign}.

{prices}
"""


def page() -> str:
    """The whole document."""
    told, shown = rents()
    now = [n for _, n, _ in told]
    then = [t for *_, t in told if t is not None]
    early = [row for row, _, t in told if t is None]
    at_first = then + [x for row in early if (x := rent(row, first_quote(row)))]
    causes = Counter(cause(x) for x in now if not x.inside)
    semi = [x for row in rows(RENT_NOW) if (x := rent(row, None))]
    unquoted = [row.name.split(",")[0] for row in rows(RENT_NOW) if rent(row, None) is None]
    bought = prices()
    money = {kind: runs(kind) for kind in (AMORTISED, ACQUISITION)}
    outside = [f"{x.row.name} ({x.row.hardware})" for x in money[AMORTISED] if not x.inside]
    summary = [
        ["amortised costs of runs (Epoch AI)", share(money[AMORTISED]), _score(money[AMORTISED])],
        ["acquisition costs of clusters (Epoch AI)", share(money[ACQUISITION]), _score(money[ACQUISITION])],
        ["rents, three years, as of today (Epoch AI)", share(now), _score(now)],
        ["the same, as of the day of publication, where there was a quote", share(then), _score(then)],
        ["rents, three years, 2026 (SemiAnalysis)", share(semi), _score(semi)],
        ["owned hours (SemiAnalysis)", share(hours()), _score(hours())],
        ["electricity of training at equal scope", share(energies()), _score(energies())],
    ]
    return PARTS.format(
        also=also(),
        summary=table(["published", "inside", "score"], summary),
        rents=shown,
        now=f"{share(now)} are inside",
        causes=", ".join(f"{n} {SAID[why]}" for why, n in causes.most_common()),
        then=share(then),
        early=", ".join(row.name for row in early[:-1]) + f" and {early[-1].name}",
        first=f"{share(at_first)} of all are inside",
        unquoted=" and ".join(unquoted),
        rent_now=listed(semi, "$/h", _hour),
        owned=listed(hours(), "$/h", _hour),
        amortised_n=len(money[AMORTISED]),
        acquisition_n=len(money[ACQUISITION]),
        old=", ".join(outside),
        amortised=listed(money[AMORTISED], "amortised", units.format_money),
        acquisition=listed(money[ACQUISITION], "acquisition", units.format_money),
        energy=listed(energies(), "MWh", _mwh),
        in_=f"{IN:,}",
        out=f"{OUT:,}",
        machine=MACHINE,
        sign=f"{sum(p.asked > p.p50 for p in bought)} of {len(bought)} ask more than it costs here",
        prices=table(
            ["model", "provider", "asked, $ per 1,000", "cost here", "90 % range", "asked over cost"],
            [
                [p.model, p.provider, _mills(p.asked), _mills(p.p50), _ends(p, _mills), f"{p.asked / p.p50:.2f}"]
                for p in bought
            ],
        ),
    )


SAID = {
    "history": "lie inside the range of their own time, so prices have moved",
    "hyperscaler": "are list prices of a hyperscaler, twice what clouds asked at the time",
    "unknown": "have no provider in the price lists who asked that",
}


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
