"""The table of a terminal."""

from __future__ import annotations

import re

import msgspec
import pytest
from rich.cells import cell_len

from llmcost.render import Options
from llmcost.render.table import render
from llmcost.result import CostRow, Estimate, Input
from tests.unit import render_sample as sample

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def test_answer_first_then_figures_costs_and_inputs() -> None:
    lines = render(sample.train(), Options()).splitlines()
    assert lines[0] == "Training a-model costs $84.2M ($68.0M to $104M)."
    assert lines[1] == ""
    assert lines[3] == "  cost (rental)   $84.2M               $68.0M to $104M"
    text = "\n".join(lines)
    assert "  accelerator rental  33.7M GPU-hour  $2.50/GPU-hour  $84.2M\n" in text
    assert "  total                                               $84.2M\n" in text
    assert "  given    model a-model · gpus 16,384\n" in text
    assert "  assumed  pue 1.20 (1.10 to 1.40)\n" in text
    assert "layout          tp 8, pp 16, dp 128\n" in text
    assert "HFU" not in text
    assert "W031" not in text


def test_explain_shows_every_step_input_and_figure() -> None:
    text = render(sample.train(), Options(explain=True))
    assert "  training FLOPs  3.80e25 FLOP\n    6 x parameters x tokens\n    arXiv:2001.08361, section 2.1\n" in text
    assert "    https://example.org/p, read 2026-10-01\n" in text
    assert re.search(r"HFU +not known", text)
    assert "preset:hardware/h100-sxm, vendor" in text


@pytest.mark.parametrize("width", [30, 40, 60, 80, 100, 200])
@pytest.mark.parametrize("name", ["train", "crossover", "compare"])
def test_no_number_is_cut_at_any_width(name: str, width: int) -> None:
    estimate = getattr(sample, name)()
    natural = render(estimate, Options(explain=True))
    text = render(estimate, Options(width=width, explain=True))
    assert max(cell_len(line) for line in text.splitlines()) <= width
    assert "…" not in text + natural
    numbers = re.compile(r"\$?\d[\d.,]*(?:[kMBT]\b|%)?")
    assert set(numbers.findall(text)) <= set(numbers.findall(natural))


def test_compare_says_which_columns_have_no_room() -> None:
    natural = render(sample.compare(), Options())
    assert "  name           ratio  per month  output (/Mtok)     TPOT  GPUs\n" in natural
    assert "  a100-80gb-sxm: does not fit\n" in natural
    narrow = render(sample.compare(), Options(width=46))
    assert "no room for output (/Mtok), TPOT:" in " ".join(narrow.split())
    assert "  h200-sxm        1.00      $410k   192\n" in narrow


def test_a_narrow_check_keeps_what_moved_since_the_baseline() -> None:
    row = dict.fromkeys(("key", "at", "warn", "message", "largest_cost", "moved", "owner", "reason", "expires"))
    row |= {"verdict": "ok", "budget": "pretraining", "limit": "max_total_usd", "key": "total_usd", "at": "p50",
            "fail": 3e6, "estimate": 2.4e6, "headroom": 0.2, "increase": 0.05, "p5": 1e6, "p95": 7e6}  # fmt: skip
    checked = Estimate(command="check", headline="It holds.", result={}, arrays={"rows": [row], "totals": []})
    narrow = render(checked, Options(width=76))
    assert "max_total_usd   $3.00M    $2.40M          +5.00%\n" in narrow
    assert "no room for headroom, 90 % range:" in narrow


def test_words_of_a_narrow_table_stay_whole() -> None:
    rows = [
        {"name": f"llama-3.1-405b on {chip}", **dict.fromkeys(("price_usd", "total_usd"), 1.5e6)}
        for chip in ("mi300x", "h200-sxm-141gb-nvlink")
    ]
    text = render(Estimate(command="presets", headline="x", result={}, arrays={"rows": rows}), Options(width=50))
    assert "h200-sxm-141gb-nvlink" in text


