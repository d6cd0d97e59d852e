"""Named tuples and typed dictionaries whose types only the type checker reads.

Those of `typing` compile every annotation when a class is made, which took a tenth of the start of a command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
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
