"""`llmcost serve`: one phase alone, formats of arithmetic, shared experts, and the target that stands by default."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Cli, schema

LLAMA = ("serve", "-m", "llama-3.1-70b", "-H", "h100-sxm", "--dtype", "fp8")
LENGTHS = ("--isl", "1000", "--osl", "500")
DEEPSEEK = ("serve", "-m", "deepseek-v3", "-H", "h100-sxm")


def answer(cli: Cli, *args: str) -> dict[str, Any]:
    run = cli(*args, "--json")
    assert run.code == 0, run.err
    schema("serve").validate(run.json)
    found: dict[str, Any] = run.json
    return found


def result(cli: Cli, *args: str) -> dict[str, Any]:
    found: dict[str, Any] = answer(cli, *args)["result"]
    return found


def test_prefill_alone_runs_prompts(cli: Cli) -> None:
    r = result(cli, *LLAMA, "--isl", "1000", "--cache-hit", "40%", "--phase", "prefill", "--price", "2/h")
    assert r["requests_per_second_per_replica"] == pytest.approx(r["input_tokens_per_second"] / 600)
    seconds = r["gpus_per_replica"] / r["requests_per_second_per_replica"] / r["utilization"]
    assert r["usd_per_request"] == pytest.approx(seconds * 2 / 3600)
    # all of it is paid by the 600 tokens that are not cached
    assert r["usd_per_mtok_input"] == pytest.approx(r["usd_per_request"] / 600 * 1e6)
    # 2 x (70.55e9 - 2 x 128,256 x 8,192) FLOPs a token on 1,979e12 FLOP/s (H100 datasheet) at most
    assert r["input_tokens_per_second"] < r["gpus_per_replica"] * 1979e12 / (2 * 68.45e9)
    assert [r[k] for k in ("usd_per_mtok_output", "tpot_seconds", "output_tokens_per_second")] == [None] * 3
    quiet = cli(*LLAMA, "--isl", "1000", "--cache-hit", "40%", "--phase", "prefill", "--price", "2/h", "--quiet")
    assert float(quiet.out) == r["usd_per_mtok_input"]


def test_prefill_at_a_published_rate(cli: Cli) -> None:
    # LMSYS, 5 May 2025: DeepSeek-V3 on 4 prefill nodes of 8 H100, prompts of 4,000: 50,302 input tokens/s per node
    args = (
        *DEEPSEEK,
        "--dtype",
        "fp8",
        "--kv-dtype",
        "bf16",
        "--tp",
        "1",
        "--dp",
        "32",
        "--isl",
        "4000",
        "--phase",
        "prefill",
    )
    r = result(cli, *args)
    assert (r["dp"], r["ep"], r["gpus_per_replica"]) == (32, 32, 32)
    assert r["input_tokens_per_second"] / 4 == pytest.approx(50_302, rel=0.3)


def test_the_phases_of_separate_pools_add_up(cli: Cli) -> None:
    targets = (*LLAMA, "--tpot", "50ms", "--price", "2/h", "--utilization", "50%")
    both = result(cli, *targets, *LENGTHS, "--pools", "disaggregated")
    first = result(cli, *targets[:7], *targets[9:], "--isl", "1000", "--phase", "prefill")
    then = result(cli, *targets, *LENGTHS, "--phase", "decode")
    assert first["usd_per_request"] + then["usd_per_request"] == pytest.approx(both["usd_per_request"])
    assert then["usd_per_mtok_output"] == pytest.approx(then["usd_per_request"] / 500 * 1e6)
    assert [then[k] for k in ("ttft_seconds", "usd_per_mtok_input", "usd_per_mtok_blended")] == [None] * 3


@pytest.mark.parametrize(
    ("phase", "option"),
    [
        ("prefill", ("--osl", "5")),
        ("prefill", ("--tpot", "1s")),
        ("prefill", ("--batch", "4")),
        ("prefill", ("--pools", "disaggregated")),
        ("prefill", ("--tokens-per-second", "9/s")),
        ("decode", ("--ttft", "1s")),
        ("decode", ("--cache-hit", "50%")),
        ("decode", ("--ttft-p95", "1s")),
    ],
)
def test_what_a_phase_lacks_is_refused(cli: Cli, phase: str, option: tuple[str, str]) -> None:
    lengths = LENGTHS[:2] if phase == "prefill" else LENGTHS
    run = cli(*LLAMA, *lengths, "--phase", phase, *option)
    assert (run.code, f"{option[0]} has no effect" in run.err) == (2, True), run.err


def test_prompts_queue_for_a_prefill_replica(cli: Cli) -> None:
    args = (*LLAMA, "--isl", "1000", "--phase", "prefill", "--requests", "20M/day")
    r = result(cli, *args, "--length-spread", "1", "--ttft-p95", "2s")
    assert r["ttft_p50_seconds"] < r["ttft_p95_seconds"] <= 2.0
    assert r["gpus"] == r["replicas"] * r["gpus_per_replica"]
    refused = cli(*args, "--ttft", "1ms", "--json")
    assert (refused.code, "best TTFT" in refused.json["result"]["reason"]) == (1, True)


def test_arithmetic_may_differ_from_the_weights(cli: Cli) -> None:
    args = ("serve", "-m", "llama-3.1-8b", "-H", "a100-80gb-sxm", *LENGTHS, "--batch", "64")
    plain = answer(cli, *args, "--dtype", "fp8")
    # an A100 has int8 units at 624e12 and none for fp8 (NVIDIA A100 datasheet)
    assert plain["inputs"]["compute_dtype"]["value"] == "bf16"
    assert [w["code"] for w in plain["warnings"]] == ["W011"]
    assert "no fp8 units" in plain["warnings"][0]["message"]
    assert plain["warnings"][0]["hint"].startswith("--dtype int8")
    integer = answer(cli, *args, "--dtype", "fp8", "--compute-dtype", "int8")
    assert integer["warnings"] == []
    assert integer["result"]["tpot_seconds"] < plain["result"]["tpot_seconds"]
    # 4-bit weights, 8-bit arithmetic: the KV cache keeps its 16 bits until it is told
    mixed = answer(cli, *LLAMA[:5], "--dtype", "int4", "--compute-dtype", "fp8", *LENGTHS)
    assert mixed["inputs"]["kv_dtype"]["value"] == "bf16"
    assert "'int4' is not one of" in cli(*args, "--compute-dtype", "int4").err


def test_experts_are_shared_split_or_dealt(cli: Cli) -> None:
    shared = result(cli, *DEEPSEEK, *LENGTHS, "--tp", "1", "--dp", "16")
    assert (shared["tp"], shared["dp"], shared["ep"]) == (1, 16, 16)
    dealt = result(cli, *DEEPSEEK, *LENGTHS, "--dtype", "int4", "--tp", "8", "--ep", "8")
    assert (dealt["tp"], dealt["dp"], dealt["ep"]) == (8, 1, 8)
    even = result(cli, *DEEPSEEK, *LENGTHS, "--tp", "1", "--dp", "16", "--expert-imbalance", "0")
    skewed = result(cli, *DEEPSEEK, *LENGTHS, "--tp", "1", "--dp", "16", "--expert-imbalance", "1")
    assert even["usd_per_request"] < shared["usd_per_request"] < skewed["usd_per_request"]
    assert "without experts" in cli(*LLAMA, *LENGTHS, "--dp", "2").err
    assert "--expert-imbalance has no effect" in cli(*LLAMA, *LENGTHS, "--expert-imbalance", "1").err
    assert "no valid layout with --dp 3" in cli(*DEEPSEEK, *LENGTHS, "--dp", "3").err


SLOW = ("serve", "-m", "llama-3.1-70b", "-H", "a100-80gb-sxm", "--dtype", "bf16", *LENGTHS)


def test_a_published_target_stands_by_default(cli: Cli) -> None:
    # MLPerf Inference, Llama 2 70B, server scenario: TPOT 200 ms (mlcommons/inference, docs/index.md)
    by_default, free = answer(cli, *SLOW), answer(cli, *SLOW, "--tpot", "none")
    said = by_default["inputs"]["tpot"]
    assert (said["value"], said["origin"]) == (0.2, "default")
    assert "mlcommons/inference" in said["source"]
    assert by_default["result"]["tpot_full_seconds"] <= 0.2 < free["result"]["tpot_full_seconds"]
    assert free["result"]["tpot_seconds"] < free["result"]["tpot_full_seconds"]
    assert by_default["result"]["binds"] == "latency target"
    assert free["inputs"]["tpot"]["value"] == "none"
    assert free["result"]["usd_per_request"] <= by_default["result"]["usd_per_request"]


@pytest.mark.parametrize("more", [("--batch", "8"), ("--batching", "static"), ("--phase", "decode")])
def test_questions_about_a_machine_have_no_target(cli: Cli, more: tuple[str, str]) -> None:
    assert "tpot" not in answer(cli, *SLOW, *more)["inputs"]


def test_a_default_never_says_no(cli: Cli) -> None:
    # 141e9 bytes over the 0.8e12 bytes/s of an M2 Ultra: 176 ms at best, and no engine reads at full rate
    args = ("serve", "-m", "llama-3.1-70b", "-H", "apple-m2-ultra", "--tp", "1", "--price", "1/h", *LENGTHS)
    found = answer(cli, *args)
    assert "W017" in [w["code"] for w in found["warnings"]]
    assert (found["result"]["batch"], found["result"]["feasible"]) == (1, True)
    assert found["result"]["tpot_seconds"] > 0.2
    assert cli(*args, "--tpot", "200ms").code == 1


def parts(found: dict[str, Any]) -> dict[str, float]:
    return {row["name"]: row["bytes"] for row in found["memory"]}


def test_the_memory_of_a_replica_by_part(cli: Cli) -> None:
    asked = ("serve", "-m", "llama-3.1-8b", "-H", "h100-sxm", "--dtype", "bf16", "--batch", "64", *LENGTHS)
    found = parts(answer(cli, *asked))
    assert sum(found.values()) == pytest.approx(81559 * 2**20, rel=1e-9)  # nvidia-smi: 81559 MiB
    assert found["weights"] == pytest.approx(2 * 8.03e9, rel=0.001)
    # 2 x 32 layers x 8 heads x 128 x 2 bytes a token; an answer is half written on average
    assert found["KV cache"] == pytest.approx(64 * (1000 + 500 / 2) * 131072, rel=0.02)
    assert parts(cli("fit", *asked[1:], "--json").json)["KV cache"] == found["KV cache"]


def test_both_pools_have_their_memory_by_part(cli: Cli) -> None:
    found = parts(answer(cli, *LLAMA, *LENGTHS, "--pools", "disaggregated"))
    for pool in ("decode", "prefill"):
        mine = {name: size for name, size in found.items() if name.startswith(f"{pool}: ")}
        assert sum(mine.values()) == pytest.approx(81559 * 2**20, rel=1e-9)


def test_a_given_rate_holds_nothing_that_is_known(cli: Cli) -> None:
    found = answer(cli, "serve", "--tokens-per-second", "2500/s", "--price", "9/h", "--isl", "1", "--osl", "1000")
    assert "memory" not in found
