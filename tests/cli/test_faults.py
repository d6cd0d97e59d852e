"""What must not break an answer: closed streams, odd bytes, absurd sizes, floods of findings."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from tests.conftest import Cli

GIVEN = ["crossover", "--train-cost", "150M", "--cost-per-request", "0.05", "--requests", "10M/day", "--samples", "50"]


def in_shell(redirection: str, *args: str) -> subprocess.CompletedProcess[str]:
    script = f'exec "$0" -m llmcost "$@" {redirection}'
    command = ["bash", "-c", script, sys.executable, *args]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
def test_the_code_is_the_answers_whatever_becomes_of_messages(redirection: str, tmp_path: Path) -> None:
    fine = in_shell(redirection, *GIVEN)
    assert fine.returncode == 0, fine.stderr
    assert "error" not in fine.stdout
    written = in_shell(redirection, *GIVEN, "-o", str(tmp_path / "answer.txt"))
    assert (written.returncode, written.stdout) == (0, "")
    wrong = in_shell(redirection, "train", "--model", "no-such")
    assert (wrong.returncode, wrong.stdout) == (2, "")


@pytest.mark.parametrize("args", ["presets new models mine", "explain W015"])
def test_an_answer_that_nobody_can_read_is_refused(args: str) -> None:
    run = in_shell(">&-", *args.split())
    assert (run.returncode, run.stderr.splitlines()[0]) == (2, "error: standard output is closed")


def test_a_byte_order_mark_is_skipped_in_every_file(cli: Cli, tmp_path: Path) -> None:
    budget = tmp_path / "budget.toml"
    said = 'train_cost = 150e6\ncost_per_request = 0.05\nrequests = "10M/day"\n[[budget]]\nmax_crossover_days = 400\n'
    budget.write_bytes(b"\xef\xbb\xbf" + said.encode())
    assert cli("check", budget).code == 0
    assert cli("check", "-", stdin=budget.read_bytes()).code == 0
    answer = tmp_path / "old.json"
    answer.write_bytes(b"\xef\xbb\xbf" + cli(*GIVEN, "--json").out.encode())
    assert cli("compare", "--baseline", answer, answer).code in (0, 2)
    assert "not JSON" not in cli("compare", "--baseline", answer, answer).err


def test_a_dotted_key_is_bounded(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "dotted.toml"
    path.write_text("title = 'x'\n" + "a." * 10_000 + "b = 1\n")
    run = cli("train", path)
    assert run.code == 2
    assert "line 2: a key of more than 32 parts" in run.err


def test_findings_are_told_up_to_a_bound_and_counted(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "unknown.toml"
    path.write_text("".join(f"x{i} = 1\n" for i in range(8_000)))
    run = cli("serve", path)
    assert run.code == 2
    assert run.err.splitlines()[-1] == "error: and 7,980 more"
    assert sum(line.startswith("error:") for line in run.err.splitlines()) == 21


def test_a_circle_of_links_is_told(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    run = cli(*GIVEN, "-o", tmp_path / "a")
    assert run.code == 2
    assert "cannot write" in run.err


def test_an_answer_that_is_no_is_json_where_json_was_asked(cli: Cli) -> None:
    args = ["--gpu-hours", "2.788M", "--hardware", "h200-sxm", "--isl", "100", "--osl", "100", "--solve", "traffic"]
    run = cli(
        "crossover", "--model", "olmo-1b", *args, "--at", "12mo", "--train-cost", "100", "--samples", "200", "--json"
    )
    assert run.code == 1
    assert run.json["result"]["feasible"] is False


@pytest.mark.parametrize(
    "args", [["--params", "1e30", "--hardware", "h100-nvl"], ["--params", "2e15", "--hardware", "l4"]]
)
def test_absurd_sizes_are_refused(cli: Cli, args: list[str]) -> None:
    run = cli("serve", *args, "--isl", "100", "--osl", "100")
    assert run.code == 2
    assert "--params" in run.err


def test_fewer_users_than_one_are_refused(cli: Cli) -> None:
    base = ["serve", "--params", "8B", "--hardware", "h100-sxm", "--isl", "100", "--osl", "100"]
    assert cli(*base, "--users", "1e-8", "--requests-per-user", "15/day").code == 2


def test_debug_is_accepted_anywhere(cli: Cli) -> None:
    assert cli("--debug", *GIVEN).out == cli(*GIVEN, "--debug").out == cli(*GIVEN).out


@pytest.mark.parametrize("char", ["\ufffe", "\U000e0041", "\u202e", "\u2066"])
def test_json_escapes_what_a_terminal_would_obey_or_hide(cli: Cli, tmp_path: Path, char: str) -> None:
    path = tmp_path / "titled.toml"
    path.write_text(f'title = "a{char}b"\ntrain_cost = 150e6\ncost_per_request = 0.05\nrequests = "10M/day"\n', "utf-8")
    run = cli("crossover", path, "--samples", "50", "--json")
    assert char not in run.out
    json.loads(run.out)


def test_a_row_that_ends_early_is_a_row_without_a_figure(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "short.csv"
    rows = "llama-2-7b,a100-80gb-sxm,2000000000000,184320\nllama-2-7b,a100-80gb-sxm\n"
    path.write_text(f"model_id,hardware_id,tokens,gpu_hours\n{rows}")
    run = cli("validate", "runs", "--data", path, "--json")
    assert run.code == 0, run.err
    assert [row["measured"] for row in run.json["rows"]] == [184320.0, None]


def test_a_comparison_with_a_baseline_keeps_its_schema(cli: Cli, tmp_path: Path) -> None:
    ask = ["serve", "-m", "llama-3.1-8b", "-H", "h100-sxm", "--isl", "100", "--osl", "100", "--samples", "50", "--json"]
    for name, price in (("old", "2/h"), ("new", "5/h")):
        (tmp_path / f"{name}.json").write_text(cli(*ask, "--price", price).out)
    found = cli("compare", "--baseline", tmp_path / "old.json", tmp_path / "new.json", "--json").json
    jsonschema.Draft202012Validator(cli("schema", "compare").json).validate(found)
    # 5 over 2 dollars an hour, everything else alike
    assert found["result"]["after"] / found["result"]["before"] == pytest.approx(2.5)


def test_the_range_of_a_break_even_holds_it(cli: Cli) -> None:
    """Machines come whole: 96 samples in 100 need one replica where both cost the same, the others two.

    So the volume is the same up to a quantile beyond the range, and a range of one value is no line of its own.
    """
    args = ["compare", "deepseek-v3", "--isl", "100k", "--samples", "200", "--against", "api:openai/gpt-4o", "--json"]
    found = cli(*args).json
    low, at, high = (found["pairs"][0][f"break_even_{which}requests"] for which in ("p5_", "", "p95_"))
    assert low <= at <= high
    assert ("break_even_requests" in found["ranges"]) == (low < high)


def test_alternatives_without_an_answer_on_an_axis_are_no_noise(cli: Cli) -> None:
    # beyond some prompt neither holds a request: the suite turns numpy's warnings into errors
    args = ["--isl", "1000", "--osl", "500", "--vary", "hardware=h100-sxm,h200-sxm", "--cross", "isl=1..1e9"]
    run = cli("compare", "--model", "mixtral-8x7b", *args, "--samples", "50", "--price", "2/h", "--json")
    assert (run.code, run.err) == (0, "")
