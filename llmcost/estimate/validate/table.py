"""Measured rows by column, millions of them: a word that many cells hold is kept once, a measurement as a number."""

from __future__ import annotations

import csv
import importlib.util
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any, overload

import numpy as np

from llmcost import units
from llmcost.engine.numeric.kinds import Array
from llmcost.errors import LlmcostError, of_system, plainly
from llmcost.estimate.validate import cells
from llmcost.files import beside
from llmcost.records import NamedTuple

Row = dict[str, str]
Index = np.ndarray[Any, np.dtype[np.intp]]
Codes = np.ndarray[Any, np.dtype[Any]]  # whole numbers, as narrow as they go
ID = "id"
ROWS = 50_000  # read at a time
LARGE = 30_000_000  # bytes from which pyarrow is asked for
MOST_BYTES = 2_000_000_000
A_TABLE = "a heading, then a row a line, with commas: llmcost validate --help-all names the columns"


class Column(NamedTuple):
    """The number of each cell's word, and the words."""

    codes: Codes
    words: list[str]


class Figures(NamedTuple):
    """A column of measurements, nan where there is none; what stands in place of one, by row."""

    values: Array
    odd: dict[int, str]

    def text(self, place: int) -> str:
        """A cell as it can be read again."""
        value = self.values[place]
        return self.odd.get(place, "") if np.isnan(value) else repr(float(value))


class Faults(NamedTuple):
    """What is wrong with each of some rows: the number of a text, the first of which is empty."""

    which: Index
    texts: list[str]


def first_of(every: Sequence[Faults]) -> Faults:
    """Of faults of the same rows the first that each has."""
    which, texts = np.zeros_like(every[0].which), [""]
    for faults in reversed(every):
        which = np.where(faults.which > 0, faults.which + len(texts) - 1, which)
        texts += faults.texts[1:]
    return Faults(which, texts)


