"""Pages: one file that loads nothing, in which hostile text is inert."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from llmcost.render import Options, render
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


GIVEN = ("crossover", "--train-cost", "150M", "--cost-per-request", "0.05", "--requests", "10M/day", "--format", "html")


def test_sliders_move_together_only_where_the_page_can_answer_by_itself(cli: Cli) -> None:
    for more in ([], ["--growth", "10%/mo"], ["--added-requests", "1M/day"], ["--retrain-every", "12mo"]):
        assert "forms" in data_of(cli(*GIVEN, *more).out)
    for more in (["--served", "1M"], ["--retrain-every", "1d"]):  # requests before launch; thousands of payments
        found = data_of(cli(*GIVEN, *more).out)
        assert "forms" not in found, more
        assert found["base"], more
    assert 'id="live"' not in cli("train", "--model", "deepseek-v3", "--gpu-hours", "2.788M", "--format", "html").out


@pytest.mark.parametrize("scenario", ["pretrain-8b", "llama-3.1-70b-chat", "deepseek-v3"])
def test_sliders_of_real_models_move_freely(cli: Cli, scenario: str) -> None:
    page = cli("crossover", scenario, "--format", "html").out
    assert len(page.encode()) < 300_000
    keys = {slider["key"] for slider in data_of(page)["sliders"]}
    assert {"requests", "growth", "utilization", "train_cost", "gpu_hours", "horizon"} <= keys
    assert keys & {"price", "serve_price"}


def test_long_tables_say_how_many_rows_they_leave_out(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmcost.render.html.MOST_CELLS", 30)
    asked = ("compare", "-m", "llama-3.1-8b", "-H", "h100-sxm", "--osl", "100", "--samples", "20")
    values = ",".join(str(n) for n in range(100, 1100, 100))
    page = cli(*asked, "--vary", f"isl={values}", "--format", "html").out
    shown, of = re.findall(r"(\d+) of (\d+) rows; --json", page)[0]
    assert int(of) == 10
    assert 1 <= int(shown) < 10


def data_of(page: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        re.findall(r'<script type="application/json" id="live-data">(.*?)</script>', page)[0]
    )
    return found


def test_a_comparison_over_a_number_has_a_slider_over_it(cli: Cli) -> None:
    asked = ("compare", "-m", "llama-3.1-8b", "--osl", "100", "--samples", "50", "--vary", "hardware=h100-sxm,l40s")
    page = cli(*asked, "--vary", "isl=200,2000", "--format", "html").out
    (slider,) = data_of(page)["sliders"]
    assert slider["option"] == "--isl"
    for stop in slider["rows"]:
        rows = cli(*asked, "--isl", stop["typed"], "--json").json["alternatives"]
        assert stop["centre"] == pytest.approx(min(row["usd_per_request"] for row in rows), rel=1e-6)
        cheapest = min(rows, key=lambda row: float(row["usd_per_request"]))["name"]
        assert f"{cheapest} is cheapest" in stop["headline"]


BITS = (
    "<script>alert(1)</script>", "\"'>", "</title>", "</script>", "<img src=x onerror=alert(1)>", "{{7*7}}", "{%", "--><!--",
    "javascript:x", "\u202e", "\x1b[2J", "&lt;", "]]>", "' onload='x", "<svg/onload=x>", "\\u003c", "${x}", "`", "\x00",
)  # fmt: skip


def test_500_hostile_names_are_inert_in_one_page() -> None:
    names = [f"{a}{i}{b}" for i, (a, b) in enumerate((a, b) for a in BITS for b in (*BITS, *HOSTILE))][:500]
    assert len(names) == 500

    def made(named: list[str]) -> Parsed:
        rows = [
            {"name": n, "inputs": {"hardware": n, "isl": i % 7}, "usd_per_request": 1.0 + i}
            for i, n in enumerate(named)
        ]
        inputs = {f"k{i}": Input(n, "name", "flag", source=n) for i, n in enumerate(named)}
        estimate = Estimate(
            command="compare", headline=named[0], result={"name": named[1]}, inputs=inputs,
            warnings=[Warning("W001", n, n) for n in named[:50]], arrays={"alternatives": rows},
        )  # fmt: skip
        return Parsed(render("html", estimate, Options(said=named[2])))

    plain, found = made([f"name {i}" for i in range(500)]), made(names)
    assert [tag for tag, _ in found.tags] == [tag for tag, _ in plain.tags], "a name became markup"
    assert not [a for _, attributes in found.tags for a in attributes if a.startswith("on")]
    assert not [a for _, a in found.tags if (a.get("href") or "https://").lower().startswith("javascript")]


def test_a_page_of_10000_alternatives_stays_small() -> None:
    rows = [
        {
            "name": f"isl {i}, h100-sxm", "inputs": {"hardware": "h100-sxm", "isl": i}, "usd_per_request": i / 1e6,
            "usd_per_month": float(i), "gpus": 8.0, "tpot_seconds": 0.03, "ttft_seconds": 0.2, "ratio": 1.0,
        }
        for i in range(1, 10_001)
    ]  # fmt: skip
    estimate = Estimate(command="compare", headline="x", result={"name": "x"}, arrays={"alternatives": rows})
    assert len(render("html", estimate, Options()).encode()) < 2_000_000
