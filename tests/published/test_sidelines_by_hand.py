"""Terms beside the main road: what answers beside a model, ranges, unknown links, waits in the tail, hours alike."""

from __future__ import annotations

import math

import numpy as np
import pytest

from llmcost.engine.demand import usage, week
from llmcost.engine.demand.arrivals import reused
from llmcost.engine.demand.segments import phi1, phi2
from llmcost.engine.model.parameters import _shared_params, mixer_params
from llmcost.engine.serving.arrivals import Met, longest, poisson_quantile, stalled, waiting_users
from llmcost.engine.serving.cache import even_stages, kv_ranks, split_ranks, state_page_bytes
from llmcost.engine.serving.inputs import Layout
from llmcost.engine.serving.parts import exchange
from llmcost.engine.serving.ranges import Classes, half_widths
from llmcost.engine.training.calibration import Kind, Ranges, filled, half_width
from llmcost.engine.training.campaign import Campaign, billed_hours, exponents
from llmcost.estimate.asking.values import ServingNumbers
from llmcost.estimate.serving.techniques.effects import Effect, charges, reach, sent, usd_per_request
from llmcost.records import RangeRow
from llmcost.spec import LinearMixer, Model
from tests.published.test_serving_terms import ALONE, DENSE, IDEAL, LINK, MACHINE, MOE, NETWORK, RATE, D, L
from tests.published.test_training_terms import IDEAL as TRAINED


def test_what_answers_beside_a_model_and_who_pays() -> None:
    """A store asked by all answers 30 %; a device half of the rest, $0.01 each, unsent; a tenth of all is reviewed at $1.

    70 % reach the device, 35 % the model. 0.001 + 0.35 x 0.01 + 0.1 x 1; a lookup by the token: 600 x $1 a million.
    """
    store = Effect("store", "lookup", 0.3, 1.0, 0.001, by_input=True)
    device, people = (
        Effect("device", "answer", 0.5, 0.5, 0.01, sent=False),
        Effect("people", "review", 0.0, 0.1, 1.0, of_all=True),
    )
    every, p = (store, device, people), ServingNumbers(isl=600.0)
    assert reach(every) == pytest.approx(0.35)
    assert sent(every) == pytest.approx(1 - 0.35)
    assert float(usd_per_request(every, p)) == pytest.approx(0.001 + 0.0035 + 0.1)
    assert float(usd_per_request(every, p, by_input=True)) == pytest.approx(0.001)
    rows = [(one.name, float(one.quantity), float(one.rate_usd)) for one in charges(every, p, 1000.0)]
    assert rows == [("store", 1000.0, 0.001), ("device", 350.0, 0.01), ("people", 100.0, 1.0)]
    assert float(store._replace(usd=0.0, usd_per_token=1e-6).price(p)) == pytest.approx(6e-4)


def test_ranges_multiply_by_class() -> None:
    """20 % of what was measured, x 1.5 plain, x 1.4 experts, x 0.8 that may loop; each other class its own factor."""
    logs = [math.log(x) for x in (0.2, 1.5, 1.4, 0.8, 1.2, 1.1, 1.3, 2.0, 1.6)]
    none = Kind(*[0.0] * len(Kind._fields))
    for said, width in (
        ({}, 0.22), ({"plain": 1.0}, 0.22 * 1.5), ({"experts": 1.0}, 0.22 * 1.4),
        ({"plain": 1.0, "experts": 1.0}, 0.22 * 1.5 * 1.4), ({"experts": 1.0, "loops": 1.0}, 0.22 * 1.4 * 0.8),
        ({"new_stack": 1.0}, 0.22 * 1.2),
        ({"tuning": 1.0}, 0.22 * 1.3), ({"overhead": 0.5}, 0.22 * 2**0.5), ({"unstated": 1.0}, 0.22 * 1.6),
    ):  # fmt: skip
        assert float(half_width(Ranges(*logs), none._replace(**said))) == pytest.approx(width)


def test_a_serving_range_is_never_narrower_than_runs_repeat() -> None:
    rows: list[RangeRow] = [{"quantity": "tpot", "class": "all", "low": 0.1, "high": 2.0},
                            {"quantity": "tpot", "class": "experts", "low": 0.5, "high": 2.0},
                            {"quantity": "ttft", "class": "all", "low": 9.0, "high": 9.0}]  # fmt: skip
    assert half_widths(rows, "tpot", Classes()) == pytest.approx((0.1, 2.0))
    assert half_widths(rows, "tpot", Classes(experts=True)) == pytest.approx((0.08, 3.0))


