"""Predictions beside published measurements."""

from __future__ import annotations
