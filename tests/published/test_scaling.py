"""Inference-aware training: the paper's own case, brute force over sizes, and the second law."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcost.catalog import Catalog
from llmcost.engine.model import scaling
from llmcost.engine.model.scaling import Law
from llmcost.errors import LlmcostError
from llmcost.estimate.compare.optimal import optimal
from llmcost.result import Estimate
from llmcost.scenario import resolve
from tests.conftest import examples

HOFFMANN = Law(1.69, 406.4, 410.7, 0.336, 0.283)  # Sardana et al. 2024, arXiv:2401.00448, section 2
BESIROGLU = Law(1.8172, 482.01, 2085.43, 0.3478, 0.3658)  # Besiroglu et al. 2024, arXiv:2404.10102, table 1


def _asked(**how: str | None) -> Estimate:
    said: dict[str, str | None] = {"loss_of": None, "loss": None, "inference_tokens": None, "law": None, **how}
    return optimal(resolve({}), Catalog(), said["loss_of"], said["loss"], said["inference_tokens"], said["law"])


def test_the_case_of_the_paper() -> None:
    """Figure 1: who would train a 13B and expects 2T tokens saves 1.7e22 FLOPs, 17 %, with a 7B on more data."""
    rows = {(r["law"], r["point"]): r for r in _asked(loss_of="13B", inference_tokens="2T").arrays["optimal"]}
    best = rows["hoffmann", "least FLOPs"]
    assert best["params_total"] == pytest.approx(7e9, rel=0.02)
    assert best["saved_share"] == pytest.approx(0.17, abs=0.005)
    assert best["saved_flops"] == pytest.approx(1.7e22, rel=0.02)
    assert rows["hoffmann", "least training"]["params_total"] == pytest.approx(13e9)
    other = rows["besiroglu", "least FLOPs"]
    assert other["params_total"] != pytest.approx(best["params_total"], rel=0.05)


@pytest.mark.parametrize("law", [HOFFMANN, BESIROGLU])
@pytest.mark.parametrize(("size", "served"), [(13e9, 2e12), (1e9, 1e11), (70e9, 1e13), (30e9, 0.0)])
def test_brute_force_finds_no_smaller_total(law: Law, size: float, served: float) -> None:
    target = float(scaling.loss(law, size, scaling.chinchilla_tokens(law, size)))
    best = scaling.optimum(law, target, served)
    every = scaling.lifetime(law, np.geomspace(size / 1000, size * 10, 200_001), target, served)
    least = np.argmin(every.total_flops)
    assert best.total_flops == pytest.approx(np.asarray(every.total_flops)[least], rel=1e-8)
    assert best.params == pytest.approx(np.asarray(every.params)[least], rel=1e-3)
    assert scaling.loss(law, best.params, best.tokens) == pytest.approx(target, rel=1e-12)


@examples(50)
@given(size=st.floats(1e8, 1e12))
def test_without_inference_the_best_is_chinchilla(size: float) -> None:
    """At D_inf = 0 the total is training alone, whose least is the compute-optimal size (Hoffmann et al. 2022)."""
    target = float(scaling.loss(HOFFMANN, size, scaling.chinchilla_tokens(HOFFMANN, size)))
    assert scaling.optimum(HOFFMANN, target, 0.0).params == pytest.approx(size, rel=1e-6)
    assert float(scaling.chinchilla(HOFFMANN, target)) == pytest.approx(size, rel=1e-9)


def test_dollars_are_those_of_the_engines() -> None:
    """The least cost is below that of both other points, and follows from train and serve asked for that size."""
    from llmcost import api

    said: dict[str, Any] = {"hardware": "h100-sxm", "isl": "1000", "osl": "500", "price": "2/h"}
    answer = optimal(resolve(said), Catalog(), "13B", None, "2T", None)
    rows = {r["point"]: r for r in answer.arrays["optimal"] if r["law"] == "hoffmann"}
    assert rows["least cost"]["total_usd"] <= min(r["total_usd"] for r in rows.values())
    best = rows["least FLOPs"]
    run = api.train(params=best["params_total"], tokens=best["tokens"], hardware="h100-sxm", price="2/h")
    serve = api.serve(params=best["params_total"], **said)
    assert best["training_usd"] == pytest.approx(run.result["total_usd"])
    per_token = float(serve.result["usd_per_request"] or 0) / 1500
    assert best["inference_usd"] == pytest.approx(per_token * 2e12)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"inference_tokens": "2T"}, "one quality"), ({"loss_of": "13B", "loss": "2.0"}, "one quality"),
        ({"loss_of": "13B"}, "--inference-tokens"), ({"loss": "1.5", "inference_tokens": "2T"}, "its floor is 1.69"),
        ({"loss_of": "13B", "inference_tokens": "2T", "law": "hofman"}, "did you mean 'hoffmann'"),
        ({"loss_of": "13GB", "inference_tokens": "2T"}, "--loss-of"), ({"loss_of": "13B", "inference_tokens": "nan"}, "--inference-tokens"),
    ],
)  # fmt: skip
def test_wrong_questions_are_refused(how: dict[str, str], says: str) -> None:
    with pytest.raises(LlmcostError) as caught:
        _asked(**how)
    assert says in caught.value.message + caught.value.hint
