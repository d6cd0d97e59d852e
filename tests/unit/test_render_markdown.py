"""GitHub Markdown: text stays text."""

from __future__ import annotations

import re

import pytest

from llmcost.render import Options
from llmcost.render.markdown import render
from llmcost.render.marks import escape, source
from tests.unit import render_sample as sample


def test_the_answer_is_open_and_what_it_rests_on_is_folded() -> None:
    text = render(sample.train(), Options())
    assert text.startswith("**Training a-model costs $84.2M ($68.0M to $104M).**\n\n> **W031** the price")
    assert "| cost (rental) | $84.2M | $68.0M to $104M |" in text
    assert "| accelerator rental | 33.7M GPU-hour | $2.50/GPU-hour | $84.2M |" in text
    assert "| total |  |  | $84.2M |" in text
    assert "<details>\n<summary>Inputs: 2 given, 1 default, 1 assumed, 1 preset</summary>\n\n| input |" in text
    assert (
        "| price | $2.50/h ($2.00 to $3.10/h) | default, measured | <https://example.org/p>, read 2026-10-01 |" in text
    )
    assert "Steps" not in text
    assert "<summary>Steps</summary>" in render(sample.train(), Options(explain=True))


def test_tables_keep_their_columns() -> None:
    for estimate in (sample.hostile(), sample.compare(), sample.train()):
        for block in render(estimate, Options(explain=True)).split("\n\n"):
            lines = [line for line in block.splitlines() if line.startswith("|")]
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) <= 1, lines


def test_no_markup_from_strangers() -> None:
    text = render(sample.hostile(), Options(explain=True))
    ours = re.sub(r"</?(details|summary|sub)>|<!-- -->", "", text)
    assert "<" not in ours
    assert "@me" not in text
    assert "http://" not in text
    assert not re.search(r"(?<!\\)`", text)


@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        ("a|b", r"a\|b"),
        ("`x`", r"\`x\`"),
        ("<img src=x>", "&lt;img src=x&gt;"),
        ("a\nb", r"a\\nb"),
        ("[x](y)", r"\[x\](y)"),
        ("&lt;", "&amp;lt;"),
        ("$x$", r"\$x\$"),
        ("$2.50/h", "$2.50/h"),
        ("@team #12", "@<!-- -->team #<!-- -->12"),
        ("www.a.b", "www<!-- -->.a.b"),
    ],
)
def test_escape(raw: str, safe: str) -> None:
    assert escape(raw) == safe


@pytest.mark.parametrize("text", ["javascript:alert(1)", "https://a.b/<script>", "https://a.b c", "https://a.b/|"])
def test_only_plain_addresses_are_links(text: str) -> None:
    assert not source(text).startswith("<")