class _Words:
    """A column of words as it grows."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}
        self.parts: list[Codes] = []

    def add(self, texts: Any) -> None:
        number, known = self.known.setdefault, self.known
        if hasattr(texts, "dictionary_encode"):
            coded = texts.dictionary_encode()
            of = np.array([number(word, len(known)) for word in coded.dictionary.to_pylist()])
            codes = of[coded.indices.to_numpy(zero_copy_only=False)]
        else:
            codes = np.array([number(text, len(known)) for text in texts])
        self.parts.append(codes.astype(np.min_scalar_type(max(len(known) - 1, 0))))

    def whole(self) -> Column:
        return Column(np.concatenate(self.parts), list(self.known))


class _Numbers:
    """A column of measurements as it grows."""

    def __init__(self) -> None:
        self.parts: list[Array] = []
        self.odd: dict[int, str] = {}
        self.height = 0

    def add(self, texts: Any) -> None:
        values = _floats(texts)
        sized = (values == 0) | (values >= cells.LEAST) & (values <= cells.MOST)
        for i in np.flatnonzero(~(sized | np.isnan(values))).tolist():
            text = str(texts[i])
            try:
                found = cells.number({ID: text}, ID)
                values[i] = np.nan if found is None else found
            except LlmcostError:
                values[i] = np.nan
                self.odd[self.height + i] = text
        self.parts.append(values)
        self.height += len(texts)

    def whole(self) -> Figures:
        return Figures(np.concatenate(self.parts), self.odd)


def _floats(texts: Any) -> Array:
    """Texts as numbers, nan where blank; inf, all of them, where one needs a closer look."""
    try:
        if not hasattr(texts, "cast"):
            return np.array([text or "nan" for text in texts], dtype=float)
        import pyarrow as pa
        import pyarrow.compute as pc

        blank = pa.scalar(None, pa.string())
        return np.array(pc.if_else(pc.equal(texts, ""), blank, texts).cast(pa.float64()).to_numpy(zero_copy_only=False))
    except ValueError:
        return np.full(len(texts), np.inf)


class _Names:
    """Names of rows, each its own."""

    def __init__(self) -> None:
        self.parts: list[Any] = []
        self.ends: list[int] = []

    def add(self, texts: Any) -> None:
        self.parts.append(texts)
        self.ends.append(len(texts) + (self.ends[-1] if self.ends else 0))

    def __getitem__(self, place: int) -> str:
        part = bisect_right(self.ends, place)
        return str(self.parts[part][place - self.ends[part]])


class Table(Sequence[Row]):
    """Rows by column; one row is read as a dict of texts.

    Parameters
    ----------
    heads : iterable of str
        Names of the columns.
    batches : iterable of mapping
        Columns of some rows at a time: texts, or pyarrow's.
    figures : collection of str
        Columns of measurements.
    """

    def __init__(
        self, heads: Iterable[str], batches: Iterable[Mapping[str, Any]], figures: Collection[str] = ()
    ) -> None:
        growing: dict[str, _Words | _Numbers | _Names] = {
            name: _Names() if name == ID else _Numbers() if name in figures else _Words() for name in heads
        }
        self.height = 0
        for batch in batches:
            self.height += max((len(column) for column in batch.values()), default=0)
            for name, column in batch.items():
                growing[name].add(column)
        self.names: _Names | None = None
        self.columns: dict[str, Column] = {}
        self.figures: dict[str, Figures] = {}
        for name, column in growing.items() if self.height else ():
            if isinstance(column, _Names):
                self.names = column
            elif isinstance(column, _Numbers):
                self.figures[name] = column.whole()
            else:
                self.columns[name] = column.whole()

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, str]], figures: Collection[str] = ()) -> Table:
        """Rows by column; a table is taken as it is."""
        if isinstance(rows, Table):
            return rows
        heads = dict.fromkeys(name for row in rows for name in row)
        batch = {name: [row.get(name) or "" for row in rows] for name in heads}
        return cls(heads, [batch] if rows else [], figures)

    @classmethod
    def read(cls, path: Path, keep: Collection[str] | None = None, figures: Collection[str] = ()) -> Table:
        """A CSV file; of a large one, pyarrow reads a part at a time where it is installed.

        Parameters
        ----------
        path : Path
            The file.
        keep : collection of str, optional
            Columns that are wanted; all without it.
        figures : collection of str
            Those of them that are measurements.

        Raises
        ------
        LlmcostError
            Missing, too large, not UTF-8, or without a row.
        """
        shown = units.shown(str(path), 120)
        try:
            size = path.stat().st_size
            if size > MOST_BYTES:
                raise LlmcostError(f"{shown}: larger than {MOST_BYTES:,} bytes", "cut it into several files")
            with _opened(path) as file:
                first = next(csv.reader(file), [])
            places = {head.strip().lower(): place for place, head in enumerate(first)}
            places = {head: place for head, place in places.items() if keep is None or head in keep}
            found = None
            if size > LARGE and importlib.util.find_spec("pyarrow") is not None:
                found = cls._fast(path, len(first), places, figures)
            table = found or cls(places, _plain(path, places), figures)
        except FileNotFoundError:
            raise LlmcostError(f"no such file: {shown}", beside(path)) from None
        except (UnicodeDecodeError, csv.Error) as error:
            raise LlmcostError(f"{shown}: not a CSV file: {plainly(str(error), 80)}", A_TABLE) from None
        except OSError as error:
            raise of_system(shown, error) from None
        if not len(table):
            raise LlmcostError(f"{shown}: no rows", A_TABLE)
        return table

    @classmethod
    def _fast(cls, path: Path, width: int, places: Mapping[str, int], figures: Collection[str]) -> Table | None:
        """As pyarrow reads it; None where it does not, and Python is to tell what is wrong, or that nothing is."""
        import pyarrow as pa

        try:
            return cls(places, _arrow(path, width, places), figures)
        except pa.ArrowException:
            return None

    def __len__(self) -> int:
        return self.height

    @overload
    def __getitem__(self, place: int) -> Row: ...

    @overload
    def __getitem__(self, place: slice) -> list[Row]: ...

    def __getitem__(self, place: int | slice) -> Row | list[Row]:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(self.height))]
        if not -self.height <= place < self.height:
            raise IndexError(place)
        place %= self.height
        row = {ID: self.names[place]} if self.names is not None else {}
        row |= {name: column.words[column.codes[place]] for name, column in self.columns.items()}
        return row | {name: column.text(place) for name, column in self.figures.items()}

    def has(self, name: str) -> bool:
        """Whether there is such a column."""
        return name in self.columns or name in self.figures or (name == ID and self.names is not None)

    def name(self, place: int) -> str:
        """What a row is called: its id, else its number."""
        return (self.names[place].strip() if self.names is not None else "") or str(place + 1)

    def fill(self, name: str, text: str) -> bool:
        """Write what was said into the blank cells of a column; whether others of it speak for themselves."""
        column = self.columns.get(name) or Column(np.zeros(self.height, dtype=np.uint8), [""])
        self.columns[name] = column._replace(words=[word if word.strip() else text for word in column.words])
        return any(word.strip() for word in column.words)

    def measured(self, name: str) -> Array:
        """A column of measurements; nan where there is none."""
        return self.figures[name].values if name in self.figures else np.full(self.height, np.nan)

    def some(self, here: Index) -> Table:
        """Some of the rows, without what was measured."""
        found = Table((), ())
        found.height = len(here)
        found.columns = {name: column._replace(codes=column.codes[here]) for name, column in self.columns.items()}
        return found

    def numbers(self, name: str) -> tuple[Array, Faults]:
        """A column as numbers, nan where blank or no number."""
        column = self.columns.get(name) or Column(np.zeros(self.height, dtype=np.uint8), [""])
        values, wrong, texts = np.full(len(column.words), np.nan), np.zeros(len(column.words), dtype=np.intp), [""]
        for code, word in enumerate(column.words):
            try:
                found = cells.number({name: word}, name)
                values[code] = np.nan if found is None else found
            except LlmcostError as error:
                wrong[code] = len(texts)
                texts.append(error.message)
        return values[column.codes], Faults(wrong[column.codes], texts)

    def different(self, names: Iterable[str]) -> tuple[Index, Index]:
        """The first of the rows that differ in some columns, in order; and which of them every row is."""
        return different([self.columns[name] for name in names if name in self.columns], self.height)

    def map(self, names: Collection[str], find: Callable[[Row], str]) -> Column:
        """What a function of some columns says of every row."""
        first, which = self.different(names)
        found = [find({name: self.columns[name].words[self.columns[name].codes[i]] for name in names
                       if name in self.columns}) for i in first]  # fmt: skip
        return Column(which, found)


def different(columns: Iterable[Column], count: int) -> tuple[Index, Index]:
    """The first of the rows that differ, in order; and which of them every row is."""
    key, size = np.zeros(count, dtype=np.int64), 1
    for column in columns:
        if (many := len(column.words)) < 2:
            continue
        if size > np.iinfo(np.int64).max // many:
            _, key = np.unique(key, return_inverse=True)
            size = int(key.max()) + 1
        key, size = key * many + column.codes, size * many
    _, first, which = np.unique(key, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order))
    return first[order], rank[which]


def _opened(path: Path) -> IO[str]:
    return path.open(newline="", encoding="utf-8-sig")


def _plain(path: Path, places: Mapping[str, int]) -> Iterator[dict[str, list[str]]]:
    """The columns as Python reads them; a row that ends early is blank from there on."""
    with _opened(path) as file:
        reader = csv.reader(file)
        next(reader, None)
        while rows := [row for row in islice(reader, ROWS) if row]:
            yield {name: [row[p] if p < len(row) else "" for row in rows] for name, p in places.items()}


def _arrow(path: Path, width: int, places: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    """The columns as pyarrow reads them, on one thread, a few MB at a time."""
    import pyarrow as pa
    from pyarrow import csv as pc

    heads = [str(place) for place in range(width)]
    wanted = [str(place) for place in places.values()]
    options = pc.ReadOptions(use_threads=False, block_size=4_000_000, column_names=heads)
    convert = pc.ConvertOptions(include_columns=wanted, column_types=dict.fromkeys(wanted, pa.string()))
    with pc.open_csv(path, options, pc.ParseOptions(newlines_in_values=True), convert) as batches:
        skip = 1  # the heading
        for batch in batches:
            rest = batch.slice(skip)
            skip = 0
            yield {name: rest.column(i) for i, name in enumerate(places)}