def test_links_of_training_that_are_not_known() -> None:
    """An eighth of 2 TB/s of memory, a tenth of the link; cards alone share a bus of a box at 60 % of its 25 GB/s."""
    cal = TRAINED._replace(link_per_memory=0.125, network_per_link=0.1, peer_link=0.6)
    blind = MACHINE._replace(link_bytes_per_second=np.nan, scale_up_domain=np.nan, network_bytes_per_second=np.nan)
    found = filled(blind, cal)
    assert [float(x) for x in found[6:9]] == pytest.approx([2.5e11, 8.0, 2.5e10])
    card = filled(blind._replace(link_bytes_per_second=25e9, scale_up_domain=1.0), cal)
    assert [float(x) for x in card[6:9]] == pytest.approx([15e9, 8.0, 1.5e9])
    assert [float(x) for x in filled(MACHINE, cal)[6:9]] == pytest.approx([LINK, 8.0, NETWORK])


def test_tokens_cross_to_another_machine_once() -> None:
    """DeepSeek-V3, arXiv 2412.19437, section 3.2. 16 groups on two machines: a token with 2 experts meets 1.5 machines.

    Half of those are another: 3 bytes x 1,024 x 1.5 / 2 over the network, more than 6 x 1,024 x 7/8 over the link. Two
    kernels a layer start up for each of four doublings.
    """
    apart = Layout(dp=16.0, ep=16.0, attention_dp=1.0)
    line = exchange(MOE, apart, RATE, IDEAL)
    assert line is not None
    assert float(line.seconds(10.0)) == pytest.approx(L * 10 * 3 * D * 1.5 / 2 / NETWORK)
    late = exchange(MOE, apart, RATE, IDEAL._replace(link_seconds=1e-6))
    assert late is not None
    assert float(late.seconds(0.0)) == pytest.approx(L * 2 * 4e-6)
    assert exchange(DENSE, apart, RATE, IDEAL) is None


def test_the_tail_of_users_who_wait() -> None:
    """Four wait for the one place: z sqrt(4) c R. Of five, the Poisson of mean 1 has 4 at 99 %: 3 prompts more than the mean.

    Between tokens z sqrt(b - 1) p / OSL.
    """
    met = Met(0.02, 1.0, 50.0)
    alone = waiting_users(0.99, 2.0, met, 0.1, 1.0, 100.0, 10.0, 4.0, 0.5)
    assert float(alone.ttft_seconds) == pytest.approx(1.0 + 2 * 2 * 0.5 * 10)
    assert float(alone.tpot_seconds) == pytest.approx(0.02)
    five = waiting_users(0.99, 2.0, met, 0.1, 5.0, 100.0, 0.1, 0.0, 0.5)
    assert float(five.ttft_seconds) == pytest.approx(1.0 + 0.1 * 3)
    assert float(five.tpot_seconds) == pytest.approx(0.02 + 2 * 2 * 0.1 / 100)
    assert [float(poisson_quantile(q, 1.0)) for q in (0.3, 0.7, 0.95, 0.99)] == [0.0, 1.0, 3.0, 4.0]


def test_the_longest_answer_and_prompts_met_between_tokens() -> None:
    """H_n of Renyi 1953: 1 + 1/2 of two, near ln 2 + 0.5772 + 1/4; half of it where half of a length varies.

    Met 10 ms, at most 100: (1 - c) 10 + c (10 E_1(0.1) + 100 (1 - e^-0.1)), E_1 = 1.8229 (Abramowitz and Stegun, 5.1).
    """
    two = math.log(2) + 0.5772 + 0.25
    assert [float(longest(2.0, c)) for c in (0.0, 0.5, 1.0)] == pytest.approx([1.0, 1 + (two - 1) / 2, two])
    assert float(longest(0.5, 1.0)) == pytest.approx(1.0 + 0.0772)
    exact = 0.010 * 1.8229 + 0.1 * (1 - math.exp(-0.1))
    for c in (0.0, 0.5, 1.0):
        assert float(stalled(0.010, 0.1, c)) == pytest.approx((1 - c) * 0.010 + c * exact, rel=0.03)
    assert float(stalled(0.3, 0.1, 0.0)) == pytest.approx(0.1)


