"""Number formats: all that is declared of each. What they weigh in serving is in presets/calibration/serving.toml."""

from __future__ import annotations

from llmcost.records import NamedTuple


class Dtype(NamedTuple):
    """A format of weights, caches or arithmetic.

    `bits` are those of a stored number, block scales included. `peak` is the field of an accelerator with its rate, and
    `wider` the format that a chip without it computes in. `computes` and `caches` say whether arithmetic and the KV
    cache come in it, and `recipe` how training in it is called. `also` are other spellings. `gguf` formats are those of
    files for llama.cpp.
    """

    name: str
    bits: float
    peak: str
    wider: str = ""
    computes: bool = True
    caches: bool = True
    recipe: str = ""
    also: tuple[str, ...] = ()
    gguf: bool = False


# MXFP4, MXFP8: 8 bits a block of 32 (OCP Microscaling Formats v1.0, section 5.2); NVFP4 (fp4): 8 bits a block of 16.
ALL = (
    Dtype("fp32", 32.0, "tf32_flops", computes=False, caches=False, also=("float32",)),
    Dtype("bf16", 16.0, "bf16_flops", wider="fp16", recipe="bf16", also=("bfloat16",)),
    Dtype("fp16", 16.0, "fp16_flops", wider="bf16", recipe="fp16", also=("float16", "half")),
    Dtype("fp8", 8.0, "fp8_flops", wider="bf16", recipe="fp8",
          also=("float8", "fp8_e4m3", "fp8_e5m2", "e4m3", "fp8-dynamic")),
    Dtype("mxfp8", 8.25, "fp8_flops", wider="fp8", computes=False, caches=False, recipe="mxfp8"),
    Dtype("int8", 8.0, "int8_flops", wider="bf16", also=("w8a8",)),
    Dtype("int4", 4.0, "int8_flops", wider="int8", computes=False, also=("w4a16", "awq", "gptq")),
    Dtype("fp4", 4.5, "fp4_flops", wider="fp8", recipe="nvfp4"),
    Dtype("mxfp4", 4.25, "fp4_flops", wider="fp8", caches=False),
    # weights of llama.cpp, widened as they are read: tools/quantize/README.md there
    Dtype("q8_0", 8.5, "int8_flops", wider="bf16", computes=False, gguf=True),
    Dtype("q6_k", 6.5625, "int8_flops", wider="bf16", computes=False, caches=False, gguf=True),
    Dtype("q5_k_m", 5.69, "int8_flops", wider="bf16", computes=False, caches=False, gguf=True),
    Dtype("q4_k_m", 4.85, "int8_flops", wider="bf16", computes=False, caches=False, gguf=True),
    Dtype("q4_0", 4.5, "int8_flops", wider="bf16", computes=False, gguf=True),
)  # fmt: skip
DTYPES: dict[str, Dtype] = {dtype.name: dtype for dtype in ALL}
SPELLINGS: dict[str, str] = {other: dtype.name for dtype in ALL for other in dtype.also}
