"""`sweep`: one question at every point of a grid, in blocks of bounded memory."""

from __future__ import annotations

from llmcost.estimate.sweep.answer import sweep

__all__ = ["sweep"]
