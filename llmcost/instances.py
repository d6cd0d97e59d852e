"""Cloud instances are hardware: `--hardware p5.48xlarge` is its accelerator, their number, and what they rent for."""

from __future__ import annotations

import re

from llmcost import spec
from llmcost.catalog import Catalog, Found, is_path
from llmcost.keys import SIDES
from llmcost.scenario import Scenario, Setting

HARDWARE = "hardware"
PRICED = ("price", "provider", "commitment")


def expanded(scenario: Scenario, catalog: Catalog) -> Scenario:
    """The question with instance types replaced by their accelerators; what is said of number and price stands.

    A type brings the number of its accelerators, and the rate of one of them where it is quoted, else its provider.
    """
    for side in ("", *SIDES):
        name = f"{side}_{HARDWARE}" if side else HARDWARE
        at = next((i for i, layer in enumerate(scenario.layers) if name in layer), None)
        if at is None:
            continue
        found = find(catalog, str(scenario.layers[at][name].value))
        if found is None:
            continue
        kind, where = found
        layers = list(scenario.layers)
        layers[at] = {**layers[at], name: layers[at][name]._replace(value=kind.hardware)}
        brought = _brings(scenario, catalog, side, kind, where)
        below = {f"{side}_{key}" if side else key: value for key, value in brought.items()}
        scenario = scenario._replace(layers=(*layers, below))
    return scenario


def find(catalog: Catalog, name: str) -> tuple[spec.Instance, Found] | None:
    """The instance type of that name, whatever its case; None for a preset of hardware, a file or an unknown name."""
    wanted = name.strip().lower()
    if is_path(name) or wanted in catalog.files(HARDWARE) or wanted in catalog.aliases(HARDWARE):
        return None
    for provider in catalog.files("instances"):
        listed, found = catalog.load(spec.Instances, provider)
        for kind in listed.instances:
            if _plain(kind.name) == _plain(name):
                return kind, found
    return None


def _plain(name: str) -> str:
    """A type as any console spells it: `Standard_ND96isr_H100_v5` is `ND96isr H100 v5`.

    >>> _plain("Standard_ND96isr_H100_v5"), _plain("p5.48xlarge")
    ('nd96isrh100v5', 'p548xlarge')
    """
    return re.sub(r"[^a-z0-9]", "", name.lower().removeprefix("standard"))


def _brings(scenario: Scenario, catalog: Catalog, side: str, kind: spec.Instance, where: Found) -> dict[str, Setting]:
    source = spec.Source(kind.address, kind.date, kind.confidence)
    brought = {"gpus": Setting(kind.accelerators, where.origin, source)}
    if any(scenario.peek(key, side) is not None for key in PRICED):
        return brought
    if kind.usd_per_hour is not None:
        return brought | {"price": Setting(kind.usd_per_hour / kind.accelerators, where.origin, source)}
    if where.name in catalog.files("prices") and catalog.quotes(where.name, kind.hardware):
        return brought | {"provider": Setting(where.name, where.origin, source)}
    return brought
