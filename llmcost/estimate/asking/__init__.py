"""What was said, read side by side with where it was said."""

from __future__ import annotations
