"""The serving engine against published measurements and hand calculations."""

from __future__ import annotations

import csv
from typing import Any

import numpy as np
import pytest

from llmcost import spec
from llmcost.catalog import Catalog
from llmcost.engine.machine.roofline import Machine, peak_flops
from llmcost.engine.model import transformer as tf
from llmcost.engine.model.transformer import Shape, kv_elements
from llmcost.engine.serving.at_a_load import first_token
from llmcost.engine.serving.in_flight import Loaded, loaded
from llmcost.engine.serving.memory import weights_bytes
from llmcost.engine.serving.operating_point import (
    Calibration,
    Layout,
    Load,
    Precision,
    calibration_from_factors,
    max_batch,
    operating_point,
    static_point,
)
from llmcost.engine.serving.parts import distinct_experts
from llmcost.engine.serving.pools import decode_point, prefill_point
from llmcost.engine.serving.queueing import (
    empirical_lengths,
    erlang_b,
    erlang_c,
    latency,
    lognormal_lengths,
    mean_wait_seconds,
)
from llmcost.engine.serving.search import Targets, layouts, search
from llmcost.engine.serving.speculation import acceptance_of
from llmcost.estimate.asking.subject import machine_of, narrowed
from llmcost.estimate.validate.serving_points import predict
from tests.conftest import ROOT

CATALOG = Catalog()
FP8 = Precision(weight_bytes=1.0, kv_bytes=1.0, compute_bits=8.0, attention_bytes=1.0)


def shape(name: str) -> Shape:
    return tf.shape_of(CATALOG.load(spec.Model, name)[0])


def machine(name: str) -> Machine:
    return machine_of(CATALOG.load(spec.Accelerator, name)[0])


def constants(generation: str = "hopper", framework: str = "any") -> Calibration:
    return calibration_from_factors(CATALOG.factors("serving", "memory"), generation, framework)


def offline(hardware: str, tp: float, isl: float, osl: float, framework: str = "tensorrt-llm") -> float:
    """Output tokens per second of Llama 3.1 70B FP8 with as many requests as fit."""
    args = (shape("llama-3.1-70b"), machine(hardware), Layout(tp), FP8)
    known = constants("hopper", framework)
    batch = max_batch(*args, Load(isl, osl), known)
    return float(operating_point(*args, Load(isl, osl, 0.0, batch), known).output_tokens_per_second)


def test_two_h100_at_1000_1000() -> None:
    # TensorRT-LLM 0.17 performance overview: Llama 3.1 70B FP8, TP 2, 1000/1000: 4390.53 output tokens/s
    assert offline("h100-sxm", 2.0, 1000.0, 1000.0) == pytest.approx(4391.0, rel=0.15)
    assert offline("h100-sxm", 2.0, 1000.0, 1000.0, "any") == pytest.approx(4391.0, rel=0.15)


@pytest.mark.parametrize(
    ("isl", "osl", "measured"),
    # the same table, one GPU: H200 over H100 output tokens/s
    [(128.0, 2048.0, 4165.68 / 911.62), (128.0, 4096.0, 2651.75 / 426.32), (1000.0, 1000.0, 2823.45 / 839.97)],
)
def test_one_h100_starves_for_memory(isl: float, osl: float, measured: float) -> None:
    ratio = offline("h200-sxm", 1.0, isl, osl) / offline("h100-sxm", 1.0, isl, osl)
    assert ratio == pytest.approx(measured, rel=0.25)


def test_batch_one_stays_above_bytes_over_bandwidth() -> None:
    # 70.55e9 bytes / (tp x 3.35e12 bytes/s): 21.1, 10.5, 5.3, 2.6 ms
    bounds = [70.55e9 / (tp * 3.35e12) for tp in (1, 2, 4, 8)]
    assert [round(1e3 * b, 1) for b in bounds] == [21.1, 10.5, 5.3, 2.6]
    args = (shape("llama-3.1-70b"), machine("h100-sxm"))
    tpot = [
        float(static_point(*args, Layout(tp), FP8, Load(1000.0, 1000.0), constants()).tpot_seconds)
        for tp in (1.0, 2.0, 4.0, 8.0)
    ]
    assert all(t > b for t, b in zip(tpot, bounds, strict=True))
    gains = [tpot[i] / tpot[i + 1] for i in range(3)]
    assert 2.0 > gains[0] > gains[1] > gains[2] > 1.0


