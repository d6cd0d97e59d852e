"""What a log of requests says."""

from __future__ import annotations

from llmcost.terms.term import Term

TERMS = (
    Term("format", "format", "text", "The kind of file, by what it holds"),
    Term("requests_seen", "requests", "whole", "Rows of the log, failed and empty ones among them", "requests"),
    Term("requests_failed", "failed", "whole", "Calls that failed: counted, then left out", "requests", short={"trace": 40}),
    Term("requests_empty", "empty", "whole", "Calls without a prompt or an answer: counted, then left out", "requests", short={"trace": 50}),
    Term("first_request", "first request", "text", "When the first request came (UTC)"),
    Term("span_seconds", "span", "seconds", "From the first request to the last"),
    Term("mean_requests_per_second", "mean traffic", "count", "Requests over the span of the log", "requests/s", short={"trace": 10}),
    Term("peak_to_average_seen", "busiest hour", "ratio", "Busiest hour of the day over the mean; of a shorter log, its busiest window of the longest length it has three of", "x", short={"trace": 20}),
    Term("mean_isl", "ISL", "count", "Mean prompt", "tokens"),
    Term("mean_osl", "OSL", "count", "Mean answer", "tokens"),
    Term("isl_osl_correlation", "correlation", "count", "Correlation of the lengths of prompt and answer", "1"),
    Term("cached_share_seen", "cached", "share", "Prompt tokens that the log says were read from a cache", short={"trace": 70}),
    Term("reused_share", "reused prefix", "share", "Prompt tokens in leading whole blocks that a cache still holds; in the result with 5 million tokens of cache", short={"trace": 80}),
    Term("growth_per_month", "growth", "growth", "Compound growth of daily traffic", "1/month", short={"trace": 30}),
    Term("growth_p5_per_month", "growth p5", "growth", "5 % quantile of it", "1/month"),
    Term("growth_p95_per_month", "growth p95", "growth", "95 % quantile of it", "1/month"),
    Term("users_seen", "users", "whole", "Users or sessions that the log tells apart", "users", short={"trace": 90}),
    Term("top_user_share", "top user", "share", "Share of all requests that the most active user makes", short={"trace": 100}),
    Term("top_10_users_share", "top 10 users", "share", "Share of all requests that the ten most active users make", short={"trace": 110}),
    Term("mean_tokens", "mean", "count", "Mean length", "tokens"),
    Term("p50_tokens", "p50", "count", "Median length", "tokens"),
    Term("p95_tokens", "p95", "count", "95 % quantile of the length", "tokens"),
    Term("p99_tokens", "p99", "count", "99 % quantile of the length", "tokens"),
    Term("max_tokens", "max", "count", "Longest", "tokens"),
    Term("cv", "CV", "count", "Standard deviation over the mean", "1"),
    Term("isl_from", "ISL from", "count", "Shortest prompt of a fifth of the requests", "tokens"),
    Term("isl_to", "to", "count", "Longest prompt of it", "tokens"),
    Term("requests_share", "requests", "share", "Share of the requests"),
    Term("window_seconds", "window", "seconds", "Length of a window in which requests are counted"),
    Term("peak_to_mean", "peak / mean", "ratio", "Fullest window over the mean window", "x"),
    Term("dispersion", "dispersion", "count", "Variance over mean of the counts: 1 for random arrivals", "1", also="index of dispersion"),
    Term("relative_traffic", "traffic", "ratio", "Traffic over the mean", "x"),
    Term("weekday", "day", "text", "Day of the week (UTC)"),
    Term("cache_tokens", "cache", "count", "Size of the prefix cache; null for one without end", "tokens", absent="without end"),
    Term("expiry_seconds", "kept for", "seconds", "Time after which an unused block is forgotten"),
)  # fmt: skip
