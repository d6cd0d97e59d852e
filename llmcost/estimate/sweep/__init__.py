"""`sweep`: one question at every point of a grid, in blocks of bounded memory."""

from __future__ import annotations

from llmcost.estimate.sweep.answer import sweep
from llmcost.estimate.sweep.in_memory import points

__all__ = ["points", "sweep"]
