"""The terminal chart and the figure in a file."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from llmcost.errors import LlmcostError
from llmcost.render import Options
from llmcost.render.axis import tick_label, ticks, time_axis
from llmcost.render.plot import SUFFIXES, plot
from llmcost.render.terminal.chart import curve, interpolated, render
from llmcost.result import Range
from tests.unit import render_sample as sample

DAYS_PER_MONTH = 365.25 / 12


@given(st.floats(1e-6, 1e18), st.integers(3, 12))
def test_ticks_are_round_few_and_cover_the_axis(top: float, count: int) -> None:
    found = ticks(top, count)
    assert found[0] == 0
    assert 1 <= len(found) - 1 <= count
    step = found[1]
    assert float(f"{step:.0e}") == pytest.approx(step)
    assert f"{step:.0e}"[0] in "125"
    assert found[-1] <= top * (1 + 1e-6) < found[-1] + step * (1 + 1e-6)


@pytest.mark.parametrize(
    ("end", "word"), [(0.5, "days"), (60, "days"), (120, "months"), (1400, "months"), (1500, "years"), (36525, "years")]
)
def test_time_is_told_in_the_unit_that_reads_best(end: float, word: str) -> None:
    days, labels, unit = time_axis(end, 6)
    assert unit == word
    assert len(days) == len(labels) <= 7
    assert days[-1] <= end * (1 + 1e-9)


@pytest.mark.parametrize(
    ("kind", "value", "label"),
    [("usd", 1e7, "$10M"), ("usd", 150e6, "$150M"), ("usd", 0.05, "$0.05"), ("kwh", 5e5, "500 MWh"), ("kg", 0.0, "0")],
)
def test_tick_labels_are_short(kind: str, value: float, label: str) -> None:
    assert tick_label(kind, value) == label


def test_interpolation_is_flat_outside() -> None:
    points = [(1.0, 1.0), (2.0, 3.0), (2.0, 5.0)]
    assert [interpolated(points, x) for x in (0.0, 1.5, 9.0)] == [1.0, 2.0, 5.0]


def test_a_range_with_prices_says_so_beside_that_of_the_headline() -> None:
    answer = sample.crossover()
    priced = structs.replace(answer, ranges_at_price={"crossover_days": Range(250.0, 300.0, 350.0)})
    lines = render(priced, Options(width=80)).splitlines()
    assert lines[0].endswith("dotted: 90 % range of each with prices")
    assert lines[-1].endswith("crossing, 90 % range with prices: day 188 or later")


def test_the_picture_names_the_curves_and_the_crossing() -> None:
    lines = render(sample.crossover(), Options(width=80)).splitlines()
    text = "\n".join(lines)
    assert "inference $300M" in text
    assert "training $150M" in text
    assert " day 300, $150M " in text
    assert "90 % range" in lines[0]
    assert lines[-2].endswith("months")
    assert lines[-1].endswith("┣━┫ crossing, 90 % range: day 188 or later")
    dot = next(line for line in lines if "●" in line)
    x = dot.index("●")
    below = lines[lines.index(dot) + 1 : -3]
    assert below
    assert all(line[x] == "┊" for line in below)
    axis = len("$300M") + 2
    # 300 of 600 days: the middle of the curves' columns
    base = lines[-3]
    assert abs((x - axis) / (len(base) - 1 - axis) - 0.5) < 0.05
    # the crossing's own range: a bracket on the time axis from day 188, open to the right
    assert base[x] == "╋"
    assert abs((base.index("┣") - axis) / (len(base) - 1 - axis) - 188 / 600) < 0.05
    assert base.endswith("▶")


@pytest.mark.parametrize("unicode", [True, False])
def test_each_curve_has_a_band_of_its_own(unicode: bool) -> None:
    lines = render(sample.crossover(), Options(width=80, unicode=unicode)).splitlines()
    of_training, of_inference = ("╌", "·") if unicode else ("~", ".")
    held = [i for i, line in enumerate(lines[1:16]) if of_training in line]
    # training lies between $120M and $190M of $300M over 15 rows: rows 5 to 9 from the top
    assert held
    assert set(held) <= set(range(5, 10))
    assert sum(of_inference in line for line in lines[1:16]) >= 12


@pytest.mark.parametrize("width", [44, 60, 80, 110, 300])
@pytest.mark.parametrize("basis", ["usd", "kwh", "co2e_kg"])
@pytest.mark.parametrize("unicode", [True, False])
def test_it_fits_and_is_ascii_where_it_must(width: int, basis: str, unicode: bool) -> None:
    text = render(sample.crossover(basis), Options(width=width, unicode=unicode))
    assert max(len(line) for line in text.splitlines()) <= width
    assert text.isascii() != unicode
    assert ("●" in text) == unicode


def test_no_crossing_no_mark() -> None:
    text = render(sample.crossover(end=100.0), Options(width=80))
    assert "training $150M" in text
    assert "●" not in text
    assert "┊" not in text


def test_nothing_to_draw() -> None:
    assert render(sample.train(), Options()) == ""
    assert render(sample.crossover(), Options(width=30)) == ""
    assert curve(sample.crossover(arrays={"curve": []})) is None
    flat = [
        {"day": 0.0, "training_usd": 0.0, "inference_usd": 0.0},
        {"day": 9.0, "training_usd": 0.0, "inference_usd": 0.0},
    ]
    assert curve(sample.crossover(arrays={"curve": flat})) is None


def test_colour_is_only_colour() -> None:
    import re

    colored = render(sample.crossover(), Options(width=80, color=True))
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == render(sample.crossover(), Options(width=80))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_figures_repeat_byte_for_byte(suffix: str) -> None:
    first = plot(sample.crossover(), suffix)
    assert first.startswith({".svg": b"<?xml", ".png": b"\x89PNG", ".pdf": b"%PDF"}[suffix])
    assert plot(sample.crossover(), suffix) == first


def test_figures_hold_no_date() -> None:
    import datetime as dt

    today = str(dt.date.today().year).encode()
    assert b"<dc:date>" not in plot(sample.crossover(headline="x"), ".svg")
    assert b"/CreationDate" not in plot(sample.crossover(headline="x"), ".pdf")
    assert b"D:" + today not in plot(sample.crossover(headline="x"), ".pdf")


def test_figures_of_hostile_headlines() -> None:
    hostile = sample.crossover(headline=sample.HOSTILE + " $\\frac{1}{0}$ 模型")
    assert plot(hostile, ".svg").startswith(b"<?xml")


def test_figures_say_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LlmcostError, match="no curve"):
        plot(sample.train(), ".svg", "curve")
    with pytest.raises(LlmcostError, match=r"\.gif"):
        plot(sample.crossover(), ".gif")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(LlmcostError, match="needs matplotlib") as caught:
        plot(sample.crossover(), ".svg")
    assert "plot" in caught.value.hint


@pytest.mark.parametrize(
    ("said", "unicode"),
    [
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, False),  # what Python makes of LANG=C: PEP 538
        ({"LANG": "C.UTF-8"}, True), ({"LC_ALL": "C", "LANG": "de_DE.UTF-8"}, False), ({}, True),
        ({"LC_CTYPE": "C.UTF-8"}, True),
    ],
)  # fmt: skip
def test_a_terminal_says_by_its_locale_what_it_shows(
    monkeypatch: pytest.MonkeyPatch, said: dict[str, str], unicode: bool
) -> None:
    from llmcost.cli import output

    class Terminal:
        encoding = "utf-8"

        def isatty(self) -> bool:
            return True

    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout", Terminal())
    assert output._unicode() is unicode
