"""Where the memory of an accelerator goes while it serves."""

from __future__ import annotations

import math

from llmcost.engine.model.transformer import Shape
from llmcost.engine.serving.cache import state_page_bytes
from llmcost.engine.serving.memory import Memory, cache_spread, memory, share_taken, workspace_bytes
from llmcost.engine.serving.operating_point import Calibration, Layout, Load, Precision
from llmcost.estimate.asking.memory_parts import Part
from llmcost.estimate.asking.subject import Chip

ONE_BYTE = 0.9  # bytes a weight from which it is stored in 8 bits or more


def parts(
    shape: Shape, device: Chip, layout: Layout, precision: Precision, load: Load, known: Calibration, batch: float,
    at: Memory | None = None,
) -> list[Part]:  # fmt: skip
    """The memory of one accelerator by part, with `batch` requests on its replica [bytes].

    Parameters
    ----------
    shape, device, layout, precision, load, known
        The point and its constants.
    batch : float
        Requests that are there at once, on all data-parallel ranks together [-].
    at : Memory, optional
        What the point holds, where it is known already.
    """
    machine = device.machine
    at = memory(shape, machine, layout, precision, load, known) if at is None else at
    bare = known._replace(context_bytes=0.0, group_bytes=0.0, group_pcie_bytes=0.0)
    work = float(workspace_bytes(shape, machine, layout, load, bare, precision.weight_bytes))
    states = float(state_page_bytes(shape, layout, known))
    count = math.ceil(batch / float(layout.dp))
    spread = float(known.weights_spread if precision.weight_bytes >= ONE_BYTE else known.narrow_spread)
    cached = float(cache_spread(shape, known))
    workspace = float(known.workspace_spread), float(known.workspace_less)
    cache = count * (float(at.kv_bytes_per_request) - states)
    taken = float(machine.shown_bytes) * (1.0 - float(share_taken(shape, machine, layout, known)))
    return [
        Part("weights", float(at.weights_bytes), spread),
        Part("KV cache", cache, cached),
        Part("recurrent state", count * states, cached),
        Part("engine workspace", work, *workspace),
        Part("context and communication", float(at.activation_bytes) - work, *workspace),
        Part("left to others by the engine", 0.0 if float(known.share_of_free) else taken),
    ]
