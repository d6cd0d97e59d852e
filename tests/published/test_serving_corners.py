"""Serving where one thing stands alone: one request, one prompt in the cache, the front end, a start from cold."""

from __future__ import annotations

import numpy as np
import pytest

from llmcost.engine.model.attention import Attention, _to_window
from llmcost.engine.serving.arrivals import Front, Served, burst, open_loop
from llmcost.engine.serving.inputs import Layout, Load, Precision
from llmcost.engine.serving.operating_point import static_point
from llmcost.engine.serving.pools import prefill_point
from llmcost.engine.serving.queueing import empirical_lengths
from llmcost.engine.serving.speculation import _sequences
from tests.published.test_serving_constants import point
from tests.published.test_serving_terms import ALONE, DENSE, IDEAL, MACHINE, PEAK, D, L, once


def test_measured_lengths_are_cut_into_sixty_four_slices() -> None:
    """128 lengths 0 to 127: two to a slice, whose means are 0.5, 2.5, ... 126.5."""
    assert empirical_lengths(np.arange(128.0)[::-1]).tolist() == [0.5 + 2 * i for i in range(64)]


def test_a_prompt_that_is_all_in_the_cache_computes_its_last_token() -> None:
    """vLLM computes the last token again, for its logits (`v1/core/kv_cache_manager.py`): 1 token that sees 600.5."""
    at = prefill_point(DENSE, MACHINE, ALONE, Precision(), Load(600.0, 1.0, 600.0), IDEAL)
    assert float(at.alone_seconds) == pytest.approx(float(once(0.0, 600.5, 1.0).total))
    full = float(once(0.0, 600.5, 8192.0).total)
    assert float(at.prompt_seconds) == pytest.approx(full / 8192)


def test_the_front_end_comes_before_the_first_token() -> None:
    """20 ms in front; 3 passes of a prompt, half an iteration waited, 30 ms of its own: 0.02 + 2.5 x 0.01 + 0.03."""
    met = open_loop(Served(0.010, 0.030, 0.0, 0.0, 3.0, 0.020), 2.0, 11.0, 0.5)
    assert float(met.ttft_seconds) == pytest.approx(0.075)
    assert float(met.tokens_per_second) == pytest.approx(2 * 11 / (0.075 + 10 * 0.010))


def test_a_burst_larger_than_its_places_comes_in_waves() -> None:
    """16 requests on 8 places, 100 tokens at 10 ms, prompts of 0.1 s: a life is 1 + 0.8 s, half of the requests wait one.

    First token: (8 + 1)/2 x 0.1 in the own wave and half a wave in front, 0.9 s; 16 x 0.1 + 2 x 1 s in all.
    """
    met = burst(Served(0.01, 0.1, 0.0, 0.0, 1.0, 0.0), Front(0.0, 0.0, 1.0, 0.0, 0.01), 8.0, 16.0, 100.0)
    assert float(met.ttft_seconds) == pytest.approx(0.45 + 0.9)
    assert float(met.tokens_per_second) == pytest.approx(1600 / 3.6)
    slow = Front(0.2, 0.002, 1.0, 0.0, 0.01)  # the front end takes 0.2 s a request and 2 ms a token: it sets the pace
    met = burst(Served(0.01, 0.1, 0.0, 0.0, 1.0, 0.0), slow, 8.0, 8.0, 100.0)
    assert float(met.tokens_per_second) == pytest.approx(800 / (8 * 0.2 + 100 * 8 * 0.002))


def test_a_static_batch_without_answer_or_prompt() -> None:
    """An answer of one token is the prompt pass alone; without a prompt there is none. Two requests on four groups run alone."""
    one, none, few = (
        static_point(DENSE, MACHINE, lay, Precision(), Load(isl, osl, 0.0, 2.0), IDEAL)
        for isl, osl, lay in ((100.0, 1.0, ALONE), (0.0, 5.0, ALONE), (100.0, 5.0, Layout(dp=4.0)))
    )
    assert float(one.ttft_seconds * one.output_tokens_per_second) == pytest.approx(2.0)
    assert float(none.ttft_seconds) == 0.0
    assert float(none.output_tokens_per_second) == pytest.approx(2 * 5 / (4 * float(none.tpot_seconds)))
    assert float(few.tpot_seconds) == pytest.approx(float(once(1.0, 102.5).total))
    assert float(few.ttft_seconds) == pytest.approx(float(once(0.0, 50.0, 100.0).total))


def test_stages_of_a_static_batch_fill_one_after_another() -> None:
    """GPipe, arXiv 1811.06965, section 2: m pieces on p stages take (m + p - 1) / m; four prompts on two stages.

    Two micro-batches of two requests decode side by side. Attention of 200 tokens a piece, 50 before each, is known.
    """
    at = static_point(DENSE, MACHINE, Layout(pp=2.0), Precision(), Load(100.0, 5.0, 0.0, 4.0), IDEAL)
    work = float(once(0.0, 50.0, 200.0, layout=Layout(pp=2.0)).total)
    assert float(at.ttft_seconds) == pytest.approx(work * (2 + 2 - 1) / 2)
    assert float(at.tpot_seconds) == pytest.approx(float(once(2.0, 102.5, layout=Layout(pp=2.0)).total))
    assert float(once(0.0, 50.0, 200.0).prefill_attention) == pytest.approx(200 * 50 * 4 * D * L / PEAK)


def test_prompts_of_a_static_batch_pass_at_once_where_no_stage_waits() -> None:
    """Four prompts of 1,000 on one stage are one pass of 4,000; on two stages pieces of 2,048 at most (`pipeline_tokens`)."""
    at = static_point(DENSE, MACHINE, ALONE, Precision(), Load(1000.0, 5.0, 0.0, 4.0), IDEAL)
    assert float(at.ttft_seconds) == pytest.approx(float(once(0.0, 500.0, 4000.0).total))


def test_no_more_decode_than_prompts_let_in() -> None:
    """An iteration carries 100 prompt tokens, two prompts of 50; each lives for 9 + 1 of them: 20 beside the own decode.

    As `Standing.steady` counts them; a static batch, whose tokens meet no prompts, decodes all of its 1,000.
    """
    known, load = IDEAL._replace(chunk_tokens=100.0), Load(50.0, 9.0)
    at = point(batch=1000.0, prefill_row=0.01, first_steps=1.0)
    assert float(_sequences(at, ALONE, load, known)) == 21.0
    assert float(_sequences(at._replace(prefill_row=0.0), ALONE, load, known)) == 1000.0
    assert float(_sequences(at._replace(batch=10.0), Layout(dp=2.0), load, known)) == 5.0


def test_a_share_of_attention_that_sees_a_window() -> None:
    whole = Attention(**dict.fromkeys(Attention._fields, 8.0))
    half = _to_window(whole, 0.5)
    moved = {name for name in Attention._fields if getattr(half, name) == 4.0}
    assert moved == {"window_flops", "window_absorbed", "window_elements"}