# DeepSeek open-infra-index, day 6: prefill units of 4 nodes (EP32), decode units of 18 (EP144), 20-22 tokens/s per
# user, mean KV length 4,989 tokens; 608B input tokens of which 342B cached and 168B output in a day on 226.75 nodes.
DAY = 86_400.0
OUTPUT, CACHED, FRESH = 168e9 / DAY, 342e9 / DAY, 266e9 / DAY


def test_deepseek_day_costs_what_it_cost() -> None:
    assert 226.75 * 8 * 24 * 2.0 == 87_072.0


def test_deepseek_day_needs_its_accelerators() -> None:
    model, chip, known = shape("deepseek-r1"), machine("h800-sxm"), constants()
    precision = FP8._replace(kv_bytes=2.0)  # attention of the inference system in bf16
    # one output token stands for 608/168 input tokens, 342/608 of them cached: a request of 1,000 output tokens
    isl, hit = 1000.0 * 608 / 168, 342 / 608
    first = prefill_point(model, chip, Layout(1, 1, 32, 32, 1), precision, Load(isl, 1000.0, isl * hit), known)
    prefill_gpus = FRESH / (float(first.tokens_per_second) / 32)
    batches = 144.0 * np.arange(8.0, 257.0)
    load = Load(4989.0 - 500.0, 1000.0, 0.0, batches)
    then = decode_point(model, chip, Layout(1, 1, 144, 144, 1), precision, load, known)
    kept = then.tpot_seconds <= 1 / 20
    decode_gpus = OUTPUT / (float(np.asarray(then.output_tokens_per_second)[kept].max()) / 144)
    assert prefill_gpus + decode_gpus == pytest.approx(226.75 * 8, rel=0.3)


def test_sglang_decodes_at_22k_per_node() -> None:
    # LMSYS, 5 May 2025: DeepSeek-V3 on 9 decode nodes of 8 H100, 256 requests per GPU, 2,000 in, 100 out: 22,282
    # output tokens/s per node. No row of this run was fitted.
    load = Load(2000.0, 100.0, 0.0, 256.0 * 72)
    args = (shape("deepseek-v3"), machine("h100-sxm"), Layout(1, 1, 72, 72, 1), FP8._replace(kv_bytes=2.0), load)
    assert float(decode_point(*args, constants()).output_tokens_per_second) / 9 == pytest.approx(22_282, rel=0.2)


def test_sglang_prefills_at_50k_per_node() -> None:
    # the same post: 4 prefill nodes, prompts of 4,000 tokens: 50,302 input tokens/s per node
    args = (shape("deepseek-v3"), machine("h100-sxm"), Layout(1, 1, 32, 32, 1), FP8._replace(kv_bytes=2.0))
    point = prefill_point(*args, Load(4000.0, 1.0), constants())
    assert float(point.tokens_per_second) / 4 == pytest.approx(50_302, rel=0.3)


def test_kv_cache_of_llama_70b() -> None:
    # 80 layers x 2 x 8 heads x 128 = 163,840 numbers per token: 320 KiB in 16 bits (Llama 3.1 model card sizes)
    assert float(kv_elements(shape("llama-3.1-70b"), 1.0)) == 163_840.0
    # DeepSeek-V3: 61 layers x (512 + 64) (arXiv 2412.19437, section 4.2)
    assert float(kv_elements(shape("deepseek-v3"), 1.0)) == 35_136.0


def test_weights_of_llama_70b_in_eight_bits() -> None:
    # 68.45e9 parameters in the layers at 1 byte + 2 x 128,256 x 8,192 of embedding and head at 2 bytes
    ends = 2 * 128_256 * 8_192
    total = (70_553_706_496 - ends) * 1.0 + ends * 2.0
    assert float(weights_bytes(shape("llama-3.1-70b"), Layout(), FP8)) == pytest.approx(total, rel=1e-3)