def test_hours_that_need_the_same_are_one() -> None:
    """3, 1, 3, 2 for 0.1, 0.2, 0.3, 0.4 of the time: 1, 2 and 3, the last for 0.4. Two samples that order hours alike."""
    share = np.array([0.1, 0.2, 0.3, 0.4])
    need, of = week.alike(np.array([3.0, 1.0, 3.0, 2.0]), share)
    assert (need.tolist(), of.tolist()) == ([1.0, 2.0, 3.0], pytest.approx([0.2, 0.4, 0.4]))
    both, of = week.alike(np.array([[3.0, 1.0, 3.0, 2.0], [6.0, 1.0, 6.0, 5.0]]), share)
    assert both.tolist() == [[1.0, 2.0, 3.0], [1.0, 5.0, 6.0]]
    unlike = np.array([[3.0, 1.0, 3.0, 2.0], [6.0, 1.0, 7.0, 5.0]])
    assert week.alike(unlike, share)[0].tolist() == unlike.tolist()


def test_the_shape_of_a_day_and_of_a_week() -> None:
    """I0(1) = 1.2660658778 (Abramowitz and Stegun, table 9.8): a peak of e / I0(1) has kappa 1, and e^-2 of it at night.

    Weekends of a half: 7 / (5 + 2 / 2) = 1.1667 of the mean on weekdays; Saturday's peak is half of Friday's.
    """
    day = week.wave(np.e / 1.2660658778)
    assert float(day.max() / day.min()) == pytest.approx(np.e**2, rel=1e-6)
    whole = week.wave(2.0, 0.5)
    assert float(whole[..., 5 * 24 :].max()) == pytest.approx(1.0)
    assert float(week.wave(7 / 6, 0.5)[..., :24].min()) == pytest.approx(7 / 6)
    assert float(week.least_peak(0.5)) == pytest.approx(7 / 6)


def test_functions_of_the_integral_of_a_piece() -> None:
    """sum of x^k / (k! (k + 1)) and of x^k / (k! (k + 2)), on both sides of where the series end."""
    for x in (0.0, 1e-9, 0.0099, -0.0099, 0.0101, 0.5):
        terms = range(20)
        assert float(phi1(x)) == pytest.approx(math.fsum(x**k / math.factorial(k + 1) for k in terms), rel=1e-14)
        exact = math.fsum(x**k / math.factorial(k) / (k + 2) for k in terms)
        assert float(phi2(x)) == pytest.approx(exact, rel=1e-13 if abs(x) < 0.01 else 1e-11)


def test_nobody_is_below_the_least_user_of_pareto() -> None:
    assert float(usage.above("pareto", 10.0, 2.0, 1.0)) == 1.0
    assert float(usage.above("pareto", 10.0, 2.0, 10.0)) == pytest.approx(0.25)
    assert float(usage.capped_mean("pareto", 10.0, 2.0, 3.0)) == 3.0  # all make five at least


def test_only_whole_blocks_of_a_prompt_are_found() -> None:
    """Two prompts of 1,000 tokens in blocks of 512: one whole block each, found once: 512 of 2,000."""
    same = (np.array([1, 2, 1, 2]), np.array([0, 2, 4]), np.array([1000.0] * 2), 512.0)
    for capacity in (np.inf, 1024.0):
        assert reused(*same, capacity) == pytest.approx(512 / 2000)


def test_stages_and_ranks_of_a_cache() -> None:
    """126 layers on four stages: two hold 32 (vLLM, get_pp_indices). One KV head on 64 ranks, by batch one of 16 each."""
    assert float(even_stages(DENSE._replace(n_layers=126.0), Layout(pp=4.0))) == pytest.approx(126 / 32)
    assert float(even_stages(DENSE._replace(n_layers=np.nan), Layout(pp=4.0))) == 4.0
    assert [float(kv_ranks(DENSE, Layout(tp=tp))) for tp in (1.0, 2.0, 8.0)] == [1.0, 2.0, 2.0]
    assert [float(split_ranks(64.0, 1.0, 1.0, n)) for n in (0.5, 16.0, 100.0)] == [1.0, 16.0, 64.0]


def test_what_campaigns_add() -> None:
    """7B is small and fast on H100, 40 GB of A100 is tight for 70B; in between by the logarithm (docs/method-training.md).

    On a machine half as roomy as 80 GB and for 12.1B, the geometric mean of 7 and 21: half. t with two degrees of
    freedom: 0.9 / sqrt(2 x 0.95 x 0.05) = 2.92.
    """
    half = exponents(1e5, 40e9, 312e12, math.sqrt(7e9 * 21e9), False)
    assert float(half[2]) == pytest.approx(0.5)
    fast = exponents(1e2, 80e9, math.sqrt(312e12 * 989e12), 7e8, True)
    assert [float(x) for x in fast] == pytest.approx([1.0, 1.0, 0.0, 0.5 * 2, -2.0])
    known = Campaign(1.2, 1.5, 1.4, 1.1, 1.3, 0.2, 0.3, 30.0, 0.9, 64.0)
    for over, scale in ((False, 0.2), (True, 0.3)):
        t = 0.9 / math.sqrt(2 * 0.95 * 0.05)
        found = [float(q) for q in billed_hours(1e3, over, np.nan, known)]
        assert found == pytest.approx([1e3 * math.exp(-t * scale), 1e3, 1e3 * math.exp(t * scale)])


