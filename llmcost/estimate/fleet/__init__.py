"""How many replicas carry the traffic, and what they cost a month."""

from __future__ import annotations
