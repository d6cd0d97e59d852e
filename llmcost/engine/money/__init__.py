"""Dollars and kilowatt-hours of hardware and tokens."""

from __future__ import annotations
