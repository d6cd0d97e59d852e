"""Named tuples and typed dictionaries whose types only the type checker reads, and rows of presets/calibration.

Those of `typing` compile every annotation when a class is made, which took a tenth of the start of a command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt
    from typing import NamedTuple as NamedTuple
    from typing import Required
    from typing import TypedDict as TypedDict
else:
    from collections import namedtuple

    class _Tuple(type):
        """Makes a named tuple of the fields that a class annotates, with its methods."""

        def __new__(cls, name, bases, inside):
            if not bases:
                return super().__new__(cls, name, bases, inside)
            fields = inside.get("__annotations__", {})
            given = [inside.pop(field) for field in fields if field in inside]
            made = namedtuple(name, fields, defaults=given, module=inside["__module__"])
            for key, value in inside.items():
                setattr(made, key, value)
            return made

    class _Dict(type):
        """Makes a class that is called for a plain dictionary."""

        def __new__(cls, name, bases, inside, total=True):
            del total
            return super().__new__(cls, name, bases or (dict,), inside)

        def __call__(cls, *items, **named):
            return dict(*items, **named)

    class NamedTuple(metaclass=_Tuple):
        """Base of a named tuple."""

    TypedDict = _Dict("TypedDict", (), {})


# A row of a table as parsed: a key that is misspelt is an error of types.
class SourcedRow(TypedDict, total=False):
    """Where a row comes from."""

    address: str
    date: dt.date
    confidence: str
    note: str


class FactorRow(SourcedRow, total=False):
    """A row of `[[factors]]`: one constant, and the machines and software that it counts for."""

    name: Required[str]
    value: Required[float]
    unit: str
    low: float  # p5
    high: float  # p95
    generation: str | list[str]  # of the accelerator: one, several, or "any"
    framework: str  # one, "named" or "any"
    ratio: bool  # multiplies what the other rows give
    until: int  # year of the software: that one and those before it
    before: float  # release of the software
    above_gib: float  # memory of the card [GiB]
    own: bool  # of a calibration of one's own


class FormatRow(SourcedRow, total=False):
    """A row of `[[formats]]`: what a weight format takes, and how it is computed."""

    name: Required[str]
    weight_bytes: Required[float]
    attention_bytes: Required[float]
    head_bytes: Required[float]
    compute_bits: Required[float]
    integer: Required[bool]
    weight_only: Required[bool]


class SameRow(SourcedRow, total=False):
    """A row of `[[same]]`: checkpoints that go by a name of their own, and the preset whose shape they have."""

    preset: Required[str]
    names: Required[list[str]]


class ContextRow(SourcedRow, total=False):
    """A row of `[[contexts]]`: releases of a preset's shape that take another number of tokens."""

    tokens: Required[int]
    names: Required[list[str]]


class AbsentRow(SourcedRow, total=False):
    """A row of `[[absent]]`: models that have no preset, why, and the way to go on."""

    names: Required[list[str]]
    why: Required[str]
    hint: Required[str]


class MfuRow(SourcedRow, total=False):
    """A row of `[[mfu]]`: published MFU of a class of runs."""

    generation: Required[str]
    model_class: Required[str]
    precision: Required[str]
    median: Required[float]
    p5: Required[float]
    p95: Required[float]
    groups: int
    rows: int


if TYPE_CHECKING:
    RangeRow = TypedDict(
        "RangeRow",
        {
            "quantity": Required[str],
            "class": Required[str],
            "low": Required[float],
            "high": Required[float],
            "address": str,
            "date": dt.date,
            "confidence": str,
        },
        total=False,
    )
else:
    RangeRow = dict  # of `[[ranges]]`: how far a quantity of a class is off, to p5 and p95 [ln]
