"""What holds for every format: hostile text is inert, the same answer gives the same text, little is imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

from llmcost import render
from llmcost.render import Options, formats
from llmcost.render.terminal import chart
from llmcost.render.text import warning_lines
from llmcost.result import Estimate
from tests.unit import render_sample as sample

SAMPLES = {"train": sample.train(), "crossover": sample.crossover(), "compare": sample.compare()}
FORMATS = (*formats("train"), "chart")
SETTINGS = {
    "pipe": Options(),
    "explained": Options(explain=True),
    "narrow": Options(width=40, explain=True, chart=True),
    "terminal": Options(width=80, chart=True),
    "wide": Options(width=200, chart=True),
    "plain": Options(width=80, unicode=False, chart=True, explain=True),
}


def shown(form: str, estimate: Estimate, options: Options) -> str:
    return chart.render(estimate, options) if form == "chart" else render.render(form, estimate, options)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("form", FORMATS)
def test_hostile_text_reaches_nothing(form: str, setting: str) -> None:
    text = shown(form, sample.hostile(), SETTINGS[setting])
    assert all(c == "\n" or c.isprintable() for c in text), [c for c in text if not c.isprintable()]
    text.encode("utf-8")


def test_hostile_warnings_stay_on_their_lines() -> None:
    (line,) = warning_lines(sample.hostile())
    assert line.isprintable()
    assert line.startswith("warning: W001 ")
    assert warning_lines(sample.train())[0] == (
        "warning: W031 the price is 120 days old (llmcost presets show h100-sxm)"
    )
    assert warning_lines(sample.train(), width=34)[:3] == [
        "warning: W031 the price is 120", "  days old", "  (llmcost presets show h100-sxm)",
    ]  # fmt: skip


@pytest.mark.parametrize("estimate", SAMPLES.values(), ids=SAMPLES)
@pytest.mark.parametrize("form", FORMATS)
def test_same_answer_same_text(form: str, estimate: Estimate) -> None:
    for options in SETTINGS.values():
        first = shown(form, estimate, options)
        assert first == shown(form, estimate, options)
        assert first == "" or (first.endswith("\n") and not first.endswith("\n\n"))
        assert "\x1b" not in first


@pytest.mark.parametrize("form", FORMATS)
def test_without_unicode_there_is_ascii_only(form: str) -> None:
    for estimate in (*SAMPLES.values(), sample.hostile()):
        assert shown(form, estimate, SETTINGS["plain"]).isascii()


def test_unknown_formats_are_a_bug() -> None:
    with pytest.raises(ValueError, match="no renderer for 'yaml'"):
        render.render("yaml", sample.train(), Options())


@pytest.mark.parametrize("form", ["json", "csv", "markdown"])
def test_only_the_table_loads_rich_and_nothing_loads_numpy(form: str) -> None:
    heavy = "{'rich', 'numpy', 'plotille', 'matplotlib'}"
    code = (
        "import sys; from llmcost import render; from tests.unit.render_sample import train;"
        f"render.render({form!r}, train(), render.Options()); sys.exit(str({heavy} & set(sys.modules)) != 'set()')"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
