"""Write docs/images/*.svg: the charts of the pages, drawn from answers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from llmcost import api
from llmcost.render.charts import Bar, Bars
from llmcost.render.page import svg

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "images"
FEW = "500"  # samples: the pictures of a page need no more


def crossover() -> str:
    """Both curves of the example of README.md."""
    return api.crossover("llama-3.1-70b-chat", samples=FEW).plot("curve").svg


def _served(kind: str) -> str:
    asked: dict[str, Any] = {
        "model": "llama-3.1-8b",
        "hardware": "h100-sxm",
        "isl": 1000,
        "osl": 300,
        "requests": "1M/day",
    }
    return api.serve(**asked, samples=FEW).plot(kind).svg


def step() -> str:
    """Where the time of a training step goes."""
    return api.train(model="llama-3.1-70b", tokens="15T", hardware="h100-sxm", gpus=2048, samples=FEW).plot("step").svg


def alternatives() -> str:
    """Two machines, over the length of the prompt."""
    vary = {"isl": ["250", "500", "1000", "2000", "4000"], "hardware": ["h100-sxm", "l40s"]}
    return api.compare(model="llama-3.1-8b", osl=300, vary=vary, samples=FEW).plot("varied").svg


def accuracy() -> str:
    """Median errors, from the table of README.md."""
    table = (ROOT / "README.md").read_text("utf-8").partition("<!-- accuracy -->")[2].partition("<!-- /accuracy -->")[0]
    made = []
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split("|")]
        for name, cell in zip(("", "", "all rows", "source never fitted"), cells, strict=False):
            found = re.match(r"median (\d+) %", cell)
            if name and found:
                made.append(Bar(f"{cells[0]}: {name}", float(found[1]), f"{found[1]} %"))
    title = "Median error of what is predicted, over all rows and over sources that no constant was fitted to"
    return svg.standalone(svg.draw(Bars(title, made, "per cent")))


def claims() -> str:
    """Verdicts on public claims, from the table of docs/claims.md."""
    text = (ROOT / "docs" / "claims.md").read_text("utf-8")
    counted = Counter(re.findall(r"(?m)^\| \d+ \| .* \| ([a-z ]+) \|$", text))
    made = [Bar(word, float(count), f"{count}") for word, count in counted.most_common()]
    return svg.standalone(svg.draw(Bars("Public claims by verdict", made, "claims")))


CHARTS: dict[str, Callable[[], str]] = {
    "crossover": crossover,
    "speed": lambda: _served("speed"),
    "load": lambda: _served("load"),
    "step": step,
    "alternatives": alternatives,
    "accuracy": accuracy,
    "claims": claims,
}


def write(*names: str) -> None:
    """Draw some of them, or all where none is named."""
    FOLDER.mkdir(exist_ok=True)
    for name in names or CHARTS:
        (FOLDER / f"{name}.svg").write_text(CHARTS[name]() + "\n", "utf-8")


if __name__ == "__main__":
    write()
