"""What a training run takes and costs."""

from __future__ import annotations
