"""A machine that does not exist yet: a known one with some of its figures multiplied."""

from __future__ import annotations

from llmcost.keys.key import BOTH, Key

PANEL = "What if"

LEAST = 0.001  # of a machine: less is none

KEYS = (
    Key("compute_scale", "ratio", PANEL, "compute rate over that of the accelerator: 10x", BOTH, sided=True,
        least=LEAST),
    Key("bandwidth_scale", "ratio", PANEL, "memory bandwidth over that of the accelerator: 2x", BOTH, sided=True,
        least=LEAST),
    Key("memory_scale", "ratio", PANEL, "memory over that of the accelerator: 4x", BOTH, sided=True,
        least=LEAST),
    Key("link_scale", "ratio", PANEL, "rate of links and network over that of the accelerator: 2x", BOTH, sided=True,
        least=LEAST),
    Key("power_scale", "ratio", PANEL, "power over that of the accelerator: 0.1x", BOTH, sided=True,
        least=LEAST),
)  # fmt: skip
