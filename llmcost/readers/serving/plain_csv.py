"""A table with common names of columns: `mean_ttft_ms`, `p50 ttft (s)`, `max_concurrency`, `ISL` and many more.

A time whose name holds no unit is taken only where the row's other figures prove one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from llmcost.errors import LlmcostError
from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import SERVING, Reader, Reading, ServingRow
from llmcost.readers.serving import _client, _proof

UNITS = {"ms": 1e-3, "msec": 1e-3, "milliseconds": 1e-3, "s": 1.0, "sec": 1.0, "secs": 1.0, "seconds": 1.0,
         "us": 1e-6, "ns": 1e-9}  # fmt: skip
STATISTICS = ("mean", "avg", "average", "", "median", "p50")  # in the order of liking
TIMES = {
    "ttft_seconds": ("ttft", "time to first token", "first token latency", "time_to_first_token", "ttfr"),
    "tpot_seconds": ("tpot", "time per output token", "output token latency"),
    "itl_seconds": ("itl", "inter token latency", "inter-token latency", "time between tokens", "tbt"),
    "latency_seconds": (
        "e2el",
        "e2e latency",
        "e2e",
        "request latency",
        "latency",
        "end to end latency",
        "response time",
    ),
    "duration_seconds": ("duration", "benchmark duration", "elapsed", "elapsed time"),
}
COUNTS = {
    "gpus": ("n gpus", "gpus", "num gpus", "gpu count", "ngpus", "number of gpus"),
    "tp": ("tp", "tensor parallel", "tensor parallel size", "tp size"),
    "pp": ("pp", "pipeline parallel", "pipeline parallel size", "pp size"),
    "dp": ("dp", "data parallel size", "dp size"), "ep": ("ep", "ep size"),
    "concurrency": ("concurrency", "conc", "max concurrency", "num concurrent requests", "concurrent requests", "users",
                    "vus", "batch", "batch size", "concurrency or batch"),
    "request_rate": ("request rate", "requested rate", "qps", "target qps"),
    "isl": ("isl", "isl eff", "input len", "input length", "prompt len", "prompt length", "prompt tokens",
            "input tokens", "random input len", "input sequence length", "prompt toks"),
    "osl": ("osl", "osl eff", "output len", "output length", "completion tokens", "output tokens", "random output len",
            "output sequence length", "generated tokens", "output toks"),
    "requests": ("completed", "successful requests", "num requests", "num prompts"),
    "output_tokens_per_second": ("output throughput", "output tokens per s", "output tokens/s", "output tok/s",
                                 "output token throughput", "output tokens per second", "output tok/sec",
                                 "output throughput tok/s", "output tps"),
    "total_tokens_per_second": ("total token throughput", "total throughput", "total tokens/s", "total tok/s"),
    "requests_per_second": ("request throughput", "requests per second", "rps", "requests/s", "req/s",
                            "requests per s"),
}  # fmt: skip
WORDS = {
    "model": ("model", "model id", "model name"), "hardware": ("hardware", "hardware id", "gpu", "accelerator", "hw",
                                                               "gpu name", "gpu type", "device"),
    "framework": ("framework", "framework id", "engine", "backend", "server"),
    "dtype": ("dtype", "precision", "weight precision", "quantization"), "load": ("load",), "name": ("id", "name"),
}  # fmt: skip
FIGURES = ("ttft_seconds", "tpot_seconds", "itl_seconds", "output_tokens_per_second", "latency_seconds")


def recognises(content: Content) -> bool:
    """Whether a column is a latency or a throughput of a served model."""
    columns = dict(_columns(content.headings))
    has = {field for field, _, _ in columns.values()}
    return bool(has & {"ttft_seconds", "tpot_seconds", "itl_seconds", "output_tokens_per_second"})


def _columns(heads: list[str]) -> Iterator[tuple[str, tuple[str, int, float | None]]]:
    """Columns that are known: field, rank of the statistic, and seconds of the unit (None where it is not said)."""
    for head in heads:
        name = re.sub(r"[\s_]+", " ", re.sub(r"[()\[\]]", " ", head)).strip()
        for field, names in (*COUNTS.items(), *WORDS.items()):
            if name in names or re.sub(r"^(mean|avg|average) ", "", name) in names:
                yield head, (field, 0, 1.0)
        words = name.split(" ")
        unit = UNITS.get(words[-1])
        words = words[:-1] if unit else words
        found = next((s for s in STATISTICS if s and s in words), "")
        plain = " ".join(w for w in words if w != found)
        for field, names in TIMES.items():
            if plain in names:
                yield head, (field, STATISTICS.index(found), unit)


def read(content: Content) -> Reading:
    """Every row.

    Raises
    ------
    LlmcostError
        A cell that is no number, a time whose unit cannot be known, or no figure in any row.
    """
    columns = dict(_columns(content.headings))
    rows = [_row(r, columns) for r in content.table]
    if not any(getattr(row, name) is not None for row in rows for name in FIGURES):
        raise LlmcostError(f"{content.name}: no row has a measurement")
    return Reading(SERVING, READER.name, [derive.serving(row) for row in rows])


def _row(r: Record, columns: dict[str, tuple[str, int, float | None]]) -> ServingRow:
    values: dict[str, Any] = {}
    unknown: list[str] = []
    for head, (field, _, unit) in sorted(columns.items(), key=lambda item: item[1][1]):
        if field in values:
            continue
        found = _cell(r, head, field)
        if found is None:
            continue
        values[field] = found * unit if unit and isinstance(found, float) else found
        unknown += [field] if unit is None else []
    row = ServingRow(**values)
    row = row._replace(framework=_client.engine(row.framework) or row.framework)
    return _proved(row, unknown, r.where) if unknown else row


def _cell(r: Record, head: str, field: str) -> float | str | None:
    if field in WORDS:
        return r.text(head)
    return _client.rate(r.value(head)) if field == "request_rate" else r.measured(head)


def _proved(row: ServingRow, unknown: list[str], where: str) -> ServingRow:
    """The row with its unitless times in seconds."""
    ttft, tpot = row.ttft_seconds, row.tpot_seconds or row.itl_seconds
    known = row.latency_seconds if "latency_seconds" not in unknown else None
    rps = row.requests_per_second
    if rps is None and row.output_tokens_per_second and row.osl:
        rps = row.output_tokens_per_second / row.osl
    unit = _proof.seconds_per_unit(
        ttft, tpot, row.osl, known or (row.concurrency / rps if row.concurrency and rps else None), where
    )
    return row._replace(
        **{field: getattr(row, field) * unit for field in unknown},
        notes=(
            *row.notes,
            f"times in {'ms' if unit < 1 else 's'}: the one unit in which TTFT + TPOT (OSL - 1) is the latency",
        ),
    )


READER = Reader("table of serving measurements", SERVING, recognises, read, rank=9)
