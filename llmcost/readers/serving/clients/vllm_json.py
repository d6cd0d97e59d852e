"""`vllm bench serve --save-result`: one JSON object a run, times in ms.

Source: github vllm-project/vllm vllm/benchmarks/serve.py, `result_json`; TensorRT-LLM's benchmark_serving.py writes it
too. Neither the accelerator nor the layout is in it.
"""

from __future__ import annotations

from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.rows import SERVING, Reader, Reading
from llmcost.readers.serving import _client

NEEDED = ("completed", "duration")
FIGURES = ("mean_ttft_ms", "median_ttft_ms", "p50_ttft_ms", "mean_tpot_ms", "median_tpot_ms", "output_throughput")
OTHERS = ("total_output_tokens_retokenized", "mean_e2e_latency_ms", "hw")  # SGLang, InferenceX


def recognises(content: Content) -> bool:
    """Whether it holds runs of that client."""
    found = content.records if content.looks_like_json else []
    return bool(found) and all(r.has(*NEEDED) and any(r.has(f) for f in FIGURES) for r in found) and not any(
        name in found[0].data for name in OTHERS
    )  # fmt: skip


def read(content: Content) -> Reading:
    """Every run."""
    return Reading(SERVING, READER.name, [derive.serving(_client.row(r)) for r in content.records])


READER = Reader("vLLM bench serve JSON", SERVING, recognises, read)
