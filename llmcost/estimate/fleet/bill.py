"""The bill of a service for a month: accelerators by what they are paid on, and what is not an accelerator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from llmcost.engine.numeric.kinds import DAYS_PER_MONTH, HOURS_PER_MONTH
from llmcost.estimate.asking import sampling
from llmcost.estimate.asking.question import Question
from llmcost.estimate.fleet.sizing import Fleet
from llmcost.estimate.money.owning import Owned
from llmcost.result import CostRow

BYTES_PER_GB = 1e9
PAID = ("operations_cost", "egress_price", "storage_price")
MONTHLY = ("operations_cost", "storage_price")
PAIRS = (("egress_bytes", "egress_price"), ("stored_bytes", "storage_price"), ("storage_price", "stored_bytes"))


class Row(NamedTuple):
    """quantity x rate, floats or samples alike."""

    name: str
    quantity: Any
    unit: str
    rate_usd: Any


def take(question: Question, requests: bool, sent: float) -> None:
    """Take what is paid beside accelerators, where a share of the answers is `sent` from the data centre.

    Raises
    ------
    LlmcostError
        A monthly cost without traffic to spread it over, or half of a pair.
    """
    for key in ("operations_cost", "egress_price", "egress_bytes", "storage_price", "stored_bytes"):
        question.number(key)
    for key in MONTHLY:
        if key in question.numbers and not requests:
            raise question.need("requests", f"--{key.replace('_', '-')} is spread over the requests of a month")
    for key, other in PAIRS:
        if key in question.numbers and other not in question.numbers:
            raise question.need(other, f"it belongs to --{key.replace('_', '-')}")
    if "egress_price" in question.numbers:
        question.keep("sent_share", sent)
    if "egress_price" in question.numbers and "egress_bytes" not in question.numbers:
        if "osl" not in question.numbers:
            raise question.need("egress_bytes", "prefill alone sends no answer whose length would tell")
        token = question.factor("fleet", "bytes_per_token")
        question.remember("bytes_per_token", token.value, token.origin, "bytes")


def figures(p: Mapping[str, Any], out: Mapping[str, Any], requests: bool) -> dict[str, Any]:
    """What a request and the traffic cost with what is paid beside accelerators; nothing where nothing is.

    An answer from a store is sent to its user too; one made on the user's device is not (`sent_share`).
    """
    if not any(key in p for key in PAID):
        return {}
    if not requests:
        return {"usd_per_request": out["usd_per_request"] + per_request(p)}
    monthly = _total(beside(p))
    added = {"usd_per_month": monthly, "usd_per_day": monthly / DAYS_PER_MONTH}
    added["usd_per_request"] = monthly / (p["requests"] * DAYS_PER_MONTH)
    if "requests_per_user" in p:
        added["usd_per_user_month"] = added["usd_per_request"] * p["requests_per_user"] * DAYS_PER_MONTH
    return {k: out[k] + v for k, v in added.items()}


def _total(rows: list[Row]) -> Any:
    return sum(row.quantity * row.rate_usd for row in rows)


def per_request(p: Mapping[str, Any]) -> Any:
    """What a request takes beside accelerators: its answer is sent [USD]."""
    return _total(_egress(p, 1.0))


def standing_usd(p: Mapping[str, Any]) -> Any:
    """What a month takes whatever the traffic: operations and storage [USD]."""
    return _total(_standing(p))


def beside(p: Mapping[str, Any]) -> list[Row]:
    """A month of operations, egress and storage."""
    return [*_standing(p), *_egress(p, p["requests"] * DAYS_PER_MONTH)]


def _standing(p: Mapping[str, Any]) -> list[Row]:
    found = []
    if "operations_cost" in p:
        found.append(Row("operations", 1.0, "month", p["operations_cost"]))
    if "storage_price" in p:
        found.append(Row("storage", p["stored_bytes"] / BYTES_PER_GB, "GB-month", p["storage_price"]))
    return found


def _egress(p: Mapping[str, Any], requests: Any) -> list[Row]:
    if "egress_price" not in p:
        return []
    sent = p["egress_bytes"] if "egress_bytes" in p else p["osl"] * p["bytes_per_token"]
    sent = sent * p.get("sent_share", 1.0)
    return [Row("egress", requests * sent / BYTES_PER_GB, "GB", p["egress_price"])]


def breakdown(question: Question, fleet: Fleet, c: Mapping[str, Any]) -> list[CostRow]:
    """The bill of a month; the rows add up to `usd_per_month`."""
    p = sampling.central(question.numbers)
    rows = [*_accelerators(fleet, c, p), *beside(p)]
    return [CostRow(r.name, float(r.quantity), r.unit, float(r.rate_usd), float(r.quantity * r.rate_usd)) for r in rows]


def _accelerators(fleet: Fleet, c: Mapping[str, Any], p: Mapping[str, float]) -> list[Row]:
    owned = fleet.terms.owned
    hours = {k: c[k] * HOURS_PER_MONTH for k in c if k.endswith(("gpus", "_mean", "_reserved")) and c[k] is not None}
    if fleet.mixed:
        base = _hours(owned, hours["gpus_reserved"]) if owned else [
            Row(f"{fleet.reserved} base, a month", hours["gpus_reserved"], "GPU-hour", fleet.terms.reserved_price(p))
        ]  # fmt: skip
        peaks = Row("on-demand peaks, a month", hours["gpus_on_demand_mean"], "GPU-hour", p["price"])
        if "spot_share" not in p:
            return [*base, peaks]
        return [
            *base,
            peaks,
            Row("spot peaks, a month", hours["gpus_spot_mean"], "GPU-hour", fleet.terms.spot_price(p)),
        ]
    if owned is not None:
        return _hours(owned, hours["gpus_mean"])
    if "prefill_gpus" in c and not fleet.follows:
        named = {"prefill_gpus": "prefill pool rental, a month", "decode_gpus": "decode pool rental, a month"}
        return [Row(name, hours[k], "GPU-hour", p["price"]) for k, name in named.items()]
    return [Row("accelerator rental, a month", hours["gpus_mean"], "GPU-hour", p["price"])]


def _hours(owned: Owned, hours: Any) -> list[Row]:
    return [Row(f"owned: {name}", hours, "GPU-hour", rate) for name, rate in owned.parts.items()]
