"""`trace` and `--trace`: what a log of requests tells, and how far; expectations by hand from the rows made here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Cli, schema

SERVE = ("serve", "--model", "llama-3.1-8b", "--hardware", "h100-sxm", "--json")


def week(folder: Path) -> Path:
    """Three weeks from Monday 2026-01-05: 10 requests in every hour, 20 between 12:00 and 13:00; half of it on Sundays."""
    start = np.datetime64("2026-01-05T00:00:00")
    lines = ["timestamp,input_tokens,output_tokens,user_id"]
    for hour in range(21 * 24):
        count = (20 if hour % 24 == 12 else 10) // (2 if hour // 24 % 7 == 6 else 1)
        for k in range(count):
            at = start + np.timedelta64(hour * 3600 + k * 3600 // count, "s")
            lines.append(f"{at}Z,{1000 + k},{100},{'heavy' if k < count // 2 else f'u{k}'}")
    path = folder / "week.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_log_of_weeks(cli: Cli, tmp_path: Path) -> None:
    run = cli("trace", str(week(tmp_path)), "--json")
    assert run.code == 0, run.err
    schema("trace").validate(run.json)
    result, arrays = run.json["result"], run.json
    assert result["requests_seen"] == 3 * (6 * 250 + 125)
    assert result["peak_to_average_seen"] == pytest.approx(20 / (250 / 24), rel=0.01)
    assert {r["weekday"]: round(r["relative_traffic"], 2) for r in arrays["weekdays"]}["Sunday"] == pytest.approx(
        7 * 125 / 1625, rel=0.01
    )
    assert result["growth_p5_per_month"] <= 0.01
    assert result["growth_p95_per_month"] >= -0.01
    assert result["top_user_share"] == pytest.approx(0.5, abs=0.02)
    assert "heavy" not in run.out
    lengths = {r["quantity"]: r for r in arrays["lengths"]}
    assert (lengths["osl"]["mean_tokens"], lengths["osl"]["cv"], lengths["isl"]["max_tokens"]) == (100, 0, 1019)


def test_the_scenario_of_a_log_can_be_asked(cli: Cli, tmp_path: Path) -> None:
    log, made = week(tmp_path), tmp_path / "scenario.toml"
    assert cli("trace", str(log), "-o", str(made)).code == 0
    by_file = cli(*SERVE, str(made)).json
    by_flag = cli(*SERVE, "--trace", str(log)).json
    assert by_file["result"] == by_flag["result"]
    assert by_flag["inputs"]["isl"]["value"] == pytest.approx(1004.9, abs=0.5)
    assert by_flag["inputs"]["isl"]["origin"] == "file:week.csv"


def test_what_is_said_comes_before_the_log(cli: Cli, tmp_path: Path) -> None:
    log = week(tmp_path)
    inputs = cli(*SERVE, "--trace", str(log), "--isl", "77", "--osl", "33", "--requests", "1M/day").json["inputs"]
    assert (inputs["isl"]["value"], inputs["requests"]["value"]) == (77, 1e6)


def test_a_log_without_lengths_gives_its_traffic(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "times.csv"
    path.write_text("timestamp_s\n" + "\n".join(str(t) for t in range(0, 400, 2)) + "\n")
    run = cli("trace", str(path), "--json")
    assert run.code == 0
    assert run.json["result"]["mean_isl"] is None
    assert run.json["result"]["mean_requests_per_second"] == pytest.approx(200 / 398)
    assert {w["code"] for w in run.json["warnings"]} == {"W101"}


def test_one_request_is_a_log_too(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    path.write_text(json.dumps({"timestamp": 0, "input_length": 600, "output_length": 5, "hash_ids": [1, 2]}) + "\n")
    run = cli("trace", str(path), "--json")
    assert (run.code, run.json["result"]["mean_isl"], run.json["result"]["requests_per_day"]) == (0, 600, None)


def test_bursts_are_those_of_the_windows(cli: Cli, tmp_path: Path) -> None:
    # 100 s: one request a second, ten more in second 50: a peak of 11 over a mean of 1.1 in windows of 1 s
    path = tmp_path / "burst.csv"
    times = sorted([*range(101), *(50.01 + i / 100 for i in range(10))])
    path.write_text("timestamp_s,isl,osl\n" + "\n".join(f"{t},10,10" for t in times) + "\n")
    bursts = {b["window_seconds"]: b for b in cli("trace", str(path), "--json").json["bursts"]}
    assert bursts[1.0]["peak_to_mean"] == pytest.approx(10.0)
    assert bursts[10.0]["peak_to_mean"] == pytest.approx(20 / 11)
    assert set(bursts) == {1.0, 10.0}


@pytest.mark.parametrize("text", ["timestamp,isl,osl\n", "timestamp,isl,osl\nnever,1,1\n", "isl,osl\n1,1\n"])
def test_what_is_no_log_is_refused(cli: Cli, tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    run = cli("trace", str(path))
    assert run.code == 2
    assert len([line for line in run.err.splitlines() if line.startswith("error:")]) == 1


HEAD = "{}timestamp_s,input_tokens,output_tokens{}\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        # stamps of 2026 and one of 1970: 56 years of seconds, 1.8 billion windows
        (HEAD.format("", "") + "1767225600,10,20\n0,10,20\n1767225700,10,20\n", "its times are 56 years apart"),
        (HEAD.format("", "") + "1767225600,10,20\n1e300,10,20\n", "not all are of one log"),
        ("timestamp,input_tokens,output_tokens\n2026-01-01T00:00:00+true:00,1,2\n", "'2026-01-01T00:00:00+true:00': a time"),
        (HEAD.format("\x1b[1m", "") + "1767225600,10,20\n", "the heading is no line of a table"),
    ],
)  # fmt: skip
def test_times_and_headings_that_are_none(cli: Cli, tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "log.csv").write_text(text, encoding="utf-8")
    run = cli("trace", str(tmp_path / "log.csv"))
    assert run.code == 2
    assert says in run.err
    assert "hint: " in run.err


def test_dates_of_several_zones_and_bytes_that_are_no_text(cli: Cli, tmp_path: Path) -> None:
    # 0:00 in UTC, then 6:30 at +05:30, an hour later, then 0:01:40.5 without a zone, which is UTC
    rows = ("2026-01-01T00:00:00.0000001Z,1,2", "2026-01-01T06:30:00+05:30,1,2", "2026-01-01 00:01:40.5,1,2")
    raw = HEAD.format("", "").replace("_s", "").encode().replace(b"\n", b"\xff\xfe\n") + "\n".join(rows).encode()
    (tmp_path / "log.csv").write_bytes(raw)
    run = cli("trace", str(tmp_path / "log.csv"), "--json")
    assert run.code == 0, run.err
    assert run.err == ""
    assert run.json["result"]["requests_seen"] == 3
    assert run.json["result"]["span_seconds"] == pytest.approx(3600.0)