def test_other_tables_stack() -> None:
    rows = [{"file": "a.toml", "limit_usd": 1.2e6, "estimate_usd": 1.43e6, "headroom_share": -0.19}]
    checked = Estimate(command="presets", headline="1 budget exceeded.", result={}, arrays={"rows": rows})
    assert "  a.toml     $1.20M        $1.43M          -19.0%\n" in render(checked, Options())
    stacked = render(checked, Options(width=30))
    assert "  a.toml\n    limit usd       $1.20M\n    estimate usd    $1.43M\n" in stacked


def test_many_rows_of_one_source_name_it_once() -> None:
    rows = [
        {"key": k, "value": v, "source": "a datasheet", "date": "2026-11-23"}
        for k, v in (("tdp_watts", 700.0), ("memory_bytes", 80e9))
    ]
    text = render(Estimate(command="presets", headline="x", result={}, arrays={"rows": rows}), Options())
    assert "  tdp_watts     700 W         1\n  memory_bytes  80.0 GB       1\n" in text
    assert text.endswith("\n  1  a datasheet, read 2026-11-23\n")


def test_a_curve_is_a_picture_or_a_short_table() -> None:
    assert "●" in render(sample.crossover(), Options(width=80, chart=True))
    plain = render(sample.crossover(), Options())
    assert "●" not in plain
    assert "inference p95" not in plain
    explained = render(sample.crossover(), Options(explain=True)).splitlines()
    assert sum(bool(re.match(r" +\d+ +\$150M", line)) for line in explained) == 13


@pytest.mark.parametrize(
    ("estimate", "line"),
    [
        (sample.train(), "84200000"),
        (sample.crossover(), "300"),
        (sample.crossover(result={"crossover_days": None, "status": "not within it"}), "not within it"),
        (sample.compare(), "h200-sxm"),
        (sample.train(result={"total_usd": None}), "not known"),
    ],
)  # fmt: skip
def test_quiet_is_the_number_asked_for(estimate: Estimate, line: str) -> None:
    assert render(estimate, Options(quiet=True, width=80, color=True)) == line + "\n"


def test_colour_changes_nothing_but_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("NO_COLOR", "FORCE_COLOR", "GITHUB_ACTIONS"):
        monkeypatch.setenv(variable, "1")
    monkeypatch.setenv("COLUMNS", "20")
    for estimate in (sample.train(), sample.crossover(), sample.compare()):
        plain = render(estimate, Options(width=80, chart=True))
        colored = render(estimate, Options(width=80, chart=True, color=True))
        assert "\x1b[" not in plain
        assert "\x1b[1m" in colored
        assert ANSI.sub("", colored) == plain


def test_markup_from_a_file_is_shown_as_it_is() -> None:
    marked = sample.train(
        inputs={"model": Input("[bold red]x[/] :smile:", "name", "flag")},
        breakdown=[CostRow("rate (bytes/s) [bytes/s]", 1.0, "h", 1.0, 1.0)],
    )
    text = render(marked, Options(width=80))
    assert "[bold red]x[/] :smile:" in text
    assert "[bytes/s]" in text


def test_wide_characters_are_measured() -> None:
    text = render(sample.train(inputs={"model": Input("模型" * 40, "name", "flag")}), Options(width=60))
    assert max(cell_len(line) for line in text.splitlines()) <= 60
    assert re.sub(r"\s", "", text).count("模型") == 40


def test_a_long_phrase_does_not_push_the_ranges_away() -> None:
    answer = sample.train()
    phrase = "tp 4, pp 16, vpp 8, dp 128, cp 2"
    told = render(msgspec.structs.replace(answer, result={"layout": phrase, **answer.result}), Options()).splitlines()
    line = next(line for line in told if line.startswith("  layout"))
    figures = told[told.index("") + 1 : told.index(line)]
    assert line.endswith(phrase)
    assert line.index(phrase) == min(cell_len(f[: f.index("$")]) for f in figures if "$" in f)  # values line up
    assert max(cell_len(f) for f in figures) < 60
