"""A budget over the sum of services: hosted, bought and owned together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cli

SERVICES = {
    "hosted": 'model = "llama-3.1-8b"\nhardware = "l40s"\nprice = "1/h"\nisl = 1000\nosl = 200\nrequests = "300k/day"\n',
    "bought": 'api = "openai/gpt-4o"\nisl = 1000\nosl = 200\nrequests = "1k/day"\n',
    "owned": 'model = "llama-3.1-8b"\nhardware = "h100-sxm"\ncommitment = "owned"\nisl = 1000\nosl = 200\nrequests = "1M/day"\n',
}
EVERY = 'scenarios = ["hosted.toml", "bought.toml", "owned.toml"]\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in SERVICES.items():
        (tmp_path / f"{name}.toml").write_text(f"samples = 1000\n{text}")
    return tmp_path


def _checked(cli: Cli, folder: Path, limits: str) -> Any:
    path = folder / "llmcost.toml"
    path.write_text(f"[[budget]]\n{EVERY}{limits}")
    return cli("check", str(path), "--json")


def _each(cli: Cli, folder: Path) -> list[Any]:
    return [cli("serve", str(folder / f"{name}.toml"), "--json").json for name in SERVICES]


def test_a_limit_on_the_sum_of_three_services(cli: Cli, folder: Path) -> None:
    total = sum(answer["result"]["usd_per_month"] for answer in _each(cli, folder))
    under = _checked(cli, folder, f"max_total_usd_per_month = {total * 0.99}")
    over = _checked(cli, folder, f"max_total_usd_per_month = {total * 1.01}")
    assert (under.code, over.code) == (1, 0)
    (row,) = over.json["rows"]
    assert row["estimate"] == pytest.approx(total)
    assert row["scenario"].count(" + ") == 2
    assert under.json["rows"][0]["largest_cost"] in row["scenario"]


def test_its_quantile_is_that_of_all_dear_at_once(cli: Cli, folder: Path) -> None:
    wide = 0.0
    for answer in _each(cli, folder):
        wide += answer["ranges"].get("usd_per_month", {"p95": answer["result"]["usd_per_month"]})["p95"]
    (row,) = _checked(cli, folder, 'max_total_usd_per_month = { fail = "1M", at = "p95" }').json["rows"]
    assert row["estimate"] == row["p95"] == pytest.approx(wide)
    (middle,) = _checked(cli, folder, 'max_total_usd_per_month = { fail = "1M", at = "p90" }').json["rows"]
    assert row["p5"] < middle["estimate"] < row["p95"]


def test_what_one_of_them_lacks_has_no_sum(cli: Cli, folder: Path) -> None:
    run = _checked(cli, folder, "max_energy_kwh_per_month = 1000")
    assert run.code == 1
    assert "bought.toml: energy_kwh_per_month cannot be computed" in run.json["rows"][0]["message"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"{EVERY}max_tpot_seconds = 1\n", "scenarios are not added up in that"),
        ('scenario = "hosted.toml"\nmax_total_usd_per_month = 1\n', "is for several scenarios"),
        (f'{EVERY}scenario = "hosted.toml"\nmax_total_usd_per_month = 1\n', "two answers to one question"),
        ('scenarios = ["hosted.toml", "hosted.toml"]\nmax_total_usd_per_month = 1\n', "twice"),
        ("scenarios = []\nmax_total_usd_per_month = 1\n", "is not a list of texts"),
    ],
)
def test_what_makes_no_sense_is_said(cli: Cli, folder: Path, text: str, why: str) -> None:
    (folder / "llmcost.toml").write_text(f"[[budget]]\n{text}")
    run = cli("check", str(folder / "llmcost.toml"))
    assert run.code == 2
    assert why in run.err


def test_growth_of_the_sum_since_the_baseline(cli: Cli, folder: Path) -> None:
    path = folder / "llmcost.toml"
    path.write_text(f'[[budget]]\n{EVERY}max_total_usd_per_month = {{ fail = "1M", max_increase = "5%" }}\n')
    base = folder / "base.json"
    assert cli("check", str(path), "--baseline", str(base), "--update-baseline").code == 0
    (folder / "bought.toml").write_text(SERVICES["bought"].replace("1k/day", "100k/day"))
    run = cli("check", str(path), "--baseline", str(base), "--json")
    assert run.code == 1
    grown = next(row for row in run.json["rows"] if row["limit"] == "max_increase")
    assert grown["increase"] > 0.05
