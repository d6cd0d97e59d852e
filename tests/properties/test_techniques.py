"""Properties of the formulas of techniques."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcost.engine.serving import speculation as engine
from tests.conftest import examples

SHARES = st.floats(0.0, 0.99)
DRAFTED = st.integers(0, 16)


@examples(60)
@given(SHARES, DRAFTED)
def test_expected_tokens_are_the_sum_of_powers(acceptance: float, drafted: int) -> None:
    """1 + a + ... + a^y: the chance that each further token is reached."""
    by_hand = sum(acceptance**i for i in range(drafted + 1))
    assert float(engine.expected_tokens(acceptance, drafted)) == pytest.approx(by_hand, rel=1e-9)


@examples(60)
@given(SHARES, st.floats(0.01, 1.0), st.floats(0.01, 1.0))
def test_a_mix_lies_between_its_parts(share: float, used: float, offline: float) -> None:
    mixed = float(engine.mixed_utilization(share, used, offline))
    assert used * (1 - 1e-12) <= mixed <= max(used, offline) * (1 + 1e-12)


@examples(60)
@given(SHARES, st.floats(1.0, 100.0))
def test_a_cascade_pays_below_its_break_even(share: float, ratio: float) -> None:
    """Small model at 1, large at `ratio`: s C_L + C_S < C_L where s < 1 - C_S / C_L."""
    large, small = engine.routed_shares(share, 1.0)
    cost = float(large * ratio + small)
    if share < 1 - 1 / ratio - 1e-9:
        assert cost < ratio
    elif share > 1 - 1 / ratio + 1e-9:
        assert cost > ratio
