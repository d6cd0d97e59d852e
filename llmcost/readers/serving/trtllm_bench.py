"""`trtllm-bench throughput` and `latency`: the printed report and the JSON of `--report_json`, times in ms.

Source: github NVIDIA/TensorRT-LLM tensorrt_llm/bench/dataclasses/reporting.py.
"""

from __future__ import annotations

import re

from llmcost.errors import LlmcostError
from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import SERVING, Reader, Reading, ServingRow

MILLI = 1e-3
TITLE = "total output throughput (tokens/sec)"
# printed name -> its place in the JSON
NAMES = {
    "model": "engine.model", "quantization": "engine.quantization", "dtype": "engine.dtype",
    "tp size": "world_info.tp_size",
    "pp size": "world_info.pp_size",
    "ep size": "world_info.ep_size", "number of requests": "request_info.num_requests",
    "number of concurrent requests": "request_info.avg_num_concurrent_requests",
    "average input length (tokens)": "request_info.avg_input_length",
    "average output length (tokens)": "request_info.avg_output_length",
    "request throughput (req/sec)": "performance.request_throughput_req_s",
    TITLE: "performance.system_output_throughput_tok_s",
    "total token throughput (tokens/sec)": "performance.system_total_throughput_tok_s",
    "total latency (ms)": "performance.total_latency_ms",
    "average request latency (ms)": "performance.avg_request_latency_ms",
    "per gpu output throughput (tps/gpu)": "performance.output_throughput_per_gpu_tok_s",
    "average time-to-first-token [ttft] (ms)": "streaming_metrics.avg_ttft_ms",
    "average time-per-output-token [tpot] (ms)": "streaming_metrics.avg_tpot_ms",
}  # fmt: skip
LINE = re.compile(r"^(?:.*\[I\]\s*)?([A-Z][^:]*?(?:\([^()]*\))?):\s+(\S.*?)(?:\s+\[\w+\])?\s*$")
MACHINE = re.compile(r"^([\w /.+-]+), memory [\d.N/A]+")


def recognises(content: Content) -> bool:
    """Whether it is that report, printed or as JSON."""
    if content.looks_like_json:
        return bool(content.records) and all(r.has("performance", "engine") for r in content.records)
    return TITLE in content.text.lower()


def read(content: Content) -> Reading:
    """Every report in the file.

    Raises
    ------
    LlmcostError
        A printed report without the latency that ends its overview.
    """
    found = content.records if content.looks_like_json else _printed(content)
    return Reading(SERVING, READER.name, [derive.serving(_run(r)) for r in found])


def _printed(content: Content) -> list[Record]:
    """One record a report: a name that comes again begins the next one."""
    reports: list[dict[str, str]] = [{}]
    for line in content.lines:
        if machine := MACHINE.match(line):
            reports[-1]["machine.name"] = machine[1].strip()
        elif found := LINE.match(line):
            path = NAMES.get(found[1].strip().lower())
            if path in reports[-1]:
                reports.append({})
            if path:
                reports[-1][path] = found[2]
    for report in reports:
        if "performance.avg_request_latency_ms" not in report and "performance.total_latency_ms" not in report:
            raise LlmcostError(f"{content.name}: the report is cut off: no latency in its overview")
    return [Record(report, content.name) for report in reports]


def _run(r: Record) -> ServingRow:
    output, own = (r.measured(f"performance.{n}") for n in (
        "system_output_throughput_tok_s", "output_throughput_per_gpu_tok_s"))  # fmt: skip
    degrees = [r.measured(f"world_info.{n}_size") for n in ("tp", "pp", "ep")]
    gpus = r.measured("world_info.world_size") or (float(round(output / own)) if output and own else None)
    quantised = r.text("engine.quantization")
    return ServingRow(
        model=r.text("engine.model"),
        hardware=r.text("machine.name"),
        gpus=gpus,
        tp=degrees[0],
        pp=degrees[1],
        ep=degrees[2],
        framework="tensorrt-llm",
        dtype=quantised or r.text("engine.dtype"),
        in_flight=r.measured("request_info.avg_num_concurrent_requests"),
        isl=r.measured("request_info.avg_input_length"),
        osl=r.measured("request_info.avg_output_length"),
        requests=r.measured("request_info.num_requests"),
        duration_seconds=r.measured("performance.total_latency_ms", scale=MILLI),
        ttft_seconds=r.measured("streaming_metrics.avg_ttft_ms", scale=MILLI),
        tpot_seconds=r.measured("streaming_metrics.avg_tpot_ms", scale=MILLI),
        latency_seconds=r.measured("performance.avg_request_latency_ms", scale=MILLI),
        output_tokens_per_second=output,
        total_tokens_per_second=r.measured("performance.system_total_throughput_tok_s"),
        requests_per_second=r.measured("performance.request_throughput_req_s"),
    )


READER = Reader("trtllm-bench report", SERVING, recognises, read)
