"""Console logs: records found by a pattern wherever they stand, whatever prefix a line has."""

from __future__ import annotations

import re

from llmcost.errors import LlmcostError, shown
from llmcost.readers.content import Content
from llmcost.readers.record import number_of
from llmcost.records import NamedTuple

PAIR = r"{name}\s*[:=]\s*([-+]?[\d.,_]+(?:[eE][-+]?\d+)?[KMGBT%]?)"


class Line(NamedTuple):
    """One record of a log: its text and where it stands."""

    text: str
    where: str

    def number(self, name: str, pattern: str = PAIR) -> float | None:
        """The number behind a name; None where the name is not there.

        Raises
        ------
        LlmcostError
            What stands there is no number.
        """
        found = re.search(pattern.format(name=re.escape(name)), self.text)
        if found is None:
            return None
        value = number_of(found[1].rstrip(",.;"))
        if value is None:
            raise LlmcostError(f"{self.where}: {name} is {shown(found[1], 30)}, a number is wanted")
        return value


def lines(content: Content, starts: str, whole: str) -> list[Line]:
    """The records that begin as `starts` and hold `whole`.

    Raises
    ------
    LlmcostError
        The last record of the file begins and does not end: the file is cut off.
    """
    found: list[Line] = []
    cut = 0
    begin, full = re.compile(starts), re.compile(whole)
    for n, text in enumerate(content.lines, 1):
        if not begin.search(text):
            continue
        if full.search(text):
            found.append(Line(text, f"{content.name}: line {n}"))
            cut = 0
        else:
            cut = n
    if cut and cut == len(content.lines):
        raise LlmcostError(f"{content.name}: line {cut} is cut off")
    return found


def once(records: list[Line], key: str) -> list[Line]:
    """Records without those of a step that was told before: ranks that print the same, two writers of one file."""
    known: dict[str, Line] = {}
    for record in records:
        found = re.search(key, record.text)
        known.setdefault(found[1] if found else str(len(known)), record)
    return list(known.values())


def last(records: list[Line], name: str) -> float | None:
    """The last number behind a name; None where no record has it."""
    found = column(records, name)
    return found[-1] if found else None


def column(records: list[Line], name: str, pattern: str = PAIR) -> list[float]:
    """The numbers behind a name, of the records that have it."""
    return [value for record in records if (value := record.number(name, pattern)) is not None]


def largest(records: list[Line], name: str, scale: float, pattern: str = PAIR) -> float | None:
    """The largest number behind a name times `scale`; None where no record has it."""
    found = column(records, name, pattern)
    return max(found) * scale if found else None
