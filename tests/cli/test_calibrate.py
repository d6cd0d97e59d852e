"""`calibrate` and `--calibration`: what is learnt from rows that a known stack would give, and what is not."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from tests.conftest import Cli, schema

HEAD = "model_id,hardware_id,n_gpus,tp,isl_eff,osl_eff,concurrency_or_batch,weight_precision,load,framework_id,tpot_ms"
SERVE = ("serve", "--model", "llama-3.1-8b", "--hardware", "h100-sxm", "--framework", "vllm", "--isl", "1000", "--osl", "500",
         "--batch", "32", "--json")  # fmt: skip


def measured(cli: Cli, path: Path, kind: str, head: str, lines: list[str], told: Callable[[int, float], float]) -> Path:
    """A table of measurements whose last column is told from what is predicted of each line."""

    def write(values: list[float]) -> None:
        path.write_text("\n".join([head, *(f"{line}{v:.6g}" for line, v in zip(lines, values, strict=True))]) + "\n")

    write([10.0] * len(lines))
    found = [r["predicted"] for r in cli("validate", kind, "--data", str(path), "--json").json["rows"]]
    write([told(i, predicted) for i, predicted in enumerate(found)])
    return path


def rows(cli: Cli, folder: Path, times: float, outlier: float = 1.0) -> Path:
    """Eight points whose TPOT is so many times what the engine predicts, the last of them further off."""
    points = [(b, i) for b in (1, 8, 32, 128) for i in (500, 2000)]
    lines = [f"llama-3.1-8b,h100-sxm,1,1,{i},500,{b},bf16,closed-loop,vllm," for b, i in points]

    def told(i: int, predicted: float) -> float:
        return 1e3 * predicted * times * (outlier if i == len(lines) - 1 else 1.0)

    return measured(cli, folder / "rows.csv", "serving", HEAD, lines, told)


def test_a_slower_stack_is_learnt_and_used(cli: Cli, tmp_path: Path) -> None:
    made = tmp_path / "mystack.toml"
    run = cli("calibrate", str(rows(cli, tmp_path, 1.5)), "-o", str(made), "--json")
    assert run.code == 0, run.err
    schema("calibrate").validate(run.json)
    assert run.json["result"]["median_ape_pct"] == pytest.approx(100 / 3, abs=0.1)
    assert run.json["result"]["median_ape_after_pct"] < 12
    before, after = cli(*SERVE), cli(*SERVE, "--calibration", str(made))
    assert after.json["result"]["tpot_seconds"] / before.json["result"]["tpot_seconds"] == pytest.approx(1.5, rel=0.15)
    assert "W102" in {w["code"] for w in after.json["warnings"]}
    elsewhere = (
        *("serve", "--model", "llama-3.1-8b", "--hardware", "a100-80gb-sxm", "--isl", "1000", "--osl", "500"),
        *("--batch", "32", "--json"),
    )
    assert cli(*elsewhere).json["result"] == cli(*elsewhere, "--calibration", str(made)).json["result"]


def test_an_outlier_does_not_pull(cli: Cli, tmp_path: Path) -> None:
    answer = cli("calibrate", str(rows(cli, tmp_path, 1.0, outlier=10.0)), "--json").json
    assert sorted(abs(row["error_after_pct"]) for row in answer["rows"])[3] < 6


def test_a_right_stack_moves_nothing(cli: Cli, tmp_path: Path) -> None:
    answer = cli("calibrate", str(rows(cli, tmp_path, 1.0)), "--json").json
    assert all(0.9 < row["multiplier"] < 1.1 for row in answer["constants"])
    assert {row["told"] for row in answer["constants"]} == {True, False}


def test_the_range_widens_with_the_distance(cli: Cli, tmp_path: Path) -> None:
    made = tmp_path / "mystack.toml"
    cli("calibrate", str(rows(cli, tmp_path, 1.2)), "-o", str(made))

    def width(*said: str) -> float:
        words = (
            "serve",
            "--framework",
            "vllm",
            "--hardware",
            "h100-sxm",
            "--osl",
            "500",
            "--batch",
            "32",
            *said,
            "--json",
        )
        found = cli(*words).json["ranges"]["tpot_seconds"]
        return float(found["p95"] / found["p5"])

    own = ("--calibration", str(made))
    here, longer, other = (
        width("--model", model, "--isl", isl, *own)
        for model, isl in (("llama-3.1-8b", "1000"), ("llama-3.1-8b", "20000"), ("qwen3-4b", "20000"))
    )
    assert here < longer < other
    assert here < 0.7 * width("--model", "llama-3.1-8b", "--isl", "1000")


@pytest.mark.parametrize("text", ["", "title = 'x'\n", "[serving]\nrows = 'many'\n", "[serving]\nfactors = 3\n"])
def test_what_is_no_calibration_is_refused(cli: Cli, tmp_path: Path, text: str) -> None:
    path = tmp_path / "odd.toml"
    path.write_text(text)
    run = cli(*SERVE, "--calibration", str(path))
    assert run.code == 2
    assert run.err.startswith("error: odd.toml") or "'odd.toml'" in run.err


def test_nothing_to_learn_is_said(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"model_id": "nobody/knows", "num_prompts": 5, "request_rate": "inf", "max_concurrency": 1,
                                "duration": 10.0, "completed": 5, "total_input_tokens": 500, "total_output_tokens": 500,
                                "mean_ttft_ms": 50.0, "mean_tpot_ms": 20.0}))  # fmt: skip
    run = cli("calibrate", str(path))
    assert (run.code, "nothing to learn from" in run.err) == (2, True)


def test_the_file_holds_what_was_measured(cli: Cli, tmp_path: Path) -> None:
    made = tmp_path / "mystack.toml"
    cli("calibrate", str(rows(cli, tmp_path, 1.5)), "-o", str(made))
    held = tomllib.loads(made.read_text())["serving"]
    assert (held["rows"], held["framework"], {p["isl"] for p in held["points"]}) == (8, "vllm", {500.0, 2000.0})


def test_exchanged_figures_teach_nothing(cli: Cli, tmp_path: Path) -> None:
    """The same rows with their figures the other way round: ranges stay wide, wider than between any stacks."""
    path = rows(cli, tmp_path, 1.2)

    def width() -> float:
        """Of the ranges afterwards, in ln [-]."""
        return median(math.log(r["p95"] / r["p5"]) for r in cli("calibrate", str(path), "--json").json["rows"])

    own = width()
    head, *lines = path.read_text().split()
    figures = [line.rsplit(",", 1)[1] for line in lines]
    mixed = [f"{line.rsplit(',', 1)[0]},{figure}" for line, figure in zip(lines, reversed(figures), strict=True)]
    path.write_text("\n".join([head, *mixed]) + "\n")
    assert width() > max(2.5 * own, 2.0 * 1.645 * 0.3)


def test_rows_scored_under_a_calibration(cli: Cli, tmp_path: Path) -> None:
    """Half of the rows are learnt, the other half predicted nearly; rows of another machine stay as they were."""
    path, made = rows(cli, tmp_path, 1.5), tmp_path / "mystack.toml"
    head, *lines = path.read_text().split()
    learnt, left, away = (tmp_path / f"{name}.csv" for name in ("learnt", "left", "away"))
    learnt.write_text("\n".join([head, *lines[::2]]) + "\n")
    left.write_text("\n".join([head, *lines[1::2]]) + "\n")
    away.write_text("\n".join([head, *(line.replace("h100-sxm", "a100-80gb-sxm") for line in lines)]) + "\n")
    cli("calibrate", str(learnt), "-o", str(made))

    def error(file: Path, *more: str) -> float:
        found = cli("validate", "serving", "--data", str(file), *more, "--json").json
        return float(found["result"]["median_ape_pct"])

    own = ("--calibration", str(made))
    assert error(left, *own) < 0.4 * error(left)
    assert error(away, *own) == pytest.approx(error(away))


TRAINING = (
    "model_id,hardware_id,n_gpus,seq_len,global_batch_seqs,tp,pp,micro_batch,precision_id,framework_id,measured_step_s"
)
RUN = ("train", "--model", "llama-3.1-8b", "--hardware", "h100-sxm", "--gpus", "64", "--tokens", "100B", "--seq-len", "4096",
       "--global-batch-tokens", "2097152", "--framework", "megatron", "--json")  # fmt: skip


def test_a_slower_training_stack_is_learnt_and_used(cli: Cli, tmp_path: Path) -> None:
    points = [(gpus, seqs) for gpus in (32, 64, 128) for seqs in (256, 512)]
    lines = [f"llama-3.1-8b,h100-sxm,{gpus},4096,{seqs},2,1,1,bf16,megatron," for gpus, seqs in points]
    made = tmp_path / "mystack.toml"
    path = measured(cli, tmp_path / "steps.csv", "training", TRAINING, lines, lambda _, predicted: 1.3 * predicted)
    answer = cli("calibrate", str(path), "-o", str(made), "--json").json
    assert answer["result"]["median_ape_after_pct"] < 5.0
    before, after = cli(*RUN).json, cli(*RUN, "--calibration", str(made)).json
    assert after["result"]["gpu_hours"] / before["result"]["gpu_hours"] == pytest.approx(1.3, rel=0.07)
    widths = [a["ranges"]["gpu_hours"]["p95"] / a["ranges"]["gpu_hours"]["p5"] for a in (before, after)]
    assert widths[1] < widths[0]


PEAKS = "model_id,hardware_id,n_gpus,method,framework,seq_len,micro_batch,recompute,lora_rank,optimizer,peak_gib"
PEAK = ("fit", "--method", "lora", "--model", "qwen2.5-7b", "--hardware", "a100-80gb-sxm", "--gpus", "1", "--seq-len", "2048",
        "--micro-batch", "2", "--json")  # fmt: skip


def peaks(cli: Cli, folder: Path, more_gib: float, outlier: float = 1.0) -> Path:
    """Eight runs with adapters that hold so much more than is predicted, the last of them further off."""
    points = [(model, b) for model in ("qwen2.5-7b", "llama-3.1-8b") for b in (1, 2, 4, 8)]
    lines = [f"{model},a100-80gb-sxm,1,lora,hf-trainer,1024,{b},full,16,adamw," for model, b in points]

    def told(i: int, predicted: float) -> float:
        return (predicted / 2**30 + more_gib) * (outlier if i == len(lines) - 1 else 1.0)

    return measured(cli, folder / "peaks.csv", "memory", PEAKS, lines, told)


def test_a_process_that_holds_more_is_learnt_and_used(cli: Cli, tmp_path: Path) -> None:
    """Every peak 0.8 GiB over what is predicted: a run of another length holds it too, one of another stack does not."""
    made = tmp_path / "mystack.toml"
    run = cli("calibrate", str(peaks(cli, tmp_path, 0.8)), "-o", str(made), "--json")
    assert run.code == 0, run.err
    schema("calibrate").validate(run.json)
    assert run.json["result"]["median_ape_after_pct"] < 0.4 * run.json["result"]["median_ape_pct"]
    told = {row["constant"]: row for row in run.json["constants"]}
    assert told["process"]["multiplier"] > 1.0  # frozen weights of two sizes alone tell it from states
    assert all(0.8 < told[name]["multiplier"] < 1.25 for name in ("activations", "logits"))
    before, after = cli(*PEAK), cli(*PEAK, "--calibration", str(made))
    more = (after.json["result"]["peak_bytes"] - before.json["result"]["peak_bytes"]) / 2**30
    assert more == pytest.approx(0.8, abs=0.4)
    assert "W102" in {w["code"] for w in after.json["warnings"]}
    other = (*PEAK, "--framework", "torchtune")
    assert cli(*other).json["result"] == cli(*other, "--calibration", str(made)).json["result"]


def test_a_peak_that_is_far_off_does_not_pull(cli: Cli, tmp_path: Path) -> None:
    answer = cli("calibrate", str(peaks(cli, tmp_path, 0.0, outlier=2.0)), "--json").json
    assert all(0.9 < row["multiplier"] < 1.1 for row in answer["constants"])
    assert sorted(abs(row["error_after_pct"]) for row in answer["rows"])[-2] < 3


POOLS = "engine,engine_version,model_id,hardware_id,weight_precision,n_gpus,tp,mem_fraction,max_model_len,kv_tokens"
POOL = ("fit", "--model", "llama-3.1-8b", "--hardware", "h100-sxm", "--memory-fraction", "0.9", "--json")


def pools(cli: Cli, folder: Path, less_gib: float) -> Path:
    """Six starts of vLLM whose pools lack so much memory of a 128 KiB token, as if the engine held more."""
    models = [("llama-3.1-8b", 131072.0), ("qwen3-8b", 147456.0), ("qwen3-14b", 163840.0)]
    every = [(model, each, share) for model, each in models for share in (0.8, 0.9)]
    lines = [f"vllm,0.30,{model},h100-sxm,bf16,1,1,{share},8192," for model, _, share in every]

    def told(i: int, predicted: float) -> float:
        return round(predicted - less_gib * 2**30 / every[i][1])

    return measured(cli, folder / "pools.csv", "memory", POOLS, lines, told)


def test_an_engine_that_holds_more_is_learnt_and_used(cli: Cli, tmp_path: Path) -> None:
    """Pools of 2 GiB less: the next one, of a model that was not measured, is smaller by 1 to 3 GiB and surer."""
    made = tmp_path / "mystack.toml"
    run = cli("calibrate", str(pools(cli, tmp_path, 2.0)), "-o", str(made), "--json")
    assert run.code == 0, run.err
    assert run.json["result"]["median_ape_after_pct"] < 0.5 * run.json["result"]["median_ape_pct"]
    assert {row["side"] for row in run.json["constants"]} == {"memory_serving"}
    own = ("--calibration", str(made))
    before, after = (cli(*POOL, "--framework", "vllm", *more).json for more in ((), own))
    less = (before["result"]["kv_tokens"] - after["result"]["kv_tokens"]) * 131072 / 2**30
    assert 1.0 < less < 3.0

    def width(answer: Any) -> float:
        part = next(row for row in answer["memory"] if row["name"] == "engine workspace")
        return float(part["p95"] / part["bytes"])

    assert width(after) < width(before)
    elsewhere = (*POOL[:4], "a100-80gb-sxm", *POOL[5:], "--framework", "vllm")
    assert cli(*elsewhere).json["result"] == cli(*elsewhere, *own).json["result"]


def test_a_pool_that_is_asked_for_tells_no_width(cli: Cli, tmp_path: Path) -> None:
    """llama.cpp holds the tokens that it is told to: such a figure has no range that others could be set against."""
    path = tmp_path / "llama.csv"
    lines = [f"llama.cpp,{model},int4,rtx3090,1,8192,8192" for model in ("llama-3-8b", "qwen3-8b")]
    head = "engine,model_id,weight_precision,hardware_id,n_gpus,max_model_len,kv_tokens"
    path.write_text("\n".join([head, *lines]) + "\n")
    made = tmp_path / "mystack.toml"
    assert cli("calibrate", str(path), "-o", str(made)).code == 0
    assert tomllib.loads(made.read_text())["memory_serving"]["spread"] == 1.0


@pytest.mark.parametrize("text", ["[memory_training]\nrows = 3\n", "[memory_serving.factors]\nkept = 2.0\n"])
def test_a_table_of_memory_that_is_none_is_refused(cli: Cli, tmp_path: Path, text: str) -> None:
    path = tmp_path / "odd.toml"
    path.write_text(text)
    run = cli(*POOL, "--calibration", str(path))
    assert run.code == 2
    assert "is not what llmcost calibrate writes" in run.err
