"""A replica that answers requests."""

from __future__ import annotations
