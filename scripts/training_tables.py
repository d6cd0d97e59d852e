"""Tables of docs/method-training.md, from the fit: what stacks add, and how wide the range of a class is."""

from __future__ import annotations

import csv
import math

from llmcost.catalog import Catalog
from scripts.fit_training_output import ROOT

CLASSES = {
    "plain": "any other stack than a tuned one",
    "experts": "mixture of experts",
    "loops": "experts that run one after the other, or may",
    "stack": "stack that no source measured",
    "generation": "accelerator of a generation without rows",
    "tuning": "fine-tuning",
    "overhead": "per share of the step that is host time, gathers and the exchange between experts",
    "unstated": "software not said",
}


def stacks() -> str:
    """What each family and stack adds to the step, and from how many sources."""
    head = (
        "| stack | sources | rows | host, ms a block | ZeRO-3 gathers shown | memory traffic | products | attention |"
    )
    lines = [head, "|---|---|---|---|---|---|---|---|"]
    for row in Catalog().table("training", "stacks"):
        counted = f"{row['sources']} | {row['rows']}" if row["sources"] else "family | "
        values = [f"{1e3 * row['host']:.2f}", *(f"{row[k]:.2f}" for k in ("gather", "traffic", "products"))]
        lines.append(f"| {row['name']} | {counted} | {' | '.join(values)} | {row['attention_kernel']:.2f} |")
    return "\n".join(lines) + "\n"


def ranges() -> str:
    """The factor on the half-width of the range by class, and what sources left out had."""
    known = {r["name"]: float(r["value"]) for r in Catalog().factors("training") if r["generation"] == "any"}
    lines = ["| class | half-width of the 90 % range in log time |", "|---|---|"]
    lines.append(
        f"| dense, pre-training, a tuned stack, a generation with rows | {math.exp(known['log_range_base']):.2f} |"
    )
    lines += [f"| {text} | x {math.exp(known[f'log_range_{name}']):.2f} |" for name, text in CLASSES.items()]
    lines += [
        "",
        "| left out, software named | sources | rows | error % | inside % | p95/p5 |",
        "|---|---|---|---|---|---|",
    ]
    with (ROOT / "validation" / "training_cross_validation.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["left_out"] == "class, software named":
                cells = [row[k] for k in ("sources", "n", "median_ape_pct", "coverage_90_pct", "median_range_ratio")]
                lines.append(f"| {row['name']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
