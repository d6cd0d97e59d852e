"""What a validation says."""

from __future__ import annotations

from llmcost.records import NamedTuple
from llmcost.terms.term import Term


class Columns(NamedTuple):
    """What a file of measured rows has: figures, at least one; what a prediction needs; what it reads where stated."""

    measured: tuple[str, ...]
    needed: tuple[str, ...]
    read: tuple[str, ...]

    def __str__(self) -> str:
        """In one line.

        >>> print(Columns(("a",), ("b", "c"), ("d",)))
        a; b, c; where stated d
        """
        return f"{' or '.join(self.measured)}; {', '.join(self.needed)}; where stated {', '.join(self.read)}"

    @property
    def inputs(self) -> frozenset[str]:
        """Every column that a prediction reads, those that describe a model among them."""
        return frozenset({*MODEL, *(name for name in self.needed if name.isidentifier()), *self.read})


# What tells a model in the rows of any subject.
MODEL = (
    "model_id", "n_params_total", "n_params_active", "params_total", "params_active", "n_layers", "d_model", "n_heads",
    "n_kv_heads", "d_head", "d_ff", "ffn_gated", "vocab", "attention_kind", "moe_experts", "moe_topk", "ep",
)  # fmt: skip
_MODEL = "model_id (or n_layers, d_model, n_heads, n_kv_heads, d_ff, vocab)"
COLUMNS = {
    "training": Columns(
        ("measured_step_s",),
        (_MODEL, "hardware_id", "n_gpus", "seq_len", "global_batch_seqs"),
        ("precision_id", "micro_batch", "tp", "pp", "dp", "cp", "sp", "ep", "vpp", "zero", "zero_shard_group",
         "recompute_id", "framework_id", "year",
         "method", "lora_rank", "adapted", "weight_bits", "packed", "compiled", "offload", "optimizer",
         "expert_kernels", "layer_kernels"),
    ),
    "runs": Columns(("gpu_hours",), ("model_id (or params_total)", "hardware_id", "tokens"), ("n_gpus", "precision", "seq_len", "framework_id", "year")),
    "serving": Columns(
        ("tpot_ms", "ttft_ms", "output_tokens_per_s"),
        (_MODEL, "hardware_id", "isl_eff", "osl_eff", "concurrency_or_batch"),
        ("n_gpus", "tp", "pp", "dp", "ep", "weight_precision", "kv_precision", "compute_precision", "load",
         "framework_id", "year", "kind", "prefix_hit_pct", "draft_tokens", "tokens_per_step", "prefill_groups",
         "machine_gpus"),
    ),
    "memory": Columns(
        ("kv_tokens", "weights_gib", "peak_gib", "peak_memory_gb", "verdict", "fits"),
        (_MODEL, "hardware_id", "engine and weight_precision, or method and seq_len"),
        ("hardware", "engine_version", "kv_dtype", "mem_fraction", "max_model_len", "max_num_seqs", "max_batched_tokens", "n_gpus", "tp",
         "pp", "dp", "ep", "cp", "sp", "vpp", "framework", "micro_batch", "recompute", "zero", "precision", "optimizer", "loss",
         "offload", "lora_rank", "expandable_segments", "how_measured"),
    ),
}  # fmt: skip

TERMS = (
    Term("subject", "subject", "text", "What is validated: training, runs, serving or memory"),
    Term("file", "file", "text", "The file of measured rows"),
    Term("fit", "in the fit", "text", "Whether the constants were fitted to these rows"),
    Term("quantity", "quantity", "text", "The measured figure: step_seconds, gpu_hours, tpot, ttft, output_tokens_per_s, kv_tokens, weight_bytes, peak_bytes or fits (measured 1 where it ran and 0 where it did not, predicted the probability)"),
    Term("by", "by", "text", "What a group of rows has in common"),
    Term("figure", "figure", "count", "What a file says, or what follows from it, in base units"),
    Term("unit", "unit", "text", "The unit of the figure"),
    Term("taken_from", "taken from", "text", "What a measured figure was taken from: a median of steps, or a whole run"),
    Term("notes", "notes", "text", "What was worked out or put right in a row"),
    Term("measured", "measured", "count", "The published figure; null where there is none", "unit of the figure"),
    Term("predicted", "predicted", "count", "What the engine says; null where it cannot, or where nothing was measured", "unit of the figure"),
    Term("error_pct", "error", "count", "100 (predicted / measured - 1)", "%"),
    Term("n", "rows", "whole", "Measured rows"),
    Term("skipped", "skipped", "count", "Measured rows without a prediction", "rows"),
    Term("unmeasured", "nothing measured", "count", "Rows without a figure to compare with: listed, not scored", "rows"),
    Term("listed", "listed", "whole", "Figures that are listed one by one: of more than 20,000 those that are furthest off"),
    Term("median_ape_pct", "median error", "count", "Median of the absolute errors", "%", also="MdAPE"),
    Term("mape_pct", "mean error", "count", "Mean of the absolute errors", "%", also="MAPE"),
    Term("p90_ape_pct", "p90 error", "count", "90 % quantile of the absolute errors", "%"),
    Term("bias_pct", "bias", "count", "Geometric mean of predicted over measured, less one", "%"),
    Term("bias_means", "that is", "text", "What the bias of each quantity says of the stack: faster or slower than the engine says, or no more than scatter"),
    Term("coverage_90_pct", "coverage", "count", "Rows inside the 90 % range", "%"),
    Term("median_range_ratio", "range p95/p5", "ratio", "Median width of the range: its p95 over its p5", "x"),
    Term("within_10_pct", "within 10 %", "count", "Rows whose error is at most 10 %", "%"),
    Term("within_15_pct", "within 15 %", "count", "Rows whose error is at most 15 %", "%"),
    Term("oom_rows", "did not fit", "whole", "Rows that were refused or ran out of memory", "rows"),
    Term("oom_called_fitting_pct", "of those, said to fit", "count", "Of those, rows that were said to fit with even odds or better", "%"),
    Term("ran_rows", "ran", "whole", "Rows that ran", "rows"),
    Term("ran_refused_pct", "of those, refused", "count", "Of those, rows that were said to fit with less than even odds", "%"),
    Term("likely_rows", "said 80 to 95 %", "whole", "Rows that were said to fit with 80 to 95 %", "rows"),
    Term("likely_ran_pct", "of those, ran", "count", "Of those, rows that ran: 80 to 95 where probabilities are calibrated", "%"),
    Term("said_from", "said to fit, from", "share", "Least probability of fitting that was said of a range of rows"),
    Term("said_to", "to", "share", "Largest probability of fitting of that range"),
    Term("said_mean", "mean of said", "share", "Mean probability of fitting that was said of the rows of a range"),
    Term("ran_share", "ran", "share", "Share of those rows that ran: the mean of what was said, where probabilities are calibrated"),
    Term("seconds", "time", "seconds", "Time of one part of the step"),
    Term("step_share", "share", "share", "Share of the step"),
    Term("energy_share", "share", "share", "Share of the run's energy"),
)  # fmt: skip
