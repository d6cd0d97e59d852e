"""Development scripts: fits, benchmarks, generated documents."""

from __future__ import annotations
