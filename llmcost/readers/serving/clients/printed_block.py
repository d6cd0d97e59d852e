"""The block that the clients of vLLM, SGLang and TensorRT-LLM print: `Serving Benchmark Result`.

Source: github vllm-project/vllm vllm/benchmarks/serve.py and sgl-project/sglang python/sglang/bench_serving.py. Text
around a block says nothing, but for the lines that the client itself prints just before it.
"""

from __future__ import annotations

import re

from llmcost.errors import LlmcostError
from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import SERVING, Reader, Reading, ServingRow
from llmcost.readers.serving import _client

TITLE = re.compile(r"={3,} *Serving Benchmark Result *={3,}")
END = re.compile(r"^[#>\s]*={20,}\s*$")
LINE = re.compile(r"^[#>\s]*([A-Z][^:|]*?):\s*(\S.*?)?\s*$")
BEFORE = 40  # lines above a block in which the client prints its arguments
NAMES = {
    "successful requests": "completed", "benchmark duration (s)": "duration",
    "total input tokens": "total_input_tokens", "total generated tokens": "total_output_tokens",
    "request throughput (req/s)": "request_throughput", "output token throughput (tok/s)": "output_throughput",
    "total token throughput (tok/s)": "total_token_throughput", "maximum request concurrency": "max_concurrency",
    "max request concurrency": "max_concurrency", "request rate configured (rps)": "request_rate",
    "traffic request rate": "request_rate", "concurrency": "concurrency", "backend": "backend",
    "accept length": "accept_length",
    **{f"{stat} {long} (ms)": f"{stat}_{short}_ms" for stat in ("mean", "median")
       for long, short in (("ttft", "ttft"), ("tpot", "tpot"), ("itl", "itl"), ("e2el", "e2el"),
                           ("e2e latency", "e2e_latency"))},
}  # fmt: skip


def recognises(content: Content) -> bool:
    """Whether such a block is anywhere in the text."""
    return not content.looks_like_json and TITLE.search(content.text) is not None


def read(content: Content) -> Reading:
    """Every block.

    Raises
    ------
    LlmcostError
        A block without its closing line, or without a figure.
    """
    starts = [n for n, line in enumerate(content.lines) if TITLE.search(line)]
    return Reading(SERVING, READER.name, [_block(content, start) for start in starts])


def _block(content: Content, start: int) -> ServingRow:
    inside: dict[str, str] = {}
    for line in content.lines[start + 1 :]:
        if END.match(line):
            break
        if found := LINE.match(line):
            inside[NAMES.get(found[1].strip().lower(), found[1].strip().lower())] = found[2] or ""
    else:
        raise LlmcostError(f"{content.name}: the block of line {start + 1} is cut off: it has no closing line")
    record = Record({**_above(content.lines, start), **inside}, f"{content.name}: the block of line {start + 1}")
    row = _client.row(record)
    if not record.has("completed") or (row.ttft_seconds is None and row.output_tokens_per_second is None):
        raise LlmcostError(f"{record.where}: no requests, TTFT or throughput in it")
    if row.requests and row.duration_seconds:
        row = row._replace(requests_per_second=None)  # printed with two digits: requests over duration has more
    return derive.serving(row)


def _above(lines: list[str], start: int) -> dict[str, str]:
    """What the client printed since the block before: its arguments, its rate and its limit."""
    found: dict[str, str] = {}
    for line in lines[max(0, start - BEFORE) : start]:
        if TITLE.search(line) or END.match(line):
            found = {}
        if stated := re.match(r"^[#>\s]*(Traffic request rate|Maximum request concurrency):\s*(\S+)", line):
            found[NAMES[stated[1].lower()]] = stated[2]
        if "Namespace(" in line and (model := re.search(r"\bmodel='([^']+)'", line)):
            found["model_id"] = model[1]
    return found


READER = Reader("printed serving benchmark", SERVING, recognises, read)
