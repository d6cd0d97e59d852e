"""`llmcost crossover` as a user asks it: courses of time, statuses with their reasons, tables, wrong input."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cli

GIVEN = ("crossover", "--train-cost", "100M", "--cost-per-request", "0.05")
ASKED = (*GIVEN, "--requests", "10M/day")


def result(cli: Cli, *args: str) -> Any:
    run = cli(*args, "--json")
    assert run.code == 0, run.err
    return run.json["result"]


def test_already_crossed_says_why(cli: Cli) -> None:
    # 3 billion requests at $0.05 before day 0: $150M
    said = result(cli, *ASKED, "--served", "3B")
    assert said["crossover_days"] == 0
    assert said["status"] == "already crossed"
    assert "$150M" in said["reason"]
    assert "$100M" in said["reason"]


def test_half_served_before_launch_halves_the_days(cli: Cli) -> None:
    assert result(cli, *ASKED, "--served", "1B")["crossover_days"] == pytest.approx(100.0)


def test_never_says_when_it_would(cli: Cli) -> None:
    said = result(cli, *GIVEN, "--requests", "100k/day")
    assert said["crossover_days"] is None
    assert said["status"] == "not within the horizon"
    assert "day 20,000" in said["reason"]  # 100M / 5,000 a day


def test_never_at_all_says_what_it_approaches(cli: Cli) -> None:
    # 50,000 a day halving every year: 50,000 x 365.25 / ln 2 = $26.3M in all
    said = result(cli, *GIVEN, "--requests", "1M/day", "--price-decline", "2x/y")
    assert said["crossover_days"] is None
    assert "never passes $26.3M" in said["reason"]


def test_staged_payments(cli: Cli) -> None:
    # 60 % by launch: $60M after 120 days at $0.5M a day; the rest on day 365.25 is behind by then
    said = result(cli, *ASKED, "--payments", "40%@-6mo,20%@0mo,40%@12mo")
    assert said["crossover_days"] == pytest.approx(120.0)
    assert said["crossover_usd"] == pytest.approx(60e6)
    assert said["status"] == "crosses"


def test_discounted_payments_before_launch_count_more(cli: Cli) -> None:
    # all of it a year before launch at 10 %: $110M against a stream worth (1 - 1.1^(-t)) x 0.5M x 365.25 / ln 1.1
    import math

    rate = math.log(1.1) / 365.25
    exact = -math.log1p(-110e6 * rate / 0.5e6) / rate
    got = result(cli, *ASKED, "--payments", "100%@-12mo", "--discount", "10%/y")["crossover_days"]
    assert got == pytest.approx(exact, rel=1e-9)


def test_refreshes_add_to_training(cli: Cli) -> None:
    # 1 % of $100M every 30 days; by day t that is floor(t/30) millions: 100 + 6 = 106M on day 212 > 210
    said = result(cli, *ASKED, "--refresh-every", "30d", "--refresh-cost", "1%")
    assert said["crossover_days"] == pytest.approx(214.0)  # floor(214 / 30) = 7: 107M / 0.5M a day


def test_energy_and_carbon_follow_the_same_course(cli: Cli) -> None:
    args = ("crossover", "--params", "8B", "--tokens", "1T", "--hardware", "h100-sxm", "--isl", "1000", "--osl", "200",
            "--requests", "20M/day", "--growth", "3%/mo", "--samples", "100")  # fmt: skip
    plain = result(cli, *args)
    cheaper = result(cli, *args, "--price-decline", "30%/y")
    leaner = result(cli, *args, "--efficiency-gain", "30%/y")
    assert cheaper["crossover_days"] > plain["crossover_days"]
    assert cheaper["energy_crossover_days"] == plain["energy_crossover_days"]
    assert leaner["energy_crossover_days"] > plain["energy_crossover_days"]
    assert leaner["flops_crossover_days"] == plain["flops_crossover_days"]


@pytest.mark.parametrize("by", ["month", "quarter"])
def test_periods_add_up_to_the_totals(cli: Cli, by: str) -> None:
    args = (
        *ASKED,
        "--growth",
        "4%/mo",
        "--price-decline",
        "20%/y",
        "--retrain-every",
        "18mo",
        "--horizon",
        "5y",
        "--by",
        by,
    )
    total = result(cli, *args)
    rows = list(csv.DictReader(io.StringIO(cli(*args, "--format", "csv").out)))
    assert len(rows) == (60 if by == "month" else 20)

    def column(name: str) -> float:
        return sum(float(row[name]) for row in rows)

    assert column("period_inference_usd") == pytest.approx(total["inference_usd_at_horizon"], rel=1e-12)
    assert column("period_training_usd") == pytest.approx(total["training_usd_at_horizon"], rel=1e-12)
    assert column("period_requests") == pytest.approx(total["requests_at_horizon"], rel=1e-12)
    assert float(rows[-1]["share"]) == pytest.approx(total["inference_share"], rel=1e-12)


def test_curves_are_in_json_on_request_alone(cli: Cli) -> None:
    assert "curve" not in cli(*ASKED, "--json").json
    curve = cli(*ASKED, "--horizon", "100d", "--curve", "--json").json["curve"]
    assert [row["day"] for row in curve] == list(range(101))
    assert curve[40]["inference_usd"] == pytest.approx(20e6)
    assert curve[40]["training_usd_per_request_served"] == pytest.approx(100e6 / 400e6)


def test_sensitivity_is_sorted_and_explains_the_spread(cli: Cli) -> None:
    # the cost of training spans 4 x, that of a request 1.44 x: their logarithms have variances 14.5 : 1
    run = cli(
        "crossover", "--train-cost", "50M..200M", "--cost-per-request", "0.05..0.072", "--requests", "10M/day", "--json"
    )
    rows = run.json["sensitivity"]
    assert [row["input"] for row in rows] == ["train_cost", "cost_per_request"]
    assert rows[0]["days_at_low"] == pytest.approx(50e6 / 0.06 / 10e6)  # the median of 0.05..0.072 is 0.06
    assert rows[0]["swing_days"] == pytest.approx(150e6 / 0.06 / 10e6)
    assert rows[0]["spread_share"] == pytest.approx(14.5 / 15.5, abs=0.02)
    assert sum(row["spread_share"] for row in rows) == pytest.approx(1.0)
    assert run.json["result"]["most_sensitive"].startswith("train cost $50.0M to $200M (day 83 to 333)")


def test_a_dated_series_gives_a_launch_day(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("date,requests\n2026-01-01,10000000\n2026-03-01,10000000\n", "utf-8")
    said = result(cli, *GIVEN, "--traffic", str(path))
    assert said["crossover_date"] == "2026-07-20"  # 200 days after 2026-01-01
    later = result(cli, *GIVEN, "--traffic", str(path), "--start", "2026-01-31")
    assert later["crossover_days"] == pytest.approx(170.0)
    assert later["crossover_date"] == "2026-07-20"


WRONG = {
    ("--growth", "10%"): "per month or per year?",
    ("--growth", "-100%/mo"): "nothing shrinks by 100 %",
    ("--growth", "10%/mo", "--added-requests", "1k/day"): "two answers",
    ("--ceiling", "1B/day"): "--ceiling without growth",
    ("--ceiling", "5M/day", "--growth", "10%/mo"): "not below --ceiling",
    ("--ceiling", "15M/day", "--adoption-midpoint", "12mo"): "half of --ceiling",
    ("--adoption-midpoint", "12mo"): "without --ceiling",
    ("--retrain-cost", "2x"): "without --retrain-every",
    ("--refresh-every", "3mo"): "missing --refresh-cost",
    ("--retrain-every", "1h"): "too small",
    ("--payments", "50%@0mo"): "adds up to 0.5",
    ("--payments", "all"): "not a share at a time",
    ("--price-decline", "100%/y"): "nothing shrinks by 100 %",
    ("--price-decline", "-5%/y"): "negative",
    ("--by", "week"): "not one of month, quarter",
    ("--traffic", "none.csv"): "two answers",
}


@pytest.mark.parametrize("args", WRONG, ids=" ".join)
def test_wrong_input(cli: Cli, args: tuple[str, ...]) -> None:
    run = cli(*ASKED, *args)
    assert run.code == 2
    assert WRONG[args] in run.err
    assert "hint: " in run.err
    assert not run.out


FILES = {
    "no column": ("when,requests\n1,2\n", "no column day"),
    "empty": ("", "no column"),
    "no rows": ("day,requests\n", "no rows"),
    "order": ("day,requests\n0,5\n10,5\n10,6\n", "line 4: day is not after"),
    "words": ("day,requests\n0,many\n", "line 2: 'many' is not a number of requests"),
    "negative": ("day,requests\n0,-5\n", "not a number of requests"),
    "infinite": ("day,requests\n0,inf\n", "not a number of requests"),
    "date": ("date,requests\n2026-13-01,5\n", "line 2: '2026-13-01'"),
    "nothing": ("day,requests\n0,0\n", "no requests in any row"),
}


@pytest.mark.parametrize("name", FILES)
def test_wrong_files(cli: Cli, tmp_path: Path, name: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(FILES[name][0], "utf-8")
    run = cli(*GIVEN, "--traffic", str(path))
    assert run.code == 2
    assert FILES[name][1] in run.err
    assert "error: --traffic " in run.err


def test_growth_without_traffic(cli: Cli) -> None:
    assert "without --requests" in cli(*GIVEN, "--growth", "10%/mo").err


def test_solved_traffic_crosses_when_asked(cli: Cli) -> None:
    # 12 months of constant traffic: 100M / 0.05 / 365.25
    said = result(cli, *GIVEN, "--solve", "traffic", "--at", "12mo")
    assert said["solved_requests_per_day"] == pytest.approx(100e6 / 0.05 / 365.25, rel=1e-9)
    assert said["crossover_days"] == pytest.approx(365.25, rel=1e-9)


def test_solved_traffic_has_the_range_of_what_it_follows_from(cli: Cli) -> None:
    args = (
        *("crossover", "--train-cost", "100M..400M", "--cost-per-request", "0.05", "--solve", "traffic"),
        *("--at", "12mo"),
    )
    of = cli(*args, "--json").json["ranges"]["solved_requests_per_day"]
    assert (of["p5"], of["p95"]) == pytest.approx((2e9 / 365.25, 8e9 / 365.25), rel=1e-3)


def test_solved_price(cli: Cli) -> None:
    said = result(cli, *ASKED, "--solve", "price", "--at", "200d")
    assert said["solved_usd_per_request"] == pytest.approx(0.05, rel=1e-9)


def test_solved_price_has_the_range_of_what_it_follows_from(cli: Cli) -> None:
    """A quarter or the whole of $400M over 100 days of 10M requests: $0.1 to 0.4."""
    args = ("crossover", "--train-cost", "100M..400M", "--cost-per-request", "0.05", "--requests", "10M/day")
    of = cli(*args, "--solve", "price", "--at", "100d", "--json").json["ranges"]["solved_usd_per_request"]
    assert (of["p5"], of["p95"]) == pytest.approx((0.1, 0.4), rel=1e-3)


def test_solved_traffic_and_price_of_a_fleet_answer_each_other(cli: Cli) -> None:
    args = ("crossover", "--train-cost", "5M", "--params", "8B", "--hardware", "h100-sxm", "--isl", "1000", "--osl", "200",
            "--growth", "4%/mo", "--samples", "100", "--serve-commitment", "on-demand")  # fmt: skip
    # on demand at every size, as a price that is solved for holds at every size
    said = result(cli, *args, "--solve", "traffic", "--at", "12mo")
    traffic = f"{said['solved_requests_per_day']}/day"
    plain = result(cli, *args, "--requests", traffic)
    assert plain["crossover_days"] == pytest.approx(365.25, abs=1.0)  # a fleet of whole replicas jumps
    price = result(cli, *args, "--requests", traffic, "--solve", "price", "--at", "12mo")
    hour = cli(*args, "--requests", traffic, "--json").json["inputs"]["serve_price"]["value"]
    assert price["solved_usd_per_hour"] == pytest.approx(hour, rel=3e-3)


def test_the_largest_model_stays_below_its_training_cost(cli: Cli) -> None:
    args = ("crossover", "--train-cost", "5M", "--hardware", "h100-sxm", "--isl", "1000", "--osl", "200",
            "--requests", "2M/day", "--samples", "100")  # fmt: skip
    size = result(cli, *args, "--params", "8B", "--solve", "params", "--at", "12mo")["solved_params"]
    assert 8e9 < size < 1e13
    at = result(cli, *args, "--params", f"{size:.0f}")["crossover_days"]
    above = result(cli, *args, "--params", f"{size * 1.05:.0f}")["crossover_days"]
    assert at is None or at >= 365.25
    assert above < 365.25


SOLVES = {
    ("--solve", "size", "--at", "12mo"): "not one of traffic, price, params",
    ("--solve", "traffic"): "--solve without --at",
    ("--at", "12mo"): "--at without --solve",
    ("--solve", "traffic", "--at", "12"): "--at: '12' is not a duration",
    ("--solve", "params", "--at", "12mo", "--model", "llama-3.1-8b"): "--model fixes it",
    ("--plot-kind", "tornado"): "without --plot",
    ("--plot-kind", "pie", "--plot", "x.svg"): "not one of curve, tornado, amortisation",
}


@pytest.mark.parametrize("args", SOLVES, ids=" ".join)
def test_wrong_turns(cli: Cli, args: tuple[str, ...]) -> None:
    run = cli(*ASKED, *args)
    assert (run.code, run.out) == (2, "")
    assert SOLVES[args] in run.err
    assert "hint: " in run.err


@pytest.mark.parametrize("kind", ["curve", "tornado", "amortisation"])
def test_every_kind_of_plot(cli: Cli, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.svg"
    run = cli("crossover", "--train-cost", "100M..200M", *ASKED[3:], "--plot", str(path), "--plot-kind", kind)
    assert run.code == 0, run.err
    assert path.read_text("utf-8").startswith("<?xml")


SERVED = ("crossover", "--train-cost", "5M", "--params", "8B", "--hardware", "h100-sxm", "--isl", "1000", "--osl", "200",
          "--samples", "500")  # fmt: skip


def test_a_series_sizes_the_fleet_in_every_sample(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("day,requests\n0,1000000\n365.25,20000000\n", "utf-8")
    series = cli(*SERVED, "--traffic", str(path), "--horizon", "12mo", "--json").json
    month = 365.25 / 12
    line = cli(
        *SERVED,
        "--requests",
        "1M/day",
        "--added-requests",
        f"{19e6 / 365.25 * month}/day",
        "--horizon",
        "12mo",
        "--json",
    )
    for key in ("inference_usd_at_horizon", "requests_at_horizon"):
        assert series["result"][key] == pytest.approx(line.json["result"][key], rel=1e-6)
    assert series["ranges"]["inference_usd_at_horizon"]["p95"] == pytest.approx(
        line.json["ranges"]["inference_usd_at_horizon"]["p95"], rel=0.02
    )


def test_growth_beyond_the_range_of_floats_moves_nothing(cli: Cli) -> None:
    near = cli(*SERVED, "--requests", "10M/day", "--growth", "10%..20%/mo", "--horizon", "20y", "--json")
    far = cli(*SERVED, "--requests", "10M/day", "--growth", "10%..20%/mo", "--horizon", "1000y", "--json")
    assert far.code == 0
    for key, of in near.json["ranges"].items():
        if key.endswith("_days"):
            assert far.json["ranges"][key]["p95"] == pytest.approx(of["p95"], rel=1e-6)


def test_before_training_is_paid_there_is_nothing_to_overtake(cli: Cli) -> None:
    # all of it on day 300, when inference has taken $150M of $100M
    said = result(cli, *ASKED, "--payments", "100%@300d")
    assert (said["crossover_days"], said["status"]) == (300.0, "crosses")


def test_traffic_that_outgrows_the_accelerators_is_said(cli: Cli) -> None:
    args = (*SERVED, "--requests", "10M/day", "--growth", "5%/mo", "--horizon", "3y", "--json")
    gpus = cli(*args).json
    assert "W054" not in str(gpus["warnings"])
    held = cli(*args, "--serve-gpus", "40").json
    assert any(w["code"] == "W054" and "from day" in w["message"] for w in held["warnings"])


def test_solving_beyond_the_horizon(cli: Cli) -> None:
    run = cli(*ASKED, "--solve", "traffic", "--at", "2y", "--horizon", "1y")
    assert run.code == 2
    assert "--at lies beyond --horizon" in run.err


SERVICE = (
    'model = "llama-3.1-8b"\nhardware = "h100-sxm"\nisl = 1000\nosl = 200\nrequests = "10M/day"\nprice = "2/h"\n'
    'train_cost = "1M"\n'
)
BESIDE = {"operations": 'operations_cost = "1M"\n', "egress": 'egress_price = 0.09\negress_bytes = "10MB"\n'}


@pytest.mark.parametrize("beside", BESIDE)
@pytest.mark.parametrize("technique", [(), ("--technique", "routing=50%:llama-3.2-1b")])
def test_what_is_paid_beside_accelerators_stays_where_traffic_grows(
    cli: Cli, beside: str, technique: tuple[str, ...]
) -> None:
    # growth of nearly nothing is no growth; replicas in fractions leave a few dollars of 9,000 a day
    still, growing = (
        cli("crossover", "-", *technique, *growth, "--json", stdin=SERVICE + BESIDE[beside]).json["result"]
        for growth in ((), ("--growth", "0.0001%/mo"))
    )
    assert growing["crossover_days"] == pytest.approx(still["crossover_days"], rel=0.01)
    # 1M a month over 30.4375 days, or 10M x 10 MB x 0.09 USD a GB
    paid = {"operations": 1e6 / 30.4375, "egress": 10e6 * 0.01 * 0.09}[beside]
    assert still["inference_usd_per_day"] > paid
    assert growing["inference_usd_at_horizon"] > paid * 3652.5


def test_nothing_over_time_without_traffic(cli: Cli) -> None:
    for option in (
        ("--served", "1B"),
        ("--price-decline", "30%/yr"),
        ("--retrain-every", "12mo"),
        ("--discount", "5%/yr"),
    ):
        run = cli("crossover", "--train-cost", "150M", "--cost-per-request", "0.05", *option)
        assert run.code == 2
        assert f"{option[0]} has no effect in this question" in run.err


def test_a_crossing_that_does_not_come_has_no_median(cli: Cli) -> None:
    # 150M / (0.05 x 800k a day) = 3,750 days, beyond 3,652.5; traffic is 821k or more in nearly half of the samples
    args = ("--train-cost", "150M", "--cost-per-request", "0.05", "--requests", "400k/day..1.6M/day", "--json")
    answer = cli("crossover", *args).json
    assert answer["result"]["crossover_days"] is None
    assert answer["ranges"]["crossover_days"]["p50"] is None
    assert answer["ranges"]["crossover_days"]["p5"] == pytest.approx(150e6 / (0.05 * 1.6e6), rel=0.02)


def test_both_curves_have_bands_of_their_own(cli: Cli) -> None:
    # ranges are p5..p95 of lognormals. Training: 80M..200M again. Inference: 10M a day at 0.02..0.08, so after a year
    # 3.6525e9 x 0.02 and x 0.08. The crossing has a narrower range than the edges of the bands: (ln 2.5)^2 + (ln 4)^2
    # squared under a root in the logarithm, exp(1.662 / 2) either side of its centre
    args = ("--train-cost", "80M..200M", "--cost-per-request", "0.02..0.08", "--requests", "10M/day", "--by", "month")
    answer = cli("crossover", *args, "--horizon", "1y", "--json").json
    last = answer["periods"][-1]
    assert last["training_p5_usd"] == pytest.approx(80e6, rel=0.02)
    assert last["training_p95_usd"] == pytest.approx(200e6, rel=0.02)
    assert last["inference_p5_usd"] == pytest.approx(3.6525e9 * 0.02, rel=0.02)
    assert last["inference_p95_usd"] == pytest.approx(3.6525e9 * 0.08, rel=0.02)
    for name in ("training", "inference"):  # what the answer says of the horizon is what the band says there
        of = answer["ranges"][f"{name}_usd_at_horizon"]
        assert [last[f"{name}_{q}_usd"] for q in ("p5", "p95")] == pytest.approx([of["p5"], of["p95"]])
    days = answer["ranges"]["crossover_days"]
    assert days["p5"] == pytest.approx(days["p50"] * math.exp(-math.hypot(math.log(2.5), math.log(4)) / 2), rel=0.02)


def test_training_repeated_at_an_uncertain_cost_has_a_wider_band_each_time(cli: Cli) -> None:
    args = (*ASKED, "--retrain-every", "6mo", "--retrain-cost", "0.5x..2x", "--horizon", "2y", "--by", "month")
    rows = cli(*args, "--json").json["periods"]
    # certain at first; then 1 + n x (0.5..2) with one factor for all n, at its median 1
    assert rows[0]["training_p5_usd"] == rows[0]["training_p95_usd"] == pytest.approx(100e6)
    for row in rows:
        n = int(row["day"] // (6 * 365.25 / 12))
        assert row["training_p5_usd"] == pytest.approx(100e6 * (1 + n * 0.5), rel=0.03)
        assert row["training_p95_usd"] == pytest.approx(100e6 * (1 + n * 2), rel=0.03)


def test_a_missing_option_is_what_to_type(cli: Cli) -> None:
    run = cli(*ASKED, "--refresh-every", "3mo")
    assert run.code == 2
    assert "hint: --refresh-cost 1%" in run.err


def test_a_size_beside_given_hours_is_refused_where_it_does_nothing(cli: Cli) -> None:
    hours = ("train", "--gpu-hours", "1M", "--price", "2/h", "--params", "70B")
    assert "--params has no effect" in cli(*hours).err
    assert cli(*hours, "--tokens", "1T", "--json").json["result"]["training_flops"] == pytest.approx(6 * 70e9 * 1e12)


def test_no_traffic_is_little_enough(cli: Cli) -> None:
    # one H100 at 2 $/h costs 2 x 24 x 365.25 = $17,532 a year, whatever it answers
    asked = (
        *("crossover", "-m", "llama-3.1-8b", "-H", "h100-sxm", "--isl", "1000", "--osl", "300"),
        *("--serve-price", "2/h"),
    )
    run = cli(*asked, "--train-cost", "17k", "--solve", "traffic", "--at", "12mo")
    assert run.code == 1
    assert "at any traffic" in run.err
    assert cli(*asked, "--train-cost", "18k", "--solve", "traffic", "--at", "12mo").code == 0


def test_replicas_follow_the_growth_of_the_traffic(cli: Cli) -> None:
    # no growth is constant traffic; a fleet that will be large has the replicas of a large one
    asked = (
        *("crossover", "-m", "qwen3-30b-a3b", "-H", "h100-sxm", "--isl", "1000", "--osl", "300"),
        *("--train-cost", "200k"),
    )
    none, still, grown = (
        cli(*asked, "--requests", "1M/day", "--samples", "100", *more, "--json").json
        for more in ((), ("--growth", "0%/mo"), ("--growth", "20%/mo", "--ceiling", "500M/day"))
    )
    assert still["result"]["crossover_days"] == pytest.approx(none["result"]["crossover_days"], rel=1e-6)
    assert grown["inputs"]["batch"]["value"] > still["inputs"]["batch"]["value"]
