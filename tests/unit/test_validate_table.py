"""Tables of measured rows by column: both readers give the same, and what a prediction reads is declared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from llmcost.catalog import Catalog
from llmcost.errors import LlmcostError
from llmcost.estimate.validate import score, serving_points, table, training_rows, training_runs
from llmcost.estimate.validate.subjects import SUBJECTS
from llmcost.estimate.validate.table import Table
from llmcost.terms.validate import COLUMNS
from tests.conftest import Cli, validation_rows, written

ODD = '\ufeffID, Hardware_ID ,tpot_ms,note,isl_eff\r\na,"x, y",10,"two\nlines",1\r\n\r\n b ,,fast,,"1,024"\r\nc,x,,"said ""so""",\r\n'
RAGGED = "id,tpot_ms,isl_eff\na,1\nb,2,3,4\n"


@pytest.mark.parametrize("text", [ODD, RAGGED])
def test_a_large_file_is_read_as_a_small_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    """By hand: a mark, a blank line, quotes, a line end inside a cell; rows that end early or late."""
    pytest.importorskip("pyarrow")
    path = tmp_path / "rows.csv"
    path.write_bytes(text.encode())
    plain = list(Table.read(path, figures=("tpot_ms",)))
    monkeypatch.setattr(table, "LARGE", 0)
    assert list(Table.read(path, figures=("tpot_ms",))) == plain
    if text == ODD:
        assert plain == [
            {"id": "a", "hardware_id": "x, y", "tpot_ms": "10.0", "note": "two\nlines", "isl_eff": "1"},
            {"id": " b ", "hardware_id": "", "tpot_ms": "fast", "note": "", "isl_eff": "1,024"},
            {"id": "c", "hardware_id": "x", "tpot_ms": "", "note": 'said "so"', "isl_eff": ""},
        ]
    else:
        assert [row["isl_eff"] for row in plain] == ["", "3"]


def test_a_file_above_the_bound_is_refused_unread(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("id,tpot_ms\na,1\n")
    monkeypatch.setattr(table, "MOST_BYTES", 10)
    with pytest.raises(LlmcostError, match="larger than 10 bytes"):
        Table.read(path)


def test_rows_that_differ_are_found_however_many_columns_tell() -> None:
    """33 columns of 1,000 words each are more combinations than 64 bits count: rows 0 and 2 alone are alike."""
    rows = [{f"c{n}": str(i) for n in range(33)} for i in range(1000)]
    first, which = Table.of([rows[0], rows[1], rows[0], *rows]).different([f"c{n}" for n in range(33)])
    assert first.tolist() == [0, 1, *range(5, 1003)]
    assert which[:6].tolist() == [0, 1, 0, 0, 1, 2]


class _Read(Mapping[str, str]):
    """A row that notes what is asked of it."""

    def __init__(self, row: Mapping[str, str], names: set[str]) -> None:
        self.row, self.names = row, names

    def __getitem__(self, key: str) -> str:
        self.names.add(key)
        return self.row[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.row)

    def __len__(self) -> int:
        return len(self.row)


@pytest.mark.parametrize("subject", ["training", "runs", "serving"])
def test_what_a_prediction_reads_is_declared(monkeypatch: pytest.MonkeyPatch, subject: str) -> None:
    """Rows that differ in nothing that is declared are predicted once, so nothing else may be read."""
    names: set[str] = set()
    rows = [_Read(row, names) for row in validation_rows(SUBJECTS[subject].file, 40)]
    by_column = Table.of(rows)
    names.clear()
    if subject == "serving":
        monkeypatch.setattr(Table, "__getitem__", lambda _, i: rows[i])
        serving_points.predict(by_column, Catalog())
    else:
        (training_rows.predict if subject == "training" else training_runs.predict_runs)(rows, Catalog())
    assert "hardware_id" in names
    assert names <= COLUMNS[subject].inputs


def test_of_many_figures_those_furthest_off_are_listed(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = ("validate", "--data", written(tmp_path / "a.csv", validation_rows("serving_measured.csv", 80)), "--json")
    whole = cli(*asked).json
    monkeypatch.setattr(score, "MOST_ROWS", 30)
    some = cli(*asked).json
    assert (some["summary"], some["groups"]) == (whole["summary"], whole["groups"])
    assert len(whole["rows"]) > 60
    off = [np.inf if r["predicted"] is None else abs(np.log(r["predicted"] / r["measured"])) for r in whole["rows"]]
    least = sorted(off)[-30]
    assert some["rows"] == [row for row, far in zip(whole["rows"], off, strict=True) if far >= least]
    assert some["result"]["listed"] == len(some["rows"]) == 30
