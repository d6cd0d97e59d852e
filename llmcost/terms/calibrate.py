"""What a calibration says."""

from __future__ import annotations

from llmcost.terms.term import Term

TERMS = (
    Term("predicted_after", "after", "count", "What the engine says with the constants learnt", "unit of the figure"),
    Term("error_after_pct", "error after", "count", "100 (predicted_after / measured - 1)", "%"),
    Term("median_ape_after_pct", "median error after", "count", "Median of the absolute errors with the constants learnt", "%"),
    Term("median_range_ratio_after", "range after", "ratio", "Median width of the range with the constants learnt: its p95 over its p5", "x"),
    Term("side", "side", "text", "Serving, training, memory of serving or memory of training"),
    Term("constant", "constant", "text", "Constants of the engine that move together; or a figure, and what rows of like models, machines and lengths have beyond them"),
    Term("multiplier", "multiplied by", "ratio", "What they are multiplied by", "x"),
    Term("multiplier_p5", "p5", "ratio", "5 % quantile of it", "x"),
    Term("multiplier_p95", "p95", "ratio", "95 % quantile of it", "x"),
    Term("told", "told by the data", "bool", "Whether the measurements tell it: its spread is less than 80 % of what it was before"),
)  # fmt: skip