def test_shared_experts_and_the_latent_that_experts_read() -> None:
    """Nemotron 3: shared experts 5,376 wide in all, of two matrices; 4,096 goes to a latent of 1,024 and back; Qwen's gate is d."""
    latent = Model(title="m", n_layers=1, d_model=4096, n_heads=32, d_head=128, ffn_gated=False, vocab_size=1000,
                   moe_experts=8, moe_topk=2, moe_d_ff=2688, moe_shared_d_ff_total=5376, moe_latent_dim=1024)  # fmt: skip
    assert _shared_params(latent) == 2 * 4096 * 5376 + 2 * 4096 * 1024
    gated = Model(title="m", n_layers=1, d_model=4096, n_heads=32, d_head=128, vocab_size=1000, moe_experts=8,
                  moe_topk=2, moe_d_ff=512, moe_shared_d_ff_total=512, moe_shared_gate=True)  # fmt: skip
    assert _shared_params(gated) == 3 * 4096 * 512 + 4096


def test_matrices_of_linear_mixers() -> None:
    """Of width 64. Short convolution (arXiv 2511.23404, section 2): in to three gates of 64, out, three taps each.

    Lightning (arXiv 2501.08313, 2.2): queries, keys, values, gate and output of 4 x 16, and a norm. Gated delta (arXiv
    2412.06464): q and k 2 x 16, v, gate 4 x 8, two numbers a head; taps of 4; two a head and a norm of 8; output.
    """
    short = LinearMixer(kind="shortconv", layers=2, d_inner=64, conv=3)
    assert mixer_params(short, 64.0) == 2 * (4 * 64 * 64 + 64 * 3)
    assert mixer_params(LinearMixer(kind="lightning", layers=3, heads=4, k_dim=16), 64.0) == 3 * (5 * 64 * 64 + 64)
    delta = LinearMixer(kind="gdn", layers=1, k_heads=2, v_heads=4, k_dim=16, v_dim=8, conv=4)
    by_hand = 64 * (2 * 32 + 2 * 32 + 2 * 4) + (2 * 32 + 32) * 4 + 2 * 4 + 8 + 32 * 64
    assert mixer_params(delta, 64.0) == by_hand


def test_accelerators_that_do_not_fit_the_tokens_widen_the_range() -> None:
    """100 accelerators for 30 days are 72,000 h; runs that are beyond nine in ten campaigns (1.645 x 0.9 of ln) count as odd.

    11,900 h are e^-1.8 of it, two deviations: odd. 18,700 h are one and a half, and their range is that of any run. From
    64 accelerators on, where they are stated.
    """
    known = Campaign(1.2, 1.5, 1.4, 1.1, 1.3, 0.2, 0.3, 30.0, 0.9, 64.0)
    for hours, gpus, odd in ((11_900.0, 100.0, True), (18_700.0, 100.0, False), (11_900.0 / 2, 50.0, False)):
        plain, found = (billed_hours(hours, False, n, known) for n in (np.nan, gpus))
        assert float(found[0]) == pytest.approx(float(plain[0]))
        assert float(found[1]) == pytest.approx(hours)
        assert (float(found[2]) > 1.05 * float(plain[2])) is odd


def test_states_in_pages_of_the_attention_layers() -> None:
    """40 layers of states beside 16 of attention are dealt into three groups of 16: 48 pages for 40, 1.2 of the states.

    4 bytes an element and 2 of convolutions (vLLM, `mamba_ssm_cache_dtype`), a half on each of two ranks.
    """
    mixed = DENSE._replace(state_layers=40.0, attention_layers=16.0, state_elements=1e6, conv_elements=1e5)
    states = 4 * 9e5 + 2 * 1e5
    for known, share in ((IDEAL._replace(paged_groups=1.0), 1.2), (IDEAL._replace(paged_groups=0.0), 1.0)):
        assert float(state_page_bytes(mixed, Layout(tp=2.0), known)) == pytest.approx(share * states / 2)
    assert float(state_page_bytes(DENSE, ALONE, IDEAL)) == 0.0
