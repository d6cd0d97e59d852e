"""Terms that a change could have broken unseen: each by hand from what it is taken from."""

from __future__ import annotations

import numpy as np
import pytest

from llmcost.engine.demand.fleet import commitment_weights
from llmcost.engine.demand.traffic import _without_empty
from llmcost.engine.model.attention import mixer_flops
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.update import _weights
from llmcost.engine.training.calibration import SHARED, Calibration, Stack, stacked
from llmcost.engine.training.methods import ATTENTION, adapter_params
from llmcost.spec import LinearMixer


def test_a_delta_rule_reads_its_state_once_more() -> None:
    """Gated DeltaNet, arXiv 2412.06464: S k, the outer product and S q. Mamba 2, 2405.21060: the last two.

    Two FLOPs an element each: 3 layers x 32 heads x 128 x 128 x 6, and 3 layers x 4,096 x 128 x 4.
    """
    delta = LinearMixer(kind="gdn", layers=3, k_heads=16, v_heads=32, k_dim=128, v_dim=128, conv=4)
    plain = LinearMixer(kind="mamba2", layers=3, d_inner=4096, d_state=128, heads=64, groups=1, conv=4)
    assert mixer_flops(delta) == 3 * 32 * 128 * 128 * 6
    assert mixer_flops(plain) == 3 * 4096 * 128 * 4


def test_dequantising_took_longer_up_to_2023() -> None:
    cal = Calibration(*[1.0] * len(SHARED))._replace(dequantise=5e-3, early_dequantise=6.0)
    stack = Stack(3e-3, 1.0, 1.0, 1.4, 1.0, 1.3, 0.0, 1.0)
    found = [float(stacked(cal, stack, year).dequantise) for year in (2023.0, 2024.0)]
    assert found == pytest.approx([0.030, 0.005])


def test_adapters_of_latent_attention_count_as_square_matrices() -> None:
    """2 P / d a rank: 187 M attention parameters at a width of 7,168 and rank 16."""
    none = Shape(**{field: 0.0 for field in Shape._fields})
    latent = none._replace(d_model=7168.0, is_mla=1.0, attention_params=187e6, attention_layers=1.0, n_layers=1.0)
    assert float(adapter_params(latent, 16.0, ATTENTION)) == pytest.approx(16 * 2 * 187e6 / 7168)


def test_a_measurement_counts_as_students_t_has_it() -> None:
    """Lange, Little and Taylor 1989, doi:10.1080/01621459.1989.10478852: (nu + 1) / (nu + z^2), nu = 4."""
    found = _weights(np.array([0.0, 0.2, 0.8]), np.array([0.1, 0.1, 0.2]))
    assert found == pytest.approx([5 / 4 / 0.01, 5 / (4 + 4) / 0.01, 5 / (4 + 16) / 0.04])


def test_the_base_of_one_day_does_not_depend_on_another() -> None:
    """The loads 1 to 4 of the docstring, 1.95 by hand, beside a day that is flat: 2 at 0.6 each."""
    loads = np.array([[1.0, 2.0, 3.0, 4.0], [2.0, 2.0, 2.0, 2.0]])
    usd, paid = commitment_weights(loads, np.full(4, 0.25), np.array([0.6, 0.6]), 1.0)
    assert (usd * loads).sum(axis=-1) == pytest.approx([1.95, 1.2])
    assert (paid * loads).sum(axis=-1) == pytest.approx([2.75, 2.0])


def test_pieces_of_no_length_go_from_both_ends() -> None:
    """Of two samples that start alike three times at 0 and end alike twice at 10, one start and one end stay."""
    start = np.array([[0.0, 0.0, 0.0, 4.0, 10.0, 10.0], [0.0, 0.0, 0.0, 7.0, 10.0, 10.0]])
    assert _without_empty(start, 10.0).tolist() == [[0.0, 4.0, 10.0], [0.0, 7.0, 10.0]]
