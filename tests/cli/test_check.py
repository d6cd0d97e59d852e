"""`llmcost check` as a script meets it: exit codes, streams, files, baselines, days."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.conftest import ROOT, Cli, Run, schema

EXAMPLE = ROOT / "examples" / "ci"
GIVEN = 'train_cost = "150M"\ncost_per_request = 0.05\nrequests = "10M/day"\n'  # crosses after 300 days
RUN = 'gpu_hours = "2.788M"\nprice = "2/h"\n'  # costs $5,576,000


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two scenarios whose answers are known exactly."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chat.toml").write_text(GIVEN)
    (tmp_path / "run.toml").write_text(RUN)
    return tmp_path


def budget(*lines: str, scenario: str = "run.toml") -> str:
    """One budget."""
    return "\n".join(["[[budget]]", 'name = "b"', f'scenario = "{scenario}"', *lines, ""])


def rows(run: Run) -> list[dict[str, Any]]:
    """The rows of a JSON answer, which follows its schema."""
    schema("check").validate(run.json)
    found: list[dict[str, Any]] = run.json["rows"]
    return found


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ('max_total_usd = "6M"', 0),
        ("max_total_usd = 5_576_000", 0),
        ('max_total_usd = "5M"', 1),
        ('max_total_usd = { warn = "5M" }', 0),
        ('max_total_usd = { warn = "5M", fail = "6M" }', 0),
        ("max_totl_usd = 1", 2),
        ("max_co2e_kg = 1", 1),
        ("max_usd_per_month = 1", 1),
    ],
)
def test_exit_codes(cli: Cli, repo: Path, limit: str, code: int) -> None:
    (repo / "llmcost.toml").write_text(budget(limit))
    for form in ("table", "json", "csv", "markdown", "github", "junit"):
        run = cli("check", "--format", form)
        assert run.code == code, run
        assert bool(run.out) == (code != 2)
    assert cli("check", "--exit-zero").code == (2 if code == 2 else 0)


def test_one_row_in_full(cli: Cli, repo: Path) -> None:
    (repo / "llmcost.toml").write_text(
        budget('max_total_usd = { fail = "5M", owner = "o", reason = "r", expires = 2027-01-01 }')
    )
    (row,) = rows(cli("check", "--json", "--as-of", "2026-11-23"))
    # 5.576M over 5M is 0.576M, 11.52 %
    assert row["headroom"] == pytest.approx(-0.1152)
    assert row["message"] == "$5.58M exceeds max_total_usd $5.00M by $576k (11.5%)"
    assert (row["estimate"], row["fail"], row["unit"], row["on"]) == (5_576_000, 5e6, "USD", "train")
    assert (row["file"], row["line"], row["owner"], row["reason"], row["expires"]) == (
        "llmcost.toml",
        4,
        "o",
        "r",
        "2027-01-01",
    )
    assert (row["largest_cost"], row["largest_cost_usd"]) == ("accelerator rental", 5_576_000)


def test_all_are_judged_and_the_worst_comes_last(cli: Cli, repo: Path) -> None:
    (repo / "llmcost.toml").write_text(
        budget('max_total_usd = "1M"', 'max_gpu_hours = "2M"', "max_co2e_kg = 1", 'min_total_usd = "1M"')
        + budget("min_crossover_days = { warn = 400, fail = 200 }", "max_usd_per_request = 0.05", scenario="chat.toml")
    )
    run = cli("check", "--json")
    assert [(r["verdict"], r["limit"]) for r in rows(run)] == [
        ("ok", "min_total_usd"),
        ("ok", "max_usd_per_request"),
        ("warn", "min_crossover_days"),
        ("fail", "max_gpu_hours"),
        ("fail", "max_total_usd"),
        ("fail", "max_co2e_kg"),
    ]
    assert run.json["result"] == {
        "verdict": "fail",
        "limits": 6,
        "failed": 3,
        "warned": 1,
        "budgets": 2,
        "scenarios": 2,
    }
    text = cli("check").out
    assert text.splitlines()[0].startswith("3 of 6 limits fail, 1 warns. Worst: b: co2e_kg cannot be computed")
    assert "llmcost.toml:4: b: $5.58M exceeds max_total_usd $1.00M" in text
    assert cli("check", "-q").out == "3\n"


def test_same_question_same_bytes(cli: Cli, repo: Path) -> None:
    (repo / "llmcost.toml").write_text(budget('max_total_usd = "1M"'))
    for form in ("json", "junit", "markdown"):
        assert cli("check", "--format", form).out == cli("check", "--format", form).out


def test_standard_input_presets_and_scenarios_with_a_budget(cli: Cli, repo: Path) -> None:
    assert cli("check", "-", stdin=budget('max_total_usd = "6M"')).code == 0
    assert "standard input:4: b: " in cli("check", "-", stdin=budget('max_total_usd = "5M"')).out
    assert cli("check", "-", stdin=RUN + '[budget]\nmax_total_usd = "5M"\n').code == 1
    (repo / "own.toml").write_text(GIVEN + "[budget]\nmin_crossover_days = 300\n")
    assert cli("check", "own.toml").code == 0
    (repo / "deep" / "er").mkdir(parents=True)
    (repo / "deep" / "er" / "b.toml").write_text(budget('max_total_usd = "5M"', scenario="../../run.toml"))
    (row,) = rows(cli("check", "deep/er/b.toml", "--json"))
    assert (row["scenario"], row["file"]) == ("run.toml", "deep/er/b.toml")
    (row,) = rows(cli("check", str(repo / "deep" / "er" / "b.toml"), "--json"))
    assert (row["scenario"], row["file"]) == ("run.toml", "deep/er/b.toml")
    (repo / "p.toml").write_text(
        budget('max_total_usd = "79M"', "on = 'crossover'", "max_training_usd = '79M'", scenario="gpt-4")
    )
    assert [(r["limit"], r["verdict"], r["scenario"]) for r in rows(cli("check", "p.toml", "--json"))] == [
        ("max_training_usd", "ok", "gpt-4-class"),
        ("max_total_usd", "fail", "gpt-4-class"),  # crossover has no total_usd
    ]


def test_a_key_of_two_commands(cli: Cli, repo: Path) -> None:
    shutil.copy(EXAMPLE / "chat.toml", repo)
    assert "both have gpus here" in cli("check", "-", stdin=budget("max_gpus = 20_000", scenario="chat.toml")).err
    said = [
        rows(cli("check", "-", "--json", stdin=budget("max_gpus = 20_000", f'on = "{on}"', scenario="chat.toml")))[0]
        for on in ("train", "serve")
    ]
    assert said[0]["estimate"] == 16_384
    assert said[0]["estimate"] != said[1]["estimate"]


def test_no_other_command_reads_the_budget_file(cli: Cli, repo: Path) -> None:
    (repo / "llmcost.toml").write_text("broken = ")
    assert cli("train", "run.toml", "-q").code == 0
    assert cli("check").code == 2


WRONG = {
    "missing file": ("check", "no/such.toml"),
    "missing default": ("check",),
    "missing preset": ("check", "no-such"),
    "a folder": ("check", "folder.toml"),
    "broken": ("check", "broken.toml"),
    "binary": ("check", "binary.toml"),
    "unknown key": ("check", "unknown.toml"),
    "missing scenario": ("check", "lost.toml"),
    "broken scenario": ("check", "shaky.toml"),
    "unknown preset": ("check", "preset.toml"),
    "unknown model in a scenario": ("check", "model.toml"),
    "unreachable baseline": ("check", "fine.toml", "--baseline", "no/such.json"),
    "a folder for a baseline": ("check", "fine.toml", "--baseline", "folder.toml"),
    "a baseline that is none": ("check", "fine.toml", "--baseline", "fine.toml"),
    "a relative limit without a baseline": ("check", "growth.toml"),
    "a baseline to write without a name": ("check", "fine.toml", "--update-baseline"),
    "no summary file": ("check", "fine.toml", "--step-summary"),
    "a day that is none": ("check", "fine.toml", "--as-of", "today"),
    "format": ("check", "fine.toml", "--format", "xml"),
    "output": ("check", "fine.toml", "-o", "no/such/x.json"),
    "baseline that cannot be written": ("check", "fine.toml", "--baseline", "no/such/b.json", "--update-baseline"),
    "two days": ("check", "old.toml", "new.toml"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_questions_are_one_line_and_exit_code_2(cli: Cli, repo: Path, name: str) -> None:
    (repo / "folder.toml").mkdir()
    (repo / "broken.toml").write_text("budget = [")
    (repo / "binary.toml").write_bytes(b"\xff\xfe\x00")
    (repo / "fine.toml").write_text(budget('max_total_usd = "6M"'))
    (repo / "unknown.toml").write_text(budget("max_totl_usd = 1"))
    (repo / "lost.toml").write_text(budget("max_total_usd = 1", scenario="lost/x.toml"))
    (repo / "bad.toml").write_text("gpus = -1\n")
    (repo / "shaky.toml").write_text(budget("max_total_usd = 1", scenario="bad.toml"))
    (repo / "preset.toml").write_text(budget("max_total_usd = 1", scenario="pretrain-8c"))
    (repo / "odd.toml").write_text('model = "llama-3.1-7b0"\ntokens = "1T"\nhardware = "h100-sxm"\n')
    (repo / "model.toml").write_text(budget("max_total_usd = 1", "max_gpu_hours = 1", scenario="odd.toml"))
    (repo / "growth.toml").write_text(budget('max_increase = "5%"'))
    for day in ("old", "new"):
        (repo / f"{day}.toml").write_text(
            f"as_of = 202{len(day)}-0{1 + (day == 'new')}-01\n" + budget('max_total_usd = "6M"')
        )
    run = cli(*WRONG[name])
    assert run.code == 2, run
    assert run.out == ""
    assert "Traceback" not in run.err
    errors = [line for line in run.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, run.err
    assert len(errors[0]) < 300
    assert all(line.startswith(("error: ", "hint: ")) for line in run.err.splitlines()), run.err


def test_near_names_and_all_findings_of_all_files(cli: Cli, repo: Path) -> None:
    (repo / "a.toml").write_text(budget("max_totl_usd = 1", "max_gpu_houers = 1"))
    (repo / "b.toml").write_text(budget("max_usd_per_mont = 1"))
    run = cli("check", "a.toml", "b.toml", "no.toml")
    assert len([line for line in run.err.splitlines() if line.startswith("error: ")]) == 4
    for near in ("max_total_usd", "max_gpu_hours", "max_usd_per_month"):
        assert near in run.err
    (repo / "c.toml").write_text(
        budget("max_total_usd = 1", scenario="x.toml") + budget("max_total_usd = 1", scenario="y.toml")
    )
    errors = [line for line in cli("check", "c.toml").err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 2
    assert errors[0].startswith("error: c.toml:3: scenario: no such file: 'x.toml'")


def test_exit_codes_under_pipefail(repo: Path) -> None:
    """What a shell script with `set -o pipefail` sees."""
    (repo / "over.toml").write_text(budget('max_total_usd = "5M"', *[f"max_{k} = 1" for k in ("gpu_hours", "tokens")]))
    (repo / "old.toml").write_text(budget('max_total_usd = { fail = "6M", expires = 2026-01-31 }'))
    (repo / "bad.toml").write_text("x = ")
    (repo / "unknown.toml").write_text(budget("max_totl_usd = 1"))
    llmcost = f"{sys.executable} -m llmcost check"
    cases = {
        f"{llmcost} over.toml | cat": 1,
        f"{llmcost} over.toml --json | true": 141,
        f"{llmcost} missing.toml | cat": 2,
        f"{llmcost} bad.toml | cat": 2,
        f"{llmcost} unknown.toml | cat": 2,
        f"{llmcost} old.toml --as-of 2026-02-01 | cat": 1,
        f"{llmcost} old.toml --as-of 2026-01-31 | cat": 0,
        f"{llmcost} over.toml --baseline /nowhere/b.json | cat": 2,
    }
    script = "\n".join(f"({command}) > out.{i} 2> err.{i}; echo $?" for i, command in enumerate(cases))
    done = subprocess.run(["bash", "-c", f"set -o pipefail\n{script}"], capture_output=True, text=True, check=False)
    assert [int(code) for code in done.stdout.split()] == list(cases.values()), done
    for i, code in enumerate(cases.values()):
        err = Path(f"err.{i}").read_text().splitlines()
        assert sum(line.startswith("error: ") for line in err) == (code == 2), err
        assert not [line for line in err if not line.startswith(("error: ", "hint: "))]


def test_an_exception_ends_with_its_day(cli: Cli, repo: Path) -> None:
    (repo / "llmcost.toml").write_text(budget('max_total_usd = { fail = "6M", expires = 2026-11-30, owner = "o" }'))
    for day, code in (("2026-11-29", 0), ("2026-11-30", 0), ("2026-12-01", 1)):
        assert cli("check", "--as-of", day).code == code
    assert "the exception expired on 2026-11-30" in cli("check", "--as-of", "2026-12-01").out


def test_the_clock_is_read_only_where_a_day_is_needed(cli: Cli, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from llmcost.cli.commands import check

    asked = []

    def clock() -> dt.date:
        asked.append(1)
        return dt.date(2027, 1, 1)

    monkeypatch.setattr(check, "_today", clock)
    (repo / "llmcost.toml").write_text(budget('max_total_usd = "6M"'))
    assert cli("check", "--json").json["inputs"] == {}
    (repo / "llmcost.toml").write_text(budget('max_total_usd = { fail = "6M", expires = 2026-12-31 }'))
    assert cli("check", "--as-of", "2026-12-31").code == 0
    assert asked == []
    run = cli("check", "--json")
    assert run.code == 1
    assert run.json["inputs"]["today"]["value"] == "2027-01-01"
    assert run.json["inputs"]["today"]["origin"] == "clock"
    # a file may pin its prices, but not keep its own exceptions alive
    (repo / "llmcost.toml").write_text(
        "as_of = 2026-11-23\n" + budget('max_total_usd = { fail = "6M", expires = 2026-12-31 }')
    )
    assert cli("check").code == 1


PRICES = """
title = "Ours"
[[prices]]
hardware = "h100-sxm"
commitment = "on-demand"
usd_per_hour = "2/h"
date = 2026-01-01
address = "https://example.org/a"
confidence = "vendor"
[[prices]]
hardware = "h100-sxm"
commitment = "on-demand"
usd_per_hour = "3/h"
date = 2026-07-01
address = "https://example.org/b"
confidence = "vendor"
"""


def test_prices_age_and_as_of_pins_them(cli: Cli, repo: Path) -> None:
    (repo / "presets" / "prices").mkdir(parents=True)
    (repo / "presets" / "prices" / "ours.toml").write_text(PRICES)
    (repo / "run.toml").write_text('gpu_hours = 1000\nhardware = "h100-sxm"\nprovider = "ours"\n')
    (repo / "llmcost.toml").write_text(
        'max_price_age = { warn = "30d", fail = "90d" }\n' + budget("max_total_usd = 2500")
    )

    def at(day: str) -> list[tuple[Any, ...]]:
        run = cli("check", "--json", "--presets", "presets", "--as-of", day)
        return sorted((r["limit"], r["estimate"], r["verdict"]) for r in rows(run))

    days = 86_400
    # 2026-01-01 + 30 d is 01-31, + 90 d is 04-01; the second quote counts from 07-01
    assert at("2026-01-31") == [("max_price_age", 30 * days, "ok"), ("max_total_usd", 2000, "ok")]
    assert at("2026-02-01") == [("max_price_age", 31 * days, "warn"), ("max_total_usd", 2000, "ok")]
    assert at("2026-04-02") == [("max_price_age", 91 * days, "fail"), ("max_total_usd", 2000, "ok")]
    assert at("2026-07-02") == [("max_price_age", 1 * days, "ok"), ("max_total_usd", 3000, "fail")]
    (repo / "run.toml").write_text('gpu_hours = 1000\nhardware = "h100-sxm"\nprice = "2/h"\n')
    assert at("2026-07-02") == [("max_price_age", None, "ok"), ("max_total_usd", 2000, "ok")]


def test_a_pinned_check_is_green_tomorrow(cli: Cli, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from llmcost.cli.commands import check

    monkeypatch.setattr(check, "_today", lambda: dt.date(2036, 1, 1))
    for name in ("chat.toml", "pretrain.toml", "llmcost.toml"):
        shutil.copy(EXAMPLE / name, repo)
    run = cli("check", "--json")
    assert run.code == 0, run.out[:300]
    assert "today" not in run.json["inputs"]


def test_baseline_there_and_back(cli: Cli, repo: Path) -> None:
    (repo / "llmcost.toml").write_text(
        'baseline = "b.json"\n' + budget('max_increase = { warn = "1%", fail = "5%" }', 'max_total_usd = "9M"')
    )
    assert "no such baseline" in cli("check").err
    run = cli("check", "--update-baseline")
    assert (run.code, "wrote 'b.json'" in run.err) == (0, True)
    schema("check").validate(json.loads((repo / "b.json").read_text()))
    before = (repo / "b.json").read_bytes()
    assert cli("check", "--update-baseline").code == 0
    assert (repo / "b.json").read_bytes() == before
    for hours, code, word in (("2.788M", 0, "ok"), ("2.9M", 0, "warn"), ("3M", 1, "fail"), ("2M", 0, "ok")):
        (repo / "run.toml").write_text(f'gpu_hours = "{hours}"\nprice = "2/h"\n')
        run = cli("check", "--json")
        row = next(r for r in rows(run) if r["limit"] == "max_increase")
        assert (run.code, row["verdict"]) == (code, word)
        change = float(hours[:-1]) / 2.788 - 1
        assert row["estimate"] == pytest.approx(change, abs=1e-9)
        assert run.json["totals"][0]["increase"] == pytest.approx(change, abs=1e-9)
        if word != "ok":
            assert (row["moved"], row["moved_from"], row["moved_to"]) == ("gpu_hours", 2.788e6, float(hours[:-1]) * 1e6)
    (repo / "run.toml").write_text('gpu_hours = "3M"\nprice = "2/h"\n')
    assert "moved most    gpu hours 2.79M -> 3.00M" in cli("check").out
    assert cli("check", "--update-baseline").code == 0
    assert cli("check").code == 0


def test_a_scenario_that_the_baseline_has_not_warns(cli: Cli, repo: Path) -> None:
    (repo / "llmcost.toml").write_text(budget('max_total_usd = "6M"'))
    assert cli("check", "--baseline", "b.json", "--update-baseline").code == 0
    (repo / "llmcost.toml").write_text(budget('max_increase = "5%"', "max_crossover_days = 400", scenario="chat.toml"))
    run = cli("check", "--baseline", "b.json", "--json")
    assert run.code == 0
    assert [r["verdict"] for r in rows(run) if r["limit"] == "max_increase"] == ["warn"]


def test_a_failing_check_still_writes_its_baseline_and_nothing_half(cli: Cli, repo: Path) -> None:
    (repo / "llmcost.toml").write_text(budget('max_total_usd = "1M"'))
    assert cli("check", "--baseline", "b.json", "--update-baseline").code == 1
    before = (repo / "b.json").read_text()
    (repo / "llmcost.toml").write_text(budget("max_totl_usd = 1"))
    assert cli("check", "--baseline", "b.json", "--update-baseline").code == 2
    assert (repo / "b.json").read_text() == before
    assert {p.name for p in repo.iterdir()} == {"b.json", "chat.toml", "run.toml", "llmcost.toml"}


def test_step_summary_appends_only_when_asked(cli: Cli, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repo / "llmcost.toml").write_text(budget('max_total_usd = "1M"'))
    summary = repo / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    cli("check")
    assert summary.read_text() == "before\n"
    run = cli("check", "--step-summary", "--format", "github")
    assert run.out.startswith("::error file=llmcost.toml,line=4,")
    assert summary.read_text() == "before\n" + cli("check", "--format", "markdown").out
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(repo / "no" / "such"))
    assert cli("check", "--step-summary").code == 2


def test_what_does_not_fit_fails_with_its_reason(cli: Cli, repo: Path) -> None:
    (repo / "big.toml").write_text(
        'model = "llama-3.1-405b"\nhardware = "h100-sxm"\ngpus = 4\nisl = 1000\nosl = 1000\n'
    )
    (row,) = rows(cli("check", "-", "--json", stdin=budget("max_usd_per_mtok_output = 100", scenario="big.toml")))
    assert row["verdict"] == "fail"
    assert "does not fit on 4 h100-sxm" in row["message"]


def test_examples_follow_the_schema_of_budgets() -> None:
    import tomllib

    for name in ("llmcost.toml", "growth.toml"):
        data = tomllib.loads((EXAMPLE / name).read_text("utf-8"))
        schema("budget").validate(json.loads(json.dumps(data, default=str)))
    budgets: list[Any] = [[{"scenario": "x", "max_totl_usd": 1}], [{"max_total_usd": 1}], [], {}, 1]
    for wrong in ({"budget": said} for said in budgets):
        with pytest.raises(jsonschema.ValidationError):
            schema("budget").validate(wrong)


def test_a_hostile_file_name_stays_on_its_line(cli: Cli, repo: Path) -> None:
    name = "a\n::error::\x1b[31mb.toml"
    (repo / name).write_text(budget("max_totl_usd = 1"))
    err = cli("check", name).err
    assert err.startswith("error: a\\n::error::\\x1b[31mb.toml:4: unknown limit 'max_totl_usd'\n")
    (repo / name).write_text(budget('max_total_usd = "1M"'))
    for form in ("table", "github", "junit", "markdown"):
        out = cli("check", name, "--format", form).out
        assert all(c == "\n" or c.isprintable() for c in out), form


@pytest.mark.usefixtures("repo")
def test_a_crossover_names_its_larger_side(cli: Cli) -> None:
    (row,) = rows(cli("check", "-", "--json", stdin=budget("min_crossover_days = 301", scenario="chat.toml")))
    # $0.05 x 10M a day x 3,652.5 days of horizon = $1.826B, more than the $150M of training
    assert (row["largest_cost"], row["largest_cost_usd"]) == ("inference to the horizon", pytest.approx(1.82625e9))


def test_the_python_api(repo: Path) -> None:
    import llmcost

    (repo / "llmcost.toml").write_text(budget('max_total_usd = "5M"'))
    answer = llmcost.check()
    assert (answer.exit_code, answer.result["failed"]) == (1, 1)
    (repo / "llmcost.toml").write_text(budget('max_total_usd = { fail = "6M", expires = 2026-12-31 }'))
    assert llmcost.check("llmcost.toml", as_of="2026-12-31").exit_code == 0
    with pytest.raises(llmcost.LlmcostError, match="needs the day"):
        llmcost.check()
