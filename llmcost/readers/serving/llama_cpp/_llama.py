"""What the tests of llama.cpp mean: `pp512` reads a prompt of 512 tokens, `tg128` writes 128, `@ d4096` after 4,096."""

from __future__ import annotations

import re

from llmcost.readers.rows import ServingRow

QUANTS = re.compile(r"[-_. ](I?Q\d\w*|F16|F32|BF16|MXFP4\w*|FP16)(?=$|[-_. ])", re.IGNORECASE)
FORMATS = {"f16": "fp16", "f32": "fp32", "bf16": "bf16", "fp16": "fp16"}


def row(prompt: float, written: float, depth: float, seconds: float | None, rate: float | None) -> ServingRow:
    """One test as a serving row: prompts alone, answers alone, or both.

    Parameters
    ----------
    prompt, written, depth
        Tokens of the prompt, of the answer, and in the cache before [tokens].
    seconds, rate
        Time of the test [s] and its tokens per second [1/s]; one follows from the other.

    >>> r = row(512.0, 0.0, 0.0, None, 1472.01)
    >>> r.load, round(r.ttft_seconds, 4), r.prefill_tokens_per_second
    ('prefill-only', 0.3478, 1472.01)
    """
    tokens = prompt + written
    rate = rate or (tokens / seconds if seconds else None)
    seconds = seconds or (tokens / rate if rate else None)
    one = ServingRow(framework="llama.cpp", concurrency=1.0)
    cached = depth / (depth + prompt) if depth and prompt else None
    if not written:
        return one._replace(
            load="prefill-only", isl=depth + prompt, osl=0.0, cached_share=cached, ttft_seconds=seconds,
            prefill_tokens_per_second=rate,
        )  # fmt: skip
    if not prompt:
        return one._replace(
            load="decode-only", isl=depth, osl=written, tpot_seconds=seconds / written if seconds else None,
            output_tokens_per_second=rate, decode_tokens_per_second=rate,
        )  # fmt: skip
    both = written / seconds if seconds else None
    return one._replace(
        load="interactive", isl=depth + prompt, osl=written, cached_share=cached, latency_seconds=seconds,
        output_tokens_per_second=both, total_tokens_per_second=rate,
    )  # fmt: skip


def weights(kind: str | None, size: float | None, params: float | None) -> str | None:
    """Format of the weights from a model's type (`llama 8B Q4_K - Medium`), with the bits that its size tells.

    >>> weights("llama 7B Q4_0", 3.56 * 2**30, 6.74e9), weights("gpt-oss 20B F16", None, None)
    ('q4_0 (4.54 bpw)', 'fp16')
    """
    found = list(QUANTS.finditer(kind or ""))
    if not found:
        return None
    name = found[-1][1].lower()
    if name in FORMATS:
        return FORMATS[name]
    return f"{name} ({8.0 * size / params:.2f} bpw)" if size and params else name


def model(file: str | None, kind: str | None) -> str | None:
    """Name of a model: that of its file without folder, number and format, else its type without format."""
    name = (
        re.sub(r"(-\d{5}-of-\d{5})?\.gguf$", "", re.split(r"[/\\]", file)[-1]) if file else (kind or "").split(" - ")[0]
    )
    return QUANTS.sub("", name).strip() or None