def test_a_dense_model_is_in_mxfp4_whole() -> None:
    # amd/Llama-3.1-405B-Instruct-MXFP4: 401.65e9 parameters of layers at 0.53125 bytes, 2 x 128,256 x 16,384 at 2 bytes
    ends = 2 * 128_256 * 16_384
    total = (405_849_112_576 - ends) * 0.53125 + ends * 2.0
    assert narrowed("mxfp4", moe=False)
    assert not narrowed("mxfp4", moe=True)  # gpt-oss: modules_to_not_convert names self_attn
    precision = Precision(weight_bytes=0.53125, attention_bytes=0.53125)
    assert float(weights_bytes(shape("llama-3.1-405b"), Layout(), precision)) == pytest.approx(total, rel=1e-3)


def test_uniform_routing_meets_the_expected_experts() -> None:
    # Mixtral, 4 tokens, exponential form with the first token exact: 2 + 6 (1 - e^(-3 x 2/8))
    assert float(distinct_experts(8.0, 2.0, 4.0)) == pytest.approx(2 + 6 * (1 - np.exp(-0.75)))
    assert float(distinct_experts(0.0, 0.0, 100.0)) == 0.0


def test_erlang_tables() -> None:
    # Cooper 1981, table: 10 servers offered 5 erlang: B = 0.01838, C = 0.03610
    assert float(erlang_b(10, 5.0)) == pytest.approx(0.018385, abs=1e-6)
    # 1 / B = 1 + c/a + c (c - 1)/a^2 + ...: an array sums it, a number recurs from B = 1
    servers, offered = np.array([0.0, 1.0, 3.0, 400.0, 2000.0]), np.array([0.5, 1e-9, 2.0, 390.0, 1200.0])
    each = [float(erlang_b(c, a)) for c, a in zip(servers, offered, strict=True)]
    np.testing.assert_allclose(erlang_b(servers, offered), each, rtol=1e-12, atol=1e-29)
    assert float(erlang_c(10, 5.0)) == pytest.approx(0.036105, abs=1e-6)


def test_single_server_wait() -> None:
    # Pollaczek-Khinchine: rho/(1-rho) x S x (1 + cs2)/2
    assert float(mean_wait_seconds(1, 0.8, 1.0, 1.0, 3.0)) == pytest.approx(0.8 / 0.2 * 2.0)
    # M/M/1 sojourn: exponential with mean 1/(mu - lambda); p95 = ln 20 / 0.2, service points stand for exponential
    services = -np.log1p(-(np.arange(4000) + 0.5) / 4000)
    assert float(latency(1, 0.8, services).quantile(0.95)) == pytest.approx(np.log(20.0) / 0.2, rel=0.03)


