"""Pages: one file that loads nothing, in which hostile text is inert."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from html.parser import HTMLParser

import pytest

from llmcost.render import Options, render
from llmcost.render.page import live
from llmcost.result import Estimate, Input, Range, Warning
from tests.conftest import Cli

HOSTILE = [
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "</title><script>", "{{ 7 * 7 }}", "{% raw %}",
    "javascript:alert(1)", "</script><script>alert(1)", "&lt;b&gt;", "a\u202eb", "x\x00y", "' onload='x", "<!--", "]]>",
]  # fmt: skip


class Parsed(HTMLParser):
    """Tags and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def page(text: str = "a model", said: str = "") -> str:
    estimate = Estimate(
        command="crossover",
        headline=text,
        result={"crossover_days": 300.0, "most_sensitive": text},
        ranges={"crossover_days": Range(250.0, 300.0, None)},
        inputs={"model": Input(text, "name", "flag", source=text)},
        warnings=[Warning("W001", text, text)],
        arrays={"rows": [{"name": text, "value": 1.0}], "alternatives": [{"name": text, "usd_per_request": 1.0}] * 2},
        presets="2026-11-25",
    )
    return render("html", estimate, Options(said=said))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    plain, found = Parsed(page(said="x")), Parsed(page(text, said=text))
    assert [tag for tag, _ in found.tags] == [tag for tag, _ in plain.tags], "text became markup"
    for _, attributes in found.tags:
        assert not any(name.startswith("on") for name in attributes)
        assert not (attributes.get("href") or "https://").startswith("javascript:")
    assert "49" not in re.findall(r"<h1[^>]*>(.*?)</h1>", page("{{ 7 * 7 }}"))[0]


def test_the_page_loads_nothing(cli: Cli) -> None:
    run = cli(
        "crossover",
        "--train-cost",
        "100M..200M",
        "--cost-per-request",
        "0.05",
        "--requests",
        "10M/day",
        "--format",
        "html",
    )
    tags = Parsed(run.out).tags
    assert not [tag for tag, _ in tags if tag in ("link", "img", "iframe", "object", "embed", "form")]
    assert all("src" not in attributes for _, attributes in tags)
    (policy,) = [a["content"] for tag, a in tags if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    style, script = (re.findall(rf"<{tag}>(.*?)</{tag}>", run.out, re.DOTALL)[-1] for tag in ("style", "script"))
    for text in (style, script):
        assert base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() in html.unescape(policy)


@pytest.mark.parametrize(
    "args",
    [
        ["train", "--model", "deepseek-v3", "--gpu-hours", "2.788M", "--price", "2/h"],
        ["serve", "-m", "llama-3.1-8b", "-H", "h100-sxm", "--isl", "1000", "--osl", "500", "--price", "2/h"],
        ["crossover", "llama-3.1-70b-chat"],
        ["compare", "--cost-per-request", "0.05", "--requests", "10M/day", "--vary", "train_cost=100M,200M"],
    ],
    ids=lambda args: str(args[0]),
)
def test_every_command_has_a_page(cli: Cli, args: list[str]) -> None:
    run = cli(*args, "--samples", "100", "--format", "html")
    assert run.code == 0, run.err
    assert len(run.out.encode()) < 300_000
    headline = re.findall(r"<h1[^>]*>(.*?)</h1>", run.out)[0]
    assert html.unescape(headline) in cli(*args, "--samples", "100").out
    tags = [tag for tag, _ in Parsed(run.out).tags]
    assert tags.count("h1") == tags.count("main") == 1
    assert html.unescape(run.out).count("llmcost " + args[0]) == 1


def test_an_output_file_that_ends_in_html_is_a_page(cli: Cli, tmp_path: object) -> None:
    path = f"{tmp_path}/report.html"
    assert cli("crossover", "gpt-4-class", "--samples", "50", "-o", path).code == 0
    with open(path, encoding="utf-8") as file:
        assert file.read().startswith("<!DOCTYPE html>")


def test_sliders_only_where_the_page_can_answer(cli: Cli) -> None:
    given = [
        "crossover",
        "--train-cost",
        "150M",
        "--cost-per-request",
        "0.05",
        "--requests",
        "10M/day",
        "--format",
        "html",
    ]
    assert 'id="live"' in cli(*given).out
    assert 'id="live"' in cli(*given, "--growth", "10%/mo").out
    for more in (["--added-requests", "1M/day"], ["--price-decline", "30%/y"], ["--retrain-every", "12mo"]):
        assert 'id="live"' not in cli(*given, *more).out, more
    assert 'id="live"' not in cli("crossover", "llama-3.1-70b-chat", "--samples", "50", "--format", "html").out


def test_requests_served_double_as_by_hand() -> None:
    # 1 request a day doubling in a month of 30.4375 days: 30.4375 / ln 2 = 43.9120 served in it
    assert live.served(live.MONTH, 1.0) == pytest.approx(43.9120, abs=1e-4)
    assert live.served(10.0, 0.0) == 10.0
