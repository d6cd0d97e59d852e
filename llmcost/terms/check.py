"""What a check of budgets says."""

from __future__ import annotations

from llmcost.terms.term import Term

TERMS = (
    Term("verdict", "verdict", "text", "Of a budget `ok` inside, `warn` over the warn level, `fail` over the limit, expired or not computable; of a fit `fits` from a probability of 0.9, `does-not-fit` below 0.1, `tight` between"),
    Term("budget", "budget", "text", "Name of the budget that a limit belongs to"),
    Term("scenario", "scenario", "text", "The scenario that a budget is about: preset or file"),
    Term("on", "on", "text", "The command whose answer is limited: train, serve or crossover"),
    Term("limit", "limit", "text", "A limit as its file names it: `max_` or `min_` and a result key, `max_increase`, `max_decrease` or `max_price_age`"),
    Term("key", "key", "text", "The result key that is limited"),
    Term("at", "at", "text", "What is held against the limit: the median (`p50`) or a quantile (`p5`, `p10`, `p90`, `p95`)"),
    Term("fail", "fails beyond", "count", "The level beyond which a limit fails", "unit of the key"),
    Term("warn", "warns beyond", "count", "The level beyond which a limit warns; the exit code stays", "unit of the key"),
    Term("estimate", "estimate", "count", "What is held against the limit; null where it is not known or infinite", "unit of the key"),
    Term("headroom", "headroom", "share", "Distance to the limit over the limit: negative beyond it"),
    Term("baseline", "baseline", "count", "The same figure in the baseline", "unit of the key"),
    Term("increase", "increase", "share", "Estimate over baseline, less one"),
    Term("price_age", "price age", "seconds", "Age of the oldest price that an answer takes from a preset; of several quotes the newest counts"),
    Term("message", "message", "text", "The verdict in words, where it is not `ok`"),
    Term("budget_ends", "ends on", "date", "The day on which a limit on what was spent (`max_actual_usd`) is reached at the pace of the last 28 days"),
    Term("largest_cost", "largest cost", "text", "The largest cost row of the answer"),
    Term("largest_cost_usd", "largest cost", "usd", "What it costs"),
    Term("moved", "moved most", "text", "The input that moved most since the baseline: named ones first, then numbers by ratio, computed ones last"),
    Term("moved_from", "from", "text", "What it was in the baseline, in base units", "unit of the input"),
    Term("moved_to", "to", "text", "What it is now, in base units", "unit of the input"),
    Term("line", "line", "whole", "The line of the limit in its file, from 1"),
    Term("owner", "owner", "text", "Who answers for a limit"),
    Term("expires", "expires", "date", "The last day of a limit that is an exception; after it the limit fails"),
    Term("limits", "limits", "whole", "How many limits were checked", "limits"),
    Term("failed", "failed", "whole", "How many failed", "limits"),
    Term("warned", "warned", "whole", "How many warned", "limits"),
    Term("budgets", "budgets", "whole", "How many budgets were checked", "budgets"),
    Term("scenarios", "scenarios", "whole", "How many scenarios they are about", "scenarios"),
    Term("answers", "answers", "whole", "How many answers a total adds up", "answers"),
)  # fmt: skip
