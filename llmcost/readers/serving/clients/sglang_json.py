"""SGLang `bench_serving --output-file`: a JSON object a line, times in ms, rates that may be a bare Infinity.

Source: github sgl-project/sglang python/sglang/bench_serving.py. Older files have medians alone; newer ones hold the
server's arguments as `server_info`, with the model and the layout.
"""

from __future__ import annotations

from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import SERVING, Reader, Reading, ServingRow
from llmcost.readers.serving import _client

OWN = ("total_output_tokens_retokenized", "mean_e2e_latency_ms")


def recognises(content: Content) -> bool:
    """Whether it holds runs of that client."""
    found = content.records if content.looks_like_json else []
    return bool(found) and all(r.has("completed") and any(r.has(name) for name in OWN) for r in found)


def read(content: Content) -> Reading:
    """Every run."""
    return Reading(SERVING, READER.name, [derive.serving(_run(r)) for r in content.records])


def _run(r: Record) -> ServingRow:
    row = _client.row(r)
    info = r.part("server_info") if isinstance(r.value("server_info"), dict) else Record({}, r.where)
    asked = str(r.value("request_rate")).lower()
    notes = row.notes
    if accepted := r.measured("accept_length"):
        notes = (*notes, f"speculative decoding: {accepted:.3g} tokens a step")
    return row._replace(
        model=info.text("served_model_name", "model_path") or row.model,
        framework="sglang" if info.data else row.framework,
        tp=info.measured("tp_size", "tp"),
        pp=info.measured("pp_size", "pp"),
        dp=info.measured("dp_size", "dp"),
        ep=info.measured("ep_size", "moe_ep_size"),
        dtype=info.text("quantization"),
        request_rate=None if asked in ("inf", "infinity") else row.request_rate,
        notes=notes,
    )


READER = Reader("SGLang bench_serving JSON", SERVING, recognises, read)
