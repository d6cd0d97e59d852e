"""Answers with a published or hand-calculated value, asked as a user asks them."""

from __future__ import annotations

import pytest

from tests.conftest import Cli


@pytest.mark.parametrize(("cost", "days"), [("100M", 200.0), ("150M", 300.0), ("200M", 400.0)])
def test_ten_million_requests_at_five_cents(cli: Cli, cost: str, days: float) -> None:
    # cost / (0.05 x 10e6 = 500,000 a day)
    answer = cli(
        "crossover", "--train-cost", cost, "--cost-per-request", "0.05", "--requests", "10M/day", "--json"
    ).json
    assert answer["result"]["crossover_days"] == days
    assert answer["result"]["crossover_requests"] == days * 10e6
    assert answer["result"]["crossover_date"] is None


def test_a_launch_day_gives_a_date(cli: Cli) -> None:
    # 300 days after 2027-01-01: 2027-10-28 (365 - 300 = 65 days before 2028-01-01)
    args = ("--train-cost", "150M", "--cost-per-request", "0.05", "--requests", "10M/day", "--start", "2027-01-01")
    assert cli("crossover", *args, "--json").json["result"]["crossover_date"] == "2027-10-28"


@pytest.mark.parametrize(
    ("energy", "each", "parity"),
    # Luccioni, Jernite, Strubell 2024, arXiv:2311.16863, table 5: training + fine-tuning energy [kWh], inference
    # energy [kWh], cost parity (the paper truncates)
    [
        (51_686 + 7_571, "1.0e-4", 592_570_000),
        (17_052 + 1_081, "6.2e-5", 292_467_741),
        (10_505 + 543, "5.4e-5", 204_592_592),
    ],
)
def test_bloomz_energy_parity(cli: Cli, energy: int, each: str, parity: int) -> None:
    answer = cli("crossover", "--train-energy", f"{energy}kWh", "--energy-per-request", f"{each}kWh", "--json").json
    assert int(answer["result"]["crossover_requests"] + 1e-6) == parity


def test_deepseek_v3_as_published(cli: Cli) -> None:
    # arXiv:2412.19437, table 1: 2.788M H800 hours at $2 = $5.576M
    answer = cli("train", "--model", "deepseek-v3", "--gpu-hours", "2.788M", "--price", "2/h", "--json").json
    assert answer["result"]["total_usd"] == 5_576_000


def test_scaling_book_llama_3_70b_on_v5p(cli: Cli) -> None:
    # "How to Scale Your Model", applied training: 6 x 70e9 x 15e12 = 6.3e24 FLOPs; 8,960 chips x 4.59e14 x 40 % -> 3.8e6 s, 44 days
    args = (
        *("--params", "70B", "--tokens", "15T", "--mfu", "40%", "--hardware", "tpu-v5p", "--gpus", "8960"),
        *("--price", "4.2/h"),
    )
    result = cli("train", *args, "--json").json["result"]
    assert result["training_flops"] == pytest.approx(6.3e24, rel=1e-12)
    assert result["compute_seconds"] == pytest.approx(6.3e24 / (8960 * 4.59e14 * 0.4), rel=1e-12)
    assert round(result["compute_seconds"] / 86400) == 44
    assert result["duration_seconds"] > result["compute_seconds"]


def test_llama_3_1_405b_range_holds_the_published_hours(cli: Cli) -> None:
    # model card: 30.84M H100-hours
    args = ("--model", "llama-3.1-405b", "--tokens", "15.6T", "--hardware", "h100-sxm", "--gpus", "16384")
    hours = cli("train", *args, "--json").json["ranges"]["gpu_hours"]
    assert hours["p5"] <= 30.84e6 <= hours["p95"]
    assert hours["p95"] <= 2 * hours["p5"]


def test_deepseek_production_day_is_cost_per_day(cli: Cli) -> None:
    # open-infra-index day 6: 226.75 nodes x 8 H800 x 24 h x $2 = $87,072
    answer = cli("train", "--gpu-hours", str(226.75 * 8 * 24), "--price", "2/h", "--json").json
    assert answer["result"]["total_usd"] == pytest.approx(87_072)


def test_llama_3_1_405b_mfu_and_billed_hours(cli: Cli) -> None:
    # arXiv:2407.21783, table 4: BF16 MFU 38 to 43 %; model card: 30.84M H100-hours; abstract of 3.3.4: over 90 % effective time
    args = ("--model", "llama-3.1-405b", "--tokens", "15.6T", "--hardware", "h100-sxm", "--gpus", "16384")
    answer = cli("train", *args, "--json").json
    assert 0.38 <= answer["result"]["mfu"] <= 0.43
    assert answer["result"]["gpu_hours"] == pytest.approx(30.84e6, rel=0.15)
    assert answer["ranges"]["goodput"]["p5"] <= 0.9 <= answer["ranges"]["goodput"]["p95"]
    assert sum(row["seconds"] for row in answer["step"]) == pytest.approx(answer["result"]["step_seconds"], rel=1e-9)


def test_deepseek_v3_hours(cli: Cli) -> None:
    # arXiv:2412.19437, table 1: 2.664M H800-hours of pre-training on 14.8T tokens, 2,048 H800, FP8
    args = ("--model", "deepseek-v3", "--tokens", "14.8T", "--hardware", "h800-sxm", "--gpus", "2048", "--dtype", "fp8")
    assert cli("train", *args, "--json").json["result"]["gpu_hours"] == pytest.approx(2.664e6, rel=0.20)


def test_two_h100_serve_llama_70b(cli: Cli) -> None:
    # TensorRT-LLM 0.17 published performance: 4,391 output tokens/s, Llama 3.1 70B FP8, TP 2, 1000/1000
    args = (
        *("--model", "llama-3.1-70b", "--hardware", "h100-sxm", "--dtype", "fp8", "--kv-dtype", "fp8", "--tp", "2"),
        *("--isl", "1000", "--osl", "1000"),
    )
    assert cli("serve", *args, "--json").json["result"]["output_tokens_per_second"] == pytest.approx(4391, rel=0.15)


@pytest.mark.parametrize(("tp", "bound"), [(2, 0.0105), (4, 0.0053), (8, 0.0026)])
def test_batch_one_never_beats_bytes_over_bandwidth(cli: Cli, tp: int, bound: float) -> None:
    # 70.6e9 bytes of FP8 weights over tp x 3.35e12 bytes/s
    args = ("--model", "llama-3.1-70b", "--hardware", "h100-sxm", "--dtype", "fp8", "--tp", str(tp), "--batch", "1")
    assert cli("serve", *args, "--isl", "128", "--osl", "128", "--json").json["result"]["tpot_seconds"] > bound
