"""Several values in one text: `A,B,C`."""

from __future__ import annotations

import re

_PART = re.compile(r"""(?:"[^"]*"|'[^']*'|[^,])+""")


def split_values(text: str) -> list[str]:
    """Values between commas, without the space around them; in quotes, a comma is part of the value.

    >>> split_values("h100-sxm, h200-sxm"), split_values('"q,v",attention')
    (['h100-sxm', 'h200-sxm'], ['q,v', 'attention'])
    """
    parts = (part.strip() for part in _PART.findall(text))
    found = [part[1:-1] if part[:1] in ("'", '"') and part[:1] == part[-1:] and part[1:] else part for part in parts]
    return [part for part in found if part]
