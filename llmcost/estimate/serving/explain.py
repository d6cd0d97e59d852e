"""The steps of a serving answer: from a replica to a fleet, its price and its energy."""

from __future__ import annotations

from llmcost import units
from llmcost.estimate.asking.values import ServingFigures, ServingNumbers
from llmcost.estimate.fleet import sizing as fleets
from llmcost.estimate.serving.hosted import Hosted

SOURCE = "docs/method.md, serving"
LOADED = "docs/method-serving.md, at a load"


def explain(service: Hosted, c: ServingFigures, p: ServingNumbers) -> None:
    """Every step, in the order of the calculation."""
    q, replica = service.question, service.replica
    replica.explain(q, c)
    if "output_tokens_per_second" in c:
        formula = f"{float(c['output_tokens_per_second']):.4g} output tokens/s / {p['osl']:.0f} per request"
    else:
        formula = f"{float(c['input_tokens_per_second']):.4g} input tokens/s / uncached tokens of a request"
    rate = float(c["requests_per_second_per_replica"])
    q.step("requests per second of a replica", formula, rate, "1/s", SOURCE)
    _fleet(service, c, p)
    _latencies(service, c, p)
    if c.get("prefill_share") is not None:
        q.step(
            "output price",
            f"cost per request x (1 - prefill share {float(c['prefill_share']):.3f}"
            f" - cached share {float(c.get('cached_share', 0.0)):.3f}) / {p['osl']:.0f} tokens",
            float(c["usd_per_mtok_output"]),
            "USD/Mtok",
            "docs/method.md, serving",
        )
    if service.place is not None:
        kwh, kg = float(c["kwh_per_request"]), float(c["co2e_kg_per_request"])
        service.place.explain(q, kwh, kg, p, min(float(c["utilization"]), 1.0))


def _latencies(service: Hosted, c: ServingFigures, p: ServingNumbers) -> None:
    """What users meet at the load."""
    if service.replica.server() is None:
        return
    share, replicas = service.load(p, c)
    told = f"load {float(share):.3g} of {float(replicas):,.0f} replica{'s' if replicas > 1 else ''}"
    if "requests_in_flight" in c:
        flight = float(c["requests_in_flight"])
        formula = f"{told}: arrivals of each x life of a request (Little)"
        service.question.step("requests in flight", formula, flight, "requests", LOADED)
        formula = f"one iteration with {flight:.3g} requests in flight"
        service.question.step("TPOT", formula, float(c["tpot_seconds"]), "s", LOADED)
    if c.get("ttft_seconds") is not None:
        formula = f"{told}: waits (Erlang C) + front end + iteration under way + own prompt"
        service.question.step("TTFT, mean", formula, float(c["ttft_seconds"]), "s", LOADED)


def _fleet(service: Hosted, c: ServingFigures, p: ServingNumbers) -> None:
    """From the speed of a replica to the cost of a request."""
    q, replica = service.question, service.replica
    if service.sizing is not None:
        formula = f"highest load of the fleet at which 95 % of requests have a token within {q.stated('ttft_p95'):g} s"
        most = service.sizing.max_utilization
        q.step("highest utilisation", formula, most, "share", "docs/method-serving.md, at a load")
    if service.requests:
        fleets.explain(q, service.fleet, c, p)
        load = float(service.fleet.load(p, service.bound))
        capacity = f"{float(c['requests_per_second_per_replica']):.4g} x load {load:.2f}"
        formula = f"ceil({float(c['requests_per_second_peak']):.4g} per second / ({capacity})){service.fleet.added()}"
        q.step("replicas", formula, float(c["replicas"]), "replicas", SOURCE)
        q.step(
            "cost per request",
            f"{units.worded_money(c['usd_per_month'], ',.0f')} a month / 30.44 days / requests per day",
            float(c["usd_per_request"]),
            "USD",
            "docs/method.md, prices",
        )
    else:
        q.step(
            "cost per request",
            f"{float(fleets.gpu_seconds(replica.kinds(c))):.4g} accelerator-seconds / 3600"
            f" x {units.worded_money(p['price'])}/h / utilisation {float(c['utilization']):.2f}",
            float(c["usd_per_request"]),
            "USD",
            "docs/method.md, prices",
        )
