"""Records behave as those of `typing` do."""

from __future__ import annotations

import pickle

import pytest

from llmcost.records import NamedTuple, TypedDict


class Pair(NamedTuple):
    """Two numbers."""

    a: int
    b: float = 2.0

    @property
    def total(self) -> float:
        """Their sum."""
        return self.a + self.b


class Row(TypedDict, total=False):
    """A row."""

    name: str


class Longer(Row):
    """A longer one."""

    n: int


def test_a_named_tuple_has_defaults_methods_and_its_name() -> None:
    assert (Pair(1).total, Pair(1)._replace(b=5.0), Pair._fields, Pair.__doc__) == (
        3.0,
        (1, 5.0),
        ("a", "b"),
        "Two numbers.",
    )
    assert repr(Pair(1)) == "Pair(a=1, b=2.0)"
    assert pickle.loads(pickle.dumps(Pair(1))) == Pair(1)
    assert type(pickle.loads(pickle.dumps(Pair(1)))) is Pair
    with pytest.raises(TypeError):
        Pair(*[])


def test_a_typed_dictionary_is_a_dictionary() -> None:
    assert type(Longer(name="x", n=1)) is dict
    assert Longer(name="x", n=1) == {"name": "x", "n": 1}
