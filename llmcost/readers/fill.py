"""What was said beside a file: it fills what the file leaves out, and gives way where the file speaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from llmcost.errors import shown
from llmcost.readers import derive
from llmcost.readers.rows import SERVING, TRAINING, Reading

DERIVE: dict[str, Callable[[Any], Any]] = {SERVING: derive.serving, TRAINING: derive.training}
CLOSE = 0.005  # 682 said of 681.96 is the same


def filled(reading: Reading, given: Mapping[str, Any]) -> Reading:
    """The reading with what was said in the gaps of its rows, and with what follows from it.

    Parameters
    ----------
    reading : Reading
        Serving or training rows; others are returned as they are.
    given : mapping
        Field of the row -> value in the row's unit; fields that such rows do not have are left out.
    """
    if reading.kind not in DERIVE:
        return reading
    clashes: dict[str, str] = {}
    rows = [_filled(row, given, clashes) for row in reading.rows]
    return reading._replace(rows=[DERIVE[reading.kind](row) for row in rows], notes=(*reading.notes, *clashes.values()))


def _filled(row: Any, given: Mapping[str, Any], clashes: dict[str, str]) -> Any:
    new = {}
    for name, value in given.items():
        if name not in row._fields:
            continue
        own = getattr(row, name)
        if own is None:
            new[name] = value
        elif not _same(own, value):
            option = "--" + name.replace("_", "-")
            clashes[name] = f"{option} {shown(value, 40)} is not taken: the file says {shown(own, 60)}"
    return row._replace(**new)


def _same(own: Any, said: Any) -> bool:
    if isinstance(own, float | int) and isinstance(said, float | int):
        return abs(own - said) <= CLOSE * max(abs(own), abs(said))
    return str(own).lower() == str(said).lower()
