"""`validate`: the engine against measured rows, with the error it has earned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from llmcost import units
from llmcost.catalog import Catalog, presets_date
from llmcost.errors import LlmcostError, not_of
from llmcost.estimate.validate.cells import number
from llmcost.estimate.validate.meaning import meaning
from llmcost.estimate.validate.measured import BASIS, NOTES, Measured, measured, read_rows
from llmcost.estimate.validate.near import near
from llmcost.estimate.validate.scored import FITTED, UNFITTED, Predicted, Scored, Scores, errors, offs, summed
from llmcost.estimate.validate.subjects import MEMORY, MEMORY_FILES, SUBJECTS, TRAINED, UNITS, Subject
from llmcost.estimate.validate.table import Column, Faults, Index, Table
from llmcost.files import shipped_folder
from llmcost.keys.methods import SPELLINGS
from llmcost.result import Estimate, Scalar, Warning
from llmcost.result import cells as cells_of
from llmcost.terms.validate import COLUMNS, MODEL

if TYPE_CHECKING:
    from llmcost.estimate.validate.training_rows import Prediction as Timed

Row = Mapping[str, str]
MOST_ROWS = 20_000  # figures that an answer lists
MOST_GROUPS = 1_000  # of a grouping


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
    table = Table.of(read.rows, what.quantities.values())
    if not any(table.has(column) for column in what.quantities.values()):
        raise LlmcostError(
            f"{units.shown(name)}: no column {' or '.join(what.quantities.values())} to compare with",
            f"columns: {COLUMNS[read.subject]}",
        )
    scored = _score(read.subject, table, catalog)
    if not np.any(scored.measured > 0) and not read.figures:
        raise LlmcostError(
            f"{units.shown(name)}: no row has a measurement",
            f"a number above 0 in {' or '.join(what.quantities.values())}",
        )
    summary = cells_of(scored.errors())
    shown = {key: value for key, value in summary.items() if key != "unmeasured" or value}
    listed = _listed(scored)
    more: dict[str, Scalar] = {} if len(listed) == len(scored.row) else {"listed": len(listed)}
    if data is not None:
        more["bias_means"] = meaning(scored.by_quantity())
    return Estimate(
        command="validate",
        headline=_headline(read.subject, scored),
        result={"subject": read.subject, "file": name, "fit": FITTED if data is None else UNFITTED, **shown, **more},
        arrays={
            "summary": summary,
            "groups": _groups(what, scored, table, catalog),
            "rows": [_told(s, table[int(i)]) for s, i in zip(scored.each(listed), scored.row[listed], strict=True)],
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
    return _score(subject, Table.of(rows, SUBJECTS[subject].quantities.values()), catalog).each()


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
        rows = read_rows(shipped_folder("validation") / file, "training")
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
        raise units.at("cannot validate", not_of(subject, known))
    if data is not None:
        return measured(Path(data), subject, given)
    if subject == "training" and set(given) == {"method"}:
        return _of_method(str(given["method"]))
    if given:
        raise LlmcostError(f"--{next(iter(given)).replace('_', '-')} fills the gaps of a file: which?", "--data FILE")
    folder = shipped_folder("validation")
    if subject == MEMORY:  # files with columns of their own
        return Measured(MEMORY, [row for file in MEMORY_FILES for row in read_rows(folder / file, MEMORY)], [])
    return Measured(str(subject), read_rows(folder / SUBJECTS[str(subject)].file, str(subject)), [])


def _told(scored: Scored, row: Row) -> dict[str, Scalar]:
    """One scored figure, with what its file left to be worked out."""
    notes = {"taken_from": row.get(BASIS) or None, "notes": row.get(NOTES) or None}
    unit = UNITS.get(scored.quantity, "")
    told = {"id": scored.id, "quantity": scored.quantity, "unit": unit, **scored._asdict()}
    return {**told, "error_pct": scored.error_pct, **(notes if NOTES in row else {})}


def _listed(scored: Scores) -> Index:
    """The figures that an answer lists: all, or of many those furthest off, at most half without a prediction."""
    if len(scored.row) <= MOST_ROWS:
        return np.arange(len(scored.row))
    off = np.abs(np.log(scored.predicted / scored.measured))
    order = np.argsort(off, kind="stable")  # without a prediction: last
    told = order[: np.count_nonzero(~np.isnan(off))]
    none = order[len(told) :][: max(MOST_ROWS // 2, MOST_ROWS - len(told))]
    return np.sort(np.concatenate([none, told[len(told) + len(none) - MOST_ROWS :]]))


def _score(subject: str, table: Table, catalog: Catalog) -> Scores:
    """Every figure beside its prediction; rows that ask the same are predicted once."""
    what = SUBJECTS[subject]
    first, which = table.different(COLUMNS[subject].inputs)
    asked = table if len(first) == len(table) else table.some(first)
    predicted = _predicted(subject, asked, catalog).settled()
    measured = np.stack([
        table.measured(column) * what.scale.get(quantity, 1.0) for quantity, column in what.quantities.items()
    ])  # fmt: skip
    measured[~(measured > 0)] = np.nan
    none = np.flatnonzero(np.isnan(measured).all(axis=0))
    known = {quantity: column for quantity, column in what.quantities.items() if table.has(column)} or what.quantities
    place = list(what.quantities).index(next(iter(known)))
    told = ~np.isnan(measured)
    told[place, none] = True
    row, quantity = np.nonzero(told.T)
    of = which[row]
    ends, why = predicted.ends[quantity, :, of], predicted.why[quantity, of]
    blank = np.isnan(measured[quantity, row])
    ends[blank] = np.nan
    nothing = dict.fromkeys(_nothing(table, int(i), known) for i in none)
    reasons = [*predicted.reasons, *nothing]
    number = {text: len(predicted.reasons) + i for i, text in enumerate(nothing)}
    why[blank] = [number[_nothing(table, int(i), known)] for i in none]
    names = tuple(what.quantities)
    return Scores(table, names, row, quantity, measured[quantity, row], ends, why, reasons)


def _nothing(table: Table, place: int, columns: Mapping[str, str]) -> str:
    """Why none of the columns holds a figure above zero."""
    for column in columns.values():
        figures = table.figures.get(column)
        if figures is None:
            continue
        try:
            if number({column: figures.text(place)}, column) is not None:
                return f"nothing measured: {column} is zero"
        except LlmcostError as error:
            return f"nothing measured: {error.message}"
    *others, last = columns.values()
    blank = f"{', '.join(others)} and {last} are blank" if others else f"{last} is blank"
    return f"nothing measured: {blank}"


def _predicted(subject: str, rows: Table, catalog: Catalog) -> Predicted:
    """The predictions of each row by quantity; imports only what the subject needs."""
    if subject == "training":
        from llmcost.estimate.validate.training_rows import predict

        return near(subject, rows, _one("step_seconds", predict(rows, catalog)), catalog)
    if subject == "serving":
        from llmcost.estimate.validate.serving_points import predict as predict_serving

        return near(subject, rows, predict_serving(rows, catalog), catalog)
    from llmcost.estimate.validate.training_runs import predict_runs

    return _one("gpu_hours", predict_runs(rows, catalog))


def _one(quantity: str, each: Sequence[Timed]) -> Predicted:
    texts = list(dict.fromkeys(["", *(p.reason for p in each)]))
    number = {text: i for i, text in enumerate(texts)}
    found = Predicted([quantity], Faults(np.array([number[p.reason] for p in each]), texts))
    found.ends[0] = np.array([(p.p5, p.seconds, p.p95) for p in each], dtype=float).T
    return found


def _groups(what: Subject, scored: Scores, table: Table, catalog: Catalog) -> list[dict[str, Scalar]]:
    found: list[dict[str, Scalar]] = []
    here = np.flatnonzero(~np.isnan(scored.measured))
    row, quantity, off = scored.row[here], scored.quantity[here], offs(scored.figures()[here])
    every = Column(quantity, list(scored.quantities))
    of = {name: table.columns[column] for name, column in what.groups.items() if column in table.columns}
    columns = {name: column._replace(codes=column.codes[row]) for name, column in of.items()}
    kinds = table.map(MODEL, lambda row: _class(row, catalog))
    for by, column in {"quantity": every, **columns, "class": kinds._replace(codes=kinds.codes[row])}.items():
        members = _members(column, quantity, scored.quantities)
        if by != "quantity" and len({name for name, _ in members}) < 2:
            continue  # one group is the whole, told already
        largest = sorted(members, key=lambda one: -len(members[one]))[:MOST_GROUPS]
        for name, figure in sorted(largest):
            told = {k: v for k, v in cells_of(summed(off[:, members[name, figure]])).items() if k != "unmeasured"}
            found.append({"by": by, "name": name, "quantity": figure, **told})
    return found


def _members(column: Column, quantity: Index, names: Sequence[str]) -> dict[tuple[str, str], Index]:
    """Which figures are of each name and quantity."""
    key = np.multiply(column.codes, len(names), dtype=np.int64) + quantity
    most = np.min_scalar_type(len(column.words) * len(names))
    order = np.argsort(key.astype(most), kind="stable")  # of narrow numbers it takes no comparisons
    ends = np.flatnonzero(np.diff(key[order], prepend=-1))
    found: dict[tuple[str, str], Index] = {}
    for rows in np.split(order, ends[1:]) if len(order) else ():
        code, figure = divmod(int(key[rows[0]]), len(names))
        told = (column.words[code] or "not stated", names[figure])
        found[told] = np.concatenate([found[told], rows]) if told in found else rows
    return found


def _class(row: Row, catalog: Catalog) -> str:
    """`moe` or `dense` by the model that a row names or describes."""
    from llmcost.estimate.validate.described import shape_of_row

    try:
        return "moe" if shape_of_row(row, catalog).n_experts else "dense"
    except LlmcostError:
        return "not stated"


def _headline(subject: str, scored: Scores) -> str:
    parts = []
    for place, quantity in enumerate(scored.quantities):
        here = scored.quantity == place
        s = errors(scored.figures()[here])
        if not s["n"]:
            continue
        if s["median_ape_pct"] is None:
            parts.append(f"{quantity}: none of {s['n']:,} rows could be predicted")
            continue
        if s["n"] - s["skipped"] == 1:
            parts.append(_alone(quantity, scored.each(np.flatnonzero(here)), s["skipped"]))
            continue
        error = f"median error {s['median_ape_pct']:.1f}%, mean {s['mape_pct']:.1f}%"
        inside = f"{s['coverage_90_pct']:.0f}% inside the 90 % range"
        parts.append(f"{quantity}: {error} over {s['n'] - s['skipped']:,} rows, {inside}, {s['skipped']:,} skipped")
    blank = scored.errors()["unmeasured"]
    if not parts:
        return f"{subject}: nothing to compare with in {blank:,} row{'s' if blank > 1 else ''}; what was read is below."
    return f"{subject}: " + "; ".join(parts) + (f"; {blank:,} with nothing measured." if blank else ".")


def _alone(quantity: str, scored: list[Scored], skipped: int) -> str:
    """The one row that was predicted."""
    row = next(s for s in scored if s.error_pct is not None)
    inside = row.p5 is not None and row.p95 is not None and row.p5 <= (row.measured or 0.0) <= row.p95
    rest = f", {skipped:,} skipped" if skipped else ""
    return f"{quantity}: error {row.error_pct:+.1f}%, {'inside' if inside else 'outside'} the 90 % range{rest}"
