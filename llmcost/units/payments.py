"""When a sum is paid: shares at times, `40%@-6mo, 40%@0mo, 20%@6mo`."""

from __future__ import annotations

import re

from llmcost.errors import LlmcostError, at, shown
from llmcost.units.parsing import parse

LAUNCH = r"0+(\.0+)? ?[a-z]*"
ACCEPTED = "write shares at times that add up to 100%: 40%@-6mo,40%@0mo,20%@6mo"


def parse_payments(text: object) -> tuple[tuple[float, float], ...]:
    """(seconds from launch, share) of each payment, in the order given.

    Raises
    ------
    LlmcostError
        Not shares at times, or they do not add up to 100 %.

    Examples
    --------
    >>> parse_payments("40%@-1d, 60%@2d")
    ((-86400.0, 0.4), (172800.0, 0.6))
    """
    parts = text if isinstance(text, list | tuple) else str(text).split(",") if isinstance(text, str) else []
    found = []
    for part in parts:
        share, at_sign, when = str(part).partition("@")
        when = when.strip()
        if not at_sign or not when:
            raise LlmcostError(f"{shown(str(part))} is not a share at a time", ACCEPTED)
        try:
            sign = -1.0 if when.startswith("-") else 1.0
            size = when.removeprefix("-").removeprefix("+")
            seconds = 0.0 if re.fullmatch(LAUNCH, size) else sign * parse("seconds", size)
            found.append((seconds, parse("share", share.strip())))
        except LlmcostError as error:
            raise at(shown(str(part)), error) from None
    total = sum(share for _, share in found)
    if not found or abs(total - 1.0) > 1e-6:
        raise LlmcostError(f"{shown(text)} adds up to {total:.4g}, not to 100%", ACCEPTED)
    return tuple(found)
