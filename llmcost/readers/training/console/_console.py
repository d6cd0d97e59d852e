"""Console logs: records found by a pattern wherever they stand, whatever prefix a line has."""

from __future__ import annotations

import re

from llmcost.errors import LlmcostError, shown
from llmcost.readers.content import Content
from llmcost.readers.record import number_of
from llmcost.records import NamedTuple

PAIR = r"{name}\s*[:=]\s*([-+]?[\d.,_]+(?:[eE][-+]?\d+)?[KMGBT%]?)"


class Line(NamedTuple):
    """One record of a log: its text, where it stands, and the number of its line."""

    text: str
    where: str
    n: int = 0

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
            found.append(Line(text, f"{content.name}: line {n}", n))
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


def runs(content: Content, records: list[Line], key: str) -> list[tuple[list[Line], str]]:
    """The runs of a log, each with its records once and with the text from the end of the run before to its own.

    A run ends where the numbers of the steps begin again at the first one with another record: not where ranks print
    the same, and not where training goes on from a checkpoint.
    """
    parts: list[list[Line]] = [[]]
    numbers: set[str] = set()
    for record in records:
        number = found[1] if (found := re.search(key, record.text)) else ""
        begun = parts[-1][0] if len(numbers) > 1 else None
        again = begun and (first := re.search(key, begun.text)) and first[1] == number
        if again and begun and begun.text != record.text:
            parts.append([])
            numbers = set()
        parts[-1].append(record)
        numbers.add(number)
    ends = [part[-1].n if part else 0 for part in parts[:-1]]
    cut = zip([0, *ends], [*ends, len(content.lines)], strict=True)
    return [(once(part, key), "\n".join(content.lines[a:b])) for part, (a, b) in zip(parts, cut, strict=True)]


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
