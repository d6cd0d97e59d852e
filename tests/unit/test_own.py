"""What measurements have in common, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from llmcost.engine.numeric.kinds import Z95
from llmcost.engine.numeric.update import _scale
from llmcost.estimate.asking.own import Kin, Near, Own, Place, told_by, way
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


WHOLE = 0.3**2 + 0.2**2 + 0.1**2 + 0.2**2


def measured(*places: Place) -> Own:
    """A stack of which each place was measured with a noise of 0.1."""
    inverse, lost = told_by(KIN, places, "speed", [0.1] * len(places))
    near = {"tpot": Near(1.5, 0.05, 0.1)}
    return Own(
        ("hopper",), "vllm", places, {"speed": (0.0,) * len(places)}, {"speed": inverse}, {"speed": lost}, near, KIN
    )


def test_a_place_keeps_what_its_measurement_leaves() -> None:
    """One measurement y = f + e tells f up to k - k^2 / (k + n^2), with k = 0.18 and n = 0.1."""
    left, part = measured(place(1000.0)).left(place(1000.0), "speed")
    assert left == pytest.approx(WHOLE - WHOLE**2 / (WHOLE + 0.1**2))
    assert part == pytest.approx(left / WHOLE)


def test_another_machine_keeps_the_spread_between_machines() -> None:
    """It shares the model and what like places have in common, 0.3^2 + 0.1^2, and no more."""
    other = Place("a", "h200-sxm", "", {"isl": 1000.0})
    left, _ = measured(place(1000.0)).left(other, "speed")
    assert left == pytest.approx(WHOLE - (0.3**2 + 0.1**2) ** 2 / (WHOLE + 0.1**2))
    assert left > 0.2**2


def test_a_measured_place_told_by_the_other_of_two() -> None:
    """Leaving one of two out leaves k - c^2 / (k + n^2), with c what the two have in common."""
    both = place(1000.0), place(1000.0, model="b")
    _, lost = told_by(KIN, both, "speed", [0.1, 0.1])
    assert lost == pytest.approx((WHOLE - (0.2**2 + 0.1**2) ** 2 / (WHOLE + 0.1**2)) / WHOLE)


def test_a_range_among_what_was_measured_and_far_from_it() -> None:
    own = measured(place(1000.0), place(1000.0))  # measured twice: each is told by the other
    left, _ = own.left(place(1000.0), "speed")
    half = Z95 * 1.5 * math.sqrt(left + 0.05**2 + 0.1**2)
    assert own.told("tpot", place(1000.0), 0.7, 0.9) == pytest.approx((half, half, 0.0))
    far = Place("z", "z", "speculative", {"isl": 1000.0 * math.e**20})
    assert own.told("tpot", far, 0.7, 0.9) == pytest.approx((0.7, 0.9, 0.0))


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


def test_what_measurements_miss_counts_beside_half_a_measurement_that_is_as_expected() -> None:
    # one is missed by two standard deviations: (0.5 + 2 ** 2) / (0.5 + 1) = 3; of the other kind there is none
    assert _scale(np.eye(1), np.array([2.0]), np.array([0]), 2).tolist() == pytest.approx([3.0**0.5, 1.0])
