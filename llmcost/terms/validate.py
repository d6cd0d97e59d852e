"""What a validation says."""

from __future__ import annotations

from llmcost.terms.term import Term

TERMS = (
    Term("subject", "subject", "text", "What is validated: training, runs or serving"),
    Term("file", "file", "text", "The file of measured rows"),
    Term("quantity", "quantity", "text", "The measured figure: step_seconds, gpu_hours, tpot, ttft or output_tokens_per_s"),
    Term("by", "by", "text", "What a group of rows has in common"),
    Term("measured", "measured", "count", "The published figure; null where there is none", "unit of the figure"),
    Term("predicted", "predicted", "count", "What the engine says; null where it cannot, or where nothing was measured", "unit of the figure"),
    Term("error_pct", "error", "count", "100 (predicted / measured - 1)", "%"),
    Term("n", "rows", "whole", "Measured rows"),
    Term("skipped", "skipped", "count", "Measured rows without a prediction", "rows"),
    Term("unmeasured", "nothing measured", "count", "Rows without a figure to compare with: listed, not scored", "rows"),
    Term("median_ape_pct", "median error", "count", "Median of the absolute errors", "%", also="MdAPE"),
    Term("mape_pct", "mean error", "count", "Mean of the absolute errors", "%", also="MAPE"),
    Term("p90_ape_pct", "p90 error", "count", "90 % quantile of the absolute errors", "%"),
    Term("bias_pct", "bias", "count", "Geometric mean of predicted over measured, less one", "%"),
    Term("coverage_90_pct", "coverage", "count", "Rows inside the 90 % range", "%"),
    Term("median_range_ratio", "range p95/p5", "ratio", "Median width of the range: its p95 over its p5", "x"),
    Term("seconds", "time", "seconds", "Time of one part of the step"),
    Term("step_share", "share", "share", "Share of the step"),
    Term("energy_share", "share", "share", "Share of the run's energy"),
)  # fmt: skip
