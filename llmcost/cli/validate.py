"""`llmcost validate`."""

from __future__ import annotations

from typing import Any

import typer

from llmcost.cli.presets import FOLDER, FORMAT, JSON, NO_COLOR, OUTPUT, deliver

SUMMARY = "How far the estimator is from published measurements, and from yours."
SUBJECT = typer.Argument(None, metavar="[SUBJECT]", help="training, runs or serving.", show_default=False)
DATA = typer.Option(
    None,
    "--data",
    metavar="FILE",
    help="Your own rows: a table, or a file of a benchmark or trainer.",
    show_default=False,
)


def gap(name: str, help_: str, metavar: str = "N") -> Any:
    """An option that fills what a file of measurements leaves out."""
    return typer.Option(
        None, name, metavar=metavar, help=help_, show_default=False, rich_help_panel="Where the file is silent"
    )


MODEL = gap("--model", "Model preset, or the name it is published under.", "NAME")
HARDWARE = gap("--hardware", "Accelerator.", "NAME")
GPUS = gap("--gpus", "Number of accelerators.")
TP = gap("--tp", "Tensor-parallel ranks.")
PP = gap("--pp", "Pipeline stages.")
DTYPE = gap("--dtype", "Format of the weights.", "NAME")
FRAMEWORK = gap("--framework", "Serving or training software.", "NAME")
ISL = gap("--isl", "Input tokens per request.")
OSL = gap("--osl", "Output tokens per request.")
CONCURRENCY = gap("--concurrency", "Requests in flight.")
METHOD = gap("--method", "How it is trained: full, lora, ...", "NAME")
SEQ_LEN = gap("--seq-len", "Training sequence length.")
BATCH = gap("--global-batch-tokens", "Tokens per optimizer step: 4M.")
MICRO = gap("--micro-batch", "Sequences per micro-batch.")


def register(app: typer.Typer, full: bool) -> None:
    """Add the command."""
    app.command("validate", help=f"{SUMMARY}\n\n{_columns()}" if full else SUMMARY, short_help=SUMMARY)(run)


def _columns() -> str:
    """The columns of `--data` by subject, a line each."""
    from llmcost.terms.validate import COLUMNS

    lines = "\n".join(f"{subject}: {columns}" for subject, columns in COLUMNS.items())
    return f"Columns of --data (a figure; what is needed; what else is read):\n{lines}"


def run(
    subject: str | None = SUBJECT,
    data: str | None = DATA,
    model: str | None = MODEL,
    hardware: str | None = HARDWARE,
    gpus: str | None = GPUS,
    tp: str | None = TP,
    pp: str | None = PP,
    dtype: str | None = DTYPE,
    framework: str | None = FRAMEWORK,
    isl: str | None = ISL,
    osl: str | None = OSL,
    concurrency: str | None = CONCURRENCY,
    method: str | None = METHOD,
    seq_len: str | None = SEQ_LEN,
    global_batch_tokens: str | None = BATCH,
    micro_batch: str | None = MICRO,
    presets_dir: str | None = FOLDER,
    format_: str = FORMAT,
    json_: bool = JSON,
    output: str | None = OUTPUT,
    no_color: bool = NO_COLOR,
) -> int:
    """Score the engine."""
    from llmcost.cli.output import catalog
    from llmcost.estimate.validate.measured import said
    from llmcost.estimate.validate.score import validate

    gaps = said({
        "model": model, "hardware": hardware, "gpus": gpus, "tp": tp, "pp": pp, "dtype": dtype,
        "framework": framework, "isl": isl, "osl": osl, "concurrency": concurrency, "method": method,
        "seq_len": seq_len, "global_batch_tokens": global_batch_tokens, "micro_batch": micro_batch,
    })  # fmt: skip
    return deliver(validate(catalog(presets_dir), subject, data, gaps), format_, json_, output, no_color)
