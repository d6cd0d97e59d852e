"""A service whose tokens are bought: lengths, traffic and prices read, and its bill by kind of token."""

from __future__ import annotations

import datetime as dt

from llmcost.catalog import presets_date
from llmcost.engine.money import tokens as engine
from llmcost.engine.money.tokens import Tariff
from llmcost.engine.numeric.kinds import DAYS_PER_MONTH, HOURS_PER_DAY, Num
from llmcost.engine.numeric.spread import Spread, median
from llmcost.estimate.asking.ledger import Origin
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.values import ServingFigures, ServingNumbers
from llmcost.estimate.fleet import bill, plans
from llmcost.estimate.fleet.sizing import read_hours
from llmcost.estimate.money import api_prices
from llmcost.estimate.money.charge import Charge
from llmcost.keys.buying import CACHE_LIVES
from llmcost.records import NamedTuple

LATENCIES = ("ttft", "tpot", "ttft_p95")
UNKNOWN_WRITES = Spread(0.0, 0.5, 1.0, "triangular")  # of what is read from a cache somebody wrote: who knows how much
MILLION = 1e6


class Bought(NamedTuple):
    """A question whose tokens are bought, with its values read."""

    question: Question
    api: str
    tariff: Tariff
    requests: bool
    fleet_gpus: int | None = None  # nobody counts them

    @property
    def name(self) -> str:
        """Whose tokens they are."""
        return f"Tokens of {self.api}"

    def figures(self, p: ServingNumbers) -> ServingFigures:
        """Costs of bought tokens, by the names of a fleet's."""
        less = 1.0 - p.get("api_discount", 0.0)
        tariff, isl = self.tariff, p["isl"]
        cost = engine.usd_per_request(
            tariff, isl, p["osl"], p["cache_hit"], p.get("api_discount", 0.0), p.get("cache_write", 0.0)
        )
        out: ServingFigures = {
            "usd_per_request": cost,
            "usd_per_mtok_input": less * tariff.prompt.at(isl),
            "usd_per_mtok_cached_input": less * tariff.cached.at(isl),
            "usd_per_mtok_output": less * tariff.output.at(isl),
            "usd_per_mtok_blended": cost / (isl + p["osl"]) * MILLION,
            "blend_ratio": isl / p["osl"],
        }
        if tariff.written is not None and "cache_write" in p:
            out["usd_per_mtok_cache_write"] = less * tariff.written.at(isl)
        if self.requests:
            out["usd_per_day"] = cost * p["requests"]
            out["usd_per_month"] = out["usd_per_day"] * DAYS_PER_MONTH
        if "requests_per_user" in p:
            out["usd_per_user_month"] = cost * p["requests_per_user"] * DAYS_PER_MONTH
        return out | bill.figures(p, out, self.requests)

    def flops(self, p: ServingNumbers) -> None:
        """Not known: a provider tells no size."""

    def charges(self, p: ServingNumbers) -> list[Charge]:
        """A month of tokens, by what they are."""
        times = p["requests"] * DAYS_PER_MONTH
        tariff, isl, hit, write = self.tariff, p["isl"], p["cache_hit"], p.get("cache_write", 0.0)
        written = tariff.prompt if tariff.written is None else tariff.written
        less = 1.0 - p.get("api_discount", 0.0)
        parts: list[tuple[str, Num, engine.Rate]] = [
            ("input tokens, a month", isl * (1.0 - hit) * (1.0 - write), tariff.prompt),
            ("written to the cache, a month", isl * (1.0 - hit) * write, written),
            ("read from the cache, a month", isl * hit, tariff.cached),
            ("output tokens, a month", p["osl"], tariff.output),
        ]
        found = [Charge(name, times * n / MILLION, "Mtok", less * rate.at(isl)) for name, n, rate in parts if n]
        if tariff.per_request:
            found.append(Charge("requests, a month", times, "request", less * tariff.per_request))
        return found


def read_bought(question: Question) -> Bought:
    """Read lengths, traffic and prices.

    Raises
    ------
    LlmcostError
        Unknown provider, model or tier (with the near ones), or lengths that are missing.
    """
    for key in ("isl", "osl"):
        if question.number(key) is None:
            raise question.need(key, "tokens are bought by number")
    hit = question.number("cache_hit")
    if hit is None:
        question.sample("cache_hit", 0.0, Origin("default", "docs/method.md, defaults"))
    question.number("api_discount")
    requests = plans.read_users(question)
    found = _quote(question)
    tariff = found.tariff
    for name, rate in (("input", tariff.prompt), ("cached_input", tariff.cached), ("output", tariff.output)):
        question.record(f"api_{name}_price", rate.base, found.origin, "USD/Mtok")
    _read_writes(question, tariff, bool(hit))
    bill.read_other_costs(question, requests, 1.0)
    newest, age = api_prices.snapshot_dates(_day(question))
    held = f"{api_prices.snapshot_name()}, newest price {newest}, {age} days old"
    question.record("api_prices", held, found.origin)
    _warn_of_context(question, found)
    if question.scenario.has(*LATENCIES):
        question.warn("W080", f"latency of {found.name} is not known: the targets are not checked against it")
    return Bought(question, found.name, tariff, requests)


def _warn_of_context(question: Question, found: api_prices.Quote) -> None:
    """Say where a mean request is longer than what the model takes."""
    tokens = median(question.numbers["isl"]) + median(question.numbers["osl"])
    if found.context is not None and tokens > found.context:
        question.warn(
            "W085",
            f"{found.name} takes {found.context:,} tokens in and out: requests of {tokens:,.0f} are refused there",
            f"llmcost presets show {found.name}",
        )


def _day(question: Question) -> dt.date:
    said: dt.date | None = question.stated("as_of")
    return said or dt.date.fromisoformat(presets_date(question.catalog))


def _quote(question: Question) -> api_prices.Quote:
    """Prices in the tier asked for; those that change with the hour by the traffic of each, where that is known."""
    tier = str(question.stated("api_tier") or api_prices.STANDARD)
    kept = question.scenario.peek("cache_life", question.side)
    life = CACHE_LIVES[0] if kept is None else str(kept.value)
    asked = (str(question.stated("api")), tier, _day(question), life)
    found = api_prices.quote(*asked)
    if not found.moves:
        return found
    file = question.given("hourly")
    if file is not None:
        rates = read_hours(str(file.value)).reshape(-1, HOURS_PER_DAY).mean(axis=0)
        return api_prices.quote(*asked, traffic=rates.tolist())
    message = f"{found.name} costs more at some hours (UTC) than at others: every hour counts alike here"
    question.warn("W084", message, "--hourly FILE says when requests come, from midnight UTC on")
    return found


def _read_writes(question: Question, tariff: Tariff, cached: bool) -> None:
    """Read how much is written to the cache; unknown, and wide, where something is read and writing costs more."""
    if tariff.written is None or not (cached or question.scenario.has("cache_write")):
        return
    if question.stated("cache_life") is None:
        question.record("cache_life", CACHE_LIVES[0], Origin("default"))
    if question.number("cache_write") is None:
        question.sample("cache_write", UNKNOWN_WRITES, Origin("assumed", "docs/method-compare.md, bought tokens"))
    question.record("api_cache_write_price", tariff.written.base, Origin("package:genai-prices"), "USD/Mtok")
