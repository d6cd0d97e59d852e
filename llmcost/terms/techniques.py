"""What techniques and the ladder say."""

from __future__ import annotations

from llmcost.terms.term import CROSSOVER, SERVE, Term

TERMS = (
    Term("factor", "factor", "ratio", "Cost of an output token over that of the step before", "x"),
    Term("product", "product", "ratio", "Cost of an output token over that of the first step: the product of the factors", "x"),
    Term("request_factor", "request factor", "ratio", "Cost of a request over that of the step before", "x"),
    Term("span", "span", "ratio", "Cost of an output token at the first step of the ladder over that at the last", "x", short={SERVE: 10}),
    Term("span_request", "span per request", "ratio", "Cost of a request at the first step of the ladder over that at the last", "x", short={SERVE: 20}),
    Term("caveat", "caveat", "text", "What a technique does to the quality of answers"),
    Term("small_model", "small model", "text", "The model that a router or cascade has beside the one named"),
    Term("small_gpus", "GPUs, small model", "count", "Accelerators of the small model, part of all", "GPUs", short={SERVE: 410}),
    Term("small_usd_per_request", "small model alone", "usd_per_request", "Cost of a request that the small model answers", short={SERVE: 90}),
    Term("model_usd_per_request", "model alone", "usd_per_request", "Cost of a request that the model itself answers, nothing beside it", short={SERVE: 80}),
    Term("reach_share", "reaches a model", "share", "Share of requests that neither a store nor a user's device answers", short={SERVE: 280}),
    Term("training_usd_distillation", "distillation", "usd", "The run that makes the distilled model, part of training", short={CROSSOVER: 170}),
    Term("drafted", "draft length", "count", "Tokens that the draft model proposes a step", "tokens", "y", "gamma, speculative tokens", short={SERVE: 380}),
    Term("tokens_per_step", "tokens per step", "count", "Output tokens of one request that a speculative step yields on average", "tokens", also="mean acceptance length", short={SERVE: 390}),
)  # fmt: skip
