"""Numbers: spreads, roots, trends."""

from __future__ import annotations
