"""Tables of requests, millions of rows: pyarrow in batches where it is installed, Python's csv for small ones."""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import io
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from llmcost.errors import LlmcostError, plainly, shown
from llmcost.readers import plain
from llmcost.readers.content import Content, cells_of
from llmcost.readers.record import number_of
from llmcost.readers.trace import Array, Columns
from llmcost.readers.traces._names import Named, epoch_unit, failed

ROWS = 200_000  # at a time
LARGE = 30_000_000  # bytes from which pyarrow is asked for
MOST = 150_000_000  # bytes that Python alone reads
ZONES = ("Z", " UTC", " +0000")  # of dates since 1970 itself
FINER = re.compile(r"\.\d{7,}")  # than a microsecond


def columns(content: Content, names: Named, ok: Callable[[str], bool] | None = None) -> Columns:
    """The columns of a CSV file.

    Parameters
    ----------
    content : Content
        The file, with a heading.
    names : Named
        Which column holds what.
    ok : callable, optional
        Whether a status is a success; the usual words without it.

    Raises
    ------
    LlmcostError
        Not a table, a cell that is no number or time, a row cut off, or too large without the extra `data`.
    """
    wanted = [n for n in names[:1] + names[2:] if n]
    size = content.path.stat().st_size
    packed = content.path.suffix == ".gz"  # by which pyarrow knows
    fast = size > LARGE and importlib.util.find_spec("pyarrow") is not None and packed == content.packed
    if size > MOST and not fast:
        hint = "pip install 'llmcost-cli[data]' (pyarrow), or cut the file"
        raise LlmcostError(f"{content.name}: {size / 1e6:,.0f} MB are too many for Python alone", hint)
    batches = _arrow(content, wanted) if fast else _python(content, wanted)
    return _joined([_batch(cells, names, content.name, ok) for cells in batches], content.name)


def _python(content: Content, wanted: list[str]) -> Iterator[dict[str, list[str]]]:
    with io.TextIOWrapper(content.opened(), newline="", encoding=content.encoding, errors="ignore") as file:
        for _ in range(content.skipped):
            next(file)
        reader = csv.reader(file, delimiter=content.delimiter)
        try:
            heads = next(heads for cells in reader if any(heads := [h.strip().lower() for h in cells]))
            if not set(wanted) <= set(heads):  # cleaned when it was recognised
                hint = "save the table alone, without colours or what a launcher puts before its lines"
                raise LlmcostError(f"{content.name}: the heading is no line of a table", hint)
            places = [heads.index(name) for name in wanted]
            while rows := [row for row in islice(reader, ROWS) if row]:
                if any(len(row) < len(heads) for row in rows):
                    n = next(i for i, row in enumerate(rows) if len(row) < len(heads))
                    raise LlmcostError(f"{content.name}: a row has {len(rows[n])} of {len(heads)} cells: cut off?")
                yield {name: [row[p] for row in rows] for name, p in zip(wanted, places, strict=True)}
        except csv.Error as error:
            raise LlmcostError(f"{content.name}: not a table: {plainly(str(error), 80)}") from None


def _arrow(content: Content, wanted: list[str]) -> Iterator[dict[str, Any]]:
    import pyarrow as pa
    from pyarrow import csv as pc

    first = content.head.lstrip().partition("\n")[0]
    heads = [h.strip() for h in cells_of(first, delimiter=content.delimiter)]
    own = {h.lower(): h for h in heads}
    encoding = "utf8" if content.encoding == plain.UTF_8 else content.encoding
    options = pc.ReadOptions(block_size=16_000_000, encoding=encoding, skip_rows=content.skipped)
    parse = pc.ParseOptions(delimiter=content.delimiter)
    convert = pc.ConvertOptions(
        include_columns=[own[w] for w in wanted], strings_can_be_null=True,
        column_types={own[w]: pa.string() for w in wanted},
    )  # fmt: skip
    try:
        with pc.open_csv(content.path, options, parse, convert) as batches:
            for batch in batches:
                yield {w: batch.column(i) for i, w in enumerate(wanted)}
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise LlmcostError(f"{content.name}: not a table: {plainly(str(error), 120)}") from None
    finally:
        pa.default_memory_pool().release_unused()  # text of millions of rows, which the profile needs no more


def _batch(cells: dict[str, Any], names: Named, where: str, ok: Callable[[str], bool] | None) -> Columns:
    seconds, dated = times(cells[names.time], names.unit, where)
    count = len(seconds)

    def column(name: str) -> Array | None:
        return numbers(cells[name], where, name) if name else None

    return Columns(
        seconds,
        dated,
        column(names.isl),
        column(names.osl),
        column(names.cached),
        codes(cells[names.user]) if names.user else None,
        flags(cells[names.status], count, ok) if names.status else None,
    )


def numbers(cells: Any, where: str, name: str) -> Array:
    """Cells as numbers; blank ones are NaN.

    Raises
    ------
    LlmcostError
        One that is no number.
    """
    import numpy as np

    try:
        if hasattr(cells, "cast"):
            import pyarrow as pa

            found = np.asarray(cells.cast(pa.float32()).to_numpy(zero_copy_only=False), dtype=np.float32)
        else:
            plain = [c if c not in ("", "NULL", "null", "None", None) else "nan" for c in cells]
            with np.errstate(over="ignore"):  # refused below
                found = _floats(plain)
    except (ValueError, TypeError, OverflowError) as error:
        raise LlmcostError(
            f"{where}: column {shown(name, 40)}: {plainly(str(error), 60)}: a number is wanted"
        ) from None
    if np.isinf(found).any():
        raise LlmcostError(f"{where}: column {shown(name, 40)}: a number beyond any size")
    return found


