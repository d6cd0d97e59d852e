"""`validate`: reads the inputs of a row and nothing else, and reports what it found."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
import pytest

from llmcost.estimate.validate.scored import Scored, statistics
from llmcost.terms.validate import COLUMNS
from tests.conftest import Cli, validation_rows, written

INPUTS = {
    "training": (
        "id model_id n_params_total n_params_active n_layers d_model n_heads n_kv_heads d_head d_ff ffn_gated vocab "
        "moe_experts moe_topk hardware_id n_gpus precision_id seq_len global_batch_seqs micro_batch tp pp dp cp sp ep vpp "
        "recompute_id zero zero_shard_group framework_id year method lora_rank adapted weight_bits packed compiled "
        "offload optimizer expert_kernels layer_kernels measured_step_s"
    ),
    "memory": (
        "id model_id n_layers d_model n_heads n_kv_heads d_ff vocab hardware_id hardware n_gpus tp pp dp ep cp sp vpp engine "
        "engine_version weight_precision kv_dtype mem_fraction max_model_len max_num_seqs max_batched_tokens framework "
        "method seq_len micro_batch recompute zero precision optimizer loss offload lora_rank expandable_segments "
        "how_measured kv_tokens weights_gib peak_gib peak_memory_gb verdict fits and"
    ),
    "runs": "id model_id params_total params_active tokens hardware_id n_gpus precision seq_len framework_id year gpu_hours",
    "serving": (
        "id model_id params_total params_active n_layers d_model n_heads n_kv_heads d_head d_ff vocab attention_kind "
        "moe_experts moe_topk hardware_id n_gpus tp pp dp ep weight_precision kv_precision compute_precision isl_eff "
        "osl_eff concurrency_or_batch load framework_id year kind prefix_hit_pct draft_tokens tokens_per_step "
        "prefill_groups machine_gpus tpot_ms ttft_ms output_tokens_per_s"
    ),
}
FILES = {"training": "training_measured.csv", "runs": "training_runs.csv", "serving": "serving_measured.csv"}
MEASURED = {
    "training": ("measured_step_s",),
    "runs": ("gpu_hours",),
    "serving": ("tpot_ms", "ttft_ms", "output_tokens_per_s"),
}


def _predicted(cli: Cli, subject: str, path: str) -> dict[tuple[str, str], tuple[float | None, ...]]:
    run = cli("validate", subject, "--data", path, "--json")
    assert run.code == 0, run.err
    return {(r["id"], r["quantity"]): (r["predicted"], r["p5"], r["p95"]) for r in run.json["rows"]}


@pytest.mark.parametrize("subject", FILES)
def test_only_inputs_are_read(cli: Cli, tmp_path: Path, subject: str) -> None:
    rows = validation_rows(FILES[subject], 7)
    for row in rows:
        for name in row:
            if name in ("tokens_per_s_per_gpu", "mfu_pct"):
                pytest.fail(f"{name} holds the answer and is shipped")
    before = _predicted(cli, subject, written(tmp_path / "a.csv", rows))
    keep = set(INPUTS[subject].split())
    background = [n for n in rows[0] if n not in keep]
    assert background
    rng = random.Random(1)
    for name in background:
        values = [row[name] for row in rows]
        rng.shuffle(values)
        for row, value in zip(rows, values, strict=True):
            row[name] = value
    assert _predicted(cli, subject, written(tmp_path / "b.csv", rows)) == before
    blanked = [{k: v if k in keep else "" for k, v in row.items()} for row in rows]
    assert _predicted(cli, subject, written(tmp_path / "c.csv", blanked)) == before
    without = [{k: v for k, v in row.items() if k in keep} for row in rows]
    assert _predicted(cli, subject, written(tmp_path / "d.csv", without)) == before


@pytest.mark.parametrize("subject", FILES)
def test_figures_exchanged_between_rows_move_no_prediction_and_are_missed(
    cli: Cli, tmp_path: Path, subject: str
) -> None:
    """A prediction that knew a row's figure would follow it; one that knows the machine misses a stranger's figure."""
    rows = validation_rows(FILES[subject], 7)
    before = cli("validate", subject, "--data", written(tmp_path / "a.csv", rows), "--json").json
    rng = random.Random(1)
    for name in MEASURED[subject]:
        measured = [row for row in rows if row[name]]
        values = [row[name] for row in measured]
        rng.shuffle(values)
        for row, value in zip(measured, values, strict=True):
            row[name] = value
    after = cli("validate", subject, "--data", written(tmp_path / "b.csv", rows), "--json").json
    said = [{(r["id"], r["quantity"]): (r["predicted"], r["p5"], r["p95"]) for r in a["rows"]} for a in (before, after)]
    assert said[0] == said[1]
    for quantity in {r["quantity"] for r in before["rows"]}:
        each = [
            [r for r in a["rows"] if r["quantity"] == quantity and r["predicted"] and r["measured"]]
            for a in (before, after)
        ]
        missed = [np.median([abs(np.log(r["predicted"] / r["measured"])) for r in of]) for of in each]
        inside = [np.mean([r["p5"] <= r["measured"] <= r["p95"] for r in of]) for of in each]
        assert missed[1] > 3.0 * missed[0], quantity
        assert inside[1] < 0.6 < inside[0], quantity


@pytest.mark.parametrize("subject", FILES)
def test_the_report_counts_every_row(cli: Cli, subject: str) -> None:
    answer = cli("validate", subject, "--json").json
    measured = sum(
        bool(row[c]) and float(row[c]) > 0 for row in validation_rows(FILES[subject], 1) for c in MEASURED[subject]
    )
    listed = {r["id"] for r in answer["rows"]}
    assert all(row["id"] in listed for row in validation_rows(FILES[subject], 1))
    summary, unmeasured = answer["summary"], [r for r in answer["rows"] if r["measured"] is None]
    assert summary["n"] == len(answer["rows"]) - len(unmeasured) == measured
    assert (
        summary["unmeasured"]
        == len(unmeasured)
        == {"training": 0, "runs": 3, "serving": summary["unmeasured"]}[subject]
    )
    skipped = [r for r in answer["rows"] if r["predicted"] is None]
    assert summary["skipped"] == len(skipped) - len(unmeasured)
    assert all(r["reason"] for r in skipped)
    for row in answer["rows"]:
        if row["predicted"] is not None:
            assert row["p5"] < row["predicted"] < row["p95"]
            assert row["error_pct"] == pytest.approx(100 * (row["predicted"] / row["measured"] - 1))
    by = {g["by"] for g in answer["groups"]}
    for group in by:
        assert sum(g["n"] for g in answer["groups"] if g["by"] == group) == measured


def test_a_row_without_a_figure_is_listed_and_not_counted(cli: Cli, tmp_path: Path) -> None:
    """A row with one of several figures is scored on that one; a row with none, or with no number, says so."""
    path = tmp_path / "rows.csv"
    row = "llama-3.1-8b,h100-sxm,1,1024,128,8,closed-loop"
    heads = "id,model_id,hardware_id,tp,isl_eff,osl_eff,concurrency_or_batch,load,tpot_ms,output_tokens_per_s"
    path.write_text(f"{heads}\na,{row},10,\nb,{row},,\nc,{row},0,\nd,{row},fast,\n")
    answer = cli("validate", "serving", "--data", str(path), "--json").json
    assert [(r["id"], r["quantity"]) for r in answer["rows"]] == [(name, "tpot") for name in "abcd"]
    assert answer["rows"][0]["error_pct"] is not None
    reasons = [r["reason"] for r in answer["rows"][1:]]
    assert reasons[:2] == [
        "nothing measured: tpot_ms and output_tokens_per_s are blank", "nothing measured: tpot_ms is zero",
    ]  # fmt: skip
    assert reasons[2] == "nothing measured: tpot_ms is not a number: 'fast'"
    found = {key: answer["summary"][key] for key in ("n", "skipped", "unmeasured")}
    assert found == {"n": 1, "skipped": 0, "unmeasured": 3}
    assert answer["headline"].endswith("; 3 with nothing measured.")


def test_statistics_by_hand() -> None:
    # errors +10 %, -20 %, +50 %: median 20, mean 26.667; bias (1.1 x 0.8 x 1.5)^(1/3) - 1 = 9.696 %; two of three inside
    rows = [
        Scored("a", "q", 10.0, 11.0, 9.0, 13.0, ""),
        Scored("b", "q", 10.0, 8.0, 6.0, 12.0, ""),
        Scored("c", "q", 10.0, 15.0, 12.0, 18.0, ""),
        Scored("d", "q", 10.0, None, None, None, "why"),
    ]
    found = statistics(rows)
    assert (found["n"], found["skipped"]) == (4, 1)
    assert found["median_ape_pct"] == pytest.approx(20.0)
    assert found["mape_pct"] == pytest.approx(80 / 3)
    assert found["bias_pct"] == pytest.approx(100 * (1.32 ** (1 / 3) - 1))
    assert found["coverage_90_pct"] == pytest.approx(200 / 3)
    assert found["median_range_ratio"] == pytest.approx(1.5)
    assert found["p90_ape_pct"] == pytest.approx(44.0)  # of 10, 20 and 50 %: 20 + 0.8 x 30


@pytest.mark.parametrize(
    "content",
    ["", "id\n1\n", "a,b\n1,2\n", "\x00\x01", "id,measured_step_s\n1,nan\n", "id,measured_step_s\n1,-5\n"],
)
def test_bad_data_is_one_line(cli: Cli, tmp_path: Path, content: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(content)
    run = cli("validate", "training", "--data", str(path))
    assert run.code == 2
    assert len(run.err.splitlines()) <= 2
    assert "Traceback" not in run.err


def test_a_row_it_cannot_predict_is_listed_with_the_reason(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("id,model_id,hardware_id,measured_step_s\nx,no-such-model,h100-sxm,1.5\ny,llama-3.1-8b,nothing,2\n")
    answer = cli("validate", "training", "--data", str(path), "--json").json
    assert answer["summary"]["skipped"] == 2
    assert ["no-such-model" in answer["rows"][0]["reason"], "nothing" in answer["rows"][1]["reason"]] == [True, True]


@pytest.mark.parametrize("subject", COLUMNS)
def test_columns_are_named_where_none_is_known(cli: Cli, tmp_path: Path, subject: str) -> None:
    columns = COLUMNS[subject]
    assert set(re.findall(r"[a-z_]{3,}|[tpd]p", str(columns))) - {"where", "stated"} <= set(INPUTS[subject].split())
    odd = tmp_path / "odd.csv"
    odd.write_text("machine,time\nx,1\n")
    run = cli("validate", subject, "--data", str(odd))
    assert (run.code, f"hint: columns: {columns}" in run.err) == (2, True)


def test_own_rows_are_shown_once_with_what_their_bias_means(cli: Cli, tmp_path: Path) -> None:
    """Three rows of one machine: a row a figure, no grouping that is the whole again, and the bias in words."""
    path = tmp_path / "rows.csv"
    heads = "model_id,hardware_id,tp,isl_eff,osl_eff,concurrency_or_batch,load,tpot_ms"
    lines = [f"llama-3.1-8b,h100-sxm,1,1024,128,{n},closed-loop," for n in (4, 8, 16)]
    path.write_text("\n".join([heads, *(f"{line}10" for line in lines)]) + "\n")
    predicted = [r["predicted"] for r in cli("validate", "serving", "--data", str(path), "--json").json["rows"]]
    path.write_text("\n".join([heads, *(f"{a}{2e3 * p}" for a, p in zip(lines, predicted, strict=True))]) + "\n")
    answer = cli("validate", "serving", "--data", str(path), "--json").json
    assert {group["by"] for group in answer["groups"]} == {"quantity"}
    assert {row["unit"] for row in answer["rows"]} == {"s"}
    assert answer["result"]["bias_means"] == "tpot is twice what the engine says, over 3 rows: the stack is slower"
    text = cli("validate", "serving", "--data", str(path)).out
    assert "the stack is slower" in text
    assert sum(line.strip().startswith(("1 ", "2 ", "3 ")) for line in text.splitlines()) == 3


@pytest.mark.parametrize("said", ["LoRA", "qlora", "full", "pretrain"])
def test_a_method_picks_shipped_rows(cli: Cli, said: str) -> None:
    file = "training_measured.csv" if said == "pretrain" else "training_finetune.csv"
    count = sum(row["method"] == said.lower() for row in validation_rows(file))
    result = cli("validate", "training", "--method", said, "--json").json["result"]
    assert (result["file"], result["n"]) == (file, count)


def test_a_method_without_shipped_rows_names_those_that_have_some(cli: Cli) -> None:
    refused = cli("validate", "training", "--method", "dpo")
    assert refused.code == 2
    assert "pretrain, full, lora, qlora" in refused.err
