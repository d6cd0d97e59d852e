"""A run and a service over time."""

from __future__ import annotations
