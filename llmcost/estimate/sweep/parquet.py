"""Parquet: one row group for each part, written anywhere, joined into one file without being read again.

The footer of a Parquet file is a Thrift structure in the compact protocol; places in it count from the start of the
file. A row group that moves needs its places shifted and nothing else.

Source: apache/parquet-format, `parquet.thrift` (field numbers); apache/thrift, doc/specs/thrift-compact-protocol.md.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from llmcost.errors import LlmcostError
from llmcost.estimate.sweep.columns import BOOL, TEXT, WHOLE, Column, Table

MAGIC = b"PAR1"
BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(3, 13)
TRUE, FALSE = 1, 2
# Field numbers of FileMetaData, RowGroup, ColumnChunk and ColumnMetaData.
ROWS, GROUPS = 3, 4
GROUP_COLUMNS, GROUP_ROWS, GROUP_PLACE, GROUP_ORDINAL = 1, 3, 5, 7
CHUNK_META = 3
CHUNK_PLACES, META_PLACES = (2, 4, 6), (9, 10, 11, 14)
MOST_ORDINAL = 32767
Field = list[Any]  # number, type, value


def encoded(table: Table) -> bytes:
    """A part as a Parquet file of one row group.

    Raises
    ------
    LlmcostError
        pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise LlmcostError(
            "Parquet needs pyarrow, which is not installed", "install llmcost with its extra 'sweep', or -o FILE.csv"
        ) from None
    made = pa.table([_array(table, c) for c in table.columns], schema=_schema(table.columns))
    sink = pa.BufferOutputStream()
    narrow = [c.name for c in table.columns if c.key or c.kind == TEXT]
    pq.write_table(
        made, sink, row_group_size=table.rows, compression="zstd", compression_level=1, use_dictionary=narrow
    )
    return bytes(sink.getvalue())


def _schema(columns: Sequence[Column]) -> Any:
    import pyarrow as pa

    kinds = {BOOL: pa.bool_(), WHOLE: pa.int64(), TEXT: pa.dictionary(pa.int32(), pa.string())}
    return pa.schema([(c.name, kinds.get(c.kind, pa.float64())) for c in columns])


def _array(table: Table, column: Column) -> Any:
    import pyarrow as pa

    if column.kind == TEXT:
        index, words = table.texts[column.name]
        return pa.DictionaryArray.from_arrays(pa.array(index, mask=index < 0), pa.array(words, type=pa.string()))
    values = table.numbers[column.name]
    missing = np.isnan(values)
    mask = missing if missing.any() else None
    if column.kind == BOOL:
        return pa.array(values == 1.0, mask=mask)
    if column.kind == WHOLE:
        return pa.array(np.where(missing, 0.0, values).astype(np.int64), mask=mask)
    return pa.array(values, mask=mask)


def opened(body: bytes) -> tuple[bytes, bytes]:
    """The pages of a file of one row group, and its footer."""
    size = struct.unpack("<I", body[-8:-4])[0]
    end = len(body) - 8 - size
    return body[len(MAGIC) : end], body[end:-8]


def moved(footer: bytes, place: int, number: int) -> bytes:
    """The row group of a footer, its pages now starting at a `place` of a file, as the `number`-th of it."""
    whole = _read(footer)
    group = _field(whole, GROUPS)[1][0]
    shift = place - len(MAGIC)
    for chunk in _field(group, GROUP_COLUMNS)[1]:
        _shift(chunk, CHUNK_PLACES, shift)
        _shift(_field(chunk, CHUNK_META), META_PLACES, shift)
    _shift(group, (GROUP_PLACE,), shift)
    group[:] = [f for f in group if f[0] != GROUP_ORDINAL]
    if number <= MOST_ORDINAL:
        group.append([GROUP_ORDINAL, I16, number])
    out = bytearray()
    _write_struct(out, group)
    return bytes(out)


def _shift(fields: list[Field], numbers: Sequence[int], by: int) -> None:
    for field in fields:
        if field[0] in numbers and field[2] > 0:  # 0: there is none
            field[2] += by


def ending(footer: bytes, groups: Sequence[bytes], rows: int) -> bytes:
    """The end of a file with these row groups, in the manner of one of its parts."""
    fields = _read(footer)
    out = bytearray()
    last = 0
    for number, kind, value in fields:
        last = _write_header(out, last, number, kind)
        if number == GROUPS:
            _write_list_head(out, STRUCT, len(groups))
            for group in groups:
                out += group
        else:
            _write_value(out, kind, rows if number == ROWS else value)
    out.append(0)
    return bytes(out) + struct.pack("<I", len(out)) + MAGIC


def _field(fields: list[Field], number: int) -> Any:
    return next(value for n, _, value in fields if n == number)


class _Reader:
    """The compact protocol, read."""

    def __init__(self, raw: bytes) -> None:
        self.raw, self.at = raw, 0

    def byte(self) -> int:
        self.at += 1
        return self.raw[self.at - 1]

    def varint(self) -> int:
        found = shift = 0
        while True:
            b = self.byte()
            found |= (b & 0x7F) << shift
            if b < 0x80:
                return found
            shift += 7

    def signed(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def fields(self) -> list[Field]:
        found: list[Field] = []
        last = 0
        while head := self.byte():
            kind = head & 0x0F
            last = last + (head >> 4) if head >> 4 else self.signed()
            found.append([last, kind, self.value(kind)])
        return found

    def value(self, kind: int, inside: bool = False) -> Any:
        if kind in (TRUE, FALSE):
            return self.byte() if inside else kind
        if kind == BYTE:
            return self.byte()
        if kind in (I16, I32, I64):
            return self.signed()
        if kind == STRUCT:
            return self.fields()
        if kind in (LIST, SET):
            head = self.byte()
            size = self.varint() if head >> 4 == 15 else head >> 4
            return head & 0x0F, [self.value(head & 0x0F, inside=True) for _ in range(size)]
        size = 8 if kind == DOUBLE else self.varint()
        if kind == MAP and size:
            raise ValueError("a Parquet footer has no maps")
        self.at += size
        return self.raw[self.at - size : self.at]


def _read(footer: bytes) -> list[Field]:
    return _Reader(footer).fields()


def _varint(out: bytearray, value: int) -> None:
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def _signed(out: bytearray, value: int) -> None:
    _varint(out, (value << 1) ^ (value >> 63))


def _write_header(out: bytearray, last: int, number: int, kind: int) -> int:
    if 0 < number - last <= 15:
        out.append((number - last) << 4 | kind)
    else:
        out.append(kind)
        _signed(out, number)
    return number


def _write_struct(out: bytearray, fields: list[Field]) -> None:
    last = 0
    for number, kind, value in fields:
        last = _write_header(out, last, number, kind)
        _write_value(out, kind, value)
    out.append(0)


def _write_list_head(out: bytearray, kind: int, size: int) -> None:
    if size < 15:
        out.append(size << 4 | kind)
    else:
        out.append(0xF0 | kind)
        _varint(out, size)


def _write_value(out: bytearray, kind: int, value: Any, inside: bool = False) -> None:
    if kind in (TRUE, FALSE):
        if inside:
            out.append(value)
    elif kind == BYTE:
        out.append(value)
    elif kind in (I16, I32, I64):
        _signed(out, value)
    elif kind == STRUCT:
        _write_struct(out, value)
    elif kind in (LIST, SET):
        of, values = value
        _write_list_head(out, of, len(values))
        for one in values:
            _write_value(out, of, one, inside=True)
    else:
        if kind == BINARY:
            _varint(out, len(value))
        out += value
