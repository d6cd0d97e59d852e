"""What answers requests, and how fast."""

from __future__ import annotations
