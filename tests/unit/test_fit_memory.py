"""The fit of training memory: where it starts, how wide it says its errors are, who measured what."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from llmcost.catalog import Catalog
from llmcost.engine.training.peak import Keeping
from llmcost.estimate.training import kept
from llmcost.estimate.validate import memory_training_rows
from scripts import fit_memory
from scripts.fit_memory_priors import FAMILIES, MORE, priors
from scripts.fit_memory_spread import SHARED, SOURCES, Errors, by_method, by_stack, spreads
from tests.conftest import ROOT


def test_a_fit_does_not_start_from_what_is_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With every fitted constant of the file doubled, the rows of a stack give the same constants."""
    with (ROOT / "validation" / "memory_finetune.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["source_group"] == "torchtune"]
    path = tmp_path / "rows.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    shipped, what = kept.kept_by, fit_memory.model("torchtune")

    def doubled(catalog: Catalog, stack: str, sharded: bool) -> Keeping:
        keeping = shipped(catalog, stack, sharded)
        return keeping._replace(**{n: 2.0 * getattr(keeping, n) for f in what.names if (n := f.removesuffix(MORE))})

    found = []
    for of in (shipped, doubled):
        monkeypatch.setattr(memory_training_rows, "kept_by", of)
        at = fit_memory.known([path])
        found.append(fit_memory.fitted(at, what, fit_memory.weights_of(at.sources)))
    assert found[0] == pytest.approx(found[1], abs=1e-12)
    assert np.any(np.abs(found[0] - what.start) > 0.02)


def test_every_prior_names_a_field() -> None:
    for family in FAMILIES:
        for field, prior in priors(family).items():
            assert field.removesuffix(MORE).removeprefix("sharded_") in Keeping._fields
            assert prior.value > 0
            assert prior.width > 0


def test_spreads_are_drawn_to_those_of_all() -> None:
    """A stack of many rows has its own spread, one of none that of all."""
    count = 400
    generator = np.random.default_rng(1)
    error = np.concatenate([generator.normal(0.0, 0.05, count), generator.normal(0.0, 0.2, count)])
    stack = np.array(["sure"] * count + ["wide"] * count)
    zero, one = np.zeros(2 * count), np.ones(2 * count)
    found = by_stack(Errors(stack, zero, one, error, one), ["sure", "wide", "new"])
    assert found["sure"][1] == pytest.approx(0.05, rel=0.15)
    assert found["wide"][1] == pytest.approx(0.2, rel=0.15)
    assert found["sure"][1] < found["new"][1] < found["wide"][1]
    few = by_stack(Errors(stack, zero, one, error, one * SHARED / count), ["sure", "wide", "new"])
    assert found["sure"][1] < few["sure"][1] < few["new"][1]


def test_spreads_by_method_count_each_source_once() -> None:
    """Of `full` one source of errors 0.2, of `lora` one of 0.1, of 100 and of 1 row: mean squares 0.04, 0.01 and 0.025.

    Over their mean 1.6 and 0.4; with two more sources of all methods (1.6 + 2) / 3 = 1.2 and (0.4 + 2) / 3 = 0.8.
    """
    error = np.concatenate([np.full(100, 0.2), [0.1]])
    method, source = np.array(["full"] * 100 + ["lora"]), np.array(["many"] * 100 + ["one"])
    stack, zero, one = np.array(["fsdp"] * 101), np.zeros(101), np.ones(101)
    errors = Errors(stack, zero, one, error, one)
    found = by_method(errors, method, source)
    assert SOURCES == 2.0
    assert found["full"] == pytest.approx(1.2**0.5)
    assert found["lora"] == pytest.approx(0.8**0.5)
    # a stack is as wide as its errors are beyond what their methods say: 100 rows of 0.2 over sqrt(1.2)
    wide = spreads(errors, method, source, ["fsdp"])
    assert wide.stacks["fsdp"][1] == pytest.approx(0.2 / 1.2**0.5, rel=0.05)
    assert wide.methods == found
