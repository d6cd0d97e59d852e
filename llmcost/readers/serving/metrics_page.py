"""A `/metrics` page of vLLM or SGLang: Prometheus text, counters and histograms since the server's start, in seconds.

Source: https://docs.vllm.ai/en/latest/design/metrics.html; https://prometheus.io/docs/instrumenting/exposition_formats.
One reading has no rate: requests and tokens per second take two.
"""

from __future__ import annotations

import math
import re

from llmcost.errors import LlmcostError
from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.rows import SERVING, Reader, Reading, ServingRow

SAMPLE = re.compile(r"^(vllm|sglang):([a-zA-Z_:]\w*)(?:\{(.*)\})?\s+(\S+)(?:\s+\d+)?\s*$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
Sums = dict[str, float]  # name of a sample -> its value over all labels but the model's


def recognises(content: Content) -> bool:
    """Whether samples of such a server are there."""
    return not content.looks_like_json and any(SAMPLE.match(line) for line in content.head.splitlines())


def read(content: Content) -> Reading:
    """A row for each model that the page tells of.

    Raises
    ------
    LlmcostError
        A sample that is cut off, or none that counts tokens.
    """
    models: dict[str, Sums] = {}
    engines = set()
    for n, line in enumerate(content.lines, 1):
        if not line.startswith(("vllm:", "sglang:")):
            continue
        found = SAMPLE.match(line)
        value = _value(found[4]) if found else None
        if found is None or value is None:
            raise LlmcostError(f'{content.name}: line {n} is not a sample such as NAME{{label="x"}} 1.0: cut off?')
        engines.add(found[1])
        labels = dict(LABEL.findall(found[3] or ""))
        if not found[2].endswith("_bucket"):
            sums = models.setdefault(labels.get("model_name", ""), {})
            sums[found[2]] = sums.get(found[2], 0.0) + value
    rows = [
        _row(name, sums)
        for name, sums in models.items()
        if {"prompt_tokens_total", "generation_tokens_total"} & set(sums)
    ]
    if not rows:
        raise LlmcostError(f"{content.name}: no counter of tokens in it")
    engine = engines.pop() if len(engines) == 1 else None
    return Reading(SERVING, READER.name, [derive.serving(row._replace(framework=engine)) for row in rows])


def _value(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return 0.0 if math.isnan(value) else value


def _row(model: str, sums: Sums) -> ServingRow:
    def mean(*names: str) -> float | None:
        for name in names:
            if sums.get(f"{name}_count"):
                return sums[f"{name}_sum"] / sums[f"{name}_count"] if f"{name}_sum" in sums else None
        return None

    sent, written = sums.get("prompt_tokens_total"), sums.get("generation_tokens_total")
    done = sums.get("request_success_total") or sums.get("e2e_request_latency_seconds_count")
    queries, hits = (sums.get(f"prefix_cache_{n}_total") for n in ("queries", "hits"))
    notes = ["counters since the server's start: no rate without a second reading"]
    share = None
    if queries and sent is not None and queries > sent:
        notes.append(f"prefix cache: {queries:.0f} tokens looked up against {sent:.0f} of prompts: share unknown")
    elif queries and hits is not None:
        share = hits / queries
    if mean("time_to_first_token_seconds") is None and not sums.get("time_to_first_token_seconds_count"):
        notes.append("TTFT unknown: the page has no sum and count of it")
    return ServingRow(
        model=model or None,
        load="server",
        isl=mean("request_prompt_tokens") or (sent / done if sent and done else None),
        osl=mean("request_generation_tokens") or (written / done if written and done else None),
        cached_share=share,
        requests=done or None,
        ttft_seconds=mean("time_to_first_token_seconds"),
        tpot_seconds=mean(
            "request_time_per_output_token_seconds", "time_per_output_token_seconds", "inter_token_latency_seconds"
        ),
        itl_seconds=mean("inter_token_latency_seconds"),
        latency_seconds=mean("e2e_request_latency_seconds"),
        input_tokens=sent,
        output_tokens=written,
        notes=tuple(notes),
    )


READER = Reader("metrics page", SERVING, recognises, read)
