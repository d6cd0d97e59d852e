"""Logs that print a block of `name: value` or `name=value` lines for each step."""

from __future__ import annotations

import re

from llmcost.readers.content import Content
from llmcost.readers.record import Record

PAIR = re.compile(r"^\s*(?:Train )?([A-Za-z][\w/() -]*?)\s*[:=]\s*(\S+)\s*$")


def blocks(content: Content, starts: str) -> list[tuple[str, Record]]:
    """Every block: what its first line has in the first group of `starts`, and its figures."""
    found: list[tuple[str, dict[str, str], int]] = []
    for n, line in enumerate(content.lines, 1):
        if begin := re.search(starts, line):
            found.append((begin[1], {}, n))
        elif found and (pair := PAIR.match(line)):
            found[-1][1][pair[1]] = pair[2]
    return [(name, Record(data, f"{content.name}: the block of line {n}")) for name, data, n in found]
