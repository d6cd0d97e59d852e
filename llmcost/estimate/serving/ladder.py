"""The ladder: the same question served ever better, one technique at a time, and what each step saves."""

from __future__ import annotations

from typing import NotRequired

from msgspec import structs

from llmcost import technique, units
from llmcost.catalog import Catalog, presets_date
from llmcost.errors import LlmcostError
from llmcost.estimate.asking import sampling
from llmcost.estimate.asking.no_fit import NoFit, refusal
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.sampling import central
from llmcost.estimate.asking.values import named, serving_numbers
from llmcost.estimate.serving.hosted import Hosted
from llmcost.estimate.serving.latency import at_load
from llmcost.estimate.serving.plan import read_service
from llmcost.estimate.serving.techniques.applied import METHOD, caveats
from llmcost.estimate.serving.techniques.keys import LADDER
from llmcost.records import NamedTuple, TypedDict
from llmcost.result import Estimate, Scalar
from llmcost.scenario import Scenario, Setting

RENTED = ("on-demand", "1-year", "3-year")  # terms that a fleet can count on
LAST = ("usd_per_mtok_output", "usd_per_mtok_input", "usd_per_request", "tpot_seconds", "wh_per_request")
PRICED = ("price", "commitment")  # said: the last step has nothing to choose


class Rung(TypedDict):
    """The cost after a step, beside the step before it and the first."""

    name: str
    usd_per_mtok_output: float
    factor: float
    product: float
    usd_per_request: float
    caveat: str | None
    source: str | None
    request_factor: float
    batch: int | None
    gpus: NotRequired[float]


class Step(NamedTuple):
    """One step: its name and the techniques that it adds, each in place of one of the same lever."""

    name: str
    adds: tuple[str, ...]


DEFAULT = (
    Step("fp16 static batch 8", ("fp16-weights", "fp16-activations", "fp16-kv", "static-batch=8")),
    Step("continuous batching", ("continuous-batching",)),
    Step("fp8 weights and activations", ("fp8-weights", "fp8-activations")),
    Step("fp8 KV", ("fp8-kv",)),
    Step("prefix cache 50 %", ("prefix-cache=50%",)),
    Step("speculation where it helps", ("speculation",)),
    Step("commitment", ()),
)


def ladder(scenario: Scenario, catalog: Catalog) -> Estimate:
    """The cost of serving after each step, the saving of each, and the product.

    The steps are the techniques of the question in the order given, from the question without any; without
    techniques they are `DEFAULT`. Replicas count in fractions, so that no saving hides in a whole one; `gpus` is the
    fleet that the traffic needs.

    Raises
    ------
    LlmcostError
        As `serve`, or an option that a step of the ladder decides.
    """
    said = scenario.get("technique", "serve")
    steps = _own(said.value) if said is not None and said.value else DEFAULT
    held: dict[str, str] = {}
    rows: list[Rung] = []
    for step in steps:
        if step is DEFAULT[-1]:
            step = _commitment(scenario, catalog, held)
        held |= {technique.parse(text)[0].technique.lever: text for text in step.adds}
        question = Question(_with(scenario, held), catalog, "serve")
        found = read_service(question)
        if isinstance(found, NoFit):
            return _refused(refusal(found, question, "serve"), step, rows)
        if not question.priced:
            raise LlmcostError("--ladder compares costs, and no price is known for this accelerator", "--price 2.50/h")
        service = found
        rows.append(_row(step, service, rows))
    return _estimate(service, rows)


def _own(texts: tuple[str, ...]) -> tuple[Step, ...]:
    return (Step("as asked", ()), *(Step(text, (text,)) for text in texts))


def _with(scenario: Scenario, held: dict[str, str]) -> Scenario:
    """The question with these techniques and no others."""
    return scenario.over({"technique": Setting(tuple(held.values()), LADDER)})


