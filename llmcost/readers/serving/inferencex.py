"""InferenceX (InferenceMAX) rows: accelerator, engine, layout and lengths in each, times in seconds.

Source: github SemiAnalysisAI/InferenceX utils (`agg_*.json`: mean_ttft, mean_tpot, mean_e2el in s; tput_per_gpu counts
prompt and answer). Rows of its API and of collections keep the figures one level down, in `metrics`.
"""

from __future__ import annotations

import re

from llmcost.errors import LlmcostError
from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import SERVING, Reader, Reading, ServingRow
from llmcost.readers.serving import _client, _proof

CARD = re.compile(r"^[a-z]+\d+[a-z]*")  # h200-trt is an H200 and an engine
LISTS = ("rows", "results", "data", "benchmarks")


def recognises(content: Content) -> bool:
    """Whether rows name their accelerator, their load and a throughput for each accelerator."""
    if not content.looks_like_json:
        return {"hw", "conc", "tput_per_gpu"} <= set(content.headings)
    return bool(found := _rows(content)) and all(_of_the_tool(r) for r in found)


def _of_the_tool(r: Record) -> bool:
    figures = any(r.has(name) for name in ("tput_per_gpu", "output_tput_per_gpu", "mean_ttft", "median_ttft"))
    return figures and any(r.has(name) for name in ("conc", "users", "max_concurrency")) and not r.has("mean_ttft_ms")


def _rows(content: Content) -> list[Record]:
    """The rows, flat: those of a list inside, and figures that stand in `metrics`."""
    found = content.records
    if len(found) == 1:
        key = next((k for k in LISTS if isinstance(found[0].value(k), list)), None)
        found = found[0].parts(key) if key else found
    return [Record({**r.data, **r.part("metrics").data} if r.has("metrics") else r.data, r.where) for r in found]


def read(content: Content) -> Reading:
    """Every row."""
    rows = _rows(content) if content.looks_like_json else content.table
    return Reading(SERVING, READER.name, [derive.serving(_row(r)) for r in rows])


def _row(r: Record) -> ServingRow:
    card = CARD.match((r.text("hw", "hardware") or "").lower())
    tp, dp = r.measured("tp", "decode_tp", "prefill_tp"), None
    apart = r.value("disagg") in (True, "true", "True", 1)
    split = [r.number(f"num_{side}_gpu") or 0.0 for side in ("prefill", "decode")]
    gpus = sum(split) or None if apart else (tp or 0.0) * (r.measured("pp") or 1.0) or None
    if str(r.value("dp_attention") or r.value("decode_dp_attention")).lower() == "true" and tp:
        dp, tp = tp, 1.0  # attention is replicated over the ranks that share the experts
    row = ServingRow(
        model=r.text("model", "infmax_model_prefix"),
        hardware=card[0] if card else None,
        gpus=gpus,
        tp=None if apart else tp,
        dp=None if apart else dp,
        ep=None if apart else r.measured("ep", "decode_ep"),
        framework=_client.engine(re.split(r"[-_]", r.text("framework") or "")[-1]),
        dtype=r.text("precision"),
        load="closed-loop",
        concurrency=r.measured("conc", "users", "max_concurrency"),
        isl=r.measured("isl", "mean_input_tokens"),
        osl=r.measured("osl", "mean_output_tokens_actual"),
        notes=("prompts and answers are computed on accelerators of their own",) if apart else (),
    )
    return _timed(r, _rated(r, row, split))


def _rated(r: Record, row: ServingRow, split: list[float]) -> ServingRow:
    """Tokens per second of the system from those for each accelerator."""
    own, total = r.measured("output_tput_per_gpu"), r.measured("tput_per_gpu")
    system = total * row.gpus if total and row.gpus else r.measured("total_tput_tps")
    writing = split[1] if split[1] and sum(split) == row.gpus else row.gpus
    output = own * writing if own and writing else r.measured("output_tput_tps", "output_throughput")
    if output is None and system and row.isl and row.osl:
        output = system * row.osl / (row.isl + row.osl)
    return row._replace(output_tokens_per_second=output, total_tokens_per_second=system)


def _timed(r: Record, row: ServingRow) -> ServingRow:
    """Latencies in seconds: as the tool writes them where a row names its accelerator, else as its figures prove."""
    ttft, tpot, whole = (r.measured(f"mean_{n}", f"median_{n}", n) for n in ("ttft", "tpot", "e2el"))
    pace = r.measured("mean_intvty", "median_intvty")  # tokens/s of one user: 1 / TPOT
    unit = 1.0
    if tpot and pace:
        unit = 1.0 if tpot * pace < 30.0 else 1e-3
    elif row.hardware is None:
        rps = row.output_tokens_per_second / row.osl if row.output_tokens_per_second and row.osl else None
        latency = row.concurrency / rps if row.concurrency and rps else None
        unit = _proof.seconds_per_unit(ttft, tpot, row.osl, latency, r.where)
    if ttft is None and tpot is None and row.output_tokens_per_second is None:
        raise LlmcostError(f"{r.where}: no TTFT, TPOT or throughput in it")
    times = [None if value is None else value * unit for value in (ttft, tpot, whole)]
    return row._replace(ttft_seconds=times[0], tpot_seconds=times[1], latency_seconds=times[2])


READER = Reader("InferenceX rows", SERVING, recognises, read)
