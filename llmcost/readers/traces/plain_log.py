"""A log of requests with usual names: a table or JSON lines with a time; lengths, users and status where there are."""

from __future__ import annotations

from llmcost.readers.content import Content
from llmcost.readers.rows import TRACE, Reader, Reading
from llmcost.readers.trace import trace
from llmcost.readers.traces import _json, _table
from llmcost.readers.traces._names import FIELDS, Named, named, plain

# Columns of tables that have a time and are no log of requests: measurements, bills.
OTHERS = {"cost", "amount", "spend", "billedcost", "usage", "costusd", "cost usd"}
MEASURED = {"ttft", "tpot", "itl", "loss", "_step", "_runtime", "throughput"}


def recognises(content: Content) -> bool:
    """Whether a column is a time, and another a length or a user, or there is no other at all."""
    names = _names(content)
    if names is None:
        return False
    heads = [plain(h) for h in _heads(content)]
    if any(h in OTHERS or any(m in h for m in MEASURED) for h in heads) and not (names.isl and names.osl):
        return False
    lengths = {n for side in ("isl", "osl", "user") for n in FIELDS[side]}
    return len(heads) <= 2 or bool(lengths & set(heads))


def _heads(content: Content) -> list[str]:
    if not content.looks_like_json:
        return content.headings
    return list(_json.flat(_json.first(content) or {}))


def _names(content: Content) -> Named | None:
    return named(_heads(content))


def read(content: Content) -> Reading:
    """The requests; what the log does not tell stays open."""
    names = _names(content)
    assert names is not None
    if content.looks_like_json:
        rows = (_json.flat(data) for data in _json.objects(content))
        found = _json.columns(rows, names, content.name)
    else:
        found = _table.columns(content, names)
    return Reading(TRACE, READER.name, [trace(found, content.name)])


READER = Reader("log of requests", TRACE, recognises, read, rank=8)
