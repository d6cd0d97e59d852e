"""Fit the constants of the training engine to validation/ and write presets/calibration/training.toml and mfu.toml.

python -m scripts.fit_training         fit, write both files, print the error by source
python -m scripts.fit_training --cv       also leave out one source at a time: ranges, docs/accuracy.md
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from llmcost.catalog import Catalog
from llmcost.engine.training.calibration import SHARED, Ranges
from llmcost.estimate.training.stack import leaves_no_choice
from scripts import fit_training_data as rows
from scripts import fit_training_output as out
from scripts import fit_training_ranges as spread
from scripts import fit_training_runs as whole
from scripts.fit_training_model import FAMILIES, NAMES, Model, begin
from scripts.fit_training_priors import (
    ASSUMED,
    DEVIATIONS,
    FAMILY,
    PLAIN_ATTENTION,
    PRIORS,
    STACK_PRIORS,
    TPU,
    WATTS,
    XLA_REPEAT,
)

Array = Any
SOFTWARE = ("framework_id", "year", "compiled", "expert_kernels", "layer_kernels")  # columns that speak of it
# by presets and by errors of sources left out, not by the fit itself
MEASURED = ("link_per_memory", "network_per_link", *(f"unnamed_{name}" for name in spread.UNNAMED))


def unsaid(data: rows.Data, catalog: Catalog) -> Model:
    """The rows as if none said anything of its software: layouts and defaults are those of the usual one too."""
    blank = dict.fromkeys(SOFTWARE, "")
    found = rows.taken([row | blank for row in data.rows], catalog, begin())
    cases = [case._replace(software=case.software._replace(stated=True)) for case in found.cases]
    return Model(found._replace(cases=cases))


def left_out(model: Model, best: Array, catalog: Catalog) -> tuple[spread.Errors, spread.Errors, dict[str, float]]:
    """Errors of rows under fits without their source: with the software named, and without; what the latter add."""
    source = model.data.source
    fits = model.without(source)
    told = spread.errors_of(model, best, model.left_out(source, fits))
    other = unsaid(model.data, catalog)
    errors = other.left_out(source, {name: other.translated(model, x) for name, x in fits.items()})
    untold = spread.errors_of(other, other.translated(model, best), errors)
    untold = untold._replace(kind=untold.kind._replace(unstated=np.ones(len(errors))))
    free = np.array([not leaves_no_choice(case.software) for case in other.data.cases])
    return told, spread.centred(untold, free), spread.paces(untold, free)


def paces_as_written(catalog: Catalog) -> dict[str, float]:
    """What the last fit with `--cv` found."""
    rows = {row["name"]: float(row["value"]) for row in catalog.factors("training")}
    return {name: rows[f"unnamed_{name}"] for name in spread.UNNAMED}


def report(title: str, found: list[spread.Judged]) -> None:
    """Sources, and their means: pre-training and fine-tuning apart."""
    print(f"\n| {title} | rows | median % | bias % | inside | score | p95/p5 |\n|---|---|---|---|---|---|---|")
    for j in found:
        of = j.figures
        numbers = f"{of.median_pct:.1f} | {of.bias_pct:+.1f} | {of.coverage_pct:.0f} | {of.score:.2f} | {of.width:.1f}"
        print(f"| {j.source} | {j.rows} | {numbers} |")
    for name, tuning in (("pre-training", False), ("fine-tuning", True)):
        of = spread.mean([j.figures for j in found if j.tuning == tuning])
        print(f"| {name}, mean of sources | | {of.median_pct:.1f} | | {of.coverage_pct:.0f} | {of.score:.2f} | |")


def main() -> None:
    """Fit, report, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cv", action="store_true", help="leave out one source at a time, and fit the ranges")
    options = parser.parse_args()
    catalog = Catalog()
    model = Model(rows.load(catalog, begin()))
    best = model.fit(np.ones(len(model.data.measured), bool))
    report("in sample", spread.in_sample(spread.errors_of(model, best, model.errors(best))))
    ranges, paces = out.ranges_as_written(catalog), paces_as_written(catalog)
    if options.cv:
        told, untold, paces = left_out(model, best, catalog)
        print(paces)
        ranges = spread.fitted(spread.together(told, untold))
        found = {"software named": spread.judged(told, untold), "software not named": spread.judged(untold, told)}
        for title, judged in found.items():
            report(f"source left out, {title}", judged)
        out.write_left_out("training", spread.left_out_rows(found) + spread.class_rows(told, ranges))
    stacks = stacks_of(model, best)
    out.write_calibration(rows_of(model, best, (ranges, paces), catalog), stacks)
    out.write_mfu(catalog)
    published = whole.load(Catalog())
    out.write_left_out("runs", whole.left_out(published))
    out.write_calibration(rows_of(model, best, (ranges, paces), catalog) + whole.rows_of(published), stacks)


