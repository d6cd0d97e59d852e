"""`validate`: the engine against measured rows, with the error it has earned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from llmcost import units
from llmcost.catalog import Catalog, presets_date
from llmcost.errors import LlmcostError, did_you_mean
from llmcost.estimate.validate.cells import number
from llmcost.estimate.validate.meaning import meaning
from llmcost.estimate.validate.measured import BASIS, NOTES, Measured, measured, read_rows
from llmcost.estimate.validate.near import near
from llmcost.estimate.validate.scored import FITTED, UNFITTED, Scored, errors, figures, statistics
from llmcost.files import shipped_folder
from llmcost.keys.methods import SPELLINGS
from llmcost.records import NamedTuple
from llmcost.result import Estimate, Scalar, Warning
from llmcost.result import cells as cells_of
from llmcost.terms.validate import COLUMNS

Row = Mapping[str, str]


UNITS = {"step_seconds": "s", "tpot": "s", "ttft": "s", "output_tokens_per_s": "1/s", "gpu_hours": "GPU-hours",
         "kv_tokens": "tokens", "peak_bytes": "bytes", "weight_bytes": "bytes"}  # fmt: skip
Answer = tuple[float | None, float | None, float | None, str]  # predicted, p5, p95, why not
Answers = list[dict[str, Answer]]  # of each row, by quantity


class Subject(NamedTuple):
    """What can be validated: the shipped file, the columns with a measurement, the groups of the report."""

    file: str
    quantities: dict[str, str]  # quantity -> column of the measurement
    scale: dict[str, float]  # quantity -> factor from the column's unit to the quantity's
    groups: dict[str, str]  # name of the grouping -> background column


# What tells a model in the rows of any subject.
ARCHITECTURE = (
    "model_id", "n_params_total", "n_params_active", "params_total", "params_active", "n_layers", "d_model", "n_heads",
    "n_kv_heads", "d_head", "d_ff", "ffn_gated", "vocab", "attention_kind", "moe_experts", "moe_topk", "ep",
)  # fmt: skip

TRAINED = ("training_measured.csv", "training_finetune.csv")  # steps of pre-training, and of fine-tuning

SUBJECTS = {
    "training": Subject(
        "training_measured.csv",
        {"step_seconds": "measured_step_s"},
        {},
        {"source": "source_group", "hardware": "hardware_id", "precision": "precision_id", "method": "method"},
    ),
    "serving": Subject(
        "serving_measured.csv",
        {"tpot": "tpot_ms", "ttft": "ttft_ms", "output_tokens_per_s": "output_tokens_per_s"},
        {"tpot": 1e-3, "ttft": 1e-3},
        {"source": "source_group", "hardware": "hardware_id", "model": "model_id", "framework": "framework_id"},
    ),
    "runs": Subject(
        "training_runs.csv",
        {"gpu_hours": "gpu_hours"},
        {},
        {"hardware": "hardware_id", "provenance": "provenance", "hours": "hours"},
    ),
}

MEMORY, MEMORY_FILES = "memory", ("memory_serving.csv", "memory_training.csv", "memory_finetune.csv")


def validate(
    catalog: Catalog, subject: str | None, data: str | None, given: Mapping[str, Any] | None = None
) -> Estimate:
    """Predict every measured row of a file and report the error.

    Parameters
    ----------
    catalog : Catalog
        Where presets are found.
    subject : str, optional
        `training`, `runs`, `serving` or `memory`; where it is not given, the file of `data` decides.
    data : str, optional
        A table with the input columns and at least one measured column, or a file as a benchmark or a trainer wrote
        it; the shipped rows without it.
    given : mapping, optional
        What fills the gaps of the file, in base units (`keys.gaps`); without one, `method` picks the shipped training
        rows: `pretrain`, or a way to fine-tune.

    Raises
    ------
    LlmcostError
        Unknown subject, unreadable file, or one without the columns a prediction reads.
    """
    read = _rows(subject, data, given or {})
    if read.subject == MEMORY:
        from llmcost.estimate.validate.memory_score import report

        return report(catalog, read, None if data is None else Path(data).name)
    what = SUBJECTS[read.subject]
    name = Path(data).name if data is not None else read.file or what.file
    known = [column for column in what.quantities.values() if column in read.rows[0]]
    if not known:
        raise LlmcostError(
            f"{units.shown(name)}: no column {' or '.join(what.quantities.values())} to compare with",
            f"columns: {COLUMNS[read.subject]}",
        )
    scored, origins = _score(read.subject, what, read.rows, catalog)
    if all(s.measured is None for s in scored) and not read.figures:
        raise LlmcostError(f"{units.shown(name)}: no row has a measurement")
    summary = cells_of(statistics(scored))
    shown = {key: value for key, value in summary.items() if key != "unmeasured" or value}
    said = {"bias_means": meaning(scored)} if data is not None else {}
    return Estimate(
        command="validate",
        headline=_headline(read.subject, scored),
        result={"subject": read.subject, "file": name, "fit": FITTED if data is None else UNFITTED, **shown, **said},
        arrays={
            "summary": summary,
            "groups": _groups(what, scored, origins, catalog),
            "rows": [_told(s, row) for s, row in zip(scored, origins, strict=True)],
            **({"measurements": read.figures} if read.figures else {}),
        },
        warnings=[Warning("W100", note, "") for note in read.notes],
        presets=presets_date(catalog),
    )


def scores(subject: str, rows: Sequence[Row], catalog: Catalog) -> list[Scored]:
    """Every measured figure of some rows with its prediction.

    Parameters
    ----------
    subject : str
        `training`, `serving` or `runs`.
    rows : sequence of mapping
        Rows by the columns of `terms.validate.COLUMNS`, each with an `id` of its own.
    catalog : Catalog
        The presets.
    """
    return _score(subject, SUBJECTS[subject], [dict(row) for row in rows], catalog)[0]


def _of_method(said: str) -> Measured:
    """The shipped training rows of one method, fine-tuning among them.

    Raises
    ------
    LlmcostError
        No rows of that method are shipped.
    """
    name = SPELLINGS.get(said.lower(), said.lower())
    known: dict[str, None] = {}
    for file in TRAINED:
        rows = read_rows(shipped_folder("validation") / file)
        kept = [row for row in rows if row["method"] == name]
        if kept:
            return Measured("training", kept, [], file=file)
        known |= dict.fromkeys(row["method"] for row in rows)
    raise LlmcostError(f"--method: no shipped row of {units.shown(said)}: one of {', '.join(known)}", "--method lora")


def _rows(subject: str | None, data: str | None, given: Mapping[str, Any]) -> Measured:
    """The rows to predict: those of a file, or the shipped ones of a subject."""
    known = (*SUBJECTS, MEMORY)
    if subject is None and data is None:
        names = f"{', '.join(known[:-1])} or {known[-1]}"
        raise LlmcostError(f"which measurements: {names}?", "or a file of your own: --data FILE")
    if subject is not None and subject not in known:
        raise LlmcostError(
            f"cannot validate {units.shown(subject)}: one of {', '.join(known)}", did_you_mean(subject, known)
        )
    if data is not None:
        return measured(Path(data), subject, given)
    if subject == "training" and set(given) == {"method"}:
        return _of_method(str(given["method"]))
    if given:
        raise LlmcostError(f"--{next(iter(given)).replace('_', '-')} fills the gaps of a file: --data FILE")
    files = MEMORY_FILES if subject == MEMORY else (SUBJECTS[str(subject)].file,)
    rows = [row for file in files for row in read_rows(shipped_folder("validation") / file)]
    return Measured(str(subject), rows, [])


def _told(scored: Scored, row: Row) -> dict[str, Scalar]:
    """One scored figure, with what its file left to be worked out."""
    notes = {"taken_from": row.get(BASIS) or None, "notes": row.get(NOTES) or None}
    unit = UNITS.get(scored.quantity, "")
    told = {"id": scored.id, "quantity": scored.quantity, "unit": unit, **scored._asdict()}
    return {**told, "error_pct": scored.error_pct, **(notes if NOTES in row else {})}


def _score(subject: str, what: Subject, rows: list[dict[str, str]], catalog: Catalog) -> tuple[list[Scored], list[Row]]:
    predict = _predictor(subject)
    scored: list[Scored] = []
    origins: list[Row] = []
    different, which = _different(rows, {"id", "source", *what.quantities.values()})
    predicted = predict(different, catalog)
    each = [{quantity: _finite(answer[quantity]) for quantity in what.quantities} for answer in predicted]
    answers = [each[i] for i in which]
    for place, (row, answer) in enumerate(zip(rows, answers, strict=True), 1):
        name = (row.get("id") or "").strip() or str(place)
        mine = []
        for quantity, column in what.quantities.items():
            measured = _measured(row, column) * what.scale.get(quantity, 1.0)
            if measured > 0:
                mine.append(Scored(name, quantity, measured, *answer[quantity]))
        scored += mine or [_unmeasured(name, row, what)]
        origins += [row] * max(len(mine), 1)
    return scored, origins


def _different(rows: list[dict[str, str]], apart: set[str]) -> tuple[list[dict[str, str]], list[int]]:
    """Rows that differ in more than some columns, each once, and which of them every row is."""
    found: dict[tuple[str | None, ...], int] = {}
    kept: list[dict[str, str]] = []
    which = []
    columns = [name for name in {name: None for row in rows for name in row} if name not in apart]
    for row in rows:
        key = tuple(map(row.get, columns))
        if key not in found:
            found[key] = len(kept)
            kept.append(row)
        which.append(found[key])
    return kept, which


def _unmeasured(name: str, row: Row, what: Subject) -> Scored:
    """A row without a figure, under the first quantity that it has a cell for; a row that ends early has none."""
    known = {quantity: column for quantity, column in what.quantities.items() if column in row} or what.quantities
    return Scored(name, next(iter(known)), None, None, None, None, f"nothing measured: {_nothing(row, known)}")


def _nothing(row: Row, columns: Mapping[str, str]) -> str:
    """Why none of the columns holds a figure."""
    for column in columns.values():
        try:
            if number(row, column) is not None:
                return f"{column} is zero"
        except LlmcostError as error:
            return error.message
    *others, last = columns.values()
    return f"{', '.join(others)} and {last} are blank" if others else f"{last} is blank"


def _measured(row: Row, column: str) -> float:
    try:
        return number(row, column) or 0.0
    except LlmcostError:
        return 0.0


def _finite(
    answer: tuple[float | None, float | None, float | None, str],
) -> tuple[float | None, float | None, float | None, str]:
    if any(value is None or not np.isfinite(value) or value <= 0 for value in answer[:3]):
        return (
            None,
            None,
            None,
            answer[3] or "no finite prediction above zero: no prompt, or an absurd size",
        )
    return answer


def _predictor(subject: str) -> Callable[[Iterable[Row], Catalog], Answers]:
    """The predictions of each row by quantity; imports only what the subject needs."""
    if subject == "training":
        from llmcost.estimate.validate.training_rows import predict

        return lambda rows, catalog: near(
            subject, list(rows), [{"step_seconds": _answer(p)} for p in predict(rows, catalog)], catalog
        )
    if subject == "serving":
        from llmcost.estimate.validate.serving_points import predict as predict_serving

        return lambda rows, catalog: near(
            subject, list(rows), [_served(p) for p in predict_serving(rows, catalog)], catalog
        )
    from llmcost.estimate.validate.training_runs import predict_runs

    return lambda rows, catalog: [{"gpu_hours": _answer(p)} for p in predict_runs(rows, catalog)]


def _served(p: Any) -> dict[str, Answer]:
    """The three quantities of a serving row; one the engine does not give says why."""
    nothing: Answer = (None, None, None, p.reason or "not predicted for this kind of load")
    answers = {}
    for quantity in SUBJECTS["serving"].quantities:
        p5, p50, p95 = p.values.get(quantity, (None, None, None))
        answers[quantity] = (p50, p5, p95, "") if p50 is not None else nothing
    return answers


def _answer(p: Any) -> Answer:
    return p.seconds, p.p5, p.p95, p.reason


def _groups(what: Subject, scored: list[Scored], origins: list[Row], catalog: Catalog) -> list[dict[str, Scalar]]:
    found: list[dict[str, Scalar]] = []
    measured = [(s, row) for s, row in zip(scored, origins, strict=True) if s.measured is not None]
    scored, origins = [s for s, _ in measured], [row for _, row in measured]
    classes, table, quantities = _classes(origins, catalog), figures(scored), [s.quantity for s in scored]
    for by, column in {"quantity": "", **what.groups, "class": ""}.items():
        members: dict[tuple[str, str], list[int]] = {}
        names = [row.get(column, "") for row in origins] if column else quantities if by == "quantity" else classes
        for i, (name, quantity) in enumerate(zip(names, quantities, strict=True)):
            members.setdefault((name or "not stated", quantity), []).append(i)
        if by != "quantity" and len({name for name, _ in members}) < 2:
            continue  # one group is the whole, told already
        for (name, quantity), rows in sorted(members.items()):
            told = {k: v for k, v in cells_of(errors(table[rows])).items() if k != "unmeasured"}
            found.append({"by": by, "name": name, "quantity": quantity, **told})
    return found


def _classes(rows: list[Row], catalog: Catalog) -> list[str]:
    """`moe` or `dense` by the model that each row names or describes."""
    from llmcost.estimate.validate.described import shape_of_row

    known: dict[tuple[str | None, ...], str] = {}
    found = []
    columns = sorted(set(ARCHITECTURE).intersection({column for row in rows for column in row}))
    for row in rows:
        key = tuple(map(row.get, columns))
        if key not in known:
            try:
                known[key] = "moe" if shape_of_row(row, catalog).n_experts else "dense"
            except LlmcostError:
                known[key] = "not stated"
        found.append(known[key])
    return found


def _headline(subject: str, scored: list[Scored]) -> str:
    parts = []
    for quantity in dict.fromkeys(s.quantity for s in scored):
        s = statistics([x for x in scored if x.quantity == quantity])
        if not s["n"]:
            continue
        if s["median_ape_pct"] is None:
            parts.append(f"{quantity}: none of {s['n']:,} rows could be predicted")
            continue
        if s["n"] - s["skipped"] == 1:
            parts.append(_alone(quantity, scored, s["skipped"]))
            continue
        error = f"median error {s['median_ape_pct']:.1f}%, mean {s['mape_pct']:.1f}%"
        inside = f"{s['coverage_90_pct']:.0f}% inside the 90 % range"
        parts.append(f"{quantity}: {error} over {s['n'] - s['skipped']:,} rows, {inside}, {s['skipped']:,} skipped")
    blank = statistics(scored)["unmeasured"]
    if not parts:
        return f"{subject}: nothing to compare with in {blank:,} row{'s' if blank > 1 else ''}; what was read is below."
    return f"{subject}: " + "; ".join(parts) + (f"; {blank:,} with nothing measured." if blank else ".")


def _alone(quantity: str, scored: list[Scored], skipped: int) -> str:
    """The one row that was predicted."""
    row = next(s for s in scored if s.quantity == quantity and s.error_pct is not None)
    inside = row.p5 is not None and row.p95 is not None and row.p5 <= (row.measured or 0.0) <= row.p95
    rest = f", {skipped:,} skipped" if skipped else ""
    return f"{quantity}: error {row.error_pct:+.1f}%, {'inside' if inside else 'outside'} the 90 % range{rest}"
