"""DeepSpeed's FLOPS profiler: `iter latency` with its unit, samples per second.

Source: github deepspeedai/DeepSpeed deepspeed/profiling/flops_profiler/README.md. `step latency` is the optimizer's.
"""

from __future__ import annotations

import re

from llmcost.errors import LlmcostError
from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import TRAINING, Reader, Reading, TrainingRow

UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
FLOPS = {"TFLOPS": 1e12, "GFLOPS": 1e9, "MFLOPS": 1e6}
SIZES = {"G": 1e9, "B": 1e9, "M": 1e6, "K": 1e3, "k": 1e3, "": 1.0}
LINE = re.compile(r"^([a-z].*?):\s{2,}([\d.]+)\s*([A-Za-z]*)\s*$", re.MULTILINE)


def recognises(content: Content) -> bool:
    """Whether the profile's names are there."""
    return "fwd latency" in content.head and "Profile Summary at step" in content.text


def read(content: Content) -> Reading:
    """The profile.

    Raises
    ------
    LlmcostError
        It has no iteration latency, or one in a unit that is not known.
    """
    said = {name.partition(" = ")[0].strip(): (value, unit) for name, value, unit in LINE.findall(content.text)}
    value, unit = said.get("iter latency", ("", ""))
    if not value or unit not in UNITS:
        raise LlmcostError(f"{content.name}: no iteration latency in s, ms or us: the profile is cut off")
    r = Record({name: number for name, (number, _) in said.items()}, content.name)
    own, rank = r.measured("batch size per GPU"), r.measured("data parallel size")
    params, size = said.get("params of model", said.get("params per gpu", ("", "")))
    done, flops = said.get("fwd+bwd FLOPS per GPU", ("", ""))
    row = TrainingRow(
        framework="deepspeed",
        gpus=r.measured("world size"),
        params_total=float(params) * SIZES.get(size, 1.0) if params else None,
        micro_batch=own,
        global_batch=own * rank if own and rank else None,
        steps=1.0,
        step_seconds=float(value) * UNITS[unit],
        step_basis="the profiled iteration",
        samples_per_second=r.measured("samples/second"),
        flops_per_second_per_gpu=float(done) * FLOPS[flops] if flops in FLOPS else None,
    )
    return Reading(TRAINING, READER.name, [derive.training(row)])


READER = Reader("DeepSpeed FLOPS profile", TRAINING, recognises, read)
