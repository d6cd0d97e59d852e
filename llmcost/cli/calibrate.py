"""`llmcost calibrate`."""

from __future__ import annotations

import typer

from llmcost.cli import validate as gaps
from llmcost.cli.presets import FOLDER, FORMAT, JSON, NO_COLOR, deliver

SUMMARY = "Learn your stack from your own measurements."
FILES = typer.Argument(..., metavar="FILE...", help="Tables, or files of benchmarks and trainers.", show_default=False)
OUTPUT = typer.Option(
    None, "--output", "-o", metavar="FILE", help="Write what --calibration takes (.toml), or the answer.",
    show_default=False,
)  # fmt: skip


def register(app: typer.Typer, full: bool) -> None:
    """Add the command."""
    del full  # its options are few
    app.command("calibrate", help=SUMMARY, short_help=SUMMARY)(run)


def run(
    files: list[str] = FILES,
    model: str | None = gaps.MODEL,
    hardware: str | None = gaps.HARDWARE,
    gpus: str | None = gaps.GPUS,
    tp: str | None = gaps.TP,
    pp: str | None = gaps.PP,
    dtype: str | None = gaps.DTYPE,
    framework: str | None = gaps.FRAMEWORK,
    isl: str | None = gaps.ISL,
    osl: str | None = gaps.OSL,
    concurrency: str | None = gaps.CONCURRENCY,
    method: str | None = gaps.METHOD,
    seq_len: str | None = gaps.SEQ_LEN,
    global_batch_tokens: str | None = gaps.BATCH,
    micro_batch: str | None = gaps.MICRO,
    presets_dir: str | None = FOLDER,
    format_: str = FORMAT,
    json_: bool = JSON,
    output: str | None = OUTPUT,
    no_color: bool = NO_COLOR,
) -> int:
    """Learn."""
    from llmcost.cli import output as out
    from llmcost.estimate.calibrate.answer import calibrate
    from llmcost.estimate.validate.measured import said

    given = said({
        "model": model, "hardware": hardware, "gpus": gpus, "tp": tp, "pp": pp, "dtype": dtype,
        "framework": framework, "isl": isl, "osl": osl, "concurrency": concurrency, "method": method,
        "seq_len": seq_len, "global_batch_tokens": global_batch_tokens, "micro_batch": micro_batch,
    })  # fmt: skip
    estimate, stack = calibrate(out.catalog(presets_dir), files, given)
    if output is not None and output.endswith(".toml"):
        out.write(output, stack.encode())
        output = None
    return deliver(estimate, format_, json_, output, no_color)
