"""`llama-batched-bench`, table or JSON lines, and `llama-sweep-bench`: static batches, times in s.

Source: github ggml-org/llama.cpp tools/batched-bench/README.md. T_PP is the prompts of the whole batch, T_TG the
answers; S_TG leaves the time of the prompts out.
"""

from __future__ import annotations

from llmcost.errors import LlmcostError
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import SERVING, Reader, Reading, ServingRow
from llmcost.readers.serving import _tables

TABLE = ("pp", "tg", "s_pp t/s", "s_tg t/s")
NAMES = {"t_pp s": "t_pp", "t_tg s": "t_tg", "s_pp t/s": "speed_pp", "s_tg t/s": "speed_tg", "b": "pl"}
OWN = ("pp", "tg", "pl", "t_pp", "t_tg")


def recognises(content: Content) -> bool:
    """Whether such rows are there."""
    if content.looks_like_json:
        return bool(content.records) and all(r.has(*OWN) for r in content.records)
    return bool(_tables.found(content.lines, TABLE))


def read(content: Content) -> Reading:
    """Every row.

    Raises
    ------
    LlmcostError
        A row cut off, or without its times.
    """
    return Reading(SERVING, READER.name, [_row(r) for r in _rows(content)])


def _rows(content: Content) -> list[Record]:
    if content.looks_like_json:
        return content.records
    found = []
    for table in _tables.found(content.lines, TABLE):
        for n, cells in table.rows(content.name):
            found.append(Record({NAMES.get(k, k): v for k, v in cells.items()}, f"{content.name}: line {n}"))
    return found


def _row(r: Record) -> ServingRow:
    prompt, written = r.number("pp") or 0.0, r.number("tg") or 0.0
    batch = r.measured("pl") or 1.0
    before, writing = r.measured("t_pp"), r.measured("t_tg")
    if writing is None or not written:
        raise LlmcostError(f"{r.where}: no time of writing (T_TG) in it")
    sweep = "pl" not in r.data  # one sequence that grows: N_KV is what is in the cache before
    depth = (r.number("n_kv") or 0.0) if sweep else 0.0
    shared = r.value("is_pp_shared") in (1, True, "1") and batch > 1
    return ServingRow(
        framework="llama.cpp",
        load="static-batch",
        concurrency=batch,
        isl=depth + prompt,
        osl=written,
        cached_share=depth / (depth + prompt) if depth else (1.0 - 1.0 / batch) if shared else None,
        ttft_seconds=before,
        tpot_seconds=writing / written,
        output_tokens_per_second=batch * written / ((before or 0.0) + writing),
        prefill_tokens_per_second=r.measured("speed_pp"),
        decode_tokens_per_second=r.measured("speed_tg"),
        notes=("output tokens/s of prompts and answers together; S_TG counts the answers' time alone",),
    )


READER = Reader("llama-batched-bench", SERVING, recognises, read)
