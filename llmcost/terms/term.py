"""One name in an answer."""

from __future__ import annotations

from msgspec import Struct

from llmcost.units import KINDS, NOT_KNOWN


class Term(Struct, frozen=True):
    """One result key or array column.

    `kind` is a kind of `units.KINDS`, or `text` or `bool`; `unit` the base unit where the kind does not say it (`days`
    of a count, `USD/month` of money); `symbol` the letter in formulas; `also` other names the field has for it;
    `absent` what null says of it.
    """

    name: str
    label: str
    kind: str
    meaning: str
    unit: str = ""
    symbol: str = ""
    also: str = ""
    absent: str = NOT_KNOWN

    @property
    def base(self) -> str:
        """The unit of the number in JSON and CSV; empty for words.

        >>> Term("gpu_hours", "GPU-hours", "count", "", "GPU-hours").base, Term("tpot_seconds", "TPOT", "seconds", "").base
        ('GPU-hours', 's')
        """
        if self.unit or self.kind in ("text", "bool"):
            return self.unit
        return KINDS[self.kind].base
