"""`validate memory`: tokens of cache, weights, peaks and starts against what engines and trainers reported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from llmcost import units
from llmcost.catalog import Catalog, presets_date
from llmcost.errors import LlmcostError
from llmcost.estimate.validate import cells
from llmcost.estimate.validate.measured import Measured
from llmcost.estimate.validate.memory_serving_rows import predict as predict_serving
from llmcost.estimate.validate.memory_training_rows import predict as predict_training
from llmcost.estimate.validate.scored import FITTED, UNFITTED, Scored, statistics
from llmcost.estimate.validate.table import Table
from llmcost.files import shipped_folder
from llmcost.records import NamedTuple, TypedDict
from llmcost.result import Estimate, Scalar, Warning
from llmcost.result import cells as cells_of
from llmcost.terms.validate import COLUMNS

FILES = "memory_serving.csv, memory_training.csv, memory_finetune.csv"
ENGINE = "engine"  # a column of rows of serving engines
GIB = 2.0**30
EVEN = 0.5  # odds from which a row is said to fit
LIKELY = (0.8, 0.95)  # probabilities of rows that are neither sure nor open
SAID = (0.0, 0.05, 0.2, 0.5, 0.8, 0.95, 1.0)  # ends of the ranges of probabilities that are held against what ran
FITS = "fits"
COUNTS = ("n", "oom_rows", "ran_rows", "likely_rows")
NEVER_FITTED = "publisher never fitted"
RAN = ("runs", "ran", "yes", "ok", "fits", "1", "true")
FAILED = ("oom", "refused", "no", "out of memory", "fail", "0", "false")
Row = Mapping[str, str]


class Kind(NamedTuple):
    """Rows of one kind: quantity -> columns and their unit [bytes or 1], columns of the verdict, and of groups."""

    name: str
    measured: Mapping[str, tuple[tuple[str, float], ...]]
    verdicts: tuple[str, ...]
    groups: tuple[str, ...]


SERVING = Kind(
    "serving",
    {"kv_tokens": (("kv_tokens", 1.0),), "weight_bytes": (("weights_gib", GIB),), "peak_bytes": (("peak_gib", GIB),)},
    ("verdict",), ("source_group", "engine"),
)  # fmt: skip
TRAINING = Kind(
    "training",
    {"peak_bytes": (("peak_gib", GIB), ("peak_memory_gb", 1e9))},
    ("verdict", "fits"),
    ("source_group", "framework", "framework_id"),
)


def report(catalog: Catalog, read: Measured, name: str | None) -> Estimate:
    """Predict every row, and report the errors.

    Parameters
    ----------
    catalog : Catalog
        The presets.
    read : Measured
        Rows of serving engines (with a column `engine`), of trainers, or of both.
    name : str, optional
        The file that they are of; the shipped rows without it.

    Raises
    ------
    LlmcostError
        No row has a measured column.
    """
    scored: list[Scored] = []
    origins: list[tuple[Kind, Row]] = []
    for place, row in enumerate(read.rows, 1):
        mine = scored_row(row, place, catalog)
        scored += mine
        origins += [(_kind(row), row)] * len(mine)
    if all(s.measured is None for s in scored):
        shown = units.shown(name or FILES)
        raise LlmcostError(f"{shown}: no row has a measurement", f"columns: {COLUMNS['memory']}")
    summary = figures(scored)
    return Estimate(
        command="validate",
        headline=_headline(scored),
        result={
            "subject": "memory", "file": name or FILES, "fit": FITTED if name is None else UNFITTED,
            **{key: value for key, value in summary.items() if key != "unmeasured" or value},
        },
        arrays={
            "summary": summary,
            "groups": _groups(scored, origins),
            "reliability": [
                {"subject": kind.name, **row}
                for kind in (SERVING, TRAINING)
                for row in reliability([s for s, (of, _) in zip(scored, origins, strict=True) if of is kind])
            ],
            "left_out": [] if name else _left_out(),
            "rows": [{**s._asdict(), "error_pct": None if s.quantity == FITS else s.error_pct} for s in scored],
        },
        warnings=[Warning("W100", note, "") for note in read.notes],
        presets=presets_date(catalog),
    )  # fmt: skip


def _left_out() -> list[dict[str, Scalar]]:
    """Errors of shipped rows by constants that never saw their publisher, as the fitting scripts wrote them."""
    found: list[dict[str, Scalar]] = []
    for kind, file in (("serving", "memory_serving"), ("training", "memory")):
        for row in Table.read(shipped_folder("validation") / f"{file}_cross_validation.csv"):
            if row["test"] == NEVER_FITTED:
                told = {key: text for key, text in row.items() if key not in ("test", "by", "name")}
                figures = {key: float(text) if text else None for key, text in told.items()}
                counted = {k: int(v) if k in COUNTS and v is not None else v for k, v in figures.items()}
                of = {"by": row["by"], "name": row["name"], "subject": kind, "fit": "without its publisher"}
                found.append({**of, **counted})
    return found


def _kind(row: Row) -> Kind:
    return SERVING if ENGINE in row else TRAINING


def scored_row(row: Row, place: int, catalog: Catalog) -> list[Scored]:
    """The measured figures of a row with what is predicted."""
    kind, name = _kind(row), cells.text(row, "id") or str(place)
    answers = (predict_serving if kind is SERVING else predict_training)(row, catalog)
    found = [Scored(name, what, value, *answers[what]) for what, value in reported(row, kind).items() if value]
    started = ran(row, kind.verdicts)
    if started is not None:
        found.append(Scored(name, FITS, started, *answers[FITS]))
    return found or [Scored(name, FITS, None, None, None, None, "nothing measured")]


def reported(row: Row, kind: Kind) -> dict[str, float | None]:
    """The measured figures of a row by quantity; None where it has none."""
    return {
        quantity: next((v * scale for column, scale in columns if (v := _figure(row, column))), None)
        for quantity, columns in kind.measured.items()
    }


def _figure(row: Row, column: str) -> float | None:
    """A measured cell; None where it holds no figure."""
    try:
        return cells.positive(row, column)
    except LlmcostError:
        return None


def ran(row: Row, columns: Iterable[str]) -> float | None:
    """1 where it ran, 0 where it was refused or ran out of memory; None where the row says neither."""
    said = next((text for column in columns if (text := cells.text(row, column).lower())), "")
    if said.startswith(FAILED):
        return 0.0
    return 1.0 if said.startswith(RAN) else None


def figures(scored: list[Scored]) -> dict[str, Scalar]:
    """Errors of amounts, and how often what was said of fitting came true."""
    errors = statistics([s for s in scored if s.quantity != FITS or s.measured is None])
    return cells_of(errors) | cells_of(verdicts(scored))


class Verdicts(TypedDict):
    """What was said of fitting against what ran."""

    oom_rows: int
    oom_called_fitting_pct: float | None
    ran_rows: int
    ran_refused_pct: float | None
    likely_rows: int
    likely_ran_pct: float | None


def verdicts(scored: Iterable[Scored]) -> Verdicts:
    """Of what failed the share that was said to fit, of what ran the share that was refused, of the likely what ran."""
    known = [(s.measured, s.predicted) for s in scored if s.quantity == FITS]
    done = np.array([pair for pair in known if None not in pair], dtype=float).reshape(-1, 2)
    did, chance = done[:, 0] > 0, done[:, 1]
    likely = (chance >= LIKELY[0]) & (chance < LIKELY[1])

    def share(of: npt.NDArray[np.bool_], wanted: npt.NDArray[np.bool_]) -> float | None:
        return float(100.0 * np.mean(wanted[of])) if of.any() else None

    return {
        "oom_rows": int((~did).sum()), "oom_called_fitting_pct": share(~did, chance >= EVEN),
        "ran_rows": int(did.sum()), "ran_refused_pct": share(did, chance < EVEN),
        "likely_rows": int(likely.sum()), "likely_ran_pct": share(likely, did),
    }  # fmt: skip


def reliability(scored: Iterable[Scored]) -> list[dict[str, float]]:
    """Of rows that were said to fit with about the same probability, how many ran; no range without a row."""
    known = [(s.measured, s.predicted) for s in scored if s.quantity == FITS]
    done = np.array([pair for pair in known if None not in pair], dtype=float).reshape(-1, 2)
    did, chance = done[:, 0] > 0, done[:, 1]
    place = np.minimum(np.searchsorted(SAID, chance, side="right"), len(SAID) - 1)
    return [
        {
            "said_from": SAID[i - 1], "said_to": SAID[i], "n": int((place == i).sum()),
            "said_mean": float(chance[place == i].mean()), "ran_share": float(did[place == i].mean()),
        }
        for i in range(1, len(SAID)) if (place == i).any()
    ]  # fmt: skip


def within(scored: Iterable[Scored], percent: float) -> float | None:
    """Share of the predicted rows with an error of at most so much [%]."""
    errors = [abs(s.error_pct) for s in scored if s.error_pct is not None]
    return 100.0 * sum(e <= percent for e in errors) / len(errors) if errors else None


def _groups(scored: list[Scored], origins: list[tuple[Kind, Row]]) -> list[dict[str, Scalar]]:
    members: dict[tuple[str, str, str], list[Scored]] = {}
    for s, (kind, row) in zip(scored, origins, strict=True):
        if s.measured is None:
            continue
        name = next((text for column in kind.groups[1:] if (text := cells.text(row, column))), "not stated")
        of = {
            "quantity": s.quantity,
            "subject": kind.name,
            "source": cells.text(row, kind.groups[0]) or "not stated",
            "software": name,
        }
        for by, group in of.items():
            members.setdefault((by, group, s.quantity), []).append(s)
    found = []
    for (by, name, quantity), mine in sorted(members.items()):
        done: dict[str, Scalar] = {"by": by, "name": name, "quantity": quantity}
        if quantity == FITS:
            known = sum(s.predicted is not None for s in mine)
            done |= {"n": len(mine), "skipped": len(mine) - known, **cells_of(verdicts(mine))}
        else:
            done |= {k: v for k, v in cells_of(statistics(mine)).items() if k != "unmeasured"}
            done |= {"within_10_pct": within(mine, 10.0), "within_15_pct": within(mine, 15.0)}
        found.append(done)
    return found


def _headline(scored: list[Scored]) -> str:
    parts = []
    for quantity in dict.fromkeys(s.quantity for s in scored if s.quantity != FITS):
        mine = [s for s in scored if s.quantity == quantity]
        s = statistics(mine)
        if s["median_ape_pct"] is not None:
            rows = f"{s['n'] - s['skipped']:,} rows, {s['skipped']:,} skipped"
            parts.append(f"{quantity}: median error {s['median_ape_pct']:.1f}% over {rows}")
        elif s["n"]:
            parts.append(f"{quantity}: none of {s['n']:,} rows could be predicted")
    told = verdicts(scored)
    if told["oom_rows"]:
        parts.append(f"of {told['oom_rows']:,} that failed {told['oom_called_fitting_pct']:.0f}% were said to fit")
    if told["ran_rows"]:
        parts.append(f"of {told['ran_rows']:,} that ran {told['ran_refused_pct']:.0f}% were refused")
    return "memory: " + "; ".join(parts) + "."