def simulate(servers: int, rate: float, services: np.ndarray, seed: int = 1, count: int = 60_000) -> np.ndarray:
    """First-come-first-served queue by events: wait plus service of every request."""
    rng = np.random.default_rng(seed)
    arrivals = np.cumsum(rng.exponential(1.0 / rate, count))
    work = rng.choice(services, count)
    free = np.zeros(servers)
    spent = np.empty(count)
    for i in range(count):
        server = int(np.argmin(free))
        start = max(arrivals[i], free[server])
        free[server] = start + work[i]
        spent[i] = free[server] - arrivals[i]
    return spent[count // 10 :]


@pytest.mark.parametrize("servers", [1, 4, 16])
@pytest.mark.parametrize("load", [0.5, 0.7, 0.85])
@pytest.mark.parametrize("variation", [0.0, 1.0])
def test_p95_against_a_simulated_queue(servers: int, load: float, variation: float) -> None:
    services = lognormal_lengths(1.0, variation)
    rate = load * servers
    found, spent = latency(servers, rate, services), simulate(servers, rate, services)
    assert float(found.quantile(0.95)) == pytest.approx(float(np.quantile(spent, 0.95)), rel=0.15)
    assert float(found.mean_seconds) == pytest.approx(float(spent.mean()), rel=0.15)


def simulated_replica(points: Loaded, share: float, isl: float, osl: float, chunk: float, count: int) -> np.ndarray:
    """A replica of one lane, iteration by iteration: time to first token of every request, front end left out."""
    empty, own = float(points.at.tpot_seconds - points.at.prefill_row), float(points.at.prefill_seconds) / isl
    rate = share * float(points.full.output_tokens_per_second) / osl
    come = np.cumsum(np.random.default_rng(1).exponential(1.0 / rate, count))
    left, spent, time, head, tail = np.full(count, isl), np.empty(count), 0.0, 0, 0
    while head < count:
        if tail == head:
            time = max(time, come[head] + (time - come[head]) % empty)  # others decode: it comes at any place
        tail = max(tail, int(np.searchsorted(come, time, "right")))
        carried, first = 0.0, head
        while head < tail and carried < chunk:
            run = min(left[head], chunk - carried)
            carried, left[head] = carried + run, left[head] - run
            head += left[head] <= 0
        time += empty + own * carried
        spent[first:head] = time - come[first:head]
    return spent[count // 10 :]


@pytest.mark.parametrize(("isl", "osl"), [(1000.0, 1000.0), (4000.0, 500.0), (500.0, 20.0)])
@pytest.mark.parametrize("share", [0.3, 0.7])
def test_first_tokens_against_a_simulated_replica(isl: float, osl: float, share: float) -> None:
    chip, load = machine("h100-sxm")._replace(process_bytes=1e12), Load(isl, osl, 0.0, 256.0)
    known = constants()._replace(first_steps=0.5)  # the simulated server hands a token on when it has it
    points = loaded(operating_point, shape("llama-3.1-70b"), chip, Layout(8.0), FP8, load, known, share)
    spent = simulated_replica(points, share, isl, osl, float(known.chunk_tokens), 20_000) + known.request_seconds
    found = first_token(points, Layout(8.0), load, known, share)
    assert float(found.mean_seconds) == pytest.approx(float(spent.mean()), rel=0.15)
    assert float(found.quantile(0.95)) == pytest.approx(float(np.quantile(spent, 0.95)), rel=0.15)


def test_lengths_keep_their_mean() -> None:
    assert float(lognormal_lengths(1500.0, 1.2).mean()) == pytest.approx(1500.0, rel=1e-9)
    sample = np.random.default_rng(0).lognormal(6.0, 1.0, 5000)
    assert float(empirical_lengths(sample).mean()) == pytest.approx(float(sample.mean()), rel=1e-9)


def test_search_finds_what_plain_enumeration_finds() -> None:
    args = (shape("llama-3.1-70b"), machine("h100-sxm"))
    known, load, limits = constants(), Load(1000.0, 1000.0), Targets(2.0, 0.05)
    candidates = layouts(*args, gpus=8.0)
    batches = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0])
    answer = search(*args, candidates, [FP8], load, known, limits, batches=batches)
    best = np.inf
    for row in zip(*map(np.ravel, candidates), strict=True):
        layout = Layout(*[float(v) for v in row])
        for batch in batches:
            if batch > float(max_batch(*args, layout, FP8, load, known)):
                continue
            point = operating_point(*args, layout, FP8, load._replace(batch=batch), known)
            size = layout.tp * layout.pp * layout.dp
            if float(point.tpot_seconds) <= 0.05 and float(point.ttft_seconds) <= 2.0:
                best = min(best, float(size) / 3600 / float(point.output_tokens_per_second) * 1e6)
    # the largest batch that fits is tried besides the listed ones, so the search may only be cheaper
    assert float(answer.grid.gpu_hours_per_mtok[answer.cheapest]) <= best * (1 + 1e-12)
    front = answer.grid.pick(answer.front)
    assert np.all(np.diff(front.gpu_hours_per_mtok) >= 0)
    assert np.all(np.diff(front.point.tpot_seconds) < 0)
    assert answer.front[0] == answer.cheapest
    assert answer.front[-1] == answer.fastest


