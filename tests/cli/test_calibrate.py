"""`calibrate` and `--calibration`: what is learnt from rows that a known stack would give, and what is not."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest

from llmcost import schemas
from llmcost.catalog import Catalog
from llmcost.engine.machine.factors import picked
from llmcost.estimate.calibrate.stack import applied, read
from tests.conftest import Cli

HEAD = "model_id,hardware_id,n_gpus,tp,isl_eff,osl_eff,concurrency_or_batch,weight_precision,load,framework_id,tpot_ms"
SERVE = ("serve", "--model", "llama-3.1-8b", "--hardware", "h100-sxm", "--framework", "vllm", "--isl", "1000", "--osl", "500",
         "--batch", "32", "--json")  # fmt: skip


def rows(cli: Cli, folder: Path, times: float, outlier: float = 1.0) -> Path:
    """Eight points whose TPOT is so many times what the engine predicts, the last of them further off."""
    points = [(b, i) for b in (1, 8, 32, 128) for i in (500, 2000)]
    lines = [f"llama-3.1-8b,h100-sxm,1,1,{i},500,{b},bf16,closed-loop,vllm," for b, i in points]
    path = folder / "rows.csv"
    path.write_text("\n".join([HEAD, *(line + "10" for line in lines)]) + "\n")
    found = [r["predicted"] for r in cli("validate", "serving", "--data", str(path), "--json").json["rows"]]
    assert len(found) == len(points)
    told = [f"{line}{1e3 * p * times:.6g}" for line, p in zip(lines, found, strict=True)]
    told[-1] = f"{lines[-1]}{1e3 * found[-1] * times * outlier:.6g}"
    path.write_text("\n".join([HEAD, *told]) + "\n")
    return path


def test_a_slower_stack_is_learnt_and_used(cli: Cli, tmp_path: Path) -> None:
    made = tmp_path / "mystack.toml"
    run = cli("calibrate", str(rows(cli, tmp_path, 1.5)), "-o", str(made), "--json")
    assert run.code == 0, run.err
    jsonschema.validate(run.json, schemas.build("calibrate"))
    assert run.json["result"]["median_ape_pct"] == pytest.approx(100 / 3, abs=0.1)
    assert run.json["result"]["median_ape_after_pct"] < 12
    before, after = cli(*SERVE), cli(*SERVE, "--calibration", str(made))
    assert after.json["result"]["tpot_seconds"] / before.json["result"]["tpot_seconds"] == pytest.approx(1.5, rel=0.15)
    assert "W102" in {w["code"] for w in after.json["warnings"]}
    elsewhere = (
        "serve",
        "--model",
        "llama-3.1-8b",
        "--hardware",
        "a100-80gb-sxm",
        "--isl",
        "1000",
        "--osl",
        "500",
        "--batch",
        "32",
        "--json",
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
    stacks, catalog = read(made), Catalog()
    found = []
    for far in (0.0, 1.0, 5.0):
        names = applied(catalog, stacks, {"serving": far}).factors("serving")
        found.append(picked(names, ["tpot_log_spread"], "hopper", "vllm")["tpot_log_spread"])
    known = picked(catalog.factors("serving"), ["tpot_log_spread"], "hopper", "vllm")["tpot_log_spread"]
    assert found[0] <= found[1] <= found[2]
    assert found[2] == pytest.approx(max(known, found[0]), rel=0.01)


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
    assert (held["rows"], held["framework"], held["measured"]["isl"]) == (8, "vllm", [500.0, 2000.0])
