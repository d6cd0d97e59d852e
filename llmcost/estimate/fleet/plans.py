"""Unit economics: what users pay against what they cost, over users who use a service unevenly."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np

from llmcost import scenario as sc
from llmcost import units
from llmcost.engine.demand import margin as engine
from llmcost.engine.demand import usage
from llmcost.engine.demand.margin import Tariff, Users
from llmcost.engine.numeric.kinds import DAYS_PER_MONTH, finite
from llmcost.engine.numeric.spread import product
from llmcost.errors import LlmcostError, raise_all
from llmcost.estimate.asking.ledger import Origin, as_number
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.values import PlanFigures, ServingFigures, ServingNumbers, named
from llmcost.files import read_toml
from llmcost.keys import plan as keys
from llmcost.records import NamedTuple, TypedDict
from llmcost.result import Scalar, cells

SOURCE = "docs/method-fleet.md, users"
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999)
TOP = 0.01
MOST_SAMPLED = 10_000_000
CACHE_LEVERS = (0.0, 0.25, 0.5, 0.75)
KEYS = {key.name: key for key in keys.KEYS}
SIDE_BY_SIDE = (
    "name", "revenue_usd_per_user_month", "cost_usd_per_user_month", "margin_usd_per_user_month", "loss_making_share",
    "top_1_percent_share", "breakeven_cap_requests_per_month", "breakeven_overage_usd_per_request",
)  # fmt: skip
LEAST_TAIL = KEYS["usage_tail"].least or 1.01
USE = ("usage", "usage_spread", "usage_tail", "users")
Figures = Callable[[ServingNumbers], ServingFigures]


class Plan(TypedDict, total=False):
    """What a `[plan]` table says, under the names of `keys.plan`."""

    name: str
    price: float
    price_per_request: float
    price_per_mtok_input: float
    price_per_mtok_output: float
    included: float
    overage_price: float
    cap: float
    requests_per_user: float
    users: float
    usage: str
    usage_spread: float
    usage_tail: float


class Economics(TypedDict, total=False):
    """A plan at the medians; what a plan without a price does not have is not there."""

    top_1_percent_share: float
    revenue_usd_per_user_month: float
    cost_usd_per_user_month: float
    margin_usd_per_user_month: float
    loss_making_share: float
    median_requests_per_user_month: float
    mean_requests_per_user_month: float
    breakeven_subscription_usd: float
    lossless_cap_requests_per_month: float | None
    breakeven_cap_requests_per_month: float | None
    breakeven_overage_usd_per_request: float | None
    served_requests_per_user_month: float
    margin_usd_per_month: float


class Offer(NamedTuple):
    """A plan, or the users alone where no plan was given; names of numbers in the question where they vary."""

    name: str
    said: Plan
    kind: str
    mean: str
    tail: str
    users: str | None

    @property
    def priced(self) -> bool:
        """Whether users pay anything that is known."""
        return any(k.startswith("price") for k in self.said)

    def tariff(self, p: ServingNumbers) -> Tariff:
        """What a user pays and may do in a month."""
        s = self.said
        tokens = p["isl"] * s.get("price_per_mtok_input", 0.0) + p.get("osl", 0.0) * s.get("price_per_mtok_output", 0.0)
        return Tariff(
            s.get("price", 0.0), s.get("price_per_request", 0.0) + tokens / 1e6, s.get("overage_price", 0.0),
            s.get("included", math.inf) * DAYS_PER_MONTH, s.get("cap", math.inf) * DAYS_PER_MONTH,
        )  # fmt: skip

    def spread(self, p: ServingNumbers) -> Users:
        """How a month's requests spread over users."""
        tail = named(p, self.tail)
        if self.kind == usage.PARETO:  # samples of an assumed exponent may fall below 1, where there is no mean
            tail = np.maximum(tail, LEAST_TAIL)
        return Users(self.kind, named(p, self.mean) * DAYS_PER_MONTH, tail)


def read_users(question: Question) -> bool:
    """Read the traffic: said, or users times what each of them asks; whether there is any.

    Raises
    ------
    LlmcostError
        Users without requests of a user, or all three of them.
    """
    users, each = question.number("users"), question.number("requests_per_user")
    requests = question.number("requests")
    if requests is None:
        requests = question.numbers.get("requests")  # the mean of a series of traffic
    if users is None:
        return requests is not None
    if requests is not None and each is not None:
        raise LlmcostError(
            "--users, --requests-per-user and --requests say one thing twice: give two of them", "leave --requests out"
        )
    origin = Origin("computed", SOURCE)
    if requests is not None:
        question.sample("requests_per_user", product(requests, users, -1.0), origin)
    elif each is not None:
        question.sample("requests", product(users, each), origin)
    else:
        raise question.need("requests_per_user", "traffic is users times what each of them asks")
    return True


