"""Parts of the training step against hand calculations."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from llmcost.catalog import Catalog
from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape, shape_of
from llmcost.engine.training.calibration import SHARED, Calibration
from llmcost.engine.training.campaign import EARLY
from llmcost.engine.training.memory import Layout
from llmcost.engine.training.micro_batch import BF16, Run, per_micro_batch
from llmcost.engine.training.step import step
from llmcost.errors import LlmcostError
from llmcost.estimate.validate import training_runs as runs
from llmcost.spec import Model
from tests.conftest import Cli

MACHINE = Machine(1e15, np.nan, np.nan, np.nan, 80e9, 2e12, 4e11, 8.0, 5e10, 700.0)
IDEAL = Calibration(*[1.0] * len(SHARED))._replace(
    attention_ramp=0.0, latency=0.0, straggler=0.0, step=0.0, launch_dense=0.0, dp_exposed=0.0, power_reference=0.0
)
ONE = Layout(1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0)


def shape(d_head: int, heads: int) -> Shape:
    width = d_head * heads
    return shape_of(
        Model(title="m", n_layers=2, d_model=width, n_heads=heads, n_kv_heads=heads, d_head=d_head, d_ff=4 * width,
              ffn_gated=False, vocab_size=1000)
    )  # fmt: skip


def attention(of: Shape, unfused: float = 0.0, recompute: float = 0.0) -> float:
    work = per_micro_batch(
        of, MACHINE, ONE._replace(recompute=recompute), Run(2048.0, 1.0, BF16, unfused=unfused), IDEAL
    )
    return float(work.attention)


def test_fused_attention_by_hand() -> None:
    """3.5 passes of 4 h e S/2 FLOPs x 2 layers x 2,048 tokens = 3.5 x 4 x 1024 x 1024 x 2 x 2048 = 60.1 GFLOP."""
    assert attention(shape(128, 8)) == pytest.approx(60.13e9 / 1e15, rel=1e-3)


def test_small_heads_wait_for_exponentials() -> None:
    """The same width in heads of 64: twice the exponentials, (64 + 64) / 64 against (128 + 64) / 128: 4/3 the time."""
    assert attention(shape(64, 16)) == pytest.approx(4 / 3 * attention(shape(128, 8)), rel=1e-9)


@pytest.mark.parametrize(("recompute", "passed", "passes"), [(0.0, 30.0, 3.0), (1.0, 41.0, 3.0), (2.0, 41.0, 4.0)])
def test_unfused_attention_passes_every_score_through_memory(recompute: float, passed: float, passes: float) -> None:
    """8 heads x 2,048^2 scores x 2 layers, 2 TB/s; products over all of them: passes x 4 h e S x 2 x 2,048 FLOPs."""
    scores = 8 * 2048**2 * 2
    by_hand = passed * scores / 2e12 + passes * 4 * 128 * scores / 1e15
    assert attention(shape(128, 8), 1.0, recompute) == pytest.approx(by_hand, rel=1e-9)


def test_plain_pipelines_wait_for_the_hand_over() -> None:
    """Stages on two machines: 2 x 2 x 2,048 x 1,024 bytes per micro-batch at 50 GB/s, 7 + 1 of them in 8 rounds.

    The same two stages joined by the 400 GB/s link of one machine wait an eighth as long.
    """
    far = ONE._replace(pp=2.0, dp=8.0)
    run = Run(2048.0, 64.0, BF16)
    across = step(shape(128, 8), MACHINE, far, run, IDEAL)
    inside = step(shape(128, 8), MACHINE._replace(scale_up_domain=16.0), far, run, IDEAL)
    message = 2 * 2 * 2048 * 1024
    waited = (8 + 1) * message * (1 / 5e10 - 1 / 4e11)
    assert float(across.pipeline_seconds - inside.pipeline_seconds) == pytest.approx(waited, rel=1e-9)


def test_a_dropped_product_is_not_recomputed() -> None:
    full = ONE._replace(recompute=2.0)
    run = Run(2048.0, 8.0, BF16)
    whole = step(shape(128, 8), MACHINE, full, run, IDEAL)
    none = step(shape(128, 8), MACHINE, ONE, run, IDEAL)
    lean = step(shape(128, 8), MACHINE, full, run, IDEAL._replace(repeat=0.75))
    added = float(whole.gemm_seconds - none.gemm_seconds)
    assert float(lean.gemm_seconds - none.gemm_seconds) == pytest.approx(0.75 * added, rel=1e-9)


@pytest.mark.parametrize(
    ("model", "hardware", "tokens", "early"),
    [
        ("gpt-3-175b", "v100-sxm2-32gb", "1e11", True),
        ("llama-3.1-405b", "h100-sxm", "1e11", False),
        ("falcon-40b", "a100-40gb-sxm", "1e11", False),
        ("", "v100-sxm2-32gb", "1e12", True),
        ("", "a100-80gb-sxm", "1e11", True),
        ("", "a100-80gb-sxm", "1e12", False),
        ("", "h100-sxm", "1e11", False),
    ],
)
def test_early_runs_by_the_date_of_the_model(model: str, hardware: str, tokens: str, early: bool) -> None:
    """GPT-3: May 2020 (arXiv 2005.14165); FlashAttention: May 2022 (arXiv 2205.14135).

    Without a date: 10B on 100B tokens is as models of before Chinchilla (arXiv 2203.15556, table 1) were trained, where
    the machine is of those years.
    """
    row = {"model_id": model, "params_total": "1e10", "tokens": tokens, "hardware_id": hardware}
    assert runs.whole(row, Catalog()).like.early is early
    assert dt.date(2022, 5, 27) < EARLY


def test_what_a_run_does_not_state_its_model_does() -> None:
    """Llama 3.1 405B: 15.6T tokens at 8,192, 16M per step (arXiv 2407.21783, sections 3.1 and 3.4.1)."""
    row = {"model_id": "llama-3.1-405b", "hardware_id": "h100-sxm", "n_gpus": "16384"}
    todo = runs.whole(row, Catalog())
    assert (todo.like.tokens, todo.run.seq_len, todo.run.global_batch) == (15.6e12, 8192.0, 2048.0)
    with pytest.raises(LlmcostError, match="no tokens"):
        runs.whole({"params_total": "8.3e9", "hardware_id": "h100-sxm"}, Catalog())


@pytest.mark.parametrize(("gpus", "said"), [(64, False), (8192, True)])
def test_more_accelerators_than_the_batch_feeds_are_said(cli: Cli, gpus: int, said: bool) -> None:
    """8,192 GPUs share 64 sequences of 8,192 tokens."""
    asked = ["--model", "llama-3.1-8b", "--tokens", "100B", "--hardware", "h100-sxm"]
    answer = cli("train", *asked, "--global-batch-tokens", "524k", "--gpus", str(gpus), "--json")
    codes = [w["code"] for w in answer.json["warnings"]]
    assert ("W018" in codes) is said


def test_a_count_that_divides_badly_and_a_sequence_beyond_the_context_are_said(cli: Cli) -> None:
    """513 = 3 x 3 x 3 x 19, 512 = 2^9; Llama 2 has a context of 4,096 (arXiv 2307.09288, table 1)."""
    asked = ["train", "--model", "llama-2-13b", "--tokens", "100B", "--hardware", "h100-sxm", "--json"]
    odd, even = (cli(*asked, "--gpus", n, "--seq-len", "8192").json for n in ("513", "512"))
    assert [w["code"] for w in even["warnings"]] == ["W013"]
    assert {"W013", "W018"} <= {w["code"] for w in odd["warnings"]}
    # a step is on 512, and all 513 are paid for
    assert odd["result"]["step_seconds"] / odd["result"]["global_batch_tokens"] == pytest.approx(
        even["result"]["step_seconds"] / even["result"]["global_batch_tokens"], rel=0.01
    )
    assert odd["result"]["gpu_hours"] == pytest.approx(513 / 512 * even["result"]["gpu_hours"], rel=0.01)
    assert cli(*asked, "--gpus", "512").json["inputs"]["seq_len"]["value"] == 4096
