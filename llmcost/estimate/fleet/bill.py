"""The bill of a service for a month: accelerators by what they are paid on, and what is not an accelerator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmcost.engine.numeric.kinds import DAYS_PER_MONTH, HOURS_PER_MONTH
from llmcost.estimate.asking import sampling
from llmcost.estimate.asking.question import Question
from llmcost.estimate.fleet.sizing import Fleet
from llmcost.estimate.money.charge import Charge, Priced, rows, total_usd
from llmcost.estimate.money.owning import Owned
from llmcost.result import CostRow

BYTES_PER_GB = 1e9


def _sent_gb(p: Mapping[str, Any]) -> Any:
    """What leaves the data centre with the answer of a request [GB]."""
    answer = p["egress_bytes"] if "egress_bytes" in p else p["osl"] * p["bytes_per_token"]
    return answer * p.get("sent_share", 1.0) / BYTES_PER_GB


# What a service pays beside accelerators, in the order in which it is read.
CHARGES = (
    Priced("operations", "month", "operations_cost", shared="operations_cost"),
    Priced("egress", "GB", "egress_price", _sent_gb, "egress_bytes", optional=True, standing=False),
    Priced("storage", "GB-month", "storage_price", lambda p: p["stored_bytes"] / BYTES_PER_GB, "stored_bytes",
           shared="stored_bytes"),
)  # fmt: skip
SHARED = frozenset(one.shared for one in CHARGES if one.shared)


def read_other_costs(question: Question, requests: bool, sent: float) -> None:
    """Read what is paid beside accelerators, where a share of the answers is `sent` from the data centre.

    Raises
    ------
    LlmcostError
        A monthly cost without traffic to spread it over, or half of a pair.
    """
    for one in CHARGES:
        _take(question, one, requests)
    if "egress_price" in question.numbers:
        question.keep("sent_share", sent)
    if "egress_price" in question.numbers and "egress_bytes" not in question.numbers:
        if "osl" not in question.numbers:
            raise question.need("egress_bytes", "prefill alone sends no answer whose length would tell")
        token = question.factor("fleet", "bytes_per_token")
        question.sample("bytes_per_token", token.value, token.origin, "bytes")


def _take(question: Question, one: Priced, requests: bool) -> None:
    for key in one.keys:
        question.number(key)
    if one.standing and one.rate in question.numbers and not requests:
        raise question.need("requests", f"--{one.rate.replace('_', '-')} is spread over the requests of a month")
    for key, other in ((one.amount, one.rate), (one.rate, "" if one.optional else one.amount)):
        if other and key in question.numbers and other not in question.numbers:
            raise question.need(other, f"it belongs to --{key.replace('_', '-')}")


def figures(p: Mapping[str, Any], out: Mapping[str, Any], requests: bool) -> dict[str, Any]:
    """What a request and the traffic cost with what is paid beside accelerators; nothing where nothing is.

    An answer from a store is sent to its user too; one made on the user's device is not (`sent_share`).
    """
    if not any(one.rate in p for one in CHARGES):
        return {}
    if not requests:
        return {"usd_per_request": out["usd_per_request"] + per_request(p)}
    monthly = total_usd(other_costs(p))
    added = {"usd_per_month": monthly, "usd_per_day": monthly / DAYS_PER_MONTH}
    added["usd_per_request"] = monthly / (p["requests"] * DAYS_PER_MONTH)
    if "requests_per_user" in p:
        added["usd_per_user_month"] = added["usd_per_request"] * p["requests_per_user"] * DAYS_PER_MONTH
    return {k: out[k] + v for k, v in added.items()}


def per_request(p: Mapping[str, Any]) -> Any:
    """What a request takes beside accelerators: its answer is sent [USD]."""
    return total_usd(_charges(p, standing=False))


def standing_usd(p: Mapping[str, Any]) -> Any:
    """What a month takes whatever the traffic: operations and storage [USD]."""
    return total_usd(_charges(p, standing=True))


def other_costs(p: Mapping[str, Any]) -> list[Charge]:
    """A month of operations, storage and egress."""
    return [*_charges(p, standing=True), *_charges(p, standing=False, times=p["requests"] * DAYS_PER_MONTH)]


def _charges(p: Mapping[str, Any], standing: bool, times: Any = 1.0) -> list[Charge]:
    return [one.charge(p, times) for one in CHARGES if one.standing is standing and one.rate in p]


def breakdown(question: Question, fleet: Fleet, c: Mapping[str, Any]) -> list[CostRow]:
    """The bill of a month; the rows add up to `usd_per_month`."""
    p = sampling.central(question.numbers)
    return rows([*_accelerators(fleet, c, p), *other_costs(p)])


def _accelerators(fleet: Fleet, c: Mapping[str, Any], p: Mapping[str, float]) -> list[Charge]:
    owned = fleet.terms.owned
    hours = {k: c[k] * HOURS_PER_MONTH for k in c if k.endswith(("gpus", "_mean", "_reserved")) and c[k] is not None}
    if fleet.mixed:
        base = _hours(owned, hours["gpus_reserved"]) if owned else [
            Charge(f"{fleet.reserved} base, a month", hours["gpus_reserved"], "GPU-hour", fleet.terms.reserved_price(p))
        ]  # fmt: skip
        peaks = Charge("on-demand peaks, a month", hours["gpus_on_demand_mean"], "GPU-hour", p["price"])
        if "spot_share" not in p:
            return [*base, peaks]
        return [
            *base,
            peaks,
            Charge("spot peaks, a month", hours["gpus_spot_mean"], "GPU-hour", fleet.terms.spot_price(p)),
        ]
    if owned is not None:
        return _hours(owned, hours["gpus_mean"])
    if "prefill_gpus" in c and not fleet.follows:
        named = {"prefill_gpus": "prefill pool rental, a month", "decode_gpus": "decode pool rental, a month"}
        return [Charge(name, hours[k], "GPU-hour", p["price"]) for k, name in named.items()]
    return [Charge("accelerator rental, a month", hours["gpus_mean"], "GPU-hour", p["price"])]


def _hours(owned: Owned, hours: Any) -> list[Charge]:
    return [Charge(f"owned: {name}", hours, "GPU-hour", rate) for name, rate in owned.parts.items()]
