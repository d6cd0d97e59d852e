"""llama-benchy: a JSON report of a server or the table it prints, by length and concurrency; ttfr and e2e_ttft in ms.

Source: github eugr/llama-benchy. Prompts and answers of a test are two lines of the
table. `pp_throughput` and `tg_throughput` are of one phase, `tg_req_throughput` of one
request; a whole request's rate follows from its two phases.
"""

from __future__ import annotations

import re

from llmcost.errors import LlmcostError
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import SERVING, Reader, Reading, ServingRow
from llmcost.readers.serving import _tables

MILLI = 1e-3
TABLE = ("test", "ttfr (ms)")
TEST = re.compile(r"^(ctx_)?(pp|tg) ?(\d*)(?: @ d(\d+))?(?: \(c(\d+)\))?$")
COLUMNS = {  # of the table -> of a test of the report, by phase
    "pp": {"t/s": "pp_throughput", "t/s (total)": "pp_throughput", "ttfr (ms)": "ttfr", "e2e_ttft (ms)": "e2e_ttft"},
    "tg": {"t/s": "tg_throughput", "t/s (total)": "tg_throughput", "t/s (req)": "tg_req_throughput"},
}


def recognises(content: Content) -> bool:
    """Whether tests of that tool are there."""
    if not content.looks_like_json:
        return bool(_tables.found(content.lines, TABLE))
    found = content.records
    tests = found[0].data.get("benchmarks") if len(found) == 1 else None
    return isinstance(tests, list) and any(isinstance(t, dict) and "tg_throughput" in t for t in tests)


def read(content: Content) -> Reading:
    """Every test.

    Raises
    ------
    LlmcostError
        A row of the table that is cut off or not one of the tool's.
    """
    if not content.looks_like_json:
        return Reading(SERVING, READER.name, [_test(t, t.text("model")) for t in _printed(content)])
    report = content.records[0]
    return Reading(SERVING, READER.name, [_test(t, report.text("model")) for t in report.parts("benchmarks")])


def _printed(content: Content) -> list[Record]:
    """Tests of the table: the lines of prompts and of answers at one depth and concurrency belong together."""
    tests: dict[tuple[str | None, ...], Record] = {}
    for table in _tables.found(content.lines, TABLE):
        for n, cells in table.rows(content.name):
            where = f"{content.name}: line {n}"
            if not (found := TEST.match(cells["test"])):
                raise LlmcostError(f"{where}: {cells['test']!r} is not a test such as pp2048 @ d4096 or tg32")
            context, phase, size, depth, users = found.groups()
            test = tests.setdefault((cells.get("model"), context, depth, users), Record({}, where))
            test.data |= {"model": cells.get("model"), "concurrency": users, "context_size": None if context else depth}
            test.data["prompt_size" if phase == "pp" else "response_size"] = size or depth
            figures = {COLUMNS[phase].get(head): cell.partition(" ")[0] for head, cell in cells.items()}
            test.data |= {name: {"mean": mean} for name, mean in figures.items() if name and mean}
    return list(tests.values())


def _test(t: Record, model: str | None) -> ServingRow:
    depth, prompt = t.number("context_size") or 0.0, t.number("prompt_size") or 0.0
    written, users = t.measured("response_size"), t.measured("concurrency") or 1.0
    ttft = t.measured("e2e_ttft.mean", "ttfr.mean", scale=MILLI)
    one, all_of_them = t.measured("tg_req_throughput.mean"), t.measured("tg_throughput.mean")
    speed = one or (all_of_them / users if all_of_them else None)
    tpot = 1.0 / speed if speed else None
    whole = ttft + tpot * (written - 1.0) if ttft and tpot and written else None
    alone = bool(t.value("is_context_prefill_phase")) or not written
    return ServingRow(
        model=model,
        load="prefill-only" if alone else "closed-loop",
        concurrency=users,
        isl=depth + prompt,
        osl=written,
        cached_share=depth / (depth + prompt) if depth and prompt else None,
        ttft_seconds=ttft,
        tpot_seconds=tpot,
        latency_seconds=whole,
        output_tokens_per_second=users * written / whole if whole and written else None,
        prefill_tokens_per_second=t.measured("pp_throughput.mean"),
        decode_tokens_per_second=all_of_them,
        notes=(
            "output tokens/s of whole requests: tokens over TTFT and writing; tg_throughput is of the writing alone",
        ),
    )


READER = Reader("llama-benchy report", SERVING, recognises, read)
