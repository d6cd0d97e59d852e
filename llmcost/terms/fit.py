"""What a fit says."""

from __future__ import annotations

from llmcost.terms.term import Term

TERMS = (
    Term("fits_probability", "probability", "share", "Chance that it fits: that the parts of the memory together are no more than what is usable", short={"fit": 100}),
    Term("peak_bytes", "peak per GPU", "memory", "Memory of the fullest accelerator at its peak: weights, workspace and the cache of the requests that have to fit, or everything a training step holds"),
    Term("usable_bytes", "usable per GPU", "memory", "Memory of one accelerator that the engine or the training process may take"),
    Term("driver_bytes", "memory per GPU", "memory", "Memory of one accelerator as the driver's tool shows it", also="nvidia-smi total"),
    Term("kv_tokens", "tokens of cache", "count", "Tokens of KV cache beside weights and workspace, of one data-parallel rank", "tokens", also="KV pool, num_gpu_blocks x block_size", short={"fit": 30}),
    Term("concurrency", "requests at once", "whole", "Requests of the stated length that the cache holds at once", "requests", short={"fit": 20}),
    Term("longest_context_tokens", "longest for one", "count", "Longest single request, prompt and answer, that fits with the confidence asked for, or at even odds where one of the stated length does not reach it; at most the context of the model", "tokens", short={"fit": 10}),
    Term("largest_micro_batch", "largest micro-batch", "whole", "Most sequences of a micro-batch that fit with the confidence asked for", "sequences", short={"fit": 60}),
    Term("longest_sequence_tokens", "longest sequence", "count", "Longest training sequence that fits with the confidence asked for, one at a time unless a micro-batch was said", "tokens", short={"fit": 70}),
    Term("output_tokens_per_second_per_user", "speed for one", "count", "Output tokens per second of one request alone", "tokens/s", short={"fit": 40}),
    Term("part", "part", "text", "What takes the memory"),
    Term("bytes", "memory", "memory", "Memory of one accelerator that a part takes"),
    Term("change", "change", "text", "What to type so that it fits"),
    Term("hardware", "hardware", "text", "Accelerator"),
    Term("note", "what it does", "text", "What a remedy does"),
)  # fmt: skip
