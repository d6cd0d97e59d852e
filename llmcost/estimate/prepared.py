"""Questions with what their own files say: traffic as logged, constants as measured."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from llmcost.catalog import Catalog
from llmcost.result import Estimate, Warning
from llmcost.scenario import Scenario


def prepared(scenarios: Iterable[Scenario], catalog: Catalog) -> tuple[list[Scenario], Catalog]:
    """The questions and the presets with which they are answered.

    Parameters
    ----------
    scenarios : iterable of Scenario
        What was asked; `trace` names a log of requests, `calibration` a file of `llmcost calibrate`.
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
    if any(scenario.has("calibration") for scenario in asked):
        from llmcost.estimate.calibrate.use import calibrated

        asked, catalog = calibrated(catalog, asked)
    return asked, catalog


def noted(estimate: Estimate, catalog: Catalog) -> Estimate:
    """The answer with what is to be said of the presets that it was made with."""
    if not catalog.notes:
        return estimate
    said = [Warning("W102", note) for note in catalog.notes]
    return msgspec.structs.replace(estimate, warnings=[*said, *estimate.warnings])
