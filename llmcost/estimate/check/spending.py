"""What is spent a month, for budgets of scenarios that train nothing: by the actuals, or as planned."""

from __future__ import annotations

import datetime as dt

from llmcost.catalog import Catalog, presets_date
from llmcost.engine.numeric.kinds import DAYS_PER_MONTH
from llmcost.estimate.actuals.spent import figures, spent
from llmcost.estimate.asking import sampling
from llmcost.estimate.lifetime.case import read_case
from llmcost.estimate.serving.answer import serve
from llmcost.estimate.serving.service import GIVEN
from llmcost.result import Estimate, Scalar
from llmcost.scenario import Scenario

SPENT, BURN = "actual_usd", "burn_usd_per_month"
LATEST = 36_525.0  # days: beyond a century no end is told


def spending(scenario: Scenario, catalog: Catalog) -> Estimate:
    """What was spent and what a month takes.

    Raises
    ------
    LlmcostError
        Actuals that cannot be read, or anything that serving refuses where there are none.
    """
    found = spent(scenario)
    if found is not None:
        return Estimate(command="crossover", headline="", result=figures(found), presets=presets_date(catalog))
    if scenario.has("api", *GIVEN):
        case = read_case(scenario, catalog)
        usd = None
        if case.service is not None:
            usd = case.service.figures(case.served(sampling.central(case.parts))).get("usd_per_month")
        result: dict[str, Scalar] = {BURN: None if usd is None else float(usd)}
        return Estimate(
            command="crossover", headline="", result=result, inputs=case.inputs, presets=presets_date(catalog)
        )
    planned = serve(scenario, catalog)
    result = {BURN: planned.result.get("usd_per_month"), "reason": planned.result.get("reason")}
    ranges = {BURN: planned.ranges["usd_per_month"]} if "usd_per_month" in planned.ranges else {}
    return Estimate(
        command="crossover", headline="", result=result, ranges=ranges, inputs=planned.inputs, presets=planned.presets,
        exit_code=planned.exit_code,
    )  # fmt: skip


def ends(limit: float, answer: Estimate) -> dt.date | None:
    """The day on which the spend of an answer reaches a limit at its pace; None where it never does, or has.

    >>> ends(200.0, Estimate(command="", headline="", result={
    ...     SPENT: 100.0, BURN: 10.0 * DAYS_PER_MONTH, "actual_to": "2026-03-31"}))
    datetime.date(2026, 4, 10)
    """
    total, burn, last = (answer.result.get(key) for key in (SPENT, BURN, "actual_to"))
    if not isinstance(total, float) or not isinstance(burn, float) or burn <= 0 or last is None:
        return None
    days = (limit - total) / burn * DAYS_PER_MONTH
    return dt.date.fromisoformat(str(last)) + dt.timedelta(days=int(days)) if 0 <= days < LATEST else None
