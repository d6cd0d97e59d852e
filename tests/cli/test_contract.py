"""The contract with scripts: JSON, formats, exit codes, streams."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from llmcost import schemas
from tests.conftest import ROOT, Cli, Run, schema

QUESTIONS = {
    "train": ("train", "--model", "llama-3.1-405b", "--tokens", "15.6T", "--hardware", "h100-sxm", "--gpus", "16384"),
    "train given": ("train", "--model", "deepseek-v3", "--gpu-hours", "2.788M", "--price", "2/h"),
    "train lora": ("train", "--model", "llama-3.1-70b", "--tokens", "1B", "--hardware", "h100-sxm", "--gpus", "8", "--method", "lora"),
    "train rl": ("train", "--model", "llama-3.1-8b", "--rollout-tokens", "100M..1B", "--hardware", "h100-sxm", "--gpus", "16", "--method", "rl"),
    "train long": ("train", "--model", "llama-3.1-8b", "--tokens", "1T..2T", "--long-tokens", "10B", "--long-seq-len", "65536", "--hardware", "h100-sxm", "--gpus", "512"),
    "serve": ("serve", "--model", "llama-3.1-70b", "--hardware", "h100-sxm", "--dtype", "fp8", "--tp", "2", "--isl", "1000", "--osl", "1000"),
    "serve traffic": ("serve", "llama-3.1-70b-chat"),
    "crossover": ("crossover", "llama-3.1-70b-chat", "--start", "2027-01-01"),
    "crossover given": ("crossover", "--train-cost", "150M", "--cost-per-request", "0.05", "--requests", "10M/day"),
    "crossover never": ("crossover", "--train-cost", "150M", "--cost-per-request", "0.05", "--requests", "10/day"),
    "crossover range": ("crossover", "--train-cost", "100M..200M", "--cost-per-request", "0.02..0.08", "--requests", "10M/day"),
    "compare": ("compare", "--model", "llama-3.1-8b", "--tokens", "15T", "--gpus", "512", "--vary", "hardware=h100-sxm,a100-80gb-sxm"),
    "presets": ("presets", "show", "h100-sxm"),
}  # fmt: skip


@pytest.mark.parametrize("name", QUESTIONS)
def test_json_follows_its_schema_and_repeats(cli: Cli, name: str) -> None:
    first = cli(*QUESTIONS[name], "--json")
    assert first.code == 0, first.err
    command = QUESTIONS[name][0]
    schema(command).validate(first.json)
    assert first.json["schema"] == f"llmcost/{command}/1"
    assert first.out.endswith("}\n")
    assert cli(*QUESTIONS[name], "--json").out == first.out


@pytest.mark.parametrize("name", QUESTIONS)
def test_cost_rows_add_up(cli: Cli, name: str) -> None:
    answer = cli(*QUESTIONS[name], "--json").json
    for row in answer["breakdown"]:
        assert row["cost_usd"] == pytest.approx(row["quantity"] * row["rate_usd"], rel=1e-9)
    total = answer["result"].get("total_usd", answer["result"].get("usd_per_month"))
    if answer["breakdown"] and total is not None:
        assert sum(r["cost_usd"] for r in answer["breakdown"]) == pytest.approx(total, rel=1e-9)
    for key, r in answer["ranges"].items():
        known = [v for v in (r["p5"], r["p50"], r["p95"]) if v is not None]
        assert known == sorted(known), key
        assert r["p50"] == answer["result"].get(key, r["p50"])


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_format_answers(cli: Cli, name: str) -> None:
    for form in ("table", "csv", "markdown"):
        run = cli(*QUESTIONS[name], "--format", form)
        assert run.code == 0, run.err
        assert run.out.strip()
        assert "\x1b" not in run.out
        assert all(line.startswith(("warning: ", "note: ", "hint: ")) for line in run.err.splitlines()), run.err


def test_the_table_shows_nothing_that_json_has_not(cli: Cli) -> None:
    answer = cli(*QUESTIONS["train"], "--json").json
    table = cli(*QUESTIONS["train"]).out
    assert answer["headline"] in table


def test_csv_is_rectangular(cli: Cli) -> None:
    for name in QUESTIONS:
        rows = list(csv.reader(io.StringIO(cli(*QUESTIONS[name], "--format", "csv").out)))
        assert len({len(r) for r in rows}) == 1, name


def test_output_file_holds_what_the_screen_would(cli: Cli, tmp_path: Path) -> None:
    target = tmp_path / "answer.json"
    run = cli(*QUESTIONS["train"], "--json", "-o", str(target))
    assert run.out == ""
    assert "wrote" in run.err
    assert target.read_text() == cli(*QUESTIONS["train"], "--json").out


def test_explain_is_in_the_json_too(cli: Cli) -> None:
    steps = cli(*QUESTIONS["train"], "--json", "--explain").json["steps"]
    assert {"training FLOPs", "goodput", "cost"} <= {s["name"] for s in steps}
    assert all(s["source"] for s in steps)
    text = cli(*QUESTIONS["train"], "--explain").out
    assert all(s["name"] in text for s in steps)


def test_every_input_has_an_origin(cli: Cli) -> None:
    for name in ("train", "serve", "crossover"):
        for key, given in cli(*QUESTIONS[name], "--json").json["inputs"].items():
            origin = given["origin"].split(":")[0]
            assert origin in ("flag", "file", "preset", "user-preset", "default", "computed", "estimate"), key
            if origin in ("default", "preset"):
                assert given["source"] or key.endswith(("dtype", "commitment")), key


def test_precedence(cli: Cli, tmp_path: Path) -> None:
    scenario, below = tmp_path / "a.toml", tmp_path / "b.toml"
    scenario.write_text('model = "llama-3.1-8b"\ntokens = "1T"\nhardware = "h100-sxm"\nprice = "2/h"\n')
    below.write_text('price = "9/h"\ngpus = 64\nmfu = "30%"\n')
    run = cli("train", str(scenario), "--config", str(below), "--mfu", "50%", "--json").json["inputs"]
    assert (run["price"]["value"], run["price"]["origin"]) == (2.0, "file:a.toml")
    assert (run["gpus"]["value"], run["gpus"]["origin"]) == (64, "file:b.toml")
    assert (run["mfu"]["value"], run["mfu"]["origin"]) == (0.5, "flag")


def test_scenario_from_standard_input(cli: Cli) -> None:
    run = cli("crossover", "-", "--json", stdin='train_cost = "150M"\ncost_per_request = 0.05\nrequests = "10M/day"\n')
    assert run.json["result"]["crossover_days"] == 300
    assert run.json["inputs"]["train_cost"]["origin"] == "file:-"


def test_user_presets_hide_shipped_ones_visibly(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "hardware").mkdir()
    text = cli("presets", "new", "hardware", "h100-sxm", "--from", "h100-sxm").out
    (tmp_path / "hardware" / "h100-sxm.toml").write_text(text)
    run = cli(*QUESTIONS["train"], "--presets", str(tmp_path), "--json").json
    assert run["inputs"]["hardware"]["origin"] == "user-preset:hardware/h100-sxm"
    assert "W001" in {w["code"] for w in run["warnings"]}


def test_never_is_an_answer(cli: Cli) -> None:
    run = cli(*QUESTIONS["crossover never"], "--json")
    assert run.code == 0
    assert run.json["result"]["crossover_days"] is None
    assert run.json["result"]["status"] == "not within the horizon"
    assert run.json["result"]["crossover_requests"] == 3e9


def test_probability_and_null_quantiles(cli: Cli) -> None:
    args = ("--train-cost", "150M", "--cost-per-request", "0.05", "--requests", "500k/day..2M/day", "--json")
    result = cli("crossover", *args).json
    # 150e6 / (0.05 x 1e6) = 3,000 days at the median; 10 y = 3,652.5 days; 500k/day needs 6,000
    assert result["result"]["crossover_days"] == pytest.approx(3000, rel=1e-6)
    assert result["ranges"]["crossover_days"]["p95"] is None
    # P(requests > 150e6 / 0.05 / 3652.5 = 821,355) = Phi(ln(1e6 / 821355) / (ln 2 / 1.6449)) = Phi(0.467) = 0.680
    assert result["result"]["probability_crossed"] == pytest.approx(0.680, abs=0.01)


@pytest.mark.parametrize("name", schemas.NAMES)
def test_schemas_on_disk_are_current_and_are_schemas(name: str) -> None:
    made = schemas.build(name)
    assert json.loads((ROOT / "schemas" / f"{name}.json").read_text()) == made, "run: make schemas"
    jsonschema.Draft202012Validator.check_schema(made)


def test_schema_command_prints_them(cli: Cli) -> None:
    assert cli("schema", "train").json == schemas.build("train")


def test_shipped_scenarios_follow_the_scenario_schema() -> None:
    import tomllib

    for path in sorted((ROOT / "presets" / "scenarios").glob("*.toml")):
        data: dict[str, Any] = tomllib.loads(path.read_text())
        schema("scenario").validate({k: v for k, v in data.items() if k != "sources"})


def test_a_closed_pipe_ends_silently() -> None:
    command = f"set -o pipefail; {sys.executable} -m llmcost presets list models | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 141
    assert done.stderr == ""


def test_ci_colour_variables_do_not_colour_a_pipe(process: Callable[..., Run]) -> None:
    run = process(*QUESTIONS["train given"], env={"GITHUB_ACTIONS": "true", "FORCE_COLOR": ""})
    assert "\x1b" not in run.out


def test_numbers_are_whole_in_a_pipe_without_columns(process: Callable[..., Run]) -> None:
    run = process(*QUESTIONS["train"], env={"COLUMNS": ""})
    assert "…" not in run.out


def test_dollar_spelling_is_understood_in_files(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text('gpu_hours = "2.788M"\nmodel = "deepseek-v3"\nprice = "$2/h"\n')
    assert cli("train", str(path), "--json").json["result"]["total_usd"] == 5_576_000


def test_bugs_are_70(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    import llmcost.estimate.training.answer as module

    def broken(*_: object) -> None:
        raise ZeroDivisionError("\x1b[31mboom\nagain")

    monkeypatch.setattr(module, "read_run", broken)
    run = cli(*QUESTIONS["train"])
    assert run.code == 70
    assert len(run.err.splitlines()) == 2


def test_interrupt_is_130(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    import llmcost.estimate.training.answer as module

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "read_run", interrupted)
    assert cli(*QUESTIONS["train"]).code == 130
