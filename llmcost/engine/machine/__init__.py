"""What a chip and its links do in a second."""

from __future__ import annotations
