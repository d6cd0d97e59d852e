"""`llama-bench -o sql`: a table and an INSERT for each test.

Source: github ggml-org/llama.cpp tools/llama-bench/llama-bench.cpp, sql_printer.
"""

from __future__ import annotations

import re

from llmcost.errors import LlmcostError
from llmcost.readers.content import Content, cells_of
from llmcost.readers.record import Record
from llmcost.readers.rows import SERVING, Reader, Reading
from llmcost.readers.serving.llama_cpp import llama_bench_json

INSERT = re.compile(r"^INSERT INTO \w+ \((.*?)(?:\) *VALUES *(.*))?$", re.MULTILINE | re.IGNORECASE)


def recognises(content: Content) -> bool:
    """Whether rows with the tests' names are inserted."""
    found = None if content.looks_like_json else INSERT.search(content.text)
    return found is not None and set(llama_bench_json.OWN) <= {n.strip() for n in found[1].split(",")}


def read(content: Content) -> Reading:
    """Every test.

    Raises
    ------
    LlmcostError
        A row cut off.
    """
    rows = [llama_bench_json.test(r) for r in _inserted(content)]
    return Reading(SERVING, READER.name, rows)


def _inserted(content: Content) -> list[Record]:
    found = []
    for row in INSERT.finditer(content.text):
        n = content.text.count("\n", 0, row.start()) + 1
        names, held = [name.strip() for name in row[1].split(",")], (row[2] or "").strip()
        inside = held[1:-2] if held.startswith("(") and held.endswith(");") else ""
        cells = cells_of(inside, quotechar="'", skipinitialspace=True)
        if len(cells) != len(names):
            raise LlmcostError(f"{content.name}: line {n} is cut off: {len(cells)} of {len(names)} values")
        found.append(Record(dict(zip(names, cells, strict=True)), f"{content.name}: line {n}"))
    return found


READER = Reader("llama-bench SQL", SERVING, recognises, read)
