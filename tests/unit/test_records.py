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


class Late(NamedTuple):
    """Made first as one of its kin."""

    first: int
    second: int = 2


class Kin(Late):
    """One of its kin."""


def test_a_named_tuple_is_made_alike_the_first_time_and_later() -> None:
    for _ in range(2):
        assert (Kin(1), type(Kin(1)), Late(second=3, first=1)) == ((1, 2), Kin, (1, 3))
        assert Late._make([4, 5])._asdict() == {"first": 4, "second": 5}
        for wrong in ({"third": 1}, {"first": 1, "third": 1}):
            with pytest.raises(TypeError):
                Late(**wrong)
        with pytest.raises(TypeError):
            Late(1)._replace(**{"third": 1})
        with pytest.raises(TypeError):
            Late._make([1])
