"""Predictions of measured rows near measurements of one's own."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from llmcost import spec
from llmcost.catalog import Catalog
from llmcost.engine.machine.roofline import Machine
from llmcost.engine.serving.inputs import generation_of
from llmcost.errors import LlmcostError
from llmcost.estimate.asking import software as serving
from llmcost.estimate.asking.own import Place, own
from llmcost.estimate.asking.subject import machine_of
from llmcost.estimate.validate import cells
from llmcost.estimate.validate.scored import Predicted

Row = Mapping[str, str]
COLUMNS = {  # axis -> column of measured rows
    "serving": {"isl": "isl_eff", "osl": "osl_eff", "batch": "concurrency_or_batch", "gpus": "n_gpus", "tp": "tp"},
    "training": {"seq_len": "seq_len", "sequences": "global_batch_seqs", "gpus": "n_gpus"},
}
WAY = {"serving": "kind", "training": "method"}  # column of what is done beside
PLAIN = "plain"
SIZES = ("n_layers", "d_model", "n_heads", "d_ff", "vocab")  # what a model without a name is called by


def place_of_row(side: str, row: Row, catalog: Catalog) -> Place:
    """Where a row was measured: presets by their names, whatever the row calls them."""
    model = _name(spec.Model, cells.text(row, "model_id"), catalog) or " ".join(cells.text(row, c) for c in SIZES)
    hardware = cells.text(row, "hardware_id")
    at = {}
    for name, column in COLUMNS[side].items():
        try:
            value = cells.positive(row, column)
        except LlmcostError:
            continue
        if value is not None:
            at[name] = value
    way = cells.text(row, WAY[side]).lower().removeprefix(PLAIN)
    return Place(model, _name(spec.Accelerator, hardware, catalog), way, at)


def _name(kind: type[spec.Model] | type[spec.Accelerator], said: str, catalog: Catalog) -> str:
    try:
        return catalog.load(kind, said)[1].name if said else ""
    except LlmcostError:
        return said.lower()


def generation(row: Row, catalog: Catalog) -> str | None:
    """The generation of the accelerator of a row, as engines see it; None where it is not known."""
    try:
        found = cells.accelerator(catalog, cells.text(row, "hardware_id"))
    except LlmcostError:
        return None
    machine: Machine = machine_of(found)
    return generation_of(found.generation, machine)


def generations(rows: Iterable[Row], catalog: Catalog) -> tuple[str, ...]:
    """Every generation of some rows; of a card both names that it goes by."""
    found = {name for row in rows if (name := generation(row, catalog)) is not None}
    return tuple(sorted(found | {name.removesuffix("-rtx") for name in found}))


def software(rows: Iterable[Row], catalog: Catalog, side: str) -> str:
    """The one framework of the rows, as constants know it; `any` where they are of several or do not say."""
    names = {framework(row, catalog, side) for row in rows}
    return names.pop() if len(names) == 1 else "any"


def framework(row: Row, catalog: Catalog, side: str) -> str:
    """The framework of a row, as constants know it."""
    said = cells.text(row, "framework_id").lower()
    if side != "serving":
        return said or "any"
    try:
        said = said or serving.usual(catalog, cells.accelerator(catalog, cells.text(row, "hardware_id")))
    except LlmcostError:
        return "any"
    return serving.kin(catalog, said)


def near(side: str, rows: Sequence[Row], found: Predicted, catalog: Catalog) -> Predicted:
    """The predictions with what was measured near each row; as they are without a calibration of one's own."""
    stack = own(catalog, side)
    if stack is None:
        return found
    for n, row in enumerate(rows):
        of = generation(row, catalog)
        if of is None or not stack.of(of, framework(row, catalog, side)):
            continue
        place = place_of_row(side, row, catalog)
        for quantity, ends in zip(found.quantities, found.ends, strict=True):
            p5, middle, p95 = ends[:, n].tolist()
            if not all(end > 0 for end in (p5, middle, p95)):
                continue
            low, high, shift = stack.told(quantity, place, math.log(middle / p5), math.log(p95 / middle))
            centre = middle * math.exp(shift)
            ends[:, n] = centre * math.exp(-low), centre, centre * math.exp(high)
    return found
