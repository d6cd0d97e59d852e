"""How a step is fed: batches between those that divide, and accelerators that a small batch leaves idle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from llmcost.engine.training import search as searching
from llmcost.engine.training.memory import Layout
from llmcost.engine.training.peak import Memory
from llmcost.engine.training.step import Step
from llmcost.estimate.training.feed import feed

FIELDS: dict[str, Any] = dict.fromkeys(Step._fields, 0.0)


class Alone(searching.Found):
    """A search of one layout, which any of its degrees find again."""

    def among(self, given: Mapping[str, float]) -> searching.Choice | None:
        return self.best if given else None


def found(seconds: float, gemm: float, sequences: float) -> searching.Found:
    step = FIELDS | {
        "step_seconds": seconds,
        "gemm_seconds": gemm,
        "model_flops": sequences,
        "mfu": sequences / seconds,
    }
    choice = searching.Choice(Layout(*[1.0] * 11), Step(**step), Memory(*[0.0] * len(Memory._fields)), True)
    return Alone(choice, None, None, 1, 1, 0.0)


def steady(gpus: int, sequences: float, _: object = None) -> searching.Found:
    """A second for what the layout costs, 64 accelerator-seconds of products a sequence."""
    return found(1.0 + 64 * sequences / gpus, 64 * sequences / gpus, sequences)


def crowded(gpus: int, sequences: float, _: object = None) -> searching.Found:
    """Every accelerator adds a hundredth of a second: 64 / n x 64 sequences + n / 100."""
    return found(64.0 * sequences / gpus + gpus / 100, 64.0 * sequences / gpus, sequences)


def test_a_batch_between_two_is_some_steps_of_each() -> None:
    """96 on 64: 1,000 runs of 96 are 500 steps of 64 and 500 of 128: 500 x 65 + 500 x 129 s over 96,000 sequences."""
    fed = feed(steady, 64, 96.0)
    assert fed.batch == 128.0  # the nearer one, as ratios go
    assert float(fed.found.best.step.step_seconds) / 128 == pytest.approx((500 * 65 + 500 * 129) / 96_000)
    assert float(fed.found.best.step.model_flops) == 128.0
    assert float(fed.found.best.step.mfu) == pytest.approx(96_000 / (500 * 65 + 500 * 129))


def test_a_small_batch_is_on_fewer_accelerators() -> None:
    """64 x 64 / n + n / 100: 2,048 take 22.5 s, 1,024 take 14.2, 512 take 13.1 and 256 take 18.6."""
    fed = feed(crowded, 2048, 64.0)
    assert fed.working == 512
    assert fed.on_half == pytest.approx((4.0 + 10.24) / (2.0 + 20.48))
    assert float(fed.found.best.step.step_seconds) == pytest.approx(8.0 + 5.12)
    assert float(fed.found.best.step.mfu) == pytest.approx(64 / 13.12 / 4)  # a quarter of them work


def test_more_tokens_cost_more_and_more_accelerators_take_no_longer() -> None:
    """Tokens grow with the cube of the batch: their time never falls. Twice the accelerators never take longer."""
    for search in (steady, crowded):
        spent = [b**3 * float(f.found.best.step.step_seconds) / f.batch
                 for b in range(20, 400, 7) for f in [feed(search, 256, float(b))]]  # fmt: skip
        assert spent == sorted(spent)
        taken = [float(f.found.best.step.step_seconds) / f.batch
                 for n in range(12) for f in [feed(search, 2**n, 64.0)]]  # fmt: skip
        assert taken == sorted(taken, reverse=True)


def test_accelerators_that_do_not_divide_wait() -> None:
    """960 of 1,000 divide into a layout: 3,840 sequences take 1 + 64 x 4 s on them, 4,000 take 4,000/3,840 of that."""

    def in_sixty_fours(gpus: int, sequences: float, _: object = None) -> searching.Found:
        if gpus % 64:
            raise ValueError("no valid layout")
        return steady(gpus, sequences)

    fed = feed(in_sixty_fours, 1000, 4000.0)
    assert fed.working == 960
    assert float(fed.found.best.step.step_seconds) == pytest.approx(257.0 * 4000 / 3840)
    with pytest.raises(ValueError, match="no valid layout"):
        feed(in_sixty_fours, 33, 66.0)
