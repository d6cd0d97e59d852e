"""What a comparison says."""

from __future__ import annotations

from llmcost.terms.term import Term

TERMS = (
    Term("name", "name", "text", "The alternative: what distinguishes it from the others"),
    Term("ratio", "ratio", "ratio", "Cost over that of the cheapest feasible alternative; 1.00 is the cheapest", "x"),
    Term("deciding", "ranked by", "text", "The figure that decides which is cheapest: the first that all feasible alternatives have"),
    Term("infeasible", "not feasible", "whole", "Alternatives that do not fit or miss a target"),
    Term("probability_cheapest", "chance", "share", "Share of samples in which the alternative is the cheapest; alternatives share the draws of what they have alike", symbol="P"),
    Term("count", "count", "whole", "How many alternatives, presets or rows there are"),
    Term("total_usd_horizon", "total at horizon", "usd", "Training and inference spend to the end of the horizon", also="total cost of ownership, TCO"),
    Term("upfront_usd", "up front", "usd", "Spend before the first request"),
    Term("delta_usd", "difference", "usd", "Cost less that of the reference"),
    Term("delta_pct", "difference", "count", "The same in per cent of the reference", "%"),
    Term("range_of", "range of", "text", "The figure that `p5` and `p95` are quantiles of"),
    Term("p5", "p5", "count", "5 % quantile of the figure named in `range_of`", "unit of the figure"),
    Term("p95", "p95", "count", "95 % quantile of the figure named in `range_of`", "unit of the figure"),
)  # fmt: skip
