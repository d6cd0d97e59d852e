"""Write docs/accuracy.md and the table of README.md: the error against the shipped measurements, and unseen ones."""

from __future__ import annotations

import csv
import re
from functools import cache
from pathlib import Path
from typing import Any

from llmcost.catalog import Catalog
from llmcost.estimate.validate.score import validate
from llmcost.result import Estimate
from scripts import doc_charts
from scripts.docs import also

ROOT = Path(__file__).parent.parent
TITLES = {
    "training": "Training steps",
    "runs": "Whole training runs",
    "serving": "Serving",
    "memory": "Memory",
}
PREDICTED = {  # row of the README's table: subject and quantity
    "training step": ("training", "step_seconds"),
    "GPU-hours of a whole run": ("runs", "gpu_hours"),
    "serving TPOT": ("serving", "tpot"),
    "serving output tokens/s": ("serving", "output_tokens_per_s"),
    "serving TTFT": ("serving", "ttft"),
    "KV cache of an engine": ("memory", "kv_tokens"),
    "peak memory": ("memory", "peak_bytes"),
}
UNNAMED = 15.0  # error of fine-tuning that was asked for where the software is not named [%]
BLOCK = re.compile(r"(<!-- accuracy -->).*?(<!-- /accuracy -->)", re.DOTALL)
COLUMNS = {
    "n": "rows", "skipped": "skipped", "median_ape_pct": "median %", "mape_pct": "mean %", "p90_ape_pct": "p90 %",
    "bias_pct": "bias %", "coverage_90_pct": "in 90 % range %", "median_range_ratio": "p95/p5",
}  # fmt: skip
STARTS = {
    "n": "rows", "skipped": "skipped", "oom_rows": "did not fit", "oom_called_fitting_pct": "of those said to fit %",
    "ran_rows": "ran", "ran_refused_pct": "of those refused %", "likely_rows": "said 80 to 95 %",
    "likely_ran_pct": "of those ran %",
}  # fmt: skip
INTRO = """# Accuracy

`make accuracy` writes this page with `llmcost validate training|runs|serving|memory` and the cross-validation tables of the fitting scripts.
An error is 100 (predicted / measured - 1); medians and means are of its absolute value, the bias is the geometric mean of predicted over measured, less one.
A prediction reads the input columns of a row and nothing else. Constants are physical, shared by all rows of a chip generation or a serving
framework; no row, source or model has one of its own.

{also}

![Median errors of what is predicted, over all rows and over sources never fitted](images/accuracy.svg)

The tables "over all rows" contain the rows the constants were fitted to. The tables "left out" do not: they are what to expect of a source, a
machine or a model that is new. Each is predicted by a fit that begins
at the prior and has seen nothing of it ([method](method-serving.md#calibration)). "Software not named" blanks all that a row says of its software (framework, year, compilation, kernels) and keeps its
layout and recomputation: it is what a user gets who names none. {unnamed}
"""
UNSEEN = (
    "`llmcost validate training --data validation/training_unseen.csv`. No constant was fitted to these rows. torchtitan "
    "and arXiv 2205.05198\nwere looked at while the first model was built; the long sequences on B200, the fine-tuning rows "
    "and H200 were predicted once it stood.\nUnder a named stack (torchtitan: named) they are predicted as any row is."
)
NOTES = """## What is not modelled

- **Training.** The release of the training software, but for its year: one configuration differs by up to 60 % between releases of one stack. Experts outside the tuned stacks run at anything between
  a loop over them and a grouped product, which no input tells: their range is wide. Power limits of the machines of a source. Padding, offloading to the host and packing of fine-tuning batches are taken as
  stated, not measured.
- **Whole runs.** What a card counts as GPU-hours (restarts, evaluation, post-training, several models in one figure) differs, and some contradict their own tokens (group `hours`, by a look at the implied efficiency): all are in the
  fit, whose error has heavy tails, and all are scored here. Rows without GPU-hours are listed by `validate` and not scored.
- **Serving.** Time to first token depends on the benchmark's warm-up and first wave, which no input column tells: its range is wide. Speculative decoding that a source did not label. Boxes
  whose cards go by way of the host's memory differ by five times in what they reach. Consumer cards in prefill.
- **Everywhere.** Prices are quotes, not contracts. Quality of the model is not predicted.
"""


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(row) + " |" for row in (heads, ["---"] * len(heads), *rows)]
    return "\n".join(lines) + "\n"


def cell(value: Any) -> str:
    """A number with three digits, whole counts as they are."""
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}"


@cache  # the page and the README's table ask for the same ones
def validated(subject: str, data: str | None = None) -> Estimate:
    """The answer of `llmcost validate`."""
    return validate(Catalog(), subject, data)


def measured(subject: str, data: str | None = None) -> str:
    """Errors over the shipped rows, or those of a file: in all, and by group."""
    answer = validated(subject, data)
    groups = [g for g in answer.arrays["groups"] if g["quantity"] != "fits"]
    several = len({g["quantity"] for g in groups}) > 1
    heads = ["by", "", *(["quantity"] if several else []), *COLUMNS.values()]
    rows = [
        [g["by"], g["name"], *([g["quantity"]] if several else []), *(cell(g[k]) for k in COLUMNS)]
        for g in groups
        if g["by"] != "quantity" or several
    ]
    whole = ["all", "", *([""] if several else []), *(cell(answer.result[k]) for k in COLUMNS)]
    return table(heads, [whole, *rows])


