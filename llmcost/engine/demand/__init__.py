"""How traffic moves, and where two spends meet."""

from __future__ import annotations