def _row(step: Step, service: Hosted, above: list[Rung]) -> Rung:
    """The cost after a step, beside the one before it and the first."""
    question = service.question
    p = serving_numbers(central(question.numbers))
    c = service._replace(requests=False).figures(p)
    if c.get("usd_per_mtok_output") is None:
        raise LlmcostError("--ladder needs a speed that follows from the model", "leave --tokens-per-second out")
    token, request = float(c["usd_per_mtok_output"]), float(c["usd_per_request"])
    if not token:
        raise LlmcostError("--ladder compares costs, and at a price of zero there are none", "--price 2.50/h")
    caveat, source = _caveat(question, step) if above else (None, None)
    row: Rung = {
        "name": step.name,
        "usd_per_mtok_output": token,
        "factor": token / above[-1]["usd_per_mtok_output"] if above else 1.0,
        "product": token / above[0]["usd_per_mtok_output"] if above else 1.0,
        "usd_per_request": request,
        "caveat": caveat,
        "source": source,
        "request_factor": request / above[-1]["usd_per_request"] if above else 1.0,
        "batch": service.replica.facts().get("batch"),
    }
    if service.requests:
        row["gpus"] = float(service.figures(p)["gpus"])
    return row


def _caveat(question: Question, step: Step) -> tuple[str | None, str | None]:
    """What the techniques of a step do to quality, and why one of them changed nothing."""
    if not step.adds:
        return "the price or term that was said stands", METHOD
    told = caveats(question, tuple(said for text in step.adds for said in technique.parse(text)))
    said = [w.message for w in question.warnings if w.code == "W051" and "speculation" in step.adds]
    said += [row["caveat"] for row in told]
    sources = dict.fromkeys(row["source"] for row in told)
    return "; ".join(said) or None, ", ".join(sources) or None


def _estimate(service: Hosted, rows: list[Rung]) -> Estimate:
    """The last step with its range, and the span from the first."""
    question, first, last = service.question, rows[0], rows[-1]
    alone = service._replace(requests=False)
    c, (ranges, held) = sampling.evaluate(alone.figures, question)
    c, ranges = at_load(alone, c, ranges)
    span = first["usd_per_mtok_output"] / last["usd_per_mtok_output"]
    span_request = first["usd_per_request"] / last["usd_per_request"]
    result: dict[str, Scalar] = {
        "span": span,
        "span_request": span_request,
        **{k: float(named(c, k)) for k in LAST if c.get(k) is not None},
        "gpus": last.get("gpus"),
        "feasible": True,
    }
    if service.requests:
        result["usd_per_month"] = float(service.figures(serving_numbers(central(question.numbers)))["usd_per_month"])
    return Estimate(
        command="serve",
        headline=_headline(first, last, (span, span_request)),
        result=result,
        ranges={k: v for k, v in ranges.items() if k in LAST and k in result},
        ranges_at_price={k: v for k, v in held.items() if k in LAST and k in result},
        inputs=question.inputs,
        warnings=question.warnings,
        arrays={"ladder": rows},
        presets=presets_date(question.catalog),
    )


def _commitment(scenario: Scenario, catalog: Catalog, held: dict[str, str]) -> Step:
    """The cheapest rental term; none where a price or a term was said."""
    if scenario.has(*PRICED):
        return Step("commitment (as said)", ())
    rates = {}
    for term in RENTED:
        at = _with(scenario, {**held, "commitment": f"commitment={term}"})
        question = Question(at, catalog, "serve")
        read_service(question)
        rates[term] = central(question.numbers)["price"]
    best = min(rates, key=lambda term: rates[term])
    return Step(f"commitment ({best})", () if best == "on-demand" else (f"commitment={best}",))


def _refused(answer: Estimate, step: Step, rows: list[Rung]) -> Estimate:
    """The answer where a step has none."""
    told = f"{step.name}: {answer.result['reason']}"
    result = {**answer.result, "reason": told}
    return structs.replace(answer, headline=f"The ladder ends at {told}.", result=result, arrays={"ladder": rows})


def _headline(first: Rung, last: Rung, spans: tuple[float, float]) -> str:
    token = [units.format("usd_per_mtok", row["usd_per_mtok_output"]) for row in (first, last)]
    request = [units.format("usd_per_request", row["usd_per_request"]) for row in (first, last)]
    way = [f"{'falls' if of >= 1 else 'rises'} {max(of, 1 / of):.1f} x" for of in spans]
    return (
        f"From {first['name']!r} to {last['name']!r} the cost {way[0]} per output token, {token[0]} to {token[1]}, "
        f"and {way[1]} per request, {request[0]} to {request[1]}."
    )
