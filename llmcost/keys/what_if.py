"""A machine that does not exist yet: a known one with some of its figures multiplied."""

from __future__ import annotations

from llmcost.keys.key import BOTH, Key

PANEL = "What if"

KEYS = (
    Key("compute_scale", "ratio", PANEL, "compute rate over that of the accelerator: 10x", BOTH, sided=True),
    Key("bandwidth_scale", "ratio", PANEL, "memory bandwidth over that of the accelerator: 2x", BOTH, sided=True),
    Key("memory_scale", "ratio", PANEL, "memory over that of the accelerator: 4x", BOTH, sided=True),
    Key("link_scale", "ratio", PANEL, "rate of links and network over that of the accelerator: 2x", BOTH, sided=True),
    Key("power_scale", "ratio", PANEL, "power over that of the accelerator: 0.1x", BOTH, sided=True),
)  # fmt: skip