def read_plans(question: Question) -> tuple[Offer, ...]:
    """Read the plans: `--plan FILE`, or the `[plan]` of the scenario; users alone where only they are said.

    Raises
    ------
    LlmcostError
        Every finding of a plan at once, or no word on how much a user asks.
    """
    setting = question.given("plan")
    where, tables = "plan", question.scenario.tables.get("plan")
    if setting is not None:
        where = str(setting.value)
        data = read_toml(_path(where))
        tables = data.get("plan", data)
    rows = tables if isinstance(tables, list) and tables else [tables] if tables is not None else []
    if not rows and not question.scenario.has(*USE):
        return ()
    plans = [
        _parsed(row, f"{where}: plan {i + 1}" if len(rows) > 1 else f"{where}: plan") for i, row in enumerate(rows)
    ]
    return tuple(_offer(question, said, len(plans) > 1) for said in plans or [{}])


def _path(name: str) -> Path:
    path = Path(name)
    if not path.is_file():
        raise LlmcostError(f"--plan: no such file: {units.shown(name)}", "a TOML file with a table [plan]")
    return path


def _parsed(row: object, where: str) -> Plan:
    """A plan's values, every finding at once."""
    if not isinstance(row, dict) or not row:
        raise LlmcostError(f"{where}: nothing in it", "price = 20 and requests_per_user = '15/day'")
    said: dict[str, object] = {}
    findings: list[LlmcostError] = []
    for name, raw in row.items():
        try:
            if name not in KEYS:
                raise sc.unknown_key(name, "", KEYS)
            said[name] = str(raw) if name == "name" else sc.parse_value(KEYS[name], _a_month(name, raw))
        except LlmcostError as error:
            findings.append(units.at(where if name not in KEYS else f"{where}: {name}", error))
    raise_all(findings)
    if "overage_price" in said and "included" not in said:
        raise LlmcostError(f"{where}: overage_price without included: beyond what?", "included = '100/day'")
    if not any(k.startswith("price") for k in said):
        raise LlmcostError(f"{where}: nothing is paid", "price = 20, or price_per_mtok_output = '15/Mtok'")
    return cast(Plan, said)


def _a_month(name: str, raw: object) -> object:
    """A subscription written with its period, `20/mo` or `240/y`, as dollars a month; anything else as it is."""
    if name != "price" or not isinstance(raw, str) or "/" not in raw:
        return raw
    try:
        return float(f"{units.parse('usd_per_hour', raw) * 24.0 * DAYS_PER_MONTH:.12g}")
    except LlmcostError:
        return raw


def _offer(question: Question, said: Plan, several: bool) -> Offer:
    name = said.get("name") or "plan"
    kind = said.get("usage") or question.stated("usage") or usage.LOGNORMAL
    tail = "usage_spread" if kind == usage.LOGNORMAL else "usage_tail"
    origin = Origin("file:plan")

    def named(key: str) -> str:
        return f"{name} {key}" if several and key in said else key

    values: Mapping[str, object] = said
    for key in ("requests_per_user", "users", tail):
        if key in values:
            question.sample(named(key), as_number(values[key], KEYS[key].kind), origin)
    if tail not in said and question.number(tail) is None:
        question.number(tail, question.factor("fleet", tail))
    if "requests_per_user" not in said and "requests_per_user" not in question.numbers:
        raise question.need("requests_per_user", "what a user costs follows from what a user asks")
    users = named("users") if "users" in said or "users" in question.numbers else None
    return Offer(name, said, kind, named("requests_per_user"), named(tail), users)


def figures(offers: Sequence[Offer], p: ServingNumbers, out: ServingFigures) -> PlanFigures:
    """What varies with the numbers, of the first plan."""
    if not offers:
        return {}
    offer = offers[0]
    users, cost = offer.spread(p), out["usd_per_request"]
    found: PlanFigures = {"top_1_percent_share": usage.top_share(users.kind, users.tail, TOP)}
    if not offer.priced:
        return found
    tariff = offer.tariff(p)
    revenue, made = engine.mean_revenue(tariff, users), engine.requests_made(tariff, users)
    found["revenue_usd_per_user_month"] = revenue
    found["cost_usd_per_user_month"] = made * cost
    found["margin_usd_per_user_month"] = revenue - made * cost
    found["loss_making_share"] = engine.loss_making_share(tariff, users, cost)
    return found


def results(offers: Sequence[Offer], p: ServingNumbers, c: ServingFigures) -> Economics:
    """Scalars of the first plan."""
    return economics(offers[0], p, float(c["usd_per_request"])) if offers else {}


