"""Measurements of one's own: a table of the project's columns, or a file as a tool wrote it, as rows to predict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from llmcost import units
from llmcost.errors import LlmcostError, raise_all
from llmcost.estimate.validate.subjects import SUBJECTS
from llmcost.estimate.validate.table import ID, Row, Table
from llmcost.keys.gaps import GAPS
from llmcost.readers import registry
from llmcost.readers.content import Content
from llmcost.readers.fill import filled
from llmcost.readers.rows import SERVING, TRAINING, Reading
from llmcost.records import NamedTuple
from llmcost.terms.validate import COLUMNS

# field of a reader's row -> column of the table that predictions read, and the factor between their units
SERVED = {
    "name": "id", "model": "model_id", "hardware": "hardware_id", "gpus": "n_gpus", "tp": "tp", "pp": "pp", "dp": "dp",
    "ep": "ep", "framework": "framework_id", "dtype": "weight_precision", "load": "load", "isl": "isl_eff",
    "osl": "osl_eff", "concurrency": "concurrency_or_batch", "output_tokens_per_second": "output_tokens_per_s",
}  # fmt: skip
TRAINED = {
    "name": "id", "model": "model_id", "hardware": "hardware_id", "gpus": "n_gpus", "tp": "tp", "pp": "pp", "cp": "cp",
    "ep": "ep", "framework": "framework_id", "dtype": "precision_id", "method": "method", "seq_len": "seq_len",
    "global_batch": "global_batch_seqs", "micro_batch": "micro_batch", "step_seconds": "measured_step_s",
}  # fmt: skip
MEMORY = {  # without the columns that rows of engines and of trainers call differently
    "model": "model_id", "hardware": "hardware_id", "gpus": "n_gpus", "tp": "tp", "pp": "pp", "method": "method",
    "seq_len": "seq_len", "micro_batch": "micro_batch",
}  # fmt: skip
OF_ENGINES = {"framework": "engine", "dtype": "weight_precision"}
OF_TRAINERS = {"framework": "framework", "dtype": "precision"}
MILLI = 1e-3
KIND = {"serving": SERVING, "training": TRAINING}
NOTES, BASIS = "_notes", "_basis"  # of a row: what was worked out, and what its figure was taken from


class Measured(NamedTuple):
    """A file of measurements: what it is of, its rows as columns, every figure that was read, and notes."""

    subject: str
    rows: Sequence[Row]
    figures: list[dict[str, Any]]
    notes: tuple[str, ...] = ()
    file: str = ""  # of the shipped ones, where it is not the subject's own


def said(raw: Mapping[str, str | None]) -> dict[str, Any]:
    """What was said beside the file, in base units.

    Raises
    ------
    LlmcostError
        Every value that is not of its kind.
    """
    found: dict[str, Any] = {}
    findings: list[LlmcostError] = []
    for name, text in raw.items():
        if text is None:
            continue
        try:
            found[name] = text.strip() if GAPS[name].kind == "text" else float(units.parse(GAPS[name].kind, text))
        except LlmcostError as error:
            findings.append(units.at(GAPS[name].option, error))
    raise_all(findings)
    return found


def measured(path: Path, subject: str | None, given: Mapping[str, Any]) -> Measured:
    """The measurements of a file.

    Parameters
    ----------
    path : Path
        A table with the columns of `terms.validate.COLUMNS`, or a file of any format that `readers` knows.
    subject : str, optional
        `training`, `runs`, `serving` or `memory`; without it the file decides.
    given : mapping
        What fills the gaps of the file, in base units.

    Raises
    ------
    LlmcostError
        No such file, one that nobody reads, or one of another subject.
    """
    own = _own(path, subject)
    if own:
        rows = read_rows(path, own)
        return Measured(own, rows, [], _gaps(rows, own, given))
    kinds = (KIND[subject],) if subject in KIND else (SERVING, TRAINING) if subject is None else ()
    content = Content(path)
    if subject and len(content.headings) > 1 and registry.recognised(content, (SERVING, TRAINING)) is None:
        figures = " or ".join(COLUMNS[subject].measured)
        raise LlmcostError(f"{content.name}: no column {figures} to compare with", f"columns: {COLUMNS[subject]}")
    reading = registry.read(path, kinds)
    if reading.kind not in (SERVING, TRAINING):
        raise LlmcostError(
            f"{units.shown(path.name)}: this is a {reading.kind} file ({reading.format})",
            registry.COMMANDS[reading.kind],
        )
    reading = filled(reading, given)
    return Measured(reading.kind, list(_columns(reading)), list(_figures(reading)), reading.notes)


def _own(path: Path, subject: str | None) -> str:
    """The subject whose columns the table has; empty where it is no such table."""
    heads = Content(path).headings
    asked = (subject,) if subject else tuple(COLUMNS)
    inputs = {"model_id", "hardware_id", "n_layers", "params_total", "n_params_total"}
    return next((s for s in asked if set(COLUMNS[s].measured) & set(heads) and inputs & set(heads)), "")


def read_rows(path: Path, subject: str) -> Table:
    """The columns of a CSV file that the rows of a subject are known by; those of `memory` have them all.

    Raises
    ------
    LlmcostError
        Missing, too large, not UTF-8, or without a header.
    """
    what = SUBJECTS.get(subject)
    if what is None:
        return Table.read(path)
    figures = what.quantities.values()
    return Table.read(path, {ID, *COLUMNS[subject].inputs, *what.groups.values(), *figures}, figures)


def _gaps(rows: Table, subject: str, given: Mapping[str, Any]) -> tuple[str, ...]:
    """Write what was said into the blank cells of a table; what is to be told of it."""
    known = {"serving": SERVED, "memory": MEMORY | (OF_ENGINES if rows.has("engine") else OF_TRAINERS)}
    names = known.get(subject, TRAINED)
    notes = []
    for field, value in given.items():
        column = names.get(field)
        if column and rows.fill(column, _text(value)):
            option = "--" + field.replace("_", "-")
            notes.append(f"{option} fills the blank cells of {column} alone: where the file speaks it wins")
    return tuple(notes)


def _columns(reading: Reading) -> Iterator[Row]:
    """A reader's rows as the columns that predictions read."""
    for n, row in enumerate(reading.rows, 1):
        names = SERVED if reading.kind == SERVING else TRAINED
        out = {column: _text(getattr(row, field)) for field, column in names.items()}
        if reading.kind == SERVING:
            out["ttft_ms"], out["tpot_ms"] = (_text(t and t / MILLI) for t in (row.ttft_seconds, row.tpot_seconds))
            out["concurrency_or_batch"] = _text(row.concurrency and max(row.concurrency, 1.0))
            out["prefix_hit_pct"] = _text(row.cached_share and 100.0 * row.cached_share)
        else:
            out[BASIS] = row.step_basis or ""
        yield {**out, "id": out["id"] or str(n), NOTES: "; ".join(row.notes)}


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else repr(float(value))


UNITS = {"seconds": "s", "second": "1/s", "gpu": "1/s", "bytes": "bytes", "tokens": "tokens", "isl": "tokens",
         "osl": "tokens", "len": "tokens", "share": "share"}  # fmt: skip


def _figures(reading: Reading) -> Iterator[dict[str, Any]]:
    """Everything that was read or worked out, a figure a row."""
    for n, row in enumerate(reading.rows, 1):
        for field, value in row._asdict().items():
            if isinstance(value, float) and value == value:
                unit = "FLOP/s" if field.startswith("flops") else UNITS.get(field.rpartition("_")[2], "")
                yield {"id": row.name or str(n), "quantity": field, "figure": value, "unit": unit}
            elif isinstance(value, str) and value and field != "name":
                yield {"id": row.name or str(n), "quantity": field, "figure": value, "unit": ""}
