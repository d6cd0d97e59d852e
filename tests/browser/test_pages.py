"""Pages in a real browser: no error, no request, and what the sliders say is what the command says."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Cli

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--enable-logging=stderr"),
)
pytestmark = [pytest.mark.browser, pytest.mark.skipif(BROWSER is None, reason="no Chromium here")]
GIVEN = ("--train-cost", "100M..200M", "--cost-per-request", "0.05", "--requests", "10M/day", "--growth", "3%/mo")


def opened(page: Path, state: str, profile: Path) -> str:
    """The document after its script ran; an error or a refused request fails."""
    command = [str(BROWSER), *FLAGS, f"--user-data-dir={profile}", "--dump-dom", f"{page.as_uri()}{state}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert not re.findall(r"CONSOLE.*", done.stderr)
    return done.stdout


@pytest.mark.parametrize(
    ("state", "options"),
    [
        ("", {}),
        ("#train_cost=282842712.474619", {"--train-cost": "200M..400M"}),
        ("#growth=0.1&requests=20000000", {"--growth": "10%/mo", "--requests": "20M/day"}),
        ("#cost_per_request=0.1&growth=-0.05", {"--cost-per-request": "0.1", "--growth=-5%/mo": ""}),
        ("#cost_per_request=0.0005&growth=-0.05", {"--cost-per-request": "0.0005", "--growth=-5%/mo": ""}),
    ],
)
def test_the_page_agrees_with_the_command(cli: Cli, tmp_path: Path, state: str, options: dict[str, str]) -> None:
    page = tmp_path / "page.html"
    assert cli("crossover", *GIVEN, "-o", page).code == 0
    text = opened(page, state, tmp_path / "profile")
    asked = dict(zip(GIVEN[::2], GIVEN[1::2], strict=True)) | options
    if "--growth=-5%/mo" in asked:
        del asked["--growth"]
    answer = cli("crossover", *(word for pair in asked.items() for word in pair if word), "--json").json
    if not state:
        assert 'id="live" hidden' not in text
        return
    shown = dict(re.findall(r'data-(centre|p5|p95)="([^"]*)"', text))
    days, of = answer["result"]["crossover_days"], answer["ranges"].get("crossover_days", {})
    for name, want in (("centre", days), ("p5", of.get("p5")), ("p95", of.get("p95"))):
        if want is None:
            assert shown[name] == ""
        else:
            assert float(shown[name]) == pytest.approx(want, rel=1e-6)


def test_a_page_of_what_costs_nothing_is_drawn(cli: Cli, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    asked = ("-m", "llama-3.1-8b", "-H", "h100-sxm", "--isl", "500", "--osl", "200", "--requests", "1M/day")
    assert cli("crossover", *asked, "--tokens", "1T", "--train-gpus", "256", "--price", "0/h", "-o", page).code == 0
    text = opened(page, "#requests=5000000&growth=0.05", tmp_path / "profile")
    assert 'data-centre="0"' in text
    assert "NaN" not in text


@pytest.mark.parametrize("scenario", ["pretrain-8b", "llama-3.1-70b-chat", "deepseek-v3"])
@pytest.mark.parametrize(
    ("state", "options"),
    [
        ("#requests=200000000", ["--requests=200M/day"]),
        ("#requests=3000000&growth=0.05&utilization=0.4", ["--requests=3M/day", "--growth=5%/mo", "--utilization=40%"]),
        (
            "#train_cost=30000000&serve_price=3&growth=-0.02&horizon=900",
            ["--train-cost=30M", "--serve-price=3/h", "--growth=-2%/mo", "--horizon=900d"],
        ),
        ("#gpu_hours=1500000&price=1.9", ["--gpu-hours=1.5M", "--price=1.9/h"]),
        ("#isl=5", []),
    ],
)
def test_sliders_of_a_real_model_say_what_the_command_says(
    cli: Cli, tmp_path: Path, scenario: str, state: str, options: list[str]
) -> None:
    page, asked = tmp_path / "page.html", ("crossover", scenario, "--samples", "500")
    assert cli(*asked, "-o", page).code == 0
    keys = set(re.findall(r'"key":"(\w+)"', page.read_text("utf-8")))
    places = [one for one in state[1:].split("&") if one.split("=")[0] in keys]
    options = [one for one in options if one.split("=")[0][2:].replace("-", "_") in keys]
    shown = dict(
        re.findall(r'data-(centre|p5|p95)="([^"]*)"', opened(page, "#" + "&".join(places), tmp_path / "profile"))
    )
    if not options:
        assert shown == {}  # no such slider: the page is as it was asked
        return
    answer = cli(*asked, *options, "--json").json
    days, of = answer["result"]["crossover_days"], answer["ranges"].get("crossover_days", {})
    for name, want in (("centre", days), ("p5", of.get("p5")), ("p95", of.get("p95"))):
        assert shown[name] == "" if want is None else float(shown[name]) == pytest.approx(want, rel=1e-6)


@pytest.mark.parametrize(
    ("scenario", "state", "options"),
    [
        (
            "llama-3.1-70b-chat", "#isl=2040&requests=30000000&growth=0.04",
            ["--isl=2040", "--requests=30M/day", "--growth=4%/mo"],
        ),
        ("deepseek-v3", "#utilization=0.4&osl=622", ["--osl=622", "--utilization=40%"]),
    ],
)  # fmt: skip
def test_lengths_stop_where_the_command_was_asked(
    cli: Cli, tmp_path: Path, scenario: str, state: str, options: list[str]
) -> None:
    page, asked = tmp_path / "page.html", ("crossover", scenario, "--samples", "500")
    assert cli(*asked, "-o", page).code == 0
    text = opened(page, state, tmp_path / "profile")
    shown = dict(re.findall(r'data-(centre|p5|p95)="([^"]*)"', text))
    answer = cli(*asked, *options, "--json").json
    of = answer["ranges"]["crossover_days"]
    for name, want in (("centre", answer["result"]["crossover_days"]), ("p5", of["p5"]), ("p95", of["p95"])):
        assert float(shown[name]) == pytest.approx(want, rel=1e-6)
    said = html.unescape(re.findall(r'id="live-command">([^<]*)', text)[0])
    assert all(option.split("=")[0] in said for option in options)


FLEET = (
    "crossover", "--train-cost", "5M", "-m", "llama-3.1-70b", "-H", "h100-sxm", "--isl", "1000", "--osl", "200",
    "--samples", "300", "--served", "1e-6",
)  # fmt: skip


@pytest.mark.parametrize(
    ("state", "options"),
    [
        ("#price=1.7&train_cost=3300000&requests=40000000", ("1.7/h", "3.3M", "40M/day")),
        ("#requests=40000000&price=1.7&horizon=365.25", ("1.7/h", "5M", "40M/day", "--horizon", "1y")),
    ],
)
def test_sliders_that_keep_a_law_move_together(cli: Cli, tmp_path: Path, state: str, options: tuple[str, ...]) -> None:
    page = tmp_path / "page.html"
    assert cli(*FLEET, "--requests", "10M/day", "--price", "2/h", "-o", page).code == 0
    shown = dict(re.findall(r'data-(centre|p5|p95)="([^"]*)"', opened(page, state, tmp_path / "profile")))
    price, cost, requests, *more = options
    asked = [word if word != "5M" else cost for word in FLEET]
    answer = cli(*asked, "--requests", requests, "--price", price, *more, "--json").json
    days, of = answer["result"]["crossover_days"], answer["ranges"]["crossover_days"]
    for name, want in (("centre", days), ("p5", of["p5"]), ("p95", of["p95"])):
        assert shown[name] == "" if want is None else float(shown[name]) == pytest.approx(want, rel=1e-6)


def test_the_slider_of_a_comparison_says_who_is_cheapest_there(cli: Cli, tmp_path: Path) -> None:
    page, asked = tmp_path / "page.html", ("compare", "-m", "llama-3.1-8b", "--osl", "100", "--samples", "50")
    varied = ("--vary", "hardware=h100-sxm,l40s")
    assert cli(*asked, *varied, "--vary", "isl=200,2000", "-o", page).code == 0
    shown = opened(page, "#isl=2000", tmp_path / "profile")
    answer = cli(*asked, *varied, "--isl", "2000", "--json").json
    cost = re.findall(r'data-centre="([^"]*)"', shown)
    assert float(cost[0]) == pytest.approx(answer["alternatives"][0]["usd_per_request"], rel=1e-6)
    assert f"{answer['result']['name']} is cheapest" in shown


def test_the_slider_of_a_break_even_stops_where_both_cost_the_same(cli: Cli, tmp_path: Path) -> None:
    page, asked = tmp_path / "page.html", ("compare", "-m", "llama-3.1-8b", "-H", "h100-sxm", "--isl", "1000")
    more = ("--osl", "300", "--requests", "1M/day", "--against", "api:openai/gpt-4.1-nano", "--cross")
    answer = cli(*asked, *more, "requests=10k/day..10M/day", "--json").json
    assert cli(*asked, *more, "requests=10k/day..10M/day", "-o", page).code == 0
    met = answer["crossings"][0]
    shown = opened(page, f"#requests={met['value']!r}", tmp_path / "profile")
    assert float(re.findall(r'data-centre="([^"]*)"', shown)[0]) == pytest.approx(met["usd_per_month"], rel=1e-6)
    assert 'class="w place"' in shown


SAID = "document.documentElement.dataset.said = JSON.stringify"
QUESTIONS = {
    "train": ("train", "-m", "llama-3.1-8b", "--tokens", "1T", "-H", "h100-sxm", "--gpus", "64"),
    "serve": ("serve", "-m", "llama-3.1-8b", "-H", "h100-sxm", "--isl", "500", "--osl", "100", "--requests", "1M/day"),
    "fit": ("fit", "-m", "llama-3.1-8b", "-H", "l4"),
    "crossover": ("crossover", *GIVEN),
    "compare": ("compare", "-m", "llama-3.1-8b", "--isl", "500", "--osl", "100", "--vary", "hardware=h100-sxm,l40s"),
    "presets": ("presets", "show", "h100-sxm"),
    "check": ("check", str(ROOT / "examples/finops/llmcost.toml")),
    "validate": ("validate", "memory"),
}


def measured(page: Path, script: str, profile: Path, *flags: str) -> Any:
    """What a script finds in a copy of the page without its policy."""
    text = page.read_text("utf-8")
    text = re.sub(r"<meta http-equiv[^>]*>", "", text).replace("</body>", f"<script>{script}</script></body>")
    copy = page.with_name("copy.html")
    copy.write_text(text, "utf-8")
    command = [str(BROWSER), *FLAGS, *flags, f"--user-data-dir={profile}", "--virtual-time-budget=20000"]
    done = subprocess.run(
        [*command, "--dump-dom", copy.as_uri()], capture_output=True, text=True, check=False, timeout=120
    )
    (said,) = re.findall(r'data-said="([^"]*)"', done.stdout)
    return json.loads(html.unescape(said))


@pytest.mark.parametrize("name", QUESTIONS)
@pytest.mark.parametrize("wide", [360, 1440])
def test_nothing_is_wider_than_the_screen(cli: Cli, tmp_path: Path, name: str, wide: int) -> None:
    page = tmp_path / "page.html"
    assert cli(*QUESTIONS[name], "-o", page).code == 0
    script = (
        f"const frame = document.createElement('iframe'); frame.width = {wide}; frame.style.border = 0;"
        "const body = document.documentElement.outerHTML; document.body.replaceChildren(frame);"
        f"frame.onload = () => {SAID}([frame.contentWindow.innerWidth, frame.contentDocument.documentElement.scrollWidth]);"
        "frame.srcdoc = body.replace(/<script[^]*?<\\/script>/g, '');"
    )
    room, found = measured(page, script, tmp_path / "profile")
    assert room == wide
    assert found <= wide


@pytest.mark.parametrize("name", ["serve", "crossover", "compare", "train"])
def test_a_chart_is_read_on_a_phone_without_scrolling(cli: Cli, tmp_path: Path, name: str) -> None:
    page = tmp_path / "page.html"
    assert cli(*QUESTIONS[name], "-o", page).code == 0
    script = (
        "const frame = document.createElement('iframe'); frame.width = 360; frame.style.border = 0;"
        "const body = document.documentElement.outerHTML; document.body.replaceChildren(frame);"
        "frame.onload = () => { const page = frame.contentDocument, found = [];"
        "for (const figure of page.querySelectorAll('figure')) {"
        " const room = figure.querySelector('svg').getBoundingClientRect(), outside = [];"
        " for (const text of figure.querySelectorAll('svg text')) { const at = text.getBoundingClientRect();"
        "  if (at.left < room.left - 1 || at.right > room.right + 1) outside.push(text.textContent); }"
        " const size = Math.min(...[...figure.querySelectorAll('svg text')].map((t) => t.getBoundingClientRect().height));"
        " found.push([figure.scrollWidth - figure.clientWidth, outside, size]); }"
        f"{SAID}(found); }};"
        "frame.srcdoc = body.replace(/<script[^]*?<\\/script>/g, '');"
    )
    charts = measured(page, script, tmp_path / "profile")
    assert charts
    for more, outside, size in charts:
        assert more <= 0
        assert not outside
        assert size > 9  # pixels of a line of letters


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_page_prints(cli: Cli, tmp_path: Path, name: str) -> None:
    page, paper = tmp_path / "page.html", tmp_path / "page.pdf"
    assert cli(*QUESTIONS[name], "-o", page).code == 0
    command = [
        str(BROWSER),
        *FLAGS,
        f"--user-data-dir={tmp_path / 'profile'}",
        f"--print-to-pdf={paper}",
        page.as_uri(),
    ]
    subprocess.run(command, capture_output=True, check=True, timeout=120)
    assert paper.read_bytes().startswith(b"%PDF")
    assert paper.stat().st_size > 10_000


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """axe-core as npm has it; the tests that need it are skipped where there is none."""
    folder, npm = tmp_path_factory.mktemp("axe"), shutil.which("npm")
    done = npm and subprocess.run(
        [npm, "pack", "axe-core@4", "--silent"], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )
    if not done or done.returncode:
        pytest.skip("axe-core cannot be had from npm here")
    with tarfile.open(folder / done.stdout.strip().splitlines()[-1]) as packed:
        found = packed.extractfile("package/axe.min.js")
        assert found is not None
        return found.read().decode()


@pytest.mark.parametrize("name", QUESTIONS)
def test_axe_finds_no_serious_fault(cli: Cli, tmp_path: Path, name: str, axe: str) -> None:
    page = tmp_path / "page.html"
    assert cli(*QUESTIONS[name], "-o", page).code == 0
    script = (
        f"{axe}\naxe.run().then((found) => {SAID}(found.violations.map((v) => [v.impact, v.id, v.nodes[0].html])));"
    )
    faults = measured(page, script.replace("</script", "<\\/script"), tmp_path / "profile")
    assert [fault for fault in faults if fault[0] in ("serious", "critical")] == []


@pytest.mark.parametrize("scenario", ["llama-3.1-70b-chat", "gpt-4-class"])
def test_pages_open_from_disk_without_an_error(cli: Cli, tmp_path: Path, scenario: str) -> None:
    page = tmp_path / "page.html"
    assert cli("crossover", scenario, "--samples", "100", "-o", page).code == 0
    assert "<svg" in opened(page, "", tmp_path / "profile")


def test_a_reader_chooses_the_figure_of_a_sweep(cli: Cli, tmp_path: Path) -> None:
    page, grid = tmp_path / "page.html", tmp_path / "grid.csv"
    asked = ("sweep", "-m", "llama-3.1-8b", "-H", "h100-sxm", "--vary", "isl=100..8000:9", "--vary", "osl=50..2000:9")
    page.write_text(cli(*asked, "-o", grid, "--format", "html").out, "utf-8")
    script = (
        "const seen = () => [...document.querySelectorAll('.choice figure')].filter((f) => f.getClientRects().length);"
        "const found = [], chips = [...document.querySelectorAll('.choice input')];"
        "for (const chip of chips) { document.querySelector(`label[for=${chip.id}]`).click();"
        " found.push([chip.labels[0].textContent, seen().map((f) => f.querySelector('title').textContent)]); }"
        f"{SAID}(found);"
    )
    chosen = measured(page, script, tmp_path / "profile")
    assert len(chosen) > 5
    for label, shown in chosen:
        assert len(shown) == 1
        assert label.lower() in shown[0].lower()
