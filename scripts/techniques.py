"""Tables of docs/method-techniques.md: cost over the batch, and published figures beside ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from llmcost import api
from llmcost.errors import LlmcostError
from scripts import layers, training_tables, trend

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
REPLICA = {"model": "llama-3.1-70b", "hardware": "h100-sxm", "tp": 4, "isl": 1000, "osl": 500}
QUOTED = (3.0, 5.0)  # what batching is often said to save
QUICK: dict[str, Any] = {"samples": 2}  # the middle alone is read


class Figure(NamedTuple):
    """A published figure, what it is taken to mean, and inputs to look for it over."""

    name: str
    key: str
    low: float
    high: float
    source: str
    question: dict[str, Any]
    why: str
    over: dict[str, tuple[Any, ...]]

    @property
    def point(self) -> bool:
        """Whether one number was published rather than an interval."""
        return self.low == self.high


LENGTHS = {
    "osl": (100, 200, 300, 500, 750, 1000, 1500, 2000, 3000, 5000),
    "isl": (250, 500, 1000, 2000, 4000, 8000, 16000),
}
LARGE = {"hardware": "h100-sxm", "isl": 500, "osl": 300}
FIGURES = (
    Figure(
        "a GPT-4-class query costs $0.03 to $0.12", "usd_per_request", 0.03, 0.12,
        "the list price of GPT-4 in 2023, $0.03 and $0.06 per 1,000 tokens in and out (genai-prices 0.2.3)",
        {"model": "llama-3.1-405b", "hardware": "h100-sxm", "dtype": "fp8", "isl": 1000, "osl": 500},
        "the open model that its makers place beside GPT-4, in fp8 on H100 as they serve it (arXiv 2407.21783)",
        {**LENGTHS, "batch": (1, 2, 4, 8, 16, 32, 64, 128), "price": ("4/h", "8/h", "16/h", "32/h", "64/h", "128/h")},
    ),
    Figure(
        "Epoch AI: 0.3 Wh per GPT-4o query", "wh_per_request", 0.3, 0.3,
        "epoch.ai/gradient-updates/how-much-energy-does-chatgpt-use, 2025-02-07",
        {"params": "100B", "hardware": "h100-sxm", "dtype": "bf16", "isl": 500, "osl": 500},
        "its own assumptions: 100B active parameters, 500 output tokens, H100 in bf16; its prompt is short, 500 here",
        {**LENGTHS, "batch": (1, 4, 16, 64, 128, 256)},
    ),
    Figure(
        "Oviedo et al.: 0.31 Wh (0.16 to 0.60), Llama 3.1 405B", "wh_per_request", 0.16, 0.60,
        "arXiv 2509.20241",
        {"model": "llama-3.1-405b", "dtype": "fp8", **LARGE},
        "one of its models above 200B, 500 tokens in and a median of 300 out, H100 nodes",
        {**LENGTHS, "batch": (16, 64, 256, 1024)},
    ),
    Figure(
        "Oviedo et al.: 0.31 Wh (0.16 to 0.60), DeepSeek-R1", "wh_per_request", 0.16, 0.60,
        "arXiv 2509.20241",
        {"model": "deepseek-r1", **LARGE},
        "another of its models, same lengths and nodes",
        {**LENGTHS, "batch": (64, 256, 1024, 2048, 4096)},
    ),
    Figure(
        "Google: 0.24 Wh per median Gemini prompt", "wh_per_request", 0.24, 0.24,
        "arXiv 2508.15734",
        {"model": "deepseek-r1", "pue": 1.09, **LARGE},
        "neither size nor lengths are published: a large mixture of experts at the lengths above and Google's PUE",
        {**LENGTHS, "batch": (64, 256, 1024, 2048, 4096)},
    ),
)  # fmt: skip


class Verdict(NamedTuple):
    """Ours beside the published figure."""

    value: float
    p5: float
    p95: float
    word: str
    region: str


def batching() -> str:
    """Cost of an output token over the batch, one replica of four H100."""
    costs = {b: _value("usd_per_mtok_output", {**REPLICA, "batch": b}) for b in BATCHES}
    rows = ["| batch | $/Mtok output | cheaper than one at a time | than half the batch |", "|---|---|---|---|"]
    for batch, cost in costs.items():
        half = f"{costs[batch // 2] / cost:.2f} x" if batch > 1 else ""
        rows.append(f"| {batch} | {cost:.2f} | {costs[1] / cost:.1f} x | {half} |")
    spans = [quoted(times) for times in QUOTED]
    told = f"The quoted 3 to 5 x holds from batch {spans[0]} to {spans[1] - 1} against one request at a time."
    return "\n".join([*rows, "", told]) + "\n"


def quoted(times: float) -> int:
    """The smallest batch at which an output token costs so many times less than alone."""
    alone = _value("usd_per_mtok_output", {**REPLICA, "batch": 1})
    return next(b for b in range(1, 64) if alone / _value("usd_per_mtok_output", {**REPLICA, "batch": b}) >= times)


def _value(key: str, question: dict[str, Any]) -> float:
    return float(api.serve(**question, **QUICK)[key])


def verdict(figure: Figure) -> Verdict:
    """Inside: a published point in our 90 % range, or our middle in a published interval."""
    answer = api.serve(**figure.question)
    value, of = float(answer[figure.key]), answer.ranges[figure.key]
    assert of.p5 is not None
    assert of.p95 is not None
    inside = of.p5 <= figure.low <= of.p95 if figure.point else figure.low <= value <= figure.high
    spread = (of.p5 / value, of.p95 / value)
    region = "" if inside else _region(figure, spread)
    word = "inside" if inside else "outside, " + ("above" if value > figure.high else "below")
    return Verdict(value, of.p5, of.p95, word, region)


def _region(figure: Figure, spread: tuple[float, float]) -> str:
    """Values of one input at a time for which the figure would hold."""

    def holds(value: float) -> bool:
        if figure.point:
            return value * spread[0] <= figure.low <= value * spread[1]
        return figure.low <= value <= figure.high

    found = []
    for key, values in figure.over.items():
        kept = [v for v in values if holds(_maybe(figure.key, {**figure.question, key: v}))]
        if kept:
            span = f"{kept[0]}" if len(kept) == 1 else f"{kept[0]} to {kept[-1]}"
            found.append(f"{key} {span}")
    return "; ".join(found) or "no single input tried"


def _maybe(key: str, question: dict[str, Any]) -> float:
    try:
        answer = api.serve(**question, **QUICK)
    except LlmcostError:
        return float("nan")
    return float(answer.result.get(key) or "nan")


def published() -> str:
    """Published figures beside ours."""
    rows = ["| published | ours (90 % range) | verdict | it would hold at |", "|---|---|---|---|"]
    for figure in FIGURES:
        v = verdict(figure)
        shown: Callable[[float], str] = (lambda x: f"${x:.2g}") if "usd" in figure.key else (lambda x: f"{x:.2g} Wh")
        told = f"{shown(v.value)} ({shown(v.p5)} to {shown(v.p95)})"
        rows.append(f"| {figure.name} | {told} | {v.word} | {v.region} |")
    notes = [f"- {f.name}: {f.source}. Taken as {asked(f)}: {f.why}." for f in FIGURES]
    return "\n".join([*rows, "", *notes]) + "\n"


def asked(figure: Figure) -> str:
    """The command of a figure's question."""
    return "`llmcost serve " + " ".join(f"--{k.replace('_', '-')} {v}" for k, v in figure.question.items()) + "`"


TABLES: dict[str, Callable[[], str]] = {
    "batching": batching,
    "published": published,
    "trend": trend.table,
    "layers": lambda: layers.picture("llmcost"),
    "engine": lambda: layers.picture("llmcost.engine"),
    "estimate": lambda: layers.picture("llmcost.estimate"),
    "stacks": training_tables.stacks,
    "ranges": training_tables.ranges,
}
PAGES = ("method-techniques.md", "method-compare.md", "method-training.md")  # that have such tables


def page(text: str) -> str:
    """A page with its tables filled in between `<!-- table: NAME -->` and `<!-- end -->`."""
    for name, make in TABLES.items():
        mark = f"<!-- table: {name} -->\n"
        before, found, rest = text.partition(mark)
        if found:
            text = before + mark + make() + "<!-- end -->" + rest.partition("<!-- end -->")[2]
    return text
