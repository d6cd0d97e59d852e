"""What a transformer holds and computes."""

from __future__ import annotations
