"""Named tuples and typed dictionaries whose types only the type checker reads, and rows of presets/calibration.

Those of `typing` compile every annotation when a class is made, and those of `collections` a function, which took a
tenth and a twentieth of the start of a command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt
    from typing import NamedTuple as NamedTuple
    from typing import Required
    from typing import TypedDict as TypedDict
else:
    from collections import _tuplegetter

    class _Record(tuple):
        """What named tuples have in common; how one is made is compiled when the first one is."""

        __slots__ = ()

        def __new__(cls, /, *given, **named):
            owner = next(one for one in cls.__mro__ if "_fields" in vars(one))
            names = ", ".join(owner._fields)
            made = eval(f"lambda _cls, {names}: _new(_cls, ({names},))", {"_new": tuple.__new__})
            made.__defaults__ = tuple(owner._field_defaults.values())
            made.__qualname__ = f"{owner.__qualname__}.__new__"
            owner.__new__ = staticmethod(made)
            return made(cls, *given, **named)

        @classmethod
        def _make(cls, values):
            made = tuple.__new__(cls, values)
            if len(made) != len(cls._fields):
                raise TypeError(f"Expected {len(cls._fields)} arguments, got {len(made)}")
            return made

        def _replace(self, /, **changed):
            made = self._make(map(changed.pop, self._fields, self))
            if changed:
                raise TypeError(f"Got unexpected field names: {list(changed)!r}")
            return made

        __replace__ = _replace

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def __getnewargs__(self):
            return tuple(self)

        def __repr__(self):
            told = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items())
            return f"{type(self).__name__}({told})"

    class _Tuple(type):
        """Makes a named tuple of the fields that a class annotates, with its methods."""

        def __new__(cls, name, bases, inside):
            if not bases:
                return super().__new__(cls, name, bases, inside)
            fields = tuple(inside.get("__annotations__", {}))
            given = {field: inside.pop(field) for field in fields if field in inside}
            own = {"__slots__": (), "__match_args__": fields, "_fields": fields, "_field_defaults": given}
            return type(name, (_Record,), {**own, **{f: _tuplegetter(i, f) for i, f in enumerate(fields)}, **inside})

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
