"""Numbers: kinds, spreads, roots."""

from __future__ import annotations
