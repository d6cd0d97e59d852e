"""`--technique` and `--ladder` as a user asks for them."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from llmcost import api
from llmcost.catalog import Catalog
from llmcost.keys.techniques import TECHNIQUES
from tests.conftest import Cli, schema

BASE = ("--model", "llama-3.1-70b", "--hardware", "h100-sxm", "--isl", "1000", "--osl", "500")
TRAFFIC = ("--requests", "1M/day")
STEPS = [
    "fp16 static batch 8", "continuous batching", "fp8 weights and activations", "fp8 KV", "prefix cache 50 %",
    "speculation where it helps",
]  # fmt: skip


def answer(cli: Cli, *args: str) -> Any:
    run = cli("serve", *args, "--json")
    assert run.code == 0, run.err
    schema("serve").validate(run.json)
    return run.json


def result(cli: Cli, *techniques: str, base: tuple[str, ...] = BASE) -> Any:
    return answer(cli, *base, *(x for t in techniques for x in ("--technique", t)))["result"]


def test_the_ladder_of_the_issue(cli: Cli) -> None:
    found = answer(cli, *BASE, *TRAFFIC, "--ladder")
    rows = found["ladder"]
    assert [r["name"] for r in rows[:6]] == STEPS
    assert rows[6]["name"].startswith("commitment (")
    assert rows[0]["factor"] == 1.0
    assert all(r["factor"] == pytest.approx(r["usd_per_mtok_output"] / b["usd_per_mtok_output"], rel=1e-12)
               for b, r in pairwise(rows))  # fmt: skip
    last = rows[-1]["usd_per_mtok_output"] / rows[0]["usd_per_mtok_output"]
    assert math.prod(r["factor"] for r in rows) == pytest.approx(last, rel=1e-9)
    assert rows[-1]["product"] == pytest.approx(last, rel=1e-9)
    assert found["result"]["span"] == pytest.approx(1 / last, rel=1e-9)
    assert all(0 < r["factor"] <= 1 and 0 < r["request_factor"] <= 1 for r in rows)
    assert all(r["caveat"] and r["source"] for r in rows[1:])
    assert found["result"]["usd_per_mtok_output"] == pytest.approx(rows[-1]["usd_per_mtok_output"])


def test_a_ladder_of_ones_own_walks_in_the_order_given(cli: Cli) -> None:
    own = ("fp8-kv", "output-cut=20%", "fp8-weights")
    found = answer(cli, *BASE, "--ladder", *(x for t in own for x in ("--technique", t)))
    rows = found["ladder"]
    assert [r["name"] for r in rows] == ["as asked", *own]
    alone = result(cli, *own)
    assert rows[-1]["usd_per_request"] == pytest.approx(alone["usd_per_request"])
    assert rows[0]["usd_per_request"] == pytest.approx(result(cli)["usd_per_request"])


def test_techniques_commute(cli: Cli) -> None:
    own = ("fp8-kv", "prefix-cache=30%", "response-cache=20%", "batch-tier=50%", "prompt-cut=10%")
    assert result(cli, *own) == result(cli, *reversed(own))


def test_a_file_says_techniques(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "q.toml"
    text = 'model = "llama-3.1-70b"\nhardware = "h100-sxm"\nisl = 1000\nosl = 500\n'
    path.write_text(text + 'technique = ["fp8-kv", "prefix-cache=50%"]\n')
    assert answer(cli, str(path))["result"] == result(cli, "fp8-kv", "prefix-cache=50%")


def test_names_stand_for_options(cli: Cli) -> None:
    same = ("--kv-dtype", "fp8", "--cache-hit", "30%", "--batching", "static", "--batch", "16")
    told = result(cli, "fp8-kv", "prefix-cache=30%", "static-batch=16")
    assert told == pytest.approx(answer(cli, *BASE, *same)["result"])
    alone = result(cli, "no-batching")
    assert alone == pytest.approx(answer(cli, *BASE, "--batching", "static", "--batch", "1")["result"])


def test_weights_alone_are_widened_and_arithmetic_is_not(cli: Cli) -> None:
    weights, both = result(cli, "fp8-weights"), result(cli, "fp8-weights", "fp8-activations")
    assert weights["weight_bytes"] == both["weight_bytes"]
    assert both["usd_per_request"] < weights["usd_per_request"]


def test_shares_by_hand(cli: Cli) -> None:
    """A fifth from the store at $0.00002 a lookup, a tenth of the rest on devices, 1 % to people at $5."""
    plain = result(cli)["usd_per_request"]
    found = result(cli, "response-cache=20%:0.00002", "edge=10%:0.0001", "human=1%:5")
    by_hand = 0.8 * 0.9 * plain + 0.00002 + 0.8 * 0.1 * 0.0001 + 0.01 * 5
    assert found["usd_per_request"] == pytest.approx(by_hand, rel=1e-12)
    assert found["reach_share"] == pytest.approx(0.72)
    assert found["usd_per_mtok_output"] == pytest.approx(0.72 * result(cli)["usd_per_mtok_output"])


def test_a_router_and_a_cascade_by_hand(cli: Cli) -> None:
    """Small model alone from its own command; a cascade pays it for every request."""
    large = result(cli)["usd_per_request"]
    small = result(cli, base=("--model", "llama-3.1-8b", *BASE[2:]))["usd_per_request"]
    routed, passed = result(cli, "routing=30%:llama-3.1-8b"), result(cli, "cascade=30%:llama-3.1-8b")
    assert routed["usd_per_request"] == pytest.approx(0.3 * large + 0.7 * small)
    assert passed["usd_per_request"] == pytest.approx(0.3 * large + small)
    assert passed["small_usd_per_request"] == pytest.approx(small)


def test_token_prices_add_up_to_a_request(cli: Cli) -> None:
    r = result(cli, "prefix-cache=40%", "response-cache=20%", "cascade=30%:llama-3.1-8b")
    tokens = r["usd_per_mtok_output"] * 500 + 600 * r["usd_per_mtok_input"] + 400 * r["usd_per_mtok_cached_input"]
    assert tokens / 1e6 == pytest.approx(r["usd_per_request"])
    assert r["usd_per_mtok_blended"] * 1500 / 1e6 == pytest.approx(r["usd_per_request"])


def test_rows_of_the_bill_add_up(cli: Cli) -> None:
    found = answer(cli, *BASE, *TRAFFIC, "--technique", "response-cache=20%", "--technique", "human=0.1%",
                   "--technique", "cascade=30%:llama-3.1-8b")  # fmt: skip
    total = sum(row["cost_usd"] for row in found["breakdown"])
    assert total == pytest.approx(found["result"]["usd_per_month"])
    assert found["result"]["usd_per_request"] == pytest.approx(total / (1e6 * 365.25 / 12))


def test_offline_work_by_hand(cli: Cli) -> None:
    """Half at 60 %, half at 90 %: 1 / (0.5/0.6 + 0.5/0.9) = 0.72."""
    r = result(cli, "batch-tier=50%:90%")
    assert r["utilization"] == pytest.approx(0.72)
    assert r["usd_per_request"] == pytest.approx(result(cli)["usd_per_request"] * 0.6 / 0.72)


def test_lengths_are_cut(cli: Cli) -> None:
    cut = result(cli, "prompt-cut=50%", "output-cut=20%")
    same = answer(cli, *BASE[:4], "--isl", "500", "--osl", "400")["result"]
    assert cut == pytest.approx(same)


def test_speculation_never_loses_where_its_length_is_open(cli: Cli) -> None:
    plain, open_ = result(cli)["usd_per_request"], result(cli, "speculation=60%")["usd_per_request"]
    assert open_ <= plain * (1 + 1e-9)
    forced = result(cli, "speculation=30%:16")
    assert forced["usd_per_request"] > plain
    assert forced["drafted"] == 16


def test_distillation_lands_on_the_training_side(cli: Cli) -> None:
    """(6 N + 2 M) D FLOPs of student and teacher at the least, priced by the hour."""
    base = ("crossover", "--train-cost", "31M", *BASE, "--requests", "1000M/day", "--json")
    plain, small = cli(*base).json, cli(*base, "--technique", "distill=llama-3.1-8b:100B").json
    added = small["result"]["training_usd"] - 31e6
    assert added == pytest.approx(small["result"]["training_usd_distillation"])
    hours = (6 * 8.03e9 + 2 * 70.55e9) * 100e9 / 989e12 / 3600
    assert hours * 3.95 < added < 8 * hours * 3.95
    assert small["result"]["usd_per_request"] < plain["result"]["usd_per_request"] / 3


def test_a_comparison_varies_techniques(cli: Cli) -> None:
    run = cli("compare", *BASE, "--vary", "technique=none,fp8-kv,fp8-kv+prefix-cache=50%", "--json")
    assert run.code == 0, run.err
    costs = {row["name"]: row["usd_per_request"] for row in run.json["alternatives"]}
    assert len(costs) == 3
    assert list(costs.values()) == sorted(costs.values())


BAD = {
    "speculation=110%": "more than 100%",
    "speculation=1.1": "1.1 could mean",
    "speculation=80%:0": "must be above zero",
    "speculation=80%:99": "at most 32",
    "speculation=80%:4:1": "its step must take less time",
    "speculation=80%:4:llama-3.1-405b": "is no smaller than",
    "prefix-cache=120%": "more than 100%",
    "prefix-cache=100%": "between nothing and all",
    "response-cache=nan": "is not a share",
    "response-cache": "needs its share",
    "routing=30%": "needs its model",
    "routing=0:llama-3.1-8b": "between nothing and all",
    "routing=30%:llama-3.1-405b": "is no smaller than",
    "cascade=30%:llama-3.1-70b": "is no smaller than",
    "cascade=30%:lama-3.1-8b": "did you mean",
    "human=2%:-5": "negative",
    "edge=inf": "is not a share",
    "fp9-weights": "did you mean",
    "fp8-activations": "needs weights no wider",
    "fp8-kv=1": "expected fp8-kv",
    "distill": "needs its model",
    "batch-tier=50%:0": "between nothing and all",
    "": "is not a technique",
    "none+fp8-kv": "exclude each other",
    "commitment=2-year": "is not one of",
}  # fmt: skip


@pytest.mark.parametrize("text", BAD)
def test_a_bad_technique_is_one_line(cli: Cli, text: str) -> None:
    run = cli("serve", *BASE, "--technique", text)
    assert run.code == 2, run.out
    assert run.out == ""
    first, *hints = run.err.splitlines()
    assert first.startswith("error: ")
    assert len(hints) <= 1
    assert BAD[text] in run.err


REFUSED = (
    (("--technique", "fp8-kv", "--technique", "fp8-kv"), "given twice"),
    (("--technique", "fp8-kv", "--technique", "int8-kv"), "exclude each other"),
    (("--technique", "routing=30%:llama-3.1-8b", "--technique", "cascade=30%:llama-3.1-8b"), "exclude each other"),
    (("--technique", "prefix-cache=50%", "--cache-hit", "10%"), "two answers"),
    (("--technique", "speculation", "--pools", "disaggregated"), "not modelled with separate pools"),
    (("--technique", "commitment=1-year", "--price", "2/h"), "commitment has no effect"),
    (("--technique", "prefix-cache=50%", "--phase", "decode"), "prefix-cache has no effect"),
    (("--ladder", "--dtype", "fp8"), "a step of the ladder decides it"),
    (("--technique", "fp8-kv", "--tokens-per-second", "1000/s"), "does not follow from techniques"),
)  # fmt: skip


@pytest.mark.parametrize(("args", "message"), REFUSED, ids=lambda x: "" if isinstance(x, str) else " ".join(x))
def test_contradictions_are_refused(cli: Cli, args: tuple[str, ...], message: str) -> None:
    run = cli("serve", *BASE, *args)
    assert run.code == 2
    assert message in run.err


def test_all_findings_at_once(cli: Cli) -> None:
    run = cli("serve", *BASE, "--technique", "fp9-kv", "--technique", "prefix-cache=2")
    assert run.code == 2
    assert run.err.count("error: --technique: ") == 2


def test_a_file_names_itself_in_a_finding(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "q.toml"
    path.write_text('model = "llama-3.1-8b"\ntechnique = ["fp9-kv"]\n')
    assert "q.toml: technique: unknown technique 'fp9-kv'" in cli("serve", str(path)).err


def test_csv_has_the_ladder(cli: Cli) -> None:
    head, *rows = cli("serve", *BASE, "--ladder", "--format", "csv").out.splitlines()
    assert head.startswith("name,usd_per_mtok_output,factor,product,usd_per_request,")
    assert len(rows) == 7


def test_every_technique_has_its_caveat_and_source() -> None:
    told = {row["name"]: row for row in Catalog([]).table("techniques", "techniques")}
    for name, technique in TECHNIQUES.items():
        row = told.get(name) or told[technique.lever]
        assert row["caveat"]
        assert row["confidence"] in ("vendor", "measured", "third-party", "assumed")


def test_python_has_the_ladder() -> None:
    found = api.serve(model="llama-3.1-8b", hardware="h100-sxm", isl=500, osl=200, ladder=True, technique=["fp8-kv"])
    assert [row["name"] for row in found.arrays["ladder"]] == ["as asked", "fp8-kv"]


def test_help_names_the_techniques(cli: Cli) -> None:
    text = " ".join(cli("serve", "--help").out.split())
    for name in TECHNIQUES:
        shown = name if "-" not in name or name.partition("-")[0] in ("no", "static") else name.split("-")[-1]
        assert shown in text


def test_the_ladder_reads_at_eighty_columns(cli: Cli) -> None:
    out = cli("serve", *BASE, "--ladder").out
    assert out.startswith("From 'fp16 static batch 8' to 'commitment (")
    assert "speculation where it helps" in out


@pytest.mark.parametrize(
    ("technique", "sent"), [("response-cache=20%", 1.0), ("cascade=30%:llama-3.2-1b", 1.0), ("edge=30%", 0.7)]
)
def test_a_bill_with_egress_adds_up(cli: Cli, technique: str, sent: float) -> None:
    args = ("--model", "llama-3.1-8b", "--hardware", "h100-sxm", "--isl", "1000", "--osl", "200", "--price", "2/h")
    more = ("--requests", "10M/day", "--egress-price", "0.09", "--egress-bytes", "10kB", "--technique", technique)
    answer = cli("serve", *args, *more, "--json").json
    rows = {row["name"]: row for row in answer["breakdown"]}
    assert sum(row["cost_usd"] for row in rows.values()) == pytest.approx(answer["result"]["usd_per_month"], rel=1e-9)
    # 10 kB a request; what a device answers is there already
    assert rows["egress"]["quantity"] == pytest.approx(sent * 10e6 * 30.4375 * 1e-5)


@pytest.mark.parametrize("phase", ["prefill", "decode"])
@pytest.mark.parametrize("technique", ["response-cache=20%", "human=1%"])
def test_techniques_beside_one_phase(cli: Cli, phase: str, technique: str) -> None:
    lengths = ("--isl", "1000") if phase == "prefill" else ("--isl", "1000", "--osl", "200")
    args = ("--model", "llama-3.1-8b", "--hardware", "h100-sxm", *lengths, "--requests", "100M/day", "--phase", phase)
    plain, with_it = (cli("serve", *args, *t, "--json") for t in ((), ("--technique", technique)))
    assert with_it.code == 0, with_it.err
    assert with_it.json["result"]["usd_per_request"] != plain.json["result"]["usd_per_request"]


def test_prefill_alone_sends_no_answer(cli: Cli) -> None:
    args = ("--model", "llama-3.1-8b", "--hardware", "h100-sxm", "--isl", "1000", "--phase", "prefill")
    run = cli("serve", *args, "--egress-price", "0.09")
    assert run.code == 2
    assert "missing --egress-bytes" in run.err
    assert cli("serve", *args, "--requests", "100M/day", "--users", "1M").code == 0
