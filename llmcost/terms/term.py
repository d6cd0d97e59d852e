"""One name in an answer."""

from __future__ import annotations

from msgspec import Struct

from llmcost.units import KINDS, NOT_KNOWN

TRAIN, SERVE, CROSSOVER, COMPARE = "train", "serve", "crossover", "compare"
MEAN, SUM = "mean", "sum"


class Term(Struct, frozen=True):
    """One result key or array column: all that is declared of it.

    `kind` is a kind of `units.KINDS`, or `text` or `bool`; `unit` the base unit where the kind does not say it (`days`
    of a count, `USD/month` of money); `symbol` the letter in formulas; `also` other names the field has for it;
    `absent` what null says of it.

    `answers` are the commands whose result has it, null where it is not known, and with `asked` only where there is
    something to say. `short` is its place in the short answer of a command, the least first, and `compared` that among
    the figures of an alternative; 0 is none. `mixes` says how the figure of several services that share the requests
    follows from theirs: the `MEAN` by requests, or the `SUM`. Where a table has no room, the column that `gives_way`
    most goes first; 0 stays.
    """

    name: str
    label: str
    kind: str
    meaning: str
    unit: str = ""
    symbol: str = ""
    also: str = ""
    absent: str = NOT_KNOWN
    answers: tuple[str, ...] = ()
    asked: bool = False
    short: dict[str, int] = {}
    compared: int = 0
    mixes: str = ""
    gives_way: int = 0

    @property
    def base(self) -> str:
        """The unit of the number in JSON and CSV; empty for words.

        >>> Term("gpu_hours", "GPU-hours", "count", "", "GPU-hours").base, Term("tpot_seconds", "TPOT", "seconds", "").base
        ('GPU-hours', 's')
        """
        if self.unit or self.kind in ("text", "bool"):
            return self.unit
        return KINDS[self.kind].base
