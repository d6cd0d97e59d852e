"""What measurements have in common, by hand."""

from __future__ import annotations

import math

import pytest

from llmcost.estimate.asking.own import Kin, Place, way
from llmcost.scenario import Scenario, Setting, Value

KIN = Kin(model=0.3, machine=0.2, near=0.1, same=0.2, first_token=2.0, lengths={"isl": 2.0})


def place(isl: float | None, model: str = "a", kind: str = "") -> Place:
    return Place(model, "h100-sxm", kind, {} if isl is None else {"isl": isl})


@pytest.mark.parametrize(
    ("other", "common"),
    [
        (place(1000.0), 0.3**2 + 0.2**2 + 0.1**2 + 0.2**2),
        # two e-folds of the prompt are one length: e^-1/2 of what like places have in common
        (place(1000.0 * math.e**2), 0.3**2 + 0.2**2 + (0.1**2 + 0.2**2) * math.exp(-0.5)),
        (place(1000.0, kind="speculative"), 0.3**2 + 0.2**2 + 0.1**2),
        (place(1000.0, model="b"), 0.2**2 + 0.1**2),
    ],
)
def test_what_two_places_have_in_common(other: Place, common: float) -> None:
    assert KIN.common([place(1000.0)], [other], "speed")[0, 0] == pytest.approx(common)
    assert KIN.common([place(1000.0)], [other], "first_token")[0, 0] == pytest.approx(2.0**2 * common)


def test_an_untold_length_is_the_middle_of_those_measured() -> None:
    """Between 100 and 10,000 tokens the middle of logarithms is 1,000."""
    measured = [place(100.0), place(10000.0)]
    told, untold = (KIN.common([place(isl)], measured, "speed") for isl in (1000.0, None))
    assert untold == pytest.approx(told)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({}, ""),
        ({"technique": "speculation"}, "speculative"),
        ({"technique": "prefix-cache=50%"}, "prefix-cache"),
        ({"cache_hit": 0.5}, "prefix-cache"),
        ({"cache_hit": 0.0}, ""),
        ({"pools": "disaggregated", "technique": "speculation"}, "disaggregated"),
    ],
)
def test_the_kind_of_a_question_is_that_of_rows(said: dict[str, Value], kind: str) -> None:
    assert way(Scenario(({k: Setting(v, "test") for k, v in said.items()},), set()), "serve") == kind
