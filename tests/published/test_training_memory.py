"""Memory of training against printed figures of Korthikanti et al. 2022 and Rajbhandari et al. 2020."""

from __future__ import annotations

import pytest

from llmcost.engine.model.transformer import Shape
from llmcost.engine.training.memory import FULL, NONE, SELECTIVE, Layout, States, activation_bytes, zero_bytes

GIB = 2.0**30


def gpt(layers: int, width: int, heads: int) -> Shape:
    """A classical GPT without its embeddings: attention 4 d^2, FFN 8 d^2 per layer."""
    zero = dict.fromkeys(Shape._fields, 0.0)
    shape = Shape(**zero)
    return shape._replace(
        n_layers=float(layers),
        dense_layers=float(layers),
        attention_layers=float(layers),
        d_model=float(width),
        n_heads=float(heads),
        attention_params=4.0 * layers * width**2,
        dense_ffn_params=8.0 * layers * width**2,
        params_total=12.0 * layers * width**2,
    )


def layout(tp: float, pp: float, vpp: float, micro_batch: float, recompute: float) -> Layout:
    return Layout(tp, pp, vpp, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, micro_batch, recompute)


# arXiv 2205.05198, table 3: layers, width, heads, tp, pp, virtual stages, micro-batch; sequences of 2,048.
# Figure 1 (values as digitised in calculon, calculon/llm/validation.py): GiB of activations of the present work,
# which is sequence parallelism and selective recomputation.
FIGURE_1 = [
    (48, 6144, 64, 8, 1, 1, 4, 9.5625),
    (96, 12288, 96, 8, 8, 3, 1, 12.3515625),
    (105, 20480, 128, 8, 35, 3, 1, 23.076171875),
    (128, 25600, 160, 8, 64, 1, 1, 26.5625),
]


@pytest.mark.parametrize(("layers", "width", "heads", "tp", "pp", "vpp", "micro", "gib"), FIGURE_1)
def test_activations_of_figure_1(
    layers: int, width: int, heads: int, tp: float, pp: float, vpp: float, micro: float, gib: float
) -> None:
    kept = activation_bytes(
        gpt(layers, width, heads), layout(tp, pp, vpp, micro, SELECTIVE), 2048, 512, fused_attention=0.0, dropout=1.0
    )
    assert float(kept) / GIB == pytest.approx(gib, rel=1e-9)


def test_states_of_figure_1() -> None:
    """22B on 8 GPUs: 45.5625 GiB of parameters and optimizer, 2 + 4 + 12 bytes each."""
    params = 12.0 * 48 * 6144**2 / 8
    assert sum(zero_bytes(params, 1, 0, States(2, 4, 12))) / GIB == pytest.approx(45.5625, rel=1e-9)


def test_per_layer_formulas_of_table_2() -> None:
    """Per layer with tensor and sequence parallelism: s b h / t (34 + 5 a s / h), selective 34, full 2."""
    s, b, h, a, t = 2048.0, 2.0, 12288.0, 96.0, 8.0
    one = gpt(1, int(h), int(a))

    def per_layer(recompute: float) -> float:
        return float(activation_bytes(one, layout(t, 1, 1, b, recompute), s, 1, fused_attention=0.0, dropout=1.0))

    assert per_layer(NONE) == pytest.approx(s * b * h / t * (34 + 5 * a * s / h))
    assert per_layer(SELECTIVE) == pytest.approx(s * b * h / t * 34)
    # full recomputation keeps the input, and the working set of the layer being recomputed
    assert per_layer(FULL) - per_layer(NONE) == pytest.approx(s * b * h / t * 2)


@pytest.mark.parametrize(
    ("width", "heads", "ratio", "saved"),
    [(12288, 96, 80.0, 0.70), (20480, 128, 64.0, 0.65)],  # section 5: GPT-3 and MT-NLG
)
def test_selective_saves_what_section_5_says(width: int, heads: int, ratio: float, saved: float) -> None:
    assert 5 * heads * 2048 / width == ratio
    one = gpt(1, width, heads)
    none, selective = (
        float(activation_bytes(one, layout(8, 1, 1, 1, r), 2048, 1, fused_attention=0.0, dropout=1.0))
        for r in (NONE, SELECTIVE)
    )
    assert 1 - selective / none == pytest.approx(saved, abs=0.01)


def test_partial_recomputation_lies_between() -> None:
    shape = gpt(48, 6144, 64)
    kept = [float(activation_bytes(shape, layout(8, 1, 1, 4, r), 2048, 1)) for r in (0.0, 1.0, 1.5, 2.0)]
    assert kept == sorted(kept, reverse=True)


def test_zero_stages_of_figure_1_of_rajbhandari() -> None:
    """7.5B parameters, N_d = 64, K = 12 (arXiv 1910.02054, figure 1): 120, 31.4, 16.6, 1.9 GB."""
    states = States(2.0, 2.0, 12.0)
    found = [float(sum(zero_bytes(7.5e9, 64, stage, states))) / 1e9 for stage in range(4)]
    assert found == pytest.approx([120.0, 31.4, 16.6, 1.9], abs=0.05)


def test_zero_table_1_of_rajbhandari() -> None:
    """Table 1, P_os on 128B parameters and 1,024 ranks: 513 GB; P_os+g+p: 2 GB."""
    states = States(2.0, 2.0, 12.0)
    assert sum(zero_bytes(128e9, 1024, 1, states)) / 1e9 == pytest.approx(513, abs=1)
    assert sum(zero_bytes(128e9, 1024, 3, states)) / 1e9 == pytest.approx(2, abs=0.1)
