"""Hardware by a name that says more: `p5.48xlarge` is its accelerator, their number and rate; `8x H100` is eight."""

from __future__ import annotations

import re

from llmcost import spec
from llmcost.catalog import Catalog, Found, is_path
from llmcost.errors import LlmcostError, shown
from llmcost.keys import SIDES
from llmcost.names import chips
from llmcost.scenario import Scenario, Setting

HARDWARE = "hardware"
PRICED = ("price", "provider", "commitment")


def expanded(scenario: Scenario, catalog: Catalog) -> Scenario:
    """The question with instance types replaced by their accelerators; what is said of number and price stands.

    A type brings the number of its accelerators, and the rate of one of them where it is quoted, else its provider.
    A number before or behind a name (`8x H100`, `H100 x8`, `2x p5.48xlarge`) is the number of accelerators.

    Raises
    ------
    LlmcostError
        Two numbers: `8x H100` beside another `gpus`.
    """
    for side in ("", *SIDES):
        name = f"{side}_{HARDWARE}" if side else HARDWARE
        at = next((i for i, layer in enumerate(scenario.layers) if name in layer), None)
        if at is None:
            continue
        said = scenario.layers[at][name]
        times, chip = counted(catalog, str(said.value)) or (0, str(said.value))
        found = find(catalog, chip)
        if found is None and not times:
            continue
        brought: dict[str, Setting] = {}
        if found is not None:
            brought = _brings(scenario, catalog, side, *found)
            chip = found[0].hardware
        if times:
            each = found[0].accelerators if found else 1
            brought["gpus"] = _only(scenario, side, said._replace(value=times * each), str(said.value))
        layers = list(scenario.layers)
        layers[at] = {**layers[at], name: said._replace(value=chip)}
        below = {f"{side}_{key}" if side else key: value for key, value in brought.items()}
        scenario = scenario._replace(layers=(*layers, below))
    return scenario


def counted(catalog: Catalog, name: str) -> tuple[int, str] | None:
    """A number and the accelerator or instance of it, where a name says both: `8x H100`; None for any other name."""
    said = None if is_path(name) else chips.several(name)
    if said is None or _known(catalog, name) or not _known(catalog, said[1]):
        return None
    return said


def _known(catalog: Catalog, name: str) -> bool:
    try:
        return find(catalog, name) is not None or bool(catalog.find(HARDWARE, name))
    except LlmcostError:
        return False


def _only(scenario: Scenario, side: str, gpus: Setting, name: str) -> Setting:
    other = scenario.peek("gpus", side)
    if other is not None and not (isinstance(other.value, int | float) and other.value == gpus.value):
        key = f"--{side}-gpus" if side else "--gpus"
        raise LlmcostError(
            f"hardware {shown(name)} is {gpus.value:,} accelerators, {key[2:]} says {shown(other.value)}",
            f"drop {key}, or name the hardware without a number",
        )
    return gpus


def find(catalog: Catalog, name: str) -> tuple[spec.Instance, Found] | None:
    """The instance type of that name, whatever its case; None for a preset of hardware, a file or an unknown name."""
    wanted = name.strip().lower()
    if is_path(name) or wanted in catalog.names(HARDWARE) or wanted in catalog.aliases(HARDWARE):
        return None
    for provider in catalog.names("instances"):
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
    if where.name in catalog.names("prices") and catalog.quotes(where.name, kind.hardware):
        return brought | {"provider": Setting(where.name, where.origin, source)}
    return brought
