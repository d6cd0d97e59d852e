"""Fitting constants of serving: what a source says stands, and memory is counted as the answers count it."""

from __future__ import annotations

import numpy as np
import pytest

from llmcost.estimate.validate.serving_points import calibrations
from llmcost.estimate.validate.serving_rows import spread_of
from scripts import fit_serving


def test_a_fit_counts_with_what_answers_count_with() -> None:
    """Constants of memory are those of the preset, and what a source says of TPUs is not fitted over."""
    data = fit_serving.load()
    of = fit_serving.model(data)
    found, shipped = fit_serving.calibration(of, of.start), calibrations(data.cases, data.known.catalog)
    for name in ("memory_share", "context_bytes", "logit_bytes", "paged_groups", "context_share", "hop_seconds"):
        assert np.array_equal(getattr(found, name), getattr(shipped, name)), name
    tpu = np.char.startswith(np.array(data.cases.generation), "tpu")
    assert np.all(np.asarray(found.link_seconds)[tpu] == pytest.approx(1e-6))
    base = next(m for c, m in zip(of.constants, of.masks, strict=True) if c.name == "link_seconds" and not c.ratio)
    assert not np.any(base[tpu])
    assert np.all(base[~tpu])


@pytest.mark.parametrize(
    ("isl", "osl", "spread"),
    [
        (217.4, 201.6, 1.0), (214.5, 199.9, 1.0), (93.0, 201.4, 1.0), (218.743, 291.74, 1.0),  # means of a data set
        (202.0, 214.0, 0.0), (467.0, 256.0, 0.0), (1996.8, 100.0, 0.0), (3998.5, 136.1, 0.0), (126.9, 4.0, 0.0),
    ],
)  # fmt: skip
def test_lengths_with_a_fraction_are_means(isl: float, osl: float, spread: float) -> None:
    assert spread_of(np.array([isl]), np.array([osl])).tolist() == [spread]


def test_a_length_that_is_not_told_has_no_spread() -> None:
    assert spread_of(np.array([217.4]), np.array([np.nan])).tolist() == [0.0]
