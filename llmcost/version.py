"""The version: read by the build, printed with every answer."""

from __future__ import annotations

__version__ = "0.1.0"