def _floats(cells: list[Any]) -> Array:
    """Numbers, also with commas between thousands."""
    import numpy as np

    try:
        return np.array(cells, dtype=np.float32)
    except ValueError:
        read = [number_of(c) if isinstance(c, str) and "," in c else c for c in cells]
        return np.array([c if n is None else n for c, n in zip(cells, read, strict=True)], dtype=np.float32)


def times(cells: Any, unit: float | None, where: str) -> tuple[Array, bool]:
    """Times in seconds and whether they are dates: ISO text, a number since 1970, or since a start in a known unit.

    Raises
    ------
    LlmcostError
        A cell that is no time, or a clock whose unit nothing tells.
    """
    first = next((str(c) for c in cells if c is not None and str(c).strip() and str(c) != "None"), "")
    if first.replace(".", "", 1).replace("-", "", 1).replace("e+", "", 1).isdigit():
        found = numbers64(cells, where)
        start = float(first)
        unit = epoch_unit(start, where) if unit is None else unit
        return found * unit, any(low * 1.0 <= abs(start * unit) < high for low, high in ((1e9, 4e9),))
    return _dates(cells, where), True


def numbers64(cells: Any, where: str) -> Array:
    """Cells as numbers of full length: a date in ns since 1970 has 19 digits."""
    import numpy as np

    try:
        if hasattr(cells, "cast"):
            import pyarrow as pa

            return np.asarray(cells.cast(pa.float64()).to_numpy(zero_copy_only=False))
        return np.array([c if c not in ("", None) else "nan" for c in cells], dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise LlmcostError(f"{where}: {plainly(str(error), 60)}: a time is wanted") from None


def _dates(cells: Any, where: str) -> Array:
    import numpy as np

    if hasattr(cells, "cast"):
        cells = _arrow_dates(cells)
        if not isinstance(cells, list):
            return cells
    texts = [str(c).strip() if c is not None else "" for c in cells]
    tail = next((t for t in texts if t), "")
    zone = next((z for z in ZONES if tail.endswith(z)), "")
    try:
        with warnings.catch_warnings(action="error"):  # of another zone
            found = np.array([t.removesuffix(zone) or "NaT" for t in texts], dtype="datetime64[us]")
    except (ValueError, UserWarning):
        return np.array([_zoned(t, where) for t in texts])
    seconds = found.astype(np.int64) / 1e6
    seconds[np.isnat(found)] = np.nan
    return seconds


def _arrow_dates(cells: Any) -> Any:
    """Seconds since 1970 by pyarrow; the cells as a list where it cannot read them."""
    import numpy as np
    import pyarrow as pa

    for kind in (pa.timestamp("ns"), pa.timestamp("ns", tz="UTC")):
        try:
            stamps = cells.cast(kind).cast(pa.int64())
            return np.asarray(stamps.to_numpy(zero_copy_only=False), dtype=np.float64) / 1e9
        except pa.ArrowInvalid:
            continue
    return cells.to_pylist()


def _zoned(text: str, where: str) -> float:
    """Seconds since 1970 of a date with a zone or without; NaN of a blank one."""
    import datetime as dt

    if not text:
        return float("nan")
    zone = next((z for z in ZONES if text.endswith(z)), None)
    iso = FINER.sub(lambda found: found[0][:7], text if zone is None else f"{text.removesuffix(zone)}Z")
    try:
        moment = dt.datetime.fromisoformat(iso)
        return moment.replace(tzinfo=moment.tzinfo or dt.UTC).timestamp()
    except (ValueError, OverflowError):
        raise LlmcostError(f"{where}: {shown(text, 40)}: a time is wanted, as 2026-01-31T12:00:00Z") from None


def codes(cells: Any) -> Array:
    """A number for each name, the same for the same name, -1 for none; the name itself is kept nowhere."""
    import numpy as np

    values = cells.to_pylist() if hasattr(cells, "to_pylist") else cells
    known = {value: _hashed(str(value)) if value not in (None, "") else -1 for value in set(values)}
    return np.array([known[value] for value in values], dtype=np.int64)


def _hashed(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=7).digest(), "big")


def flags(cells: Any, count: int, ok: Callable[[str], bool] | None) -> Array:
    """Whether each call failed."""
    import numpy as np

    values = cells.to_pylist() if hasattr(cells, "to_pylist") else cells
    known: dict[Any, bool] = {}
    for value in set(values):
        text = "" if value is None else str(value)
        known[value] = not ok(text) if ok else failed(text)
    return np.fromiter((known[v] for v in values), dtype=bool, count=count)


def _joined(batches: Sequence[Columns], where: str) -> Columns:
    import numpy as np

    if not batches:
        raise LlmcostError(f"{where}: no rows below the heading")
    parts = list(zip(*batches, strict=True))
    joined = [None if part[0] is None else np.concatenate(part) for i, part in enumerate(parts) if i != 1]
    return Columns(joined[0], bool(batches[0].dated), *joined[1:])