def starts() -> str:
    """Of runs and engines that fitted and that did not, how many were said to."""
    groups = [g for g in validated("memory").arrays["groups"] if g["quantity"] == "fits"]
    groups.sort(key=lambda g: g["by"] != "quantity")
    rows = [
        [*(("all", "") if g["by"] == "quantity" else (g["by"], g["name"])), *(cell(g[k]) for k in STARTS)]
        for g in groups
    ]
    does = f"### Does it fit\n\nOdds of one half or better are a yes.\n\n{table(['by', '', *STARTS.values()], rows)}"
    said = [
        [r["subject"], f"{100 * r['said_from']:.0f} to {100 * r['said_to']:.0f}", cell(r["n"])]
        + [cell(100 * r[key]) for key in ("said_mean", "ran_share")]
        for r in validated("memory").arrays["reliability"]
    ]
    told = table(["rows of", "said to fit %", "rows", "mean of said %", "ran %"], said)
    return f"{does}\nWhat was said with about the same probability, and how much of it ran: the two are alike where probabilities are calibrated.\n\n{told}"


def unseen(subject: str) -> str:
    """The cross-validation table that the fitting script wrote, if there is one."""
    path = ROOT / "validation" / f"{subject}_cross_validation.csv"
    if not path.is_file():
        return ""
    with path.open(encoding="utf-8", newline="") as file:
        heads, *rows = list(csv.reader(file))
    shown, script = table([h.replace("_", " ") for h in heads], rows), "training" if subject == "runs" else subject
    return f"### Left out\n\nWritten by `python -m scripts.fit_{script}`; the constants of each line were fitted without its rows.\n\n{shown}\n"


def never_fitted(subject: str) -> str:
    """Errors over `validation/SUBJECT_unseen.csv`: rows of sources that no fit has read, if there are any."""
    path = ROOT / "validation" / f"{subject}_unseen.csv"
    return f"### Never fitted\n\n{UNSEEN}\n\n{measured(subject, str(path))}\n" if path.is_file() else ""


def page() -> str:
    """The whole document."""
    parts = [INTRO.replace("{also}", also()).replace("{unnamed}", unnamed())]
    for subject, title in TITLES.items():
        whole = f"## {title}\n\n### Over all rows\n\n{measured(subject)}\n{unseen(subject)}"
        whole += unseen("memory_serving") if subject == "memory" else ""
        fits = starts() if subject == "memory" else ""
        parts.append("\n".join(filter(None, [whole, fits, never_fitted(subject)])))
    return "\n".join([*parts, NOTES])


def readme(text: str) -> str:
    """README text with its table of errors filled in: over all rows, as `validate` prints them, and over unseen rows."""
    heads = ["predicted", "rows", "all rows", "source never fitted", "machine never fitted"]
    rows = [
        [name, f"{n:,}", errors, left_out(subject, quantity, "source"), left_out(subject, quantity, "machine")]
        for name, (subject, quantity) in PREDICTED.items()
        for n, errors in [over_all(subject, quantity)]
    ]
    return BLOCK.sub(lambda match: f"{match[1]}\n\n{table(heads, rows)}\n{match[2]}", text)


def over_all(subject: str, quantity: str) -> tuple[int, str]:
    """Rows predicted, and their errors."""
    groups = validated(subject).arrays["groups"]
    found = next(g for g in groups if g["by"] == "quantity" and g["quantity"] == quantity)
    return found["n"] - found["skipped"], errors(found["median_ape_pct"], found["mape_pct"])


def errors(median: float, mean: float) -> str:
    """Median and mean of an error [%]."""
    return f"median {median:.0f} %, mean {mean:.0f} %"


def left_out(subject: str, quantity: str, what: str) -> str:
    """Errors of rows whose source or machine no constant was fitted to, from the fitting script's table."""
    path = ROOT / "validation" / f"{subject}_cross_validation.csv"
    if not path.is_file():
        return ""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if subject == "serving":
        name = {"output_tokens_per_s": "throughput"}.get(quantity, quantity)
        wanted = {"test": f"{what} left out", "left_out": "all", "quantity": name}
        keys, unit = ("median_error", "mean_error"), 100.0
    elif subject == "training":
        if what != "source":
            return ""
        means = {"left_out": "mean of sources, software named", "name": "pre-training"}
        of_sources = next(row for row in rows if means.items() <= row.items())
        return f"median {float(of_sources['median_ape_pct']):.0f} %, each source counting once"
    else:
        wanted = {"left_out": {"source": "publisher"}.get(what, what), "name": "all"}
        keys, unit = ("median_ape_pct", "mape_pct"), 1.0
    found = next((row for row in rows if wanted.items() <= row.items()), None)
    return "" if found is None else errors(*(unit * float(found[key]) for key in keys))


def unnamed() -> str:
    """What is missed of sources where the software is not named, against what was asked for."""
    with (ROOT / "validation" / "training_cross_validation.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["left_out"] == "mean of sources, software not named"]
    missed = {row["name"]: float(row["median_ape_pct"]) for row in rows}
    tuned, before = missed["fine-tuning"], missed["pre-training"]
    met = "met" if tuned <= UNNAMED else "not met"
    return (
        f"Sources are then missed by {before:.1f} % in\npre-training and by {tuned:.1f} % in fine-tuning, where "
        f"{UNNAMED:.0f} % were asked for: that is {met}."
    )


def main() -> None:
    (ROOT / "docs" / "accuracy.md").write_text(page(), "utf-8")
    path = ROOT / "README.md"
    path.write_text(readme(path.read_text("utf-8")), "utf-8")
    doc_charts.write("accuracy")


if __name__ == "__main__":
    main()
