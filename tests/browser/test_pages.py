"""Pages in a real browser: no error, no request, and what the sliders say is what the command says."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Cli

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


@pytest.mark.parametrize("scenario", ["llama-3.1-70b-chat", "gpt-4-class"])
def test_pages_open_from_disk_without_an_error(cli: Cli, tmp_path: Path, scenario: str) -> None:
    page = tmp_path / "page.html"
    assert cli("crossover", scenario, "--samples", "100", "-o", page).code == 0
    assert "<svg" in opened(page, "", tmp_path / "profile")
