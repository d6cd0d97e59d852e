"""`llmcost compare` as a user meets it: options, exit codes, files, JSON against its schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cli, schema

OWN = "tests/data/own-or-buy.toml"
ASKED: dict[str, list[str]] = {
    "pairs": [OWN],
    "cross": [OWN, "--cross", "requests"],
    "never": [OWN, "--cross", "requests=1/day..1k/day"],
    "optimal": ["--optimal", "--loss-of", "13B", "--inference-tokens", "2T"],
    "against": ["-m", "llama-3.1-8b", "-H", "h100-sxm", "--isl", "1000", "--osl", "300", "--requests", "1M/day",
                "--against", "api:openai/gpt-4o-mini", "--against", "rent:lambda", "--samples", "200"],
}  # fmt: skip


@pytest.mark.parametrize("name", ASKED)
def test_json_is_what_the_schema_says(cli: Cli, name: str) -> None:
    run = cli("compare", *ASKED[name], "--json")
    assert run.code == 0, run.err
    schema("compare").validate(json.loads(run.out))
    assert cli("compare", *ASKED[name], "--format", "markdown" if name == "cross" else "csv").code == 0


@pytest.mark.parametrize(("name", "line"), [("pairs", "own"), ("optimal", "69685")], ids=["name", "size"])
def test_quiet_is_the_answer_alone(cli: Cli, name: str, line: str) -> None:
    assert cli("compare", *ASKED[name], "-q").out.startswith(line)


def test_the_judged_line(cli: Cli) -> None:
    """Alternatives with name, cost and feasible; crossings with a value and both names."""
    words = ["compare", *ASKED["against"], "--json"]
    rows = json.loads(cli(*words).out)["alternatives"]
    assert all({"name", "usd_per_request", "usd_per_month", "feasible"} <= set(row) for row in rows)
    crossed: dict[str, Any] = json.loads(cli(*words, "--cross", "requests").out)
    assert all({"value", "name", "other"} <= set(row) for row in crossed["crossings"])
    assert {row["name"] for row in crossed["alternatives"]} == {row["name"] for row in rows}


def test_columns_and_order(cli: Cli) -> None:
    words = ["compare", *ASKED["against"], "--sort", "usd-per-month", "--columns", "usd_per_month,price,gpus", "--json"]
    rows = json.loads(cli(*words).out)["alternatives"]
    assert [row["usd_per_month"] for row in rows] == sorted(row["usd_per_month"] for row in rows)
    assert all(set(row) == {"name", "inputs", "feasible", "usd_per_month", "gpus", "reason"} for row in rows)
    assert all(set(row["inputs"]) <= {"price"} for row in rows)


def test_changes_between_two_files(cli: Cli, tmp_path: Path) -> None:
    """$100M and $150M of training: 50 % up, one input changed; the question asked again says the same."""
    old, new = (str(tmp_path / name) for name in ("old.json", "new.json"))
    given = ["--cost-per-request", "0.05", "--requests", "10M/day"]
    for path, cost in ((old, "100M"), (new, "150M")):
        assert cli("crossover", "--train-cost", cost, *given, "--json", "-o", path).code == 0
    run = cli("compare", "--baseline", old, new)
    assert "200 to 300: +100 (+50.0 %); 1 input changed: train cost." in run.out
    again = cli("compare", "--baseline", old, "--train-cost", "150M", *given)
    assert again.out == run.out
    assert "Nothing changed." in cli("compare", "--baseline", old, old).out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([OWN, "--against", "own"], "expected api:PROVIDER/MODEL, own: or rent:PROVIDER"),
        ([OWN, "--sort", "prise"], "no such column"),
        ([OWN, "--columns", "usd_per_month,nope"], "'nope': no such column"),
        ([OWN, "--loss-of", "13B"], "no effect"),
        (["--optimal", "--cross", "requests"], "no effect"),
        (["--optimal", "--loss-of", "13B", "--inference-tokens", "2T", "--model", "llama-3.1-8b"], "leave --model out"),
        (["--baseline", "nowhere.json"], "no such file"),
        (["answer.json"], "to compare it with what"),
        ([OWN, "--api", "openai/gpt-99", "--isl", "10", "--osl", "10"], "has no model 'gpt-99'"),
        ([OWN, "--plot", "x.svg", "--plot-kind", "load"], "nothing to draw"),
    ],
)  # fmt: skip
def test_wrong_questions(cli: Cli, words: list[str], says: str) -> None:
    run = cli("compare", *words)
    assert run.code == 2, run.out
    assert says in run.err
    assert run.err.startswith("error: ")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("alternative = 3", "expected [[alternative]] tables"),
        ("[[alternative]]\nisl = 3", "alternative 1: needs a name of its own"),
        ("[[alternative]]\nname = 'a'\ncolour = 3", "alternative 1: unknown key 'colour'"),
        ("[[alternative]]\nname = 'a'\n[[alternative]]\nname = 'a'", "alternative 2: needs a name of its own"),
        ("[[alternative]]\nname = 'a'\nprice = '2'", "alternative 1: price"),
    ],
)
def test_wrong_tables_are_named(cli: Cli, tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(f"requests = '1M/day'\ncost_per_request = '0.01'\n{text}\n", encoding="utf-8")
    run = cli("compare", str(path))
    assert run.code == 2
    assert says in run.err
    assert "a.toml" in run.err


def test_a_value_with_a_comma_goes_in_quotes(cli: Cli, tmp_path: Path) -> None:
    lora = ("-m", "llama-3.1-8b", "-H", "h100-sxm", "--gpus", "1", "--method", "lora", "--tokens", "1M")
    run = cli("compare", *lora, "--vary", 'adapted="q,v",all-linear', "--samples", "50", "--json")
    assert {row["name"] for row in run.json["alternatives"]} == {"adapted q,v", "adapted all-linear"}
    file = tmp_path / "points.csv"
    swept = cli("sweep", *lora, "--vary", "adapted='q,v',all-linear", "-o", str(file))
    assert (swept.code, len(file.read_text("utf-8").splitlines())) == (0, 3)
    for command in (("compare",), ("sweep", "-o", str(file))):
        torn = cli(*command, *lora, "--vary", "adapted=q,v")
        assert (torn.code, """quotes: --vary 'adapted="q,v",...'""" in torn.err) == (2, True)


def test_an_engine_in_the_place_of_a_trainer_is_named_for_its_side(cli: Cli) -> None:
    asked = ("-m", "llama-3.1-8b", "-H", "h100-sxm", "--gpus", "8", "--framework", "ollama", "--tokens", "1B")
    both = cli("crossover", *asked, "--isl", "1000", "--osl", "300", "--requests", "100/day")
    assert (both.code, "--serve-framework ollama" in both.err) == (2, True)
    alone = cli("train", *asked)
    assert (alone.code, "--serve-framework" in alone.err) == (2, False)


def test_months_are_those_of_the_calendar_where_launch_is_dated(cli: Cli) -> None:
    """From 31 January 2027: 1, 28, 31 and 30 days of 1,000 requests at $0.05; quarters end in March and April."""
    said = ("--requests", "1k/day", "--start", "2027-01-31", "--horizon", "90d", "--json")
    alone = cli("crossover", "--train-cost", "1k", "--cost-per-request", "0.05", *said, "--by", "month").json["periods"]
    assert [(row["month"], row["date"]) for row in alone] == [
        (1, "2027-01-31"), (2, "2027-02-28"), (3, "2027-03-31"), (4, "2027-04-30"),
    ]  # fmt: skip
    assert [row["period_inference_usd"] for row in alone] == pytest.approx([50 * days for days in (1, 28, 31, 30)])
    both = ("--train-cost", "1k", "--vary", "cost_per_request=0.05,0.06", "--growth", "0.1%/mo")
    for by, days in (("month", (1, 28, 31, 30)), ("quarter", (60, 30))):
        rows = [r for r in cli("compare", *both, *said, "--by", by).json["periods"] if "0.05" in r["name"]]
        assert [round(row["period_requests"] / 1000) for row in rows] == list(days)
        assert rows[-1]["date"] == "2027-04-30"


def test_machines_of_ones_own_stand_beside_a_fleet_that_follows_its_traffic(cli: Cli) -> None:
    """Owned for the busiest hour, as `--peak-to-average` alone asks: nothing of theirs goes off."""
    asked = ("compare", "-m", "llama-3.1-8b", "-H", "h100-sxm", "--isl", "1000", "--osl", "300", "--requests", "5M/day")
    peak, own = ("--peak-to-average", "2", "--samples", "50", "--json"), ("--against", "own:")
    follows = cli(*asked, *peak, *own, "--scaling", "autoscale", "--min-replicas", "0")
    assert follows.code == 0, follows.err
    rows = {row["name"]: row for row in follows.json["alternatives"]}
    held = {row["name"]: row for row in cli(*asked, *peak, *own).json["alternatives"]}
    assert rows["own:"]["usd_per_month"] == held["own:"]["usd_per_month"]
    assert rows["llama-3.1-8b on h100-sxm"]["usd_per_month"] < held["llama-3.1-8b on h100-sxm"]["usd_per_month"]


def test_a_given_training_cost_beside_traffic_over_time(cli: Cli) -> None:
    said = ("--train-cost", "1M", "--requests", "1M/day", "--growth", "5%/mo", "--isl", "1000", "--osl", "200")
    vary = ("--vary", "model=llama-3.1-8b,llama-3.2-3b")
    for row in cli("compare", "--hardware", "h100-sxm", *said, *vary, "--json").json["alternatives"]:
        model = "llama-3.2-3b" if "3b" in row["name"] else "llama-3.1-8b"
        alone = cli("crossover", "--hardware", "h100-sxm", *said, "--model", model, "--json").json["result"]
        assert row["crossover_days"] == pytest.approx(alone["crossover_days"], rel=1e-9)


def test_a_given_training_cost_under_growth(cli: Cli) -> None:
    # 10k $/day x 30.4375 = $304,375 a month at launch; (1.1^12 - 1) / ln 1.1 = 22.43651 such months in the year, + $1M;
    # training is overtaken when 1.1^m = 1 + ln 1.1 x 1M / 304,375: m = 2.85821 months
    own = cli("compare", OWN, "--growth", "10%/mo", "--json").json["alternatives"][0]
    assert own["total_usd_horizon"] == pytest.approx(7_829_113, rel=1e-5)
    assert own["crossover_days"] == pytest.approx(2.85821 * 30.4375, rel=1e-4)


def test_names_that_several_alternatives_would_have_are_told_apart(cli: Cli, tmp_path: Path) -> None:
    asked = ("--price-decline", "20%/y", "--tokens-per-second", "2000/s", "--samples", "20", "--by", "quarter")
    run = cli("compare", "chat-70b", "batch-8b", "--against", "rent:aws", *asked, "--json")
    assert run.code == 0, run.err
    names = {row["name"] for row in run.json["alternatives"]}
    assert names == {"chat-70b", "batch-8b", "chat-70b, rent:aws", "batch-8b, rent:aws"}
    for quarter in (1, 40):
        assert {row["name"] for row in run.json["periods"] if row["quarter"] == quarter} == names
    assert cli("compare", "chat-70b", "batch-8b", "--against", "rent:aws", *asked).code == 0
    own = tmp_path / "own.toml"
    own.write_text(GIVEN + '[[alternative]]\nname = "rent:aws"\n', encoding="utf-8")
    run = cli("compare", str(own), "--against", "rent:aws", "--samples", "1", "--json")
    assert {row["name"] for row in run.json["alternatives"]} == {"rent:aws", "rent:aws (2)"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("chat-70b", "chat-70b"), "error: 'chat-70b' is given twice"),
        (("chat-70b", "--against", "own:", "--against", "own:"), "error: --against 'own:' is given twice"),
    ],
)
def test_an_alternative_given_twice(cli: Cli, words: tuple[str, ...], says: str) -> None:
    run = cli("compare", *words)
    assert run.code == 2
    assert run.err.startswith(says)


GIVEN = """
model = "llama-3.1-8b"
hardware = "h100-sxm"
requests = "1M/day"
isl = 500
osl = 200
"""


def test_requests_that_differ_are_no_one_column(cli: Cli) -> None:
    options = "--by quarter --horizon 1y --samples 20 --tokens-per-second 2000/s"
    run = cli("compare", "chat-70b", "batch-8b", *options.split())
    first = next(line for line in run.out.splitlines() if line.lstrip().startswith("1 "))
    # a quarter is 91.3125 days of 20 million and of 100 million requests
    assert "1.83B to 9.13B" in first


@pytest.mark.parametrize("asked", ["memory_scale --served 1M", "packing=10%..90% --horizon 30d"])
def test_an_option_without_effect_is_refused_before_the_crossings(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    def crossings(*_: object) -> None:
        raise AssertionError("hundreds of plans")

    monkeypatch.setattr("llmcost.estimate.compare.crossing.crossings", crossings)
    training = "--model llama-3.1-8b --tokens 1T --vary gpus=512,1024 --hardware h100-sxm --samples 20"
    run = cli("compare", *training.split(), "--cross", *asked.split())
    assert (run.code, f"{asked.split()[1]} has no effect" in run.err) == (2, True), run.err
