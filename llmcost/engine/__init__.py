"""The cost engine: pure numpy functions, floats or arrays in and out; no files, no text, no presets."""

from __future__ import annotations