def test_accelerators_that_no_replica_uses_are_paid() -> None:
    """Seven hold three replicas of two: seven hours over three times the tokens."""
    args = (shape("llama-3.1-70b"), machine("h100-sxm"), Layout(*[np.array([v]) for v in (2.0, 1.0, 1.0, 1.0, 0.0)]))
    found = search(*args, [FP8], Load(1000.0, 1000.0), constants(), Targets(), gpus=7.0)
    one = operating_point(*args, FP8, Load(1000.0, 1000.0, batch=found.grid.point.batch), constants())
    by_hand = 7 / 3600 / (3 * one.output_tokens_per_second) * 1e6
    assert found.grid.gpu_hours_per_mtok == pytest.approx(by_hand, rel=1e-12)


def test_what_binds_is_named() -> None:
    args = (shape("llama-3.1-70b"), machine("h100-sxm"))
    candidates, known, load = (
        Layout(*[np.array([v]) for v in (2.0, 1.0, 1.0, 1.0, 0.0)]),
        constants(),
        Load(1000.0, 1000.0),
    )
    free = search(*args, candidates, [FP8], load, known, Targets())
    assert free.binds == "HBM capacity"
    assert search(*args, candidates, [FP8], load, known, Targets(np.inf, 0.03)).binds == "latency target"
    refused = search(*args, candidates, [FP8], load, known, Targets(np.inf, 1e-4))
    assert (refused.cheapest, refused.fastest, refused.binds) == (-1, -1, "latency target")
    # one request of one token each leaves nothing but the weights to read
    alone = search(*args, candidates, [FP8], load, known, Targets(), batches=np.array([1.0]))
    assert alone.binds == "HBM bandwidth"


