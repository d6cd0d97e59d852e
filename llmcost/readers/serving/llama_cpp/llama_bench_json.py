"""`llama-bench -o json`, `-o jsonl` and `-o csv`: a test a row, times in ns.

Source: github ggml-org/llama.cpp tools/llama-bench/README.md.
"""

from __future__ import annotations

from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import SERVING, Reader, Reading, ServingRow
from llmcost.readers.serving.llama_cpp import _llama

NANO = 1e-9
OWN = ("n_prompt", "n_gen", "avg_ns", "avg_ts")


def recognises(content: Content) -> bool:
    """Whether the tests' names are there."""
    if not content.looks_like_json:
        return set(OWN) <= set(content.headings)
    return bool(content.records) and all(r.has(*OWN) for r in content.records)


def read(content: Content) -> Reading:
    """Every test."""
    found = content.records if content.looks_like_json else content.table
    return Reading(SERVING, READER.name, [test(r) for r in found])


def test(r: Record) -> ServingRow:
    """One test of the tool, whatever it was written as."""
    prompt, written, depth = (r.number(name) or 0.0 for name in ("n_prompt", "n_gen", "n_depth"))
    row = _llama.row(prompt, written, depth, r.measured("avg_ns", scale=NANO), r.measured("avg_ts"))
    kind, size, params = r.text("model_type"), r.measured("model_size"), r.measured("model_n_params")
    cards = [name.strip() for name in (r.text("gpu_info") or "").split(", ") if name.strip()]
    row = row._replace(
        model=_llama.model(r.text("model_filename"), kind),
        hardware=cards[0] if cards else r.text("cpu_info"),
        gpus=float(len(cards) or 1),
        dtype=_llama.weights(kind, size, params),
        params_total=params,
    )
    return derive.serving(row)


READER = Reader("llama-bench JSON", SERVING, recognises, read)
