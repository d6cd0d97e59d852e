"""A step of training, and the run made of them."""

from __future__ import annotations
