"""`llmcost check`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import typer

from llmcost.cli import complete
from llmcost.cli.help import examples
from llmcost.cli.options import (
    CURRENCY,
    FOLDER,
    JSON,
    NO_COLOR,
    OUTPUT,
    PLOT,
    PLOT_KIND,
    argument,
    option,
    parsed,
    printed,
)
from llmcost.cli.options import currency as stated_currency
from llmcost.errors import Exit, LlmcostError, of_system, shown
from llmcost.render import formats

if TYPE_CHECKING:
    from llmcost.result import Estimate

SUMMARY = "Do the scenarios of this repository stay inside their budgets? For CI."
EXAMPLES = """
llmcost check
llmcost check budgets.toml chat.toml --format github --step-summary
llmcost check --baseline baseline.json --update-baseline
llmcost check --as-of 2026-11-23 --format junit -o llmcost.xml

Exit codes: 0 every limit holds (a warning does not count), 1 a limit does not hold, 2 the question is wrong.
"""
FORMATS = formats("check")
SUMMARY_FILE = "GITHUB_STEP_SUMMARY"


FILES = argument(
    [],
    metavar="[FILES]...",
    help="Budget files, scenarios with a budget table, or - for standard input; llmcost.toml when none is named.",
    autocompletion=complete.preset("scenarios"),
)
BASELINE = option(None, "--baseline", metavar="FILE", help="Answers of an earlier check, for max_increase and changes.")
UPDATE = option(False, "--update-baseline", help="Write the answers of this check to the baseline.")
AS_OF = option(None, "--as-of", metavar="DATE", help="Use prices dated up to this day, and take it for today.")
EXIT_ZERO = option(False, "--exit-zero", help="Exit with 0 where a limit does not hold.")
STEP_SUMMARY = option(False, "--step-summary", help=f"Append the Markdown report to ${SUMMARY_FILE}.")
FORMAT = printed(FORMATS)
QUIET = option(False, "--quiet", "-q", help="Only the number of limits that fail.")


def register(app: typer.Typer, full: bool) -> None:
    """Add the command."""
    del full  # few options: nothing to save
    app.command("check", help=f"{SUMMARY}\n\n{examples(EXAMPLES)}", short_help=SUMMARY)(run)


def run(
    files: list[str] = FILES,
    baseline: str | None = BASELINE,
    update_baseline: bool = UPDATE,
    as_of: str | None = AS_OF,
    currency: str | None = CURRENCY,
    exit_zero: bool = EXIT_ZERO,
    step_summary: bool = STEP_SUMMARY,
    presets_dir: str | None = FOLDER,
    format_: str = FORMAT,
    json_: bool = JSON,
    output: str | None = OUTPUT,
    quiet: bool = QUIET,
    no_color: bool = NO_COLOR,
    plot: str | None = PLOT,
    plot_kind: str | None = PLOT_KIND,
) -> int:
    """Check budgets."""
    from llmcost import units
    from llmcost.cli import output as out
    from llmcost.estimate.check import Asked, check
    from llmcost.estimate.check import files as budgets

    shown_in = stated_currency(currency)
    drawn = {"plot": plot, "plot_kind": plot_kind}
    shown = out.options(format_, json_, output, False, quiet=quiet, no_color=no_color, formats=FORMATS, **drawn)
    summary = _summary_file() if step_summary else None
    day = None if as_of is None else parsed("--as-of", units.parse_date, as_of)
    catalog = out.catalog(presets_dir)
    with units.amounts_in(shown_in):
        read = budgets.read(files or [budgets.DEFAULT], catalog, out.stdin)
    target = budgets.target(read, baseline) if update_baseline else None
    known = [None] * len(read) if update_baseline else budgets.baselines(read, baseline)
    asked = [Asked(file, answers) for file, answers in zip(read, known, strict=True)]
    with units.amounts_in(shown_in):
        estimate = check(asked, catalog, as_of=day, clock=_today, renew=update_baseline)
    if target is not None:
        out.write(target, _as("json", estimate).encode())
    if summary is not None:
        _append(summary, _as("markdown", estimate))
    code = out.deliver(estimate, shown)
    return Exit.OK if exit_zero and code == Exit.NO else code


def _today() -> Any:
    import datetime as dt

    return dt.date.today()


def _summary_file() -> str:
    name = os.environ.get(SUMMARY_FILE)
    if not name:
        raise LlmcostError(f"--step-summary: {SUMMARY_FILE} is not set", "GitHub Actions sets it; elsewhere use -o")
    return name


def _append(name: str, text: str) -> None:
    try:
        with open(name, "a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise of_system(f"--step-summary: cannot write {shown(name, 200)}", error) from None


def _as(format_name: str, estimate: Estimate) -> str:
    from llmcost import render

    return render.render(format_name, estimate, render.Options())
