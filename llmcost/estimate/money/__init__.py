"""What an hour, a machine, a token and a place cost."""

from __future__ import annotations
