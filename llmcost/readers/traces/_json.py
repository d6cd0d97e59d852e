"""Logs of requests as JSON: one object a line, or a list of them; nested objects by their dotted names."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import IO, Any

from llmcost.errors import LlmcostError
from llmcost.files import json_of
from llmcost.readers import plain
from llmcost.readers.content import Content
from llmcost.readers.rows import TRACE, Reader, Reading
from llmcost.readers.trace import Columns, trace
from llmcost.readers.traces import _table
from llmcost.readers.traces._names import Named

Object = dict[str, Any]


def of_fields(name: str, own: set[str], names: Named) -> Reader:
    """A kind of log whose objects say everything under published names; it is known by some of them."""

    def recognises(content: Content) -> bool:
        return own <= set(first(content) or ())

    def read(content: Content) -> Reading:
        rows = (flat(data) for data in objects(content))
        return Reading(TRACE, name, [trace(columns(rows, names, content.name), content.name)])

    return Reader(name, TRACE, recognises, read)


def first(content: Content) -> Object | None:
    """The first object of the file by its head, without reading all of it; None where the file is not such a log."""
    if content.nested:
        return content.records[0].data
    if not content.looks_like_json:
        return None
    line = content.head.lstrip().partition("\n")[0].strip()
    try:
        data = json_of(line)
    except ValueError:
        found = content.records if content.path.stat().st_size < _table.LARGE else []
        return found[0].data if found else None
    return data if isinstance(data, dict) else next((d for d in data if isinstance(d, dict)), None)


def objects(content: Content) -> Iterator[Object]:
    """Every object of the file, a line at a time where it has one on each.

    Raises
    ------
    LlmcostError
        A line that is no JSON object, or a file cut off.
    """
    line = content.head.lstrip().partition("\n")[0].strip()
    try:
        alone = isinstance(json_of(line), dict)
    except ValueError:
        alone = False
    if content.nested or not alone:
        yield from (record.data for record in content.records)
        return
    import msgspec

    decoder = msgspec.json.Decoder()
    with _lines(content) as file:
        for n, raw in enumerate(file, 1):
            if not raw.strip():
                continue
            try:
                data = decoder.decode(raw)
            except (msgspec.DecodeError, UnicodeDecodeError):
                raise LlmcostError(f"{content.name}: line {n} is not JSON: cut off?") from None
            if not isinstance(data, dict):
                raise LlmcostError(f"{content.name}: line {n} is not an object")
            yield data


def _lines(content: Content) -> IO[Any]:
    """The file a line at a time: bytes, which are read fastest, where they are UTF-8."""
    file = content.opened()
    if content.encoding != plain.UTF_8:
        return io.TextIOWrapper(file, encoding=content.encoding, errors="replace")
    return file


def flat(data: Object, depth: int = 2) -> Object:
    """An object with those inside it by dotted names."""
    out: Object = {}
    for key, value in data.items():
        if isinstance(value, dict) and depth:
            out |= {f"{key}.{inner}": v for inner, v in flat(value, depth - 1).items()}
        else:
            out[key] = value
    return out


def columns(rows: Iterator[Object], names: Named, where: str, ok: Callable[[str], bool] | None = None) -> Columns:
    """The columns of flat objects; one that lacks a field has nothing there.

    Raises
    ------
    LlmcostError
        A value that is no number or no time.
    """
    wanted = [n for n in names[:1] + names[2:] if n]
    cells: dict[str, list[Any]] = {name: [] for name in wanted}
    for row in rows:
        for name in wanted:
            cells[name].append(row.get(name))
    if not cells[names.time]:
        raise LlmcostError(f"{where}: no requests in it")
    for name in wanted:
        bad = next((v for v in cells[name] if isinstance(v, dict | list)), None)
        if bad is not None:
            raise LlmcostError(f"{where}: {name} is a list or an object, a number or a text is wanted")
    return _table._batch(cells, names, where, ok)
