"""MLPerf Inference `mlperf_log_summary.txt`: times in ns, rates of samples and of tokens.

Source: github mlcommons/inference loadgen/results.cc. Model, accelerators and prompt length stand in folder and system
files; the mean answer is tokens/s over samples/s.
"""

from __future__ import annotations

import re

from llmcost.errors import LlmcostError
from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import SERVING, Reader, Reading, ServingRow

NANO = 1e-9
LOADS = {"server": "server", "interactive": "server", "offline": "offline", "singlestream": "interactive"}
END = "Test Parameters Used"


def recognises(content: Content) -> bool:
    """Whether it opens as such a summary."""
    return "MLPerf Results Summary" in content.head


def read(content: Content) -> Reading:
    """The run.

    Raises
    ------
    LlmcostError
        The summary ends before the parameters, or has no rate of tokens or samples.
    """
    if END not in content.text:
        raise LlmcostError(f"{content.name}: the summary is cut off: no section '{END}'")
    pairs = re.findall(r"^\s*([^:=\n]+?)\s*:\s*(\S.*?)\s*$", content.text, re.MULTILINE)
    row = _run(Record({name.lower(): value for name, value in pairs}, content.name))
    if row.requests_per_second is None and row.output_tokens_per_second is None:
        raise LlmcostError(f"{content.name}: neither samples nor tokens per second in it")
    return Reading(SERVING, READER.name, [derive.serving(row)])


def _run(r: Record) -> ServingRow:
    scenario = (r.text("scenario") or "").lower()
    load = LOADS.get(scenario.replace(" ", ""), "server")
    valid = r.text("result is")
    return ServingRow(
        name=scenario,
        load=load,
        request_rate=r.measured("target_qps") if load == "server" else None,
        ttft_seconds=r.measured("mean first token latency (ns)", scale=NANO),
        tpot_seconds=r.measured("mean time to output token (ns)", scale=NANO),
        latency_seconds=r.measured("mean latency (ns)", scale=NANO) if load != "offline" else None,
        output_tokens_per_second=r.measured(
            "completed tokens per second", "tokens per second", "tokens per second (inferred)"
        ),
        requests_per_second=r.measured("completed samples per second", "samples per second"),
        notes=() if valid in (None, "VALID") else (f"the result is {valid}",),
    )


READER = Reader("MLPerf Inference summary", SERVING, recognises, read)
