"""A page that one can send: one file, no network, readable without scripts."""

from __future__ import annotations
