"""The bill of a service for a month: accelerators by what they are paid on, and what is not an accelerator."""

from __future__ import annotations

from llmcost.engine.numeric.kinds import DAYS_PER_MONTH, HOURS_PER_MONTH, Num
from llmcost.estimate.asking import sampling
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.values import ServingFigures, ServingNumbers, named, serving_numbers
from llmcost.estimate.fleet.sizing import Fleet
from llmcost.estimate.money.charge import Charge, rows, total_usd
from llmcost.estimate.money.owning import Owned
from llmcost.keys.charges import GB, SERVICE, Cost
from llmcost.result import CostRow

# What several fleets of one service share: a fleet pays for its part.
SHARED = frozenset(one.keys[-1].name for one in SERVICE if one.standing)


def _sent_gb(p: ServingNumbers) -> Num:
    """What leaves the data centre with the answer of a request [GB]."""
    answer = p["egress_bytes"] if "egress_bytes" in p else p["osl"] * p["bytes_per_token"]
    return answer * p.get("sent_share", 1.0) / GB


FOLLOWS = {"egress": _sent_gb}  # how many units a request takes where no key alone says it


def read_other_costs(question: Question, requests: bool, sent: float) -> None:
    """Read what is paid beside accelerators, where a share of the answers is `sent` from the data centre.

    Raises
    ------
    LlmcostError
        A monthly cost without traffic to spread it over, or half of a pair.
    """
    for one in SERVICE:
        _read(question, one, requests)
    if "egress_price" in question.numbers:
        question.keep("sent_share", sent)
    if "egress_price" in question.numbers and "egress_bytes" not in question.numbers:
        if "osl" not in question.numbers:
            raise question.need("egress_bytes", "prefill alone sends no answer whose length would tell")
        token = question.factor("fleet", "bytes_per_token")
        question.sample("bytes_per_token", token.value, token.origin, "bytes")


def _read(question: Question, one: Cost, requests: bool) -> None:
    for key in one.keys:
        question.number(key.name)
    if one.standing and one.key.name in question.numbers and not requests:
        raise question.need("requests", f"{one.key.option} is spread over the requests of a month")
    if one.amount is None:
        return
    for key, other in ((one.amount, one.key), (one.key, one.amount)):
        needed = other is one.key or not one.optional
        if needed and key.name in question.numbers and other.name not in question.numbers:
            raise question.need(other.name, f"it belongs to {key.option}")


def figures(p: ServingNumbers, out: ServingFigures, requests: bool) -> ServingFigures:
    """What a request and the traffic cost with what is paid beside accelerators; nothing where nothing is.

    An answer from a store is sent to its user too; one made on the user's device is not (`sent_share`).
    """
    if not any(one.key.name in p for one in SERVICE):
        return {}
    if not requests:
        return {"usd_per_request": out["usd_per_request"] + per_request(p)}
    monthly = total_usd(other_costs(p))
    each = monthly / (p["requests"] * DAYS_PER_MONTH)
    found: ServingFigures = {
        "usd_per_month": out["usd_per_month"] + monthly,
        "usd_per_day": out["usd_per_day"] + monthly / DAYS_PER_MONTH,
        "usd_per_request": out["usd_per_request"] + each,
    }
    if "requests_per_user" in p:
        found["usd_per_user_month"] = out["usd_per_user_month"] + each * p["requests_per_user"] * DAYS_PER_MONTH
    return found


def per_request(p: ServingNumbers) -> Num:
    """What a request takes beside accelerators: its answer is sent [USD]."""
    return total_usd(_charges(p, standing=False))


def standing_usd(p: ServingNumbers) -> Num:
    """What a month takes whatever the traffic: operations and storage [USD]."""
    return total_usd(_charges(p, standing=True))


def other_costs(p: ServingNumbers) -> list[Charge]:
    """A month of operations, storage and egress."""
    return [*_charges(p, standing=True), *_charges(p, standing=False, times=p["requests"] * DAYS_PER_MONTH)]


def _charges(p: ServingNumbers, standing: bool, times: Num = 1.0) -> list[Charge]:
    return [
        Charge(one.name, times * _units(one, p), one.unit, named(p, one.key.name))
        for one in SERVICE
        if one.standing is standing and one.key.name in p
    ]


def _units(one: Cost, p: ServingNumbers) -> Num:
    """How many units a month, or a request, takes."""
    if one.name in FOLLOWS:
        return FOLLOWS[one.name](p)
    return 1.0 if one.amount is None else named(p, one.amount.name) / one.per


def breakdown(question: Question, fleet: Fleet, c: ServingFigures) -> list[CostRow]:
    """The bill of a month; the rows add up to `usd_per_month`."""
    p = serving_numbers(sampling.central(question.numbers))
    return rows([*_accelerators(fleet, c, p), *other_costs(p)])


def _accelerators(fleet: Fleet, c: ServingFigures, p: ServingNumbers) -> list[Charge]:
    owned, terms = fleet.terms.owned, fleet.terms
    if fleet.mixed:
        base = [_hours(f"{fleet.reserved} base, a month", c["gpus_reserved"], terms.reserved_price(p))]
        if owned is not None:
            base = _owned(owned, c["gpus_reserved"], c)
        peaks = _hours("on-demand peaks, a month", c["gpus_on_demand_mean"], p["price"])
        if "spot_share" not in p:
            return [*base, peaks]
        return [*base, peaks, _hours("spot peaks, a month", c["gpus_spot_mean"], terms.spot_price(p))]
    if owned is not None:
        return _owned(owned, c["gpus_mean"], c)
    if "prefill_gpus" in c and not fleet.follows:
        prefill = _hours("prefill pool rental, a month", c["prefill_gpus"], p["price"])
        return [prefill, _hours("decode pool rental, a month", c["decode_gpus"], p["price"])]
    return [_hours("accelerator rental, a month", c["gpus_mean"], p["price"])]


def _hours(name: str, gpus: Num, rate_usd: Num) -> Charge:
    return Charge(name, gpus * HOURS_PER_MONTH, "GPU-hour", rate_usd)


def _owned(owned: Owned, gpus: Num, c: ServingFigures) -> list[Charge]:
    """What an hour is made of; electricity at the load that whole replicas have."""
    parts = dict(owned.parts)
    parts["electricity"] += float(c["own_usd_per_hour"]) - owned.usd_per_hour
    alone = len(parts) == 1  # machines that are there already: nothing else is owed
    return [_hours(name if alone else f"owned: {name}", gpus, rate) for name, rate in parts.items()]