def rows() -> list[dict[str, str]]:
    with (ROOT / "validation" / "serving_measured.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


INPUTS = (
    "model_id", "params_total", "params_active", "n_layers", "d_model", "n_heads", "n_kv_heads", "d_head", "d_ff",
    "vocab", "attention_kind", "moe_experts", "moe_topk", "hardware_id", "n_gpus", "tp", "pp", "dp", "ep",
    "weight_precision", "kv_precision", "compute_precision", "isl_eff", "osl_eff", "concurrency_or_batch", "load",
    "framework_id", "year", "kind", "prefix_hit_pct", "draft_tokens", "tokens_per_step", "prefill_groups",
)  # fmt: skip


def test_predictions_read_only_inputs() -> None:
    every = rows()[::7]
    bare = [{name: row[name] for name in INPUTS} for row in every]
    assert list(predict(bare, CATALOG)) == list(predict(every, CATALOG))


def test_unpredicted_rows_say_why_and_are_few() -> None:
    every = [row for row in rows() if row["isl_eff"]]
    answers = predict(every, CATALOG)
    refused = [a.reason for a in answers if not a.values]
    assert all(refused)
    assert len(refused) <= 0.05 * len(every)


def ends_and_measured(quantity: str, column: str, scale: float) -> tuple[Any, Any]:
    """The low end, centre and high end of rows that have a figure, and the figure."""
    every = rows()
    pairs = [
        (answer.values[quantity], float(row[column]) * scale)
        for row, answer in zip(every, predict(every, CATALOG), strict=True)
        if row[column] and quantity in answer.values
    ]
    return np.array([v for v, _ in pairs]).T, np.array([m for _, m in pairs])


@pytest.mark.parametrize(
    ("quantity", "column", "scale", "median", "mean"),
    # what the project promises of its own data; the errors on rows left out are in docs/accuracy.md
    [
        ("tpot", "tpot_ms", 1e-3, 0.12, 0.18),
        ("ttft", "ttft_ms", 1e-3, 0.30, 0.60),
        ("output_tokens_per_s", "output_tokens_per_s", 1.0, 0.12, 0.18),
    ],
)
def test_errors_on_measured_rows(quantity: str, column: str, scale: float, median: float, mean: float) -> None:
    (_, centre, _), measured = ends_and_measured(quantity, column, scale)
    error = np.abs(centre / measured - 1.0)
    assert np.median(error) <= median
    assert np.mean(error) <= mean


@pytest.mark.parametrize(
    ("quantity", "column", "scale"),
    [
        ("tpot", "tpot_ms", 1e-3),
        ("ttft", "ttft_ms", 1e-3),
        ("output_tokens_per_s", "output_tokens_per_s", 1.0),
    ],
)
def test_ranges_hold_measured_rows(quantity: str, column: str, scale: float) -> None:
    (low, _, high), measured = ends_and_measured(quantity, column, scale)
    assert 0.85 <= np.mean((low <= measured) & (measured <= high)) <= 0.97


def test_a_chip_without_a_format_runs_the_next_wider_one() -> None:
    def rate(chip: Machine, bits: float) -> tuple[float, float]:
        peak, width = peak_flops(chip, bits)
        return float(peak), float(width)

    # H100: no FP4, so FP8 (1,978.9e12); A100: neither, so 16 bits (312e12); B200 has all (9e15)
    assert rate(machine("h100-sxm"), 4.0) == (1978.9e12, 8.0)
    assert rate(machine("a100-80gb-sxm"), 4.0) == (312e12, 16.0)
    assert rate(machine("a100-80gb-sxm"), 8.0) == (312e12, 16.0)
    assert rate(machine("b200-sxm"), 4.0) == (9e15, 4.0)


def test_what_does_not_fit_says_what_is_missing() -> None:
    # 70.55e9 x 2 bytes = 141.1e9 of weights on 79.19 GiB: nothing left for a request
    args = (shape("llama-3.1-70b"), machine("h100-sxm"), Layout(), Precision(), Load(1000.0, 1000.0))
    point = operating_point(*args, constants())
    assert float(point.max_batch) == 0.0
    assert float(point.missing_bytes) > 141.1e9 - 79.19 * 2**30


ROW = {
    "model_id": "llama-3.1-8b", "hardware_id": "h100-sxm", "n_gpus": "1", "tp": "1", "weight_precision": "bf16",
    "isl_eff": "200", "osl_eff": "60", "concurrency_or_batch": "1", "load": "interactive", "framework_id": "vllm",
}  # fmt: skip


def told(**cells: str) -> dict[str, float]:
    """The medians that a row gets."""
    (answer,) = predict([{**ROW, **cells}], CATALOG)
    return {name: ends[1] for name, ends in answer.values.items()}


def test_a_draft_yields_what_its_row_says() -> None:
    # one proposal, of which a step keeps 2 or 1.5 tokens: the same step over either
    two, fewer = (told(kind="speculative", draft_tokens="1", tokens_per_step=n)["tpot"] for n in ("2", "1.5"))
    assert two / fewer == pytest.approx(1.5 / 2.0, rel=1e-6)
    # the one of the paper's table that is nearest: a = 0.7 and 3 proposals yield 2.53 tokens
    assert float(acceptance_of(2.533, 3.0)) == pytest.approx(0.7, abs=1e-4)


def test_random_arrivals_may_keep_less_than_one_in_flight() -> None:
    # Little 1961: half a request in flight, each for TTFT + 59 TPOT, leaves 60 tokens
    at = told(load="server", concurrency_or_batch="0.5")
    life = at["ttft"] + 59.0 * at["tpot"]
    assert at["output_tokens_per_s"] == pytest.approx(0.5 * 60.0 / life, rel=1e-6)


def test_prompts_of_a_row_run_on_as_many_groups_as_it_says() -> None:
    cells = {"n_gpus": "4", "concurrency_or_batch": "64", "load": "closed-loop", "kind": "disaggregated"}
    one, half, three = (told(**cells, prefill_groups=n)["tpot"] for n in ("1", "2", "3"))
    assert one < half < three  # the fewer take prompts, the more answer
    assert told(**cells)["tpot"] == half
