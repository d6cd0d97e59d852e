"""`llmcost serve` as a user asks it: lengths, load, pools, formats, prices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cli, schema

FIXED = ("serve", "-m", "llama-3.1-8b", "-H", "h100-sxm", "--isl", "1000", "--osl", "200")
OPEN = FIXED[:5]
LOAD = ("--requests", "20M/day", "--tpot", "50ms")


def result(cli: Cli, *args: str) -> dict[str, Any]:
    run = cli(*args, "--json")
    assert run.code == 0, run.err
    schema("serve").validate(run.json)
    found: dict[str, Any] = run.json["result"]
    return found


def table(tmp_path: Path, text: str | bytes) -> str:
    path = tmp_path / "lengths.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def test_varying_lengths_take_memory_and_slow_the_first_token(cli: Cli) -> None:
    long = (*OPEN, "--isl", "8000", "--osl", "200", *LOAD)
    fixed, varied = result(cli, *long), result(cli, *long, "--length-spread", "1.5")
    assert varied["batch_max"] < fixed["batch_max"]
    assert varied["ttft_p95_seconds"] > 1.5 * fixed["ttft_p95_seconds"]


def test_a_spread_of_nothing_is_a_fixed_length(cli: Cli) -> None:
    fixed, same = result(cli, *FIXED, *LOAD), result(cli, *FIXED, *LOAD, "--length-spread", "1e-9")
    assert same["ttft_p95_seconds"] == pytest.approx(fixed["ttft_p95_seconds"], rel=1e-6)
    assert same["usd_per_request"] == pytest.approx(fixed["usd_per_request"], rel=1e-6)


def test_a_file_of_equal_lengths_is_a_fixed_length(cli: Cli, tmp_path: Path) -> None:
    path = table(tmp_path, "\ufeffid,ISL, osl\n" + "a,1000,200\n" * 100 + "\n")
    fixed, same = result(cli, *FIXED, *LOAD), result(cli, *OPEN, *LOAD, "--lengths", path)
    assert same == pytest.approx(fixed)


def test_a_file_sets_the_mean_lengths(cli: Cli, tmp_path: Path) -> None:
    path = table(tmp_path, "isl,osl\n100,50\n1900,150\n")
    answer = cli(*OPEN, "--lengths", path, "--json").json
    assert (answer["inputs"]["isl"]["value"], answer["inputs"]["osl"]["value"]) == (1000.0, 100.0)
    assert answer["result"]["blend_ratio"] == 10.0


BAD: dict[str, tuple[str | bytes, str]] = {
    "no column": ("prompt,osl\n1,2\n", "no column isl"),
    "empty": ("", "no column isl and osl"),
    "no rows": ("isl,osl\n", "no rows"),
    "nan": ("isl,osl\n1,nan\n", "line 2: 'nan' is not a length"),
    "negative": ("isl,osl\n1,2\n-3,4\n", "line 3: '-3' is not a length"),
    "text": ("isl,osl\nlong,4\n", "is not a length"),
    "short row": ("isl,osl\n7\n", "line 2"),
    "infinite": ("isl,osl\n1,1e999\n", "is not a length"),
    "latin": ("isl,osl,caf\xe9\n".encode("latin-1"), "not UTF-8"),
    "nul": ("isl,osl\n\x00,1\n", "line 2"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_one_line(cli: Cli, tmp_path: Path, name: str) -> None:
    text, message = BAD[name]
    run = cli(*OPEN, "--lengths", table(tmp_path, text))
    assert run.code == 2
    assert run.out == ""
    first, *hints = run.err.splitlines()
    assert first.startswith("error: ")
    assert message in first
    assert all(line.startswith("hint: ") for line in hints)
    assert all(c == "\n" or c.isprintable() for c in run.err)


def test_a_missing_file_and_two_answers_are_refused(cli: Cli, tmp_path: Path) -> None:
    assert "no such file" in cli(*OPEN, "--lengths", str(tmp_path / "none.csv")).err
    assert "directory" in cli(*OPEN, "--lengths", str(tmp_path)).err
    path = table(tmp_path, "isl,osl\n1,2\n")
    assert "--isl and --lengths" in cli(*FIXED, "--lengths", path).err
    run = cli(*OPEN, "--lengths", path, "--length-spread", "1")
    assert (run.code, "--length-spread has no effect" in run.err) == (2, True)


def test_a_target_for_p95_sizes_the_fleet(cli: Cli) -> None:
    asked = (*FIXED, *LOAD, "--utilization", "95%", "--length-spread", "1.5")
    plain = result(cli, *asked)
    target = 0.7 * plain["ttft_p95_seconds"]
    in_time = ("--ttft-p95", f"{1e3 * target:.6f}ms")
    kept = result(cli, *asked, *in_time, "--tp", str(plain["tp"]))
    assert result(cli, *asked, *in_time)["usd_per_request"] <= kept["usd_per_request"]  # of any size
    assert kept["replicas"] > plain["replicas"]
    assert kept["ttft_p95_seconds"] <= target * (1 + 1e-6)
    assert 0 < kept["utilization"] <= kept["max_utilization"] + 1e-9 < 0.95
    assert kept["usd_per_request"] > plain["usd_per_request"]


def test_a_loose_target_for_p95_changes_nothing_but_says_how_far_it_holds(cli: Cli) -> None:
    plain, loose = result(cli, *FIXED, *LOAD), result(cli, *FIXED, *LOAD, "--ttft-p95", "60s")
    assert loose["max_utilization"] >= 0.6
    assert {k: v for k, v in loose.items() if k != "max_utilization"} == plain


def test_a_target_for_p95_without_traffic_is_that_of_one_replica(cli: Cli) -> None:
    found = result(cli, *FIXED, "--ttft-p95", "300ms")
    assert found["utilization"] == pytest.approx(min(0.6, found["max_utilization"]))


def test_a_target_nobody_keeps_is_no(cli: Cli) -> None:
    run = cli(*FIXED, *LOAD, "--ttft-p95", "1us", "--json")
    assert run.code == 1
    assert "p95" in run.json["result"]["reason"]


def test_prices_of_tokens_add_up_to_the_request(cli: Cli) -> None:
    for more in ((), ("--pools", "disaggregated")):
        r = result(cli, *FIXED, "--cache-hit", "40%", "--requests-per-user", "15/day", *more)
        parts = 600 * r["usd_per_mtok_input"] + 400 * r["usd_per_mtok_cached_input"] + 200 * r["usd_per_mtok_output"]
        assert parts / 1e6 == pytest.approx(r["usd_per_request"], rel=1e-9)
        assert 0 < r["usd_per_mtok_cached_input"] < r["usd_per_mtok_input"]
        assert 1200 * r["usd_per_mtok_blended"] / 1e6 == pytest.approx(r["usd_per_request"], rel=1e-9)
        assert r["blend_ratio"] == 5.0
        # 365.25 / 12 days
        assert r["usd_per_user_month"] == pytest.approx(r["usd_per_request"] * 15 * 30.4375, rel=1e-9)


def test_nothing_cached_has_no_price_of_its_own(cli: Cli) -> None:
    assert result(cli, *FIXED)["usd_per_mtok_cached_input"] is None


def test_separate_pools_are_whole_replicas_and_stand_beside_one_pool(cli: Cli) -> None:
    answer = cli(*FIXED, *LOAD, "--pools", "disaggregated", "--json").json
    r, together = answer["result"], result(cli, *FIXED, *LOAD)
    assert r["gpus"] == r["prefill_gpus"] + r["decode_gpus"]
    assert r["prefill_gpus"] % r["prefill_gpus_per_replica"] == 0
    assert r["decode_gpus"] == r["replicas"] * r["gpus_per_replica"]
    assert [row["name"].split()[0] for row in answer["breakdown"]] == ["prefill", "decode"]
    assert r["gpus_colocated"] == together["gpus"]
    assert r["usd_per_request_colocated"] == together["usd_per_request"]
    # a decode replica meets no prompts: its tokens come no later than TPOT asks
    assert r["tpot_seconds"] <= 0.05


def test_the_cheapest_of_the_formats_allowed_is_chosen(cli: Cli) -> None:
    each = {d: result(cli, *FIXED, "--dtype", d)["usd_per_mtok_output"] for d in ("bf16", "fp8", "int4")}
    answer = cli(*FIXED, "--dtypes", "bf16, fp8,int4,fp8", "--json").json
    assert answer["result"]["dtype"] == min(each, key=lambda d: each[d])
    assert answer["result"]["usd_per_mtok_output"] == pytest.approx(min(each.values()))
    assert answer["inputs"]["dtypes"]["value"] == "bf16,fp8,int4"
    assert "'fp7' is not one of" in cli(*FIXED, "--dtypes", "fp8,fp7").err
    assert "--dtype has no effect" in cli(*FIXED, "--dtypes", "fp8,bf16", "--dtype", "fp8").err


def test_a_scenario_file_may_list_formats(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text('model = "llama-3.1-8b"\nhardware = "h100-sxm"\nisl = 1000\nosl = 200\ndtypes = ["fp8", "bf16"]\n')
    assert result(cli, "serve", str(path)) == result(cli, *FIXED, "--dtypes", "fp8,bf16")


def test_the_fastest_point_is_faster_and_dearer(cli: Cli) -> None:
    answer = cli(*FIXED, "--json").json
    r, last = answer["result"], answer["front"][-1]
    assert r["fastest_tpot_seconds"] < r["tpot_seconds"]
    assert r["fastest_usd_per_mtok_output"] > r["usd_per_mtok_output"]
    assert r["fastest_usd_per_mtok_output"] == pytest.approx(last["usd_per_mtok_output"])
    assert 1 / r["fastest_tpot_seconds"] == pytest.approx(last["tokens_per_second_per_user_full"])


def test_a_static_batch_ends_together(cli: Cli) -> None:
    args = (*FIXED, "--tp", "1", "--batch", "16", "--batching", "static")
    r = result(cli, *args)
    # prefill of all, then OSL - 1 steps
    total = r["ttft_seconds"] + 199 * r["tpot_seconds"]
    assert r["output_tokens_per_second"] == pytest.approx(16 * 200 / total)
    assert r["prefill_share"] == pytest.approx(r["ttft_seconds"] / total)
    # 8.03e9 parameters of 2 bytes over 3.35e12 bytes/s
    assert r["tpot_seconds"] > 8.03e9 * 2 / 3.35e12
    assert "ttft_p95_seconds" not in result(cli, *args, "--requests", "1M/day")
    assert "--ttft-p95 has no effect" in cli(*args, "--ttft-p95", "9s").err
    assert "--batching has no effect" in cli(*args, "--pools", "disaggregated").err


def test_a_given_rate_has_no_queue_and_no_pools(cli: Cli) -> None:
    given = (*FIXED, "--tokens-per-second", "5000/s", "--requests", "1M/day")
    for option in (
        ("--ttft-p95", "1s"),
        ("--pools", "disaggregated"),
        ("--dtypes", "fp8,bf16"),
        ("--length-spread", "1"),
    ):
        run = cli(*given, *option)
        assert (run.code, f"{option[0]} has no effect" in run.err) == (2, True), run.err