def rows_of(model: Model, x: Array, beside: tuple[Ranges, dict[str, float]], catalog: Catalog) -> list[dict[str, Any]]:
    """Every factor for any generation, then what generations have of their own, then the ranges."""
    ranges, paces = beside
    link, network = out.known_links(catalog)
    values = {name: float(np.ravel(v)[0]) for name, v in model.shared(x, np.array([-1]))._asdict().items()}
    values |= {"link_per_memory": link, "network_per_link": network, "practice": ASSUMED["practice"][0]}
    values |= {f"unnamed_{name}": value for name, value in paces.items()}
    found = [out.factor(n, values[n], p.unit, "any", p.note, "measured") for n, p in PRIORS.items()]
    for name, (_, unit, note) in ASSUMED.items():
        sure = "measured" if name in MEASURED else "assumed"
        found.append(out.factor(name, values[name], unit, "any", note, sure))
    measured = {c.generation for c in model.data.cases}
    for name, family, *_ in DEVIATIONS:
        own = float(getattr(model.shared(x, np.array([NAMES.index(family)])), name)[0])
        sure = "measured" if measured & set(FAMILY[family]) else "assumed"
        found.append(out.factor(name, own, PRIORS[name].unit, list(FAMILY[family]), PRIORS[name].note, sure))
    for name, table in (("power_reference", WATTS), ("plain_attention", PLAIN_ATTENTION)):
        unit, note = ASSUMED[name][1:]
        found += [out.factor(name, v, unit, list(FAMILY[f]), note, "third-party") for f, v in table.items()]
    xla = "XLA drops the last product of a recomputed block, a third of its FFN: nothing reads it"
    found.append(out.factor("repeat", XLA_REPEAT, "share", list(TPU), xla, "assumed"))
    note = "of the half-width of the 90 % range in log time, by errors of sources left out"
    for name, value in ranges._asdict().items():
        found.append(out.factor(f"log_range_{name}", value, "log", "any", note, "measured"))
    known = sorted(measured)
    return [*found, out.factor("log_range_generation", 0.0, "log", known, "steps of it are in the fit", "measured")]


def stacks_of(model: Model, x: Array) -> list[dict[str, Any]]:
    """Constants of each family of stacks, and of each stack that was measured."""
    found = []
    sources = np.array([c.software.name for c in model.data.cases])
    for family in FAMILIES:
        found.append(out.stack(family, model.stack_of(x, family), 0, 0))
    for name in model.stacks:
        mine = sources == name
        one = model.data.cases[int(np.flatnonzero(mine)[0])].software
        count = len(set(model.data.source[mine]))
        found.append(out.stack(name, model.stack_of(x, one.family, name, one.grouped), count, int(mine.sum())))
    return found


assert set(SHARED) == {*PRIORS, *ASSUMED}
assert set(STACK_PRIORS) <= set(out.STACK_UNITS)

if __name__ == "__main__":
    main()
