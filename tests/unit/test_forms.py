"""Closed forms of a crossover: what they follow, by hand, and what the page's own script makes of them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from llmcost.render.html import FOLDER
from tests.conftest import Cli
from tests.unit.test_render_html import data_of

NODE = shutil.which("node")
CHAT = ("crossover", "llama-3.1-70b-chat", "--samples", "400")
SMALL = (
    "crossover", "-m", "llama-3.1-8b", "--tokens", "1T", "--train-hardware", "h100-sxm", "--train-gpus", "64",
    "--mfu", "40%", "--price", "2/h", "-H", "h100-sxm", "--isl", "1000", "--osl", "300", "--requests", "2M/day",
    "--samples", "400",
)  # fmt: skip
GIVEN = ("crossover", "--train-cost", "3M", "--cost-per-request", "0.002", "--samples", "400")
OWNED = (*(word for word in SMALL if word not in ("--price", "2/h")), "--commitment", "owned")


def page(cli: Cli, *asked: str) -> dict[str, Any]:
    run = cli(*asked, "--format", "html")
    assert run.code == 0, run.err
    return data_of(run.out)


def test_training_follows_tokens_price_and_mfu(cli: Cli) -> None:
    form = page(cli, *SMALL)["forms"]["parts"]["training"]
    # T = 6 N D price / (peak x MFU), and failures beside: the rest of each sample
    powers = {tag.split(".")[1]: power for tag, power in form["powers"].items()}
    assert powers == {"tokens": 1, "price": 1, "mfu": -1, "peak_flops": -1, "overhead": 1}
    assert form["rest"]


def test_a_replica_carries_more_the_fuller_it_may_be(cli: Cli) -> None:
    forms = page(cli, *SMALL)["forms"]
    # requests a day of a replica: accelerators x 86,400 x utilisation / (accelerator time x error of the throughput)
    assert forms["parts"]["capacity"]["powers"] == {"serve.utilization": 1, "serve.throughput_error": -1}
    for ((pool,),) in zip(forms["fleet"]["choices"], strict=True):
        assert pool["capacity"] == pytest.approx(pool["size"] * 86_400 * 0.6 / pool["seconds"], rel=1e-9)


def test_what_is_bent_by_the_size_of_a_job_goes_no_farther_than_it_holds(cli: Cli) -> None:
    asked = ("crossover", "agent-deepseek-v3", "--samples", "50")
    slider = next(one for one in page(cli, *asked)["sliders"] if one["key"] == "gpu_hours")
    # 256 accelerators for two weeks are a cluster: below 256 x 336 h the run pays another rate
    assert slider["low"] > 256 * 336


def told(
    cli: Cli, asked: tuple[str, ...], place: dict[str, float], sliders: list[dict[str, Any]]
) -> list[float | None]:
    options: dict[str, str] = {}
    for slider in sliders:
        if slider["key"] in place:
            value = place[slider["key"]]
            rates = {"growth": "%/mo", "growth_per_year": "%/y", "decline": "%/y", "share": "%"}
            unit = {**rates, "days": "d", "per_day": "/day", "usd_per_hour": "/h"}
            percent = 100.0 if slider["kind"] in rates else 1.0
            ends = [end * value / slider["value"] for end in slider["range"]] or [value]
            typed = "..".join(f"{end * percent:.15g}{unit.get(slider['kind'], '')}" for end in ends)
            options[slider["option"]] = typed
    kept = [word for i, word in enumerate(asked) if word not in options and asked[max(i - 1, 0)] not in options]
    answer = cli(*kept, *(f"{option}={typed}" for option, typed in options.items()), "--json").json
    found, held = (answer.get(name, {}).get("crossover_days") or {} for name in ("ranges", "ranges_at_price"))
    return [answer["result"]["crossover_days"], *(of.get(q) for of in (found, held) for q in ("p5", "p95"))]


@pytest.mark.skipif(NODE is None, reason="no Node here; the same is asked of a browser by make browser")
@pytest.mark.parametrize(
    ("asked", "places"),
    [
        (CHAT, [
            {"requests": 30e6, "growth": 0.04, "utilization": 0.45}, {"requests": 7e6, "horizon": 900.0},
            {"price": 3.1, "train_cost": 4e6, "growth": -0.03}, {"gpu_hours": 2e6, "requests": 25e6},
            {"mfu": 0.5, "tokens": 3e13, "price": 1.2}, {"isl": 2040.0, "requests": 30e6, "growth": 0.04, "utilization": 0.45},
            {"osl": 106.0, "price": 3.1, "mfu": 0.5},
        ]),
        (("crossover", "deepseek-v3", "--samples", "400"), [
            {"requests": 6e6, "growth": 0.1, "price": 1.4}, {"isl": 9000.0, "requests": 6e6, "price": 1.4},
        ]),
        (("crossover", "gpt-4-class", "--train-cost", "60M..90M", "--samples", "400"), [
            {"train_cost": 150e6, "growth": 0.08}, {"cost_per_request": 0.004, "growth": -0.05, "horizon": 8000.0},
        ]),
        (OWNED, [{"requests": 9e6}, {"requests": 5e5, "growth": 0.06}]),
        ((*SMALL, "--added-requests", "100k/day", "--efficiency-gain", "10%/y", "--discount", "8%/y"), [
            {"requests": 4e5, "added_requests": 3e5, "discount": 0.15},
        ]),
        ((*CHAT, "--ceiling", "400M..700M/day", "--adoption-midpoint", "18mo", "--retrain-every", "12mo",
          "--retrain-cost", "0.2..0.5"), [{"requests": 3e6, "adoption_midpoint": 300.0, "price": 3.1}]),
        ((*GIVEN, "--requests", "1M..3M/day", "--growth", "3%..8%/mo", "--ceiling", "9M/day", "--price-decline", "20%/y"),
         [{"train_cost": 9e6, "price_decline": 0.1}]),
        ((*GIVEN, "--requests", "3M/day", "--payments", "40%@-6mo,30%@3mo,30%@24mo", "--discount", "10%/y"),
         [{"growth": 0.04}]),
        (("crossover", "--train-cost", "3M", "--api", "openai/gpt-4.1", "--isl", "900", "--osl", "200", "--requests",
          "1M/day", "--samples", "400"), [{"requests": 4e6, "growth": 0.02, "train_cost": 1e6}, {"isl": 1800.0, "train_cost": 1e6}]),
    ],
    ids=["70b", "deepseek-v3", "given", "owned", "linear", "logistic", "ranges", "payments", "bought"],
)  # fmt: skip
def test_the_script_says_what_the_command_says(
    cli: Cli, tmp_path: Path, asked: tuple[str, ...], places: list[dict[str, float]]
) -> None:
    data = page(cli, *asked)
    (tmp_path / "asked.json").write_text(json.dumps({"data": data, "places": [{}, *places]}))
    script = (
        "".join((FOLDER / name).read_text("utf-8") for name in ("time.js", "forms.js"))
        + """
        const { data, places } = JSON.parse(require("fs").readFileSync(process.argv[2], "utf8"));
        console.log(JSON.stringify(places.map((place) => {
          const found = answered(patched(data.forms, data.stops, place), data.sliders, place);
          return [found.day, ...(found.whole ?? [null, null]), ...(found.held ?? [null, null])];
        }), (_, v) => (v === Infinity ? null : v)));
    """
    )
    (tmp_path / "forms.js").write_text(script, "utf-8")
    done = subprocess.run(
        [str(NODE), tmp_path / "forms.js", tmp_path / "asked.json"], capture_output=True, text=True, check=True
    )
    for place, mine in zip([{}, *places], json.loads(done.stdout), strict=True):
        theirs = told(cli, asked, place, [*data["sliders"], *data["stops"]])
        if theirs[0] is None:
            mine[2] = None  # a crossing that never comes has no upper end
        for a, b in zip(mine[:3], theirs[:3], strict=True):
            assert a == (None if b is None else pytest.approx(b, rel=1e-6)), (place, mine, theirs)
        for a, b in zip(mine[3:], theirs[3:], strict=True):
            assert None in (a, b) or a == pytest.approx(b, rel=1e-6), (place, mine, theirs)
