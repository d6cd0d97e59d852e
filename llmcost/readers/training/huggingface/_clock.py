"""Times as trainers write them."""

from __future__ import annotations

import re

CLOCK = re.compile(r"^(?:(\d+) days?, )?(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)$")


def seconds(text: str) -> float | None:
    """Seconds of `4 days, 7:19:52`, `0:03:29` or `04:11`; None where it is no time.

    >>> seconds("4 days, 7:19:52"), seconds("0:04:59.19"), seconds("04:11"), seconds("soon")
    (371992.0, 299.19, 251.0, None)
    """
    found = CLOCK.match(text.strip())
    if found is None:
        return None
    days, hours, minutes, rest = (float(part or 0) for part in found.groups())
    return days * 86400.0 + hours * 3600.0 + minutes * 60.0 + rest
