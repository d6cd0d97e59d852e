"""What a user sees, kept as text: refresh with `make golden` and read the diff."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Cli

FOLDER = Path(__file__).parent
CASES = {
    "crossover-given": ["crossover", "--train-cost", "150M", "--cost-per-request", "0.05", "--requests", "10M/day"],
    "crossover-chart": ["crossover", "--train-cost", "100M..200M", "--cost-per-request", "0.05", "--requests", "10M/day", "--chart"],
    "crossover-never": ["crossover", "--train-cost", "150M", "--cost-per-request", "0.05", "--requests", "10/day"],
    "crossover-energy": ["crossover", "--train-energy", "59257kWh", "--energy-per-request", "1.0e-4kWh"],
    "crossover-csv": ["crossover", "--train-cost", "150M", "--cost-per-request", "0.05", "--requests", "10M/day", "--format", "csv"],
    "train-given": ["train", "--model", "deepseek-v3", "--gpu-hours", "2.788M", "--price", "2/h"],
    "train-given-json": ["train", "--model", "deepseek-v3", "--gpu-hours", "2.788M", "--price", "2/h", "--json"],
    "train-explain": ["train", "--params", "70B", "--tokens", "15T", "--mfu", "40%", "--hardware", "tpu-v5p", "--gpus", "8960", "--price", "4.2/h", "--explain"],
    "train-markdown": ["train", "--model", "deepseek-v3", "--gpu-hours", "2.788M", "--price", "2/h", "--format", "markdown"],
    "compare": ["compare", "--cost-per-request", "0.05", "--requests", "10M/day", "--vary", "train_cost=100M,200M"],
    "compare-pairs": ["compare", "tests/data/own-or-buy.toml"],
    "compare-cross": ["compare", "tests/data/own-or-buy.toml", "--cross", "requests"],
    "compare-optimal": ["compare", "--optimal", "--loss-of", "13B", "--inference-tokens", "2T"],
    "check": ["check", "examples/ci/llmcost.toml"],
    "check-junit": ["check", "examples/ci/llmcost.toml", "--format", "junit"],
    "serve-ladder": ["serve", "-m", "llama-3.1-70b", "-H", "h100-sxm", "--isl", "1000", "--osl", "500", "--requests", "1M/day", "--price", "2/h", "--ladder"],
    "serve-technique": ["serve", "-m", "llama-3.1-70b", "-H", "h100-sxm", "--isl", "1000", "--osl", "500", "--price", "2/h", "--technique", "fp8-kv", "--technique", "cascade=30%:llama-3.1-8b"],
    "presets-show": ["presets", "show", "h100-sxm"],
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_golden(cli: Cli, name: str, request: pytest.FixtureRequest) -> None:
    run = cli(*CASES[name])
    command = " ".join(CASES[name])
    seen = f"$ llmcost {command}\n{run.out}--- exit {run.code}\n{run.err}"
    path = FOLDER / f"{name}.txt"
    if request.config.getoption("--update-golden"):
        path.write_text(seen, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == seen