def economics(offer: Offer, p: ServingNumbers, cost: float) -> Economics:
    """A plan at the medians of its numbers and a cost of a request [USD]."""
    users, tariff = offer.spread(p), offer.tariff(p)
    varying = figures([offer], p, {"usd_per_request": cost})
    found = cast(Economics, {name: float(named(varying, name)) for name in varying})
    found |= {
        "median_requests_per_user_month": float(usage.quantile(*users, 0.5)),
        "mean_requests_per_user_month": float(users.mean),
    }
    if not offer.priced:
        return found
    made = float(engine.requests_made(tariff, users))
    found |= {
        "breakeven_subscription_usd": max(found["cost_usd_per_user_month"] - found["revenue_usd_per_user_month"]
                                          + float(tariff.subscription), 0.0),
        "lossless_cap_requests_per_month": finite(engine.lossless_cap(tariff, cost)),
        "breakeven_cap_requests_per_month": finite(engine.breakeven_cap(tariff, users, cost)),
        "breakeven_overage_usd_per_request": engine.breakeven_overage(tariff, users, cost),
        "served_requests_per_user_month": made,
    }  # fmt: skip
    if offer.users is not None:
        found["margin_usd_per_month"] = found["margin_usd_per_user_month"] * float(named(p, offer.users))
    return found


def arrays(
    offers: Sequence[Offer], p: ServingNumbers, c: ServingFigures, at: Figures
) -> dict[str, list[dict[str, Scalar]]]:
    """Plans side by side, users by quantile, and what caching does to the margin."""
    cost = float(c["usd_per_request"])
    found = {"users": [row for offer in offers for row in _by_user(offer, p, cost, len(offers) > 1)]}
    sold = [offer for offer in offers if offer.priced]
    if len(sold) > 1:
        rows = [{"name": offer.name, **cells(economics(offer, p, cost))} for offer in sold]
        found["plans"] = [{k: row[k] for k in SIDE_BY_SIDE if row.get(k) is not None} for row in rows]
    if sold and "prefill_share" in c:
        found["levers"] = [row for offer in sold for row in _levers(offer, p, at, len(sold) > 1)]
    return {name: rows for name, rows in found.items() if rows}


def _by_user(offer: Offer, p: ServingNumbers, cost: float, several: bool) -> list[dict[str, Scalar]]:
    users, tariff = offer.spread(p), offer.tariff(p)
    rows = []
    for share in QUANTILES:
        wanted = float(usage.quantile(*users, share))
        made = min(wanted, tariff.cap)
        row: dict[str, Scalar] = {"name": offer.name} if several else {}
        row |= {"quantile": share, "requests_per_month": made, "cost_usd_per_user_month": made * cost}
        if offer.priced:
            left = float(engine.margin(tariff, wanted, cost))
            row |= {"revenue_usd_per_user_month": left + made * cost, "margin_usd_per_user_month": left}
        rows.append({**row, "share_above": float(usage.top_share(users.kind, users.tail, 1.0 - share))})
    return rows


def _levers(offer: Offer, p: ServingNumbers, at: Figures, several: bool) -> list[dict[str, Scalar]]:
    """The margin as asked and with other shares of the prompt in the prefix cache."""
    rows = []
    for hit in sorted({float(p["cache_hit"]), *CACHE_LEVERS}):
        out = at({**p, "cache_hit": hit})
        row: dict[str, Scalar] = {"name": offer.name} if several else {}
        row |= {"cache_hit": hit, "usd_per_request": float(out["usd_per_request"])}
        of = figures([offer], p, out)
        row |= {"margin_usd_per_user_month": float(of["margin_usd_per_user_month"])}
        rows.append(row | {"loss_making_share": float(of["loss_making_share"])})
    return rows


def sampled(offer: Offer, p: ServingNumbers, cost: float, seed: int) -> dict[str, float]:
    """So many users drawn one by one and summed: their requests, the share of the top 1 %, and their margin."""
    count = int(min(float(named(p, offer.users or "")), MOST_SAMPLED))
    users, tariff = offer.spread(p), offer.tariff(p)
    drawn = usage.sample(users.kind, float(users.mean), float(users.tail), count, seed)
    most = np.partition(drawn, count - max(count // 100, 1))[count - max(count // 100, 1) :]
    total = float(drawn.sum(dtype=np.float64))
    found = {"sampled_requests_per_user_month": total / count}
    found["sampled_top_1_percent_share"] = float(most.sum(dtype=np.float64)) / total
    if offer.priced:
        left = np.asarray(engine.margin(tariff, drawn, float(np.float32(cost))))
        found["sampled_margin_usd_per_user_month"] = float(left.sum(dtype=np.float64)) / count
    return found


def sentence(offers: Sequence[Offer], c: PlanFigures) -> str:
    """What the headline says of the first plan."""
    if not offers or not offers[0].priced:
        return ""
    left = float(c["margin_usd_per_user_month"])
    word = "earns" if left >= 0 else "loses"
    each, lost = units.format("usd", abs(left)), units.format("share", float(c["loss_making_share"]))
    return f"; {offers[0].name} {word} {each} a user and month, {lost} of users cost more than they pay"
