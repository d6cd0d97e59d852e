"""Charts: every table has one, with the numbers of its rows, and every mark is told in words."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import pairwise
from typing import Any

import pytest

import llmcost
from llmcost.errors import LlmcostError
from llmcost.render.charts import NAMES, Bars, Lines, Mark, Series, charts
from llmcost.render.page import svg
from llmcost.render.plot import plot
from llmcost.result import Estimate, Range
from tests.conftest import ROOT, Cli


def answer(command: str, result: dict[str, Any] | None = None, **arrays: Any) -> Estimate:
    return Estimate(command=command, headline="An answer.", result=result or {}, arrays=arrays)


FRONT = [
    {
        "usd_per_mtok_output": 0.2,
        "tokens_per_second_per_user_full": 10.0,
        "batch": 64,
        "gpus_per_replica": 1,
        "layout": "tp 1",
    },
    {
        "usd_per_mtok_output": 0.4,
        "tokens_per_second_per_user_full": 20.0,
        "batch": 32,
        "gpus_per_replica": 1,
        "layout": "tp 1",
    },
    {
        "usd_per_mtok_output": 2.0,
        "tokens_per_second_per_user_full": 90.0,
        "batch": 8,
        "gpus_per_replica": 2,
        "layout": "tp 2",
    },
]
SERVED = {"usd_per_mtok_output": 1.0, "utilization": 0.5, "gpus": 4, "batch": 32, "gpus_per_replica": 1}
# $600 at once and $100 a month, or $200 a month: equal after six months
BUY_OR_RENT: list[dict[str, Any]] = [
    {
        "name": "own",
        "upfront_usd": 600.0,
        "usd_per_month": 100.0,
        "total_usd_horizon": 1800.0,
        "range_of": "usd_per_month",
    },
    {"name": "rent", "upfront_usd": None, "usd_per_month": 200.0, "total_usd_horizon": 2400.0},
]
MONTH = 365.25 / 12  # days
# twice as many accelerators in 60 % of the time; the larger count has its own software
TRAINED: list[dict[str, Any]] = [
    {"name": f"{chip}, gpus {n}", "inputs": {"gpus": n, "framework": stack, "hardware": chip}, "range_of": "upfront_usd",
     "upfront_usd": 1.0 * n, "duration_seconds": 3600.0 * hours}
    for chip in ("h100-sxm", "l40s") for n, stack, hours in ((8, "fsdp", 10.0), (16, "megatron", 6.0))
]  # fmt: skip
ANSWERS = {
    "step": answer("train", step=[{"name": "matrix products", "seconds": 3.0}, {"name": "waiting", "seconds": 1.0}]),
    "phases": answer("train", phases=[{"name": "a", "gpu_hours": 3.0}, {"name": "b", "gpu_hours": 1.0}]),
    "energy": answer("train", energy=[{"name": "a", "energy_kwh": 3.0}, {"name": "b", "energy_kwh": 1.0}]),
    "speed": answer("serve", SERVED, front=FRONT),
    "batch": answer("serve", SERVED, front=FRONT),
    "load": answer("serve", SERVED),
    "memory": answer("fit", memory=[{"name": "weights", "bytes": 2.0**30, "p5": 2.0**29, "p95": 2.0**31}]),
    "measures": Estimate(
        command="crossover", headline="x", result={"run_crossover_days": 10.0, "energy_crossover_days": 20.0},
        ranges={"energy_crossover_days": Range(15.0, 20.0, 30.0)},
    ),
    "time": answer("compare", alternatives=BUY_OR_RENT),
    "alternatives": answer("compare", alternatives=BUY_OR_RENT),
    "scaling": answer("compare", alternatives=TRAINED),
    "amortisation": answer("crossover", {"crossover_days": 2 * MONTH}, curve=[
        {"day": n * MONTH, "training_usd_per_request_served": 1.0 / n, "inference_usd_per_request_served": 0.5} for n in (1, 2, 4)
    ]),
    # $3,000 a month whatever the traffic, and $0.01 a request for 100,000 or 500,000 a month
    "along": answer("compare", along=[
        {"name": name, "key": "requests", "value": x, "usd_per_month": usd}
        for name, x, usd in (("own", 1e5, 3e3), ("own", 5e5, 3e3), ("buy", 1e5, 1e3), ("buy", 5e5, None))
    ], crossings=[{"key": "requests", "value": 3e5, "name": "own", "other": "buy", "usd_per_month": 3e3}]),
    "varied": answer("compare", alternatives=[
        {"name": f"{h}, {n}", "inputs": {"hardware": h, "isl": n, "price": 2.0}, "usd_per_request": n / 1e6, "range_of": None}
        for h in ("h100-sxm", "l40s") for n in (100, 200, 400)
    ]),
    "limits": answer("check", rows=[{"budget": "b", "limit": "max_total_usd", "estimate": 3.0, "fail": 4.0, "warn": None}]),
    "hours": answer("trace", day_hours=[{"hour": h, "relative_traffic": 1.0} for h in range(24)]),
    "weekdays": answer("trace", weekdays=[{"weekday": d, "relative_traffic": 1.0} for d in ("Mon", "Tue")]),
    "lengths": answer("trace", lengths=[{"quantity": "isl", "p50_tokens": 100.0, "p95_tokens": 900.0}]),
    "reuse": answer("trace", reuse=[{"cache_tokens": 1e3, "reused_share": 0.1}, {"cache_tokens": 1e6, "reused_share": 0.5}]),
    "calibration": answer("calibrate", rows=[{"measured": 2.0, "predicted": 3.0, "predicted_after": 2.1}]),
    "errors": answer("validate", groups=[{"name": "tpot", "quantity": "tpot", "median_ape_pct": 9.0, "n": 1000}]),
    # two prices of ten lengths; nothing is feasible at the longest for the dearer
    "swept": answer("sweep", places=[{
        "across": "isl", "up": "osl", "xs": [100.0, 200.0, 400.0], "ys": [float(n) for n in range(1, 9)], "even": False,
        "held": ["price"], "best": "usd_per_mtok_output", "figures": {"usd_per_mtok_output": {
            "values": [[0.1 * y, 0.2 * y, None if y == 8 else 4.0 * y] for y in range(1, 9)], "least": [], "most": []}},
    }]),
}  # fmt: skip


def test_every_chart_has_an_answer_here() -> None:
    assert set(ANSWERS) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_chart_is_drawn_in_a_page_and_in_a_file(name: str) -> None:
    chart = charts(ANSWERS[name])[name]
    root = ET.fromstring(svg.standalone(svg.draw(chart)))
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == chart.alt
    assert len(chart.alt) > len(chart.title)
    assert plot(ANSWERS[name], ".svg", name).startswith(b"<?xml")


def test_lines_over_time_meet_where_the_costs_do() -> None:
    chart = charts(ANSWERS["time"])["time"]
    assert isinstance(chart, Lines)
    own, rent = ({one.name: one.points for one in chart.series}[name] for name in ("own", "rent"))
    assert (own, rent) == ([(0.0, 600.0), (12.0, 1800.0)], [(0.0, 0.0), (12.0, 2400.0)])


def test_no_line_over_time_where_months_differ() -> None:
    rows = [BUY_OR_RENT[0], {**BUY_OR_RENT[1], "total_usd_horizon": 5000.0}]  # its traffic grows
    assert "time" not in charts(answer("compare", alternatives=rows))


def test_an_idle_fleet_costs_as_much_as_a_busy_one() -> None:
    chart = charts(ANSWERS["load"])["load"]
    assert isinstance(chart, Lines)
    points = dict(chart.series[0].points)
    assert points[1.0] == pytest.approx(0.5)  # $1 at half load
    assert points[0.1] == pytest.approx(5.0)


def test_the_axis_of_a_break_even_has_its_places() -> None:
    chart = charts(ANSWERS["along"])["along"]
    assert isinstance(chart, Lines)
    assert [one.points for one in chart.series] == [[(1e5, 3e3), (5e5, 3e3)], [(1e5, 1e3)]]  # no answer: no point
    assert [(mark.x, mark.y, mark.label) for mark in chart.marks] == [(3e5, 3e3, "300k/day")]


def test_a_varied_key_has_a_line_for_each_other_choice() -> None:
    chart = charts(ANSWERS["varied"])["varied"]
    assert isinstance(chart, Lines)
    assert [one.name for one in chart.series] == ["h100-sxm", "l40s"]
    assert chart.series[0].points == [(100.0, 1e-4), (200.0, 2e-4), (400.0, 4e-4)]
    assert chart.across == "isl"


def test_scaling_is_drawn_beside_half_the_time_on_twice_as_many() -> None:
    chart = charts(ANSWERS["scaling"])["scaling"]
    assert isinstance(chart, Lines)
    lines = {one.name: one.points for one in chart.series}
    assert list(lines) == ["h100-sxm", "h100-sxm: perfect scaling", "l40s", "l40s: perfect scaling"]
    assert lines["l40s"] == [(8.0, 10.0), (16.0, 6.0)]
    assert lines["l40s: perfect scaling"] == [(8.0, 10.0), (16.0, 5.0)]
    assert chart.up == "hours to train"


def test_a_key_that_only_follows_from_a_choice_is_not_an_axis() -> None:
    rows = [{**row, "name": chip} for row, chip in zip(TRAINED[::3], ("h100-sxm", "l40s"), strict=True)]
    assert set(charts(answer("compare", alternatives=rows))) == {"alternatives"}


def test_training_for_each_request_served_falls_to_that_of_inference() -> None:
    chart = charts(ANSWERS["amortisation"])["amortisation"]
    assert isinstance(chart, Lines)
    assert [(one.name, one.points) for one in chart.series] == [
        ("training", [(1.0, 1.0), (2.0, 0.5), (4.0, 0.25)]), ("inference", [(1.0, 0.5), (2.0, 0.5), (4.0, 0.5)]),
    ]  # fmt: skip
    (mark,) = chart.marks
    assert mark.x == 2.0
    assert mark.y == pytest.approx(0.5)


def test_the_chosen_point_is_ringed_and_told() -> None:
    chart = charts(ANSWERS["speed"])["speed"]
    assert isinstance(chart, Lines)
    assert [(mark.x, mark.y, mark.label) for mark in chart.marks] == [(20.0, 0.4, "chosen: tp 1, batch 32")]
    assert "ring" in chart.title


def test_shares_add_up() -> None:
    chart = charts(ANSWERS["step"])["step"]
    assert isinstance(chart, Bars)
    assert [(bar.label, bar.text) for bar in chart.rows] == [("matrix products", "75.0%"), ("waiting", "25.0%")]


def test_hostile_names_are_inert_in_a_picture() -> None:
    hostile = '<script>alert(1)</script>" onload="x'
    rows = [{**row, "name": hostile} for row in BUY_OR_RENT]
    for chart in charts(answer("compare", alternatives=rows)).values():
        root = ET.fromstring(svg.standalone(svg.draw(chart)))
        assert not [node for node in root.iter() if node.tag.endswith("script") or "onload" in node.attrib]


def test_lines_are_told_apart_without_colour() -> None:
    style = svg.STYLE.read_text("utf-8")
    dashes = [re.search(rf"\.line\.s{i}{{[^}}]*dasharray:([\d ]+)", style) for i in range(1, 6)]
    assert len({found[1] for found in dashes if found}) == 5


@pytest.mark.parametrize(
    "asked",
    [
        ("train", "-m", "llama-3.1-8b", "--tokens", "1T", "-H", "h100-sxm", "--gpus", "64"),
        ("fit", "-m", "llama-3.1-8b", "-H", "h100-sxm"),
        ("check", str(ROOT / "examples" / "finops" / "llmcost.toml")),
    ],
    ids=lambda asked: str(asked[0]),
)
def test_commands_draw_their_tables(asked: tuple[str, ...], cli: Cli, tmp_path: Any) -> None:
    path = tmp_path / "x.svg"
    run = cli(*asked, "--plot", path)
    assert path.exists(), run.err


def test_a_chart_that_is_not_there_names_those_that_are(cli: Cli, tmp_path: Any) -> None:
    asked = ("fit", "-m", "llama-3.1-8b", "-H", "h100-sxm", "--plot", tmp_path / "x.svg", "--plot-kind")
    assert "hint: --plot-kind memory" in cli(*asked, "load").err
    assert "did you mean 'memory'" in cli(*asked, "memroy").err


def test_matplotlib_is_missed_before_the_work(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    run = cli("fit", "-m", "no-such-model", "--plot", tmp_path / "x.png")
    assert "needs matplotlib" in run.err
    assert "hint: pip install matplotlib" in run.err


def test_a_picture_in_python_is_an_image_of_its_own(tmp_path: Any) -> None:
    found = llmcost.fit(model="llama-3.1-8b", hardware="l4").plot()
    assert repr(found) == "<Picture memory of fit>"
    assert "<style>" in found._repr_svg_()
    found.save(tmp_path / "memory.svg")
    ET.parse(tmp_path / "memory.svg")
    with pytest.raises(LlmcostError, match="this answer has no load"):
        llmcost.fit(model="llama-3.1-8b", hardware="l4").plot("load")


def test_hours_follow_each_other_over_a_line_at_their_mean() -> None:
    rows = [{"hour": h, "relative_traffic": 2.0 if h == 9 else 22 / 23} for h in range(24)]
    root = ET.fromstring(svg.standalone(svg.draw(charts(answer("trace", day_hours=rows))["hours"])))
    bars = [one.attrib for one in root.iter() if one.tag.endswith("rect")]
    assert len(bars) == 24
    tall = [float(bar["height"]) for bar in bars]
    assert tall[9] == max(tall) == pytest.approx(2.0 / (22 / 23) * tall[0], rel=1e-2)  # heights have one decimal
    (mean,) = [one.attrib["d"] for one in root.iter() if one.attrib.get("class") == "w"]
    base = float(bars[0]["y"]) + tall[0]
    assert base - float(mean.split(" ")[1].split("H")[0]) == pytest.approx(tall[9] / 2, abs=0.2)


def test_a_label_keeps_clear_of_the_lines() -> None:
    series = [Series("a", [(1.0, 1.0), (2.0, 1.2), (8.0, 9.0)]), Series("b", [(1.0, 9.0), (8.0, 0.5)])]
    for x, y in ((1.0, 1.0), (1.0, 9.0), (8.0, 9.0), (8.0, 0.5)):
        chart = Lines("x", series, "n", "y", marks=[Mark(x, y, "the one that was chosen")])
        root = ET.fromstring(svg.standalone(svg.draw(chart)))
        (label,) = [one.attrib for one in root.iter() if one.attrib.get("class") == "v"]
        wide = 6.0 * len(chart.marks[0].label) * (1 if label["text-anchor"] == "start" else -1)
        left, right = sorted((float(label["x"]), float(label["x"]) + wide))
        for line in (one.attrib["d"] for one in root.iter() if one.attrib.get("class", "").startswith("line s")):
            if "h28" in line:
                continue  # of the legend
            points = [tuple(map(float, part.split())) for part in line[1:].split("L")]
            for (a, b), (c, d) in pairwise(points):
                for share in (i / 50 for i in range(51)):
                    at, height = a + share * (c - a), b + share * (d - b)
                    if left <= at <= right:
                        assert not float(label["y"]) - 11 < height < float(label["y"]), (x, y, at)


def test_a_check_shows_its_limits_as_its_other_formats_do(cli: Cli) -> None:
    asked = ("check", ROOT / "examples/finops/llmcost.toml")
    page = cli(*asked, "--format", "html").out
    heads = re.findall(r'<th scope="col"[^>]*>([^<]*)', page)
    assert heads[:6] == ["verdict", "budget", "limit", "allowed", "estimate", "headroom"]
    level = charts(answer("check", rows=[{"budget": "b", "limit": "x", "estimate": 3.0, "fail": 4.0}]))["limits"]
    assert isinstance(level, Bars)
    assert (level.level, level.rows[0].value) == (1.0, 0.75)


def test_a_map_shades_each_value_by_where_it_is_between_the_ends() -> None:
    root = ET.fromstring(svg.draw(charts(ANSWERS["swept"])["swept"]))
    runs = {one.attrib["class"]: one.attrib["d"] for one in root.iter() if one.attrib.get("class", "").startswith("h h")
            and one.attrib["stroke-width"] != "14"}  # fmt: skip
    cells = sum(round(float(part.split("h")[1]) / (612 / 3)) for d in runs.values() for part in d[1:].split("M"))
    assert cells == 23
    left, low = 84.0, max(float(p.split("h")[0].split()[1]) for d in runs.values() for p in d[1:].split("M"))
    # by ratios from 0.1 to 28, in eighths of ln 280 = 5.63: 0.2 is 0.98 of a step on, 4 is 5.24, 0.4 is 1.97, 8 is 6.22
    assert runs["h h0"].startswith(f"M{left:.1f} {low:.1f}h408.0M{left:.1f} ")
    assert runs["h h5"].startswith(f"M{left + 408:.1f} {low:.1f}h204.0")
    assert runs["h h1"].startswith(f"M{left + 204:.1f} ")
    assert runs["h h6"].startswith(f"M{left + 408:.1f} ")
    words = charts(ANSWERS["swept"])["swept"].alt
    assert "from $0.10/Mtok at isl 100, osl 1 to $28.00/Mtok at isl 400, osl 7" in words


def test_groups_that_a_chart_leaves_out_are_counted() -> None:
    rows = [{"name": f"g{i}", "quantity": "tpot", "median_ape_pct": 0.25 * i, "n": i} for i in range(30)]
    chart = charts(answer("validate", groups=rows))["errors"]
    assert isinstance(chart, Bars)
    assert (len(chart.rows), chart.rows[1].text) == (24, "0.25 % (1 row)")
    assert "the first 24 of 30" in chart.title


def test_times_in_a_tornado_have_a_unit(cli: Cli) -> None:
    found = cli("crossover", "pretrain-8b", "--samples", "40", "--json").json["sensitivity"]
    units_of = {row["input"]: row["unit"] for row in found}
    assert {unit for name, unit in units_of.items() if name.endswith("_seconds")} == {"s"}
