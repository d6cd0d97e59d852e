"""`validate memory`: rows of engines and of trainers, told apart by their columns."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmcost.estimate.validate.memory_score import reliability, verdicts, within
from llmcost.estimate.validate.scored import Scored
from tests.conftest import Cli, validation_rows, written

MEASURED = {
    "memory_serving.csv": ["device_total_gib", "weights_gib", "kv_tokens", "concurrency", "peak_gib", "verdict"],
    "memory_training.csv": ["peak_gib", "verdict"],
    "memory_finetune.csv": ["peak_memory_gb", "fits"],
}


def test_the_report_counts_every_measured_figure(cli: Cli) -> None:
    run = cli("validate", "memory", "--json")
    assert run.code == 0, run.err
    answer = run.json
    by = {
        quantity: sum(any(row.get(c) for c in columns) for file in MEASURED for row in validation_rows(file))
        for quantity, columns in {
            "kv_tokens": ["kv_tokens"],
            "weight_bytes": ["weights_gib"],
            "peak_bytes": ["peak_gib", "peak_memory_gb"],
        }.items()
    }
    for quantity, count in by.items():
        mine = [r for r in answer["rows"] if r["quantity"] == quantity]
        assert len(mine) == count
        for row in (r for r in mine if r["predicted"] is not None):
            assert row["p5"] <= row["predicted"] <= row["p95"]
            assert row["error_pct"] == pytest.approx(100 * (row["predicted"] / row["measured"] - 1))
    fits = [r for r in answer["rows"] if r["quantity"] == "fits"]
    assert all(r["measured"] in (0.0, 1.0, None) for r in fits)
    assert all(0.0 <= r["predicted"] <= 1.0 for r in fits if r["predicted"] is not None)
    summary = answer["summary"]
    assert summary["oom_rows"] + summary["ran_rows"] == sum(r["predicted"] is not None for r in fits)
    assert answer["result"]["oom_called_fitting_pct"] == summary["oom_called_fitting_pct"]


@pytest.mark.parametrize("file", MEASURED)
def test_what_was_measured_is_not_read(cli: Cli, tmp_path: Path, file: str) -> None:
    rows = validation_rows(file, 7)
    wanted = {(r["id"], r["quantity"]): r["predicted"] for r in _answer(cli, written(tmp_path / "a.csv", rows))}
    for row in rows:
        for column in MEASURED[file]:
            if column in ("verdict", "fits"):
                row[column] = "" if not row[column] else "no" if row[column] in ("runs", "yes") else "yes"
            elif row[column]:
                row[column] = str(float(row[column]) * 1.7)
    found = {(r["id"], r["quantity"]): r["predicted"] for r in _answer(cli, written(tmp_path / "b.csv", rows))}
    assert found == wanted


def _answer(cli: Cli, path: str) -> list[dict[str, float | str | None]]:
    run = cli("validate", "memory", "--data", path, "--json")
    assert run.code == 0, run.err
    assert run.json["result"]["subject"] == "memory"
    rows: list[dict[str, float | str | None]] = run.json["rows"]
    return rows


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("engine", "my-engine 3"),
        ("model_id", "no-such-model"),
        ("hardware_id", "no-such-card"),
        ("weight_precision", "q9"),
    ],
)
def test_a_name_that_nobody_knows_is_skipped_and_counted(cli: Cli, tmp_path: Path, column: str, value: str) -> None:
    row = next(r for r in validation_rows("memory_serving.csv") if r["kv_tokens"] and r["engine"] == "vllm")
    odd = {**row, "id": "odd", "hardware": "", column: value}
    answer = _answer(cli, written(tmp_path / "a.csv", [row, odd]))
    mine = [r for r in answer if r["id"] == "odd" and r["quantity"] == "kv_tokens"]
    assert len(mine) == 1
    if column == "engine":  # as an engine that is not named
        assert mine[0]["predicted"]
    else:
        assert mine[0]["predicted"] is None
        assert mine[0]["reason"]


def test_rows_of_trainers_of_other_names_are_read(cli: Cli, tmp_path: Path) -> None:
    """The columns of fine-tuning measurements: framework_id, precision_id, recompute_id, peak_memory_gb, fits."""
    path = tmp_path / "rows.csv"
    path.write_text(
        "id,model_id,hardware_id,n_gpus,precision_id,seq_len,global_batch_seqs,micro_batch,recompute_id,framework_id,"
        "method,optimizer,peak_memory_gb,fits\n"
        "a,mistral-7b-v0.1,a100-80gb-sxm,1,bf16,4096,4,4,full,hf-trainer,full,\"adamw, states in weight dtype\",73.0,yes\n"
        "b,mistral-7b-v0.1,a100-80gb-sxm,1,bf16,4096,4,4,full,hf-trainer,full,adamw,,no (out of memory)\n"
        "c,mistral-7b-v0.1,a100-80gb-sxm,1,bf16,,4,4,full,hf-trainer,full,adamw,,no\n"
    )  # fmt: skip
    run = cli("validate", "memory", "--data", str(path), "--json")
    assert run.code == 0, run.err
    peak, first, second, third = run.json["rows"]
    # 7.24e9 parameters x 8 bytes are 57.9 GB of states; 73.0 GB were measured
    assert (peak["quantity"], peak["measured"]) == ("peak_bytes", 73e9)
    assert 62e9 < peak["predicted"] < 84e9
    assert first["measured"] == 1.0
    assert second["measured"] == 0.0
    assert second["predicted"] < 0.01  # 16 bytes a parameter are 116 GB
    assert third["predicted"] is None
    assert "seq_len" in third["reason"]


def test_verdicts_by_hand() -> None:
    """Two that failed, one of them said to fit: 50 %; four that ran, one refused: 25 %; 85 and 90 % both ran."""
    fits = [(0.0, 0.7), (0.0, 0.2), (1.0, 0.99), (1.0, 0.4), (1.0, 0.85), (1.0, 0.9), (1.0, None), (None, 0.5)]
    scored = [Scored("", "fits", measured, predicted, None, None, "") for measured, predicted in fits]
    assert verdicts(scored) == {
        "oom_rows": 2, "oom_called_fitting_pct": 50.0, "ran_rows": 4, "ran_refused_pct": 25.0,
        "likely_rows": 2, "likely_ran_pct": 100.0,
    }  # fmt: skip
    amounts = [Scored("", "peak_bytes", 10.0, p, 1.0, 20.0, "") for p in (10.9, 11.2, 8.0)]
    assert within(amounts, 10.0) == pytest.approx(100 / 3)
    assert within([], 10.0) is None


def test_reliability_by_hand() -> None:
    """Of 70 and 60 % one ran: half of 65 %; 5 % is the start of a range, and 100 % is in the last one."""
    fits = [(0.0, 0.7), (1.0, 0.6), (1.0, 0.05), (1.0, 1.0), (1.0, 0.97), (1.0, None), (None, 0.3)]
    found = reliability([Scored("", "fits", ran, said, None, None, "") for ran, said in fits])
    assert [(r["said_from"], r["said_to"], r["n"]) for r in found] == [(0.05, 0.2, 1), (0.5, 0.8, 2), (0.95, 1.0, 2)]
    assert [r["said_mean"] for r in found] == pytest.approx([0.05, 0.65, 0.985])
    assert [r["ran_share"] for r in found] == [1.0, 0.5, 1.0]


def test_reliability_counts_every_verdict(cli: Cli) -> None:
    answer = cli("validate", "memory", "--json").json
    counted = sum(r["n"] for r in answer["reliability"])
    assert counted == answer["summary"]["oom_rows"] + answer["summary"]["ran_rows"]
    assert {r["subject"] for r in answer["reliability"]} == {"serving", "training"}


def test_a_file_without_a_measurement_says_which_columns(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("id,engine,model_id,hardware_id,verdict\na,vllm,llama-3.1-8b,h100-sxm,\n")
    run = cli("validate", "memory", "--data", str(path))
    assert run.code == 2
    assert "no row has a measurement" in run.err
    assert "kv_tokens" in run.err
