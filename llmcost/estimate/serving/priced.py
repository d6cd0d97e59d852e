"""The answer of `serve` where somebody else runs the machines: dollars of a request, a token and a month."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llmcost import units
from llmcost.catalog import presets_date
from llmcost.estimate.asking import sampling
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.values import ServingFigures, ServingNumbers, named, serving_figures, serving_numbers
from llmcost.estimate.fleet import bill
from llmcost.estimate.fleet import plans as offers
from llmcost.estimate.money.charge import rows
from llmcost.estimate.serving.service import Priced
from llmcost.result import Estimate, Range, Scalar, cells
from llmcost.terms import SERVE, results

OF_TOKENS = (("usd_per_mtok_output", "of output"), ("usd_per_mtok_input", "of input"))


def answer(service: Priced, question: Question, sold: tuple[offers.Offer, ...]) -> Estimate:
    """What it costs; what only a machine has is null."""

    def priced(p: ServingNumbers) -> ServingFigures:
        out = service.figures(p)
        return out | serving_figures(offers.figures(sold, p, out) if "usd_per_request" in out else {})

    seed = sampling.settings(question)[1]
    centre, (spread, held) = sampling.evaluate(priced, question)
    p = serving_numbers(sampling.central(question.numbers))
    result: dict[str, Scalar] = {
        term.name: float(named(centre, term.name)) if term.name in centre else None
        for term in results(SERVE)
        if term.name in centre or not term.asked
    }
    result["feasible"] = True
    arrays: Mapping[str, Sequence[object]] = {}
    if "usd_per_request" in centre:
        result |= cells(offers.results(sold, p, centre))
        arrays = offers.arrays(sold, p, centre, service.figures)
        if sold and sold[0].users is not None:
            result |= offers.sampled(sold[0], p, float(centre["usd_per_request"]), seed)
    return Estimate(
        command="serve",
        headline=_headline(service, centre, spread | held) + offers.sentence(sold, centre) + ".",
        result=result,
        ranges={k: v for k, v in spread.items() if k in result},
        ranges_at_price={k: v for k, v in held.items() if k in result},
        breakdown=rows([*service.charges(p), *bill.other_costs(p)]) if "requests" in p else [],
        inputs=question.inputs,
        warnings=question.warnings,
        steps=question.steps,
        arrays=dict(arrays),
        presets=presets_date(question.catalog),
    )


def _headline(service: Priced, c: ServingFigures, spread: Mapping[str, Range]) -> str:
    tokens = [f"{units.format('usd_per_mtok', float(named(c, key)))} {of}" for key, of in OF_TOKENS if key in c]
    if "usd_per_request" not in c:
        return f"{service.name} takes {units.format('kwh', float(c['wh_per_request']) / 1000.0)} a request"
    text = units.format("usd_per_request", float(c["usd_per_request"]))
    if "usd_per_request" in spread:
        low, high = spread["usd_per_request"].p5, spread["usd_per_request"].p95
        text += f" ({units.format_range('usd_per_request', low, high)})"
    said = ", ".join([*([" and ".join(tokens)] if tokens else []), text])
    monthly = f": {units.format('usd', float(c['usd_per_month']))} a month" if "usd_per_month" in c else ""
    return f"{service.name} {'cost' if tokens else 'costs'} {said}{monthly}"
