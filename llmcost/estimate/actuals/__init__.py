"""What was really spent: bills and usage exports, beside a plan and in the place of its past."""

from __future__ import annotations
