"""Questions with what their own files say: traffic as logged."""

from __future__ import annotations

from collections.abc import Iterable

from llmcost.catalog import Catalog
from llmcost.scenario import Scenario


def prepared(scenarios: Iterable[Scenario], catalog: Catalog) -> tuple[list[Scenario], Catalog]:
    """The questions and the presets with which they are answered.

    Parameters
    ----------
    scenarios : iterable of Scenario
        What was asked; the key `trace` names a log of requests.
    catalog : Catalog
        The presets.

    Raises
    ------
    LlmcostError
        A file that one of them names cannot be read.
    """
    asked = list(scenarios)
    if any(scenario.has("trace") for scenario in asked):
        from llmcost.estimate.trace.layer import with_trace

        asked = [with_trace(scenario) for scenario in asked]
    return asked, catalog
