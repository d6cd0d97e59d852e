"""An answer in Python: a table in a notebook, plain values, a frame, a picture, a page."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from llmcost.errors import LlmcostError, at, did_you_mean, not_of, shown
from llmcost.result import Estimate

if TYPE_CHECKING:
    from llmcost.render import Options

FIGURES = "figures"
FRAMES = ("pandas", "polars")


class Answer(Estimate, frozen=True, kw_only=True):
    """What the questions of this package return: an `Estimate` that shows and exports itself.

    Examples
    --------
    >>> import llmcost
    >>> answer = llmcost.train(model="deepseek-v3", gpu_hours="2.788M", price="2/h")
    >>> answer["total_usd"]
    5576000.0
    >>> answer
    <Answer of train: Training deepseek-v3 costs $5.58M: 2.79M GPU-hours.>
    """

    @classmethod
    def of(cls, estimate: Estimate) -> Answer:
        """The same answer with these methods; every number in it a plain Python one.

        >>> import numpy as np
        >>> Answer.of(Estimate(command="train", headline="", result={"mfu": np.float64(0.4)}))["mfu"]
        0.4
        """
        from llmcost.render.json import plain

        fields = {name: getattr(estimate, name) for name in estimate.__struct_fields__}
        return cls(**{**fields, **{name: plain(fields[name], name) for name in ("result", "arrays")}})

    def __getitem__(self, name: str) -> Any:
        """A figure of the result, or one of the tables.

        Raises
        ------
        KeyError
            There is no such figure or table; the message has the nearest names.
        """
        if name in self.result:
            return self.result[name]
        if name in self.arrays:
            return self.arrays[name]
        near = did_you_mean(name, [*self.result, *self.arrays])
        raise KeyError(f"no figure or table {name!r} in this answer; {near or 'answer.result has them all'}")

    def __repr__(self) -> str:
        """One line."""
        return f"<Answer of {self.command}: {self.headline}>"

    def __str__(self) -> str:
        """The table of the command line."""
        return self._rendered("table").rstrip("\n")

    def _repr_html_(self) -> str:
        from llmcost.render.notebook import table

        return table(self)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain Python values: what `--json --explain --curve` prints.

        >>> import llmcost
        >>> llmcost.crossover(train_cost="150M", cost_per_request=0.05, requests="10M/day").to_dict()["schema"]
        'llmcost/crossover/1'
        """
        from llmcost.render.json import document

        return document(self, explain=True, curve=True)

    def to_json(self) -> str:
        """What `--json` prints."""
        return self._rendered("json")

    def to_html(self) -> str:
        """A page that one can send: one file that loads nothing."""
        return self._rendered("html")

    def to_frame(self, name: str = FIGURES) -> Any:
        """A table as a frame of pandas, or of polars where only that is installed.

        Parameters
        ----------
        name : str
            `figures` (name, value, unit and 90 % range of every figure of the result), `breakdown`, `inputs`, or one of
            the answer's tables, such as `alternatives` or `curve`.

        Raises
        ------
        LlmcostError
            No such table, or neither package is installed.
        """
        return _frame(self.rows(name))

    def rows(self, name: str = FIGURES) -> list[dict[str, Any]]:
        """The rows of a table, as `to_frame` takes them.

        >>> import llmcost
        >>> answer = llmcost.train(model="deepseek-v3", gpu_hours="2.788M", price="2/h")
        >>> answer.rows("breakdown")[0]["rate_usd"]
        2.0
        """
        from llmcost.render.json import plain
        from llmcost.render.text import term_of

        if name == FIGURES:
            ends = {key: (of.p5, of.p95) for key, of in self.ranges.items()}
            return [
                {"name": key, "value": value, "unit": term_of(key).base, "p5": p5, "p95": p95}
                for key, value in self.result.items()
                for p5, p95 in [ends.get(key, (None, None))]
            ]
        if name == "inputs":
            return [{"name": key, **plain(given, key)} for key, given in self.inputs.items()]
        if name == "breakdown":
            return [plain(row, name) for row in self.breakdown]
        tables = {key: array for key, array in self.tables.items() if isinstance(array, list)}
        if name not in tables:
            known = [FIGURES, "breakdown", "inputs", *tables]
            raise at("table", not_of(name, known))
        return [dict(row) for row in tables[name]]

    def plot(self, kind: str | None = None) -> Picture:
        """A chart of the answer, which a notebook shows and `save` writes.

        Parameters
        ----------
        kind : str, optional
            As of `--plot-kind`; the one that says most without it.

        Raises
        ------
        LlmcostError
            The answer has no such chart.

        Examples
        --------
        >>> import llmcost
        >>> llmcost.crossover(train_cost="150M", cost_per_request=0.05, requests="10M/day").plot()
        <Picture curve of crossover>
        """
        from llmcost.render.page.pictures import by_name
        from llmcost.render.page.svg import standalone

        found = by_name(self)
        name = kind or next(iter(found), "")
        if name not in found:
            raise LlmcostError(
                f"nothing to draw{f': this answer has no {kind}' if kind else ' in this answer'}",
                f"one of {', '.join(found)}" if found else "",
            )
        return Picture(self, name, standalone(found[name][1]))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the answer: as a page (.html), JSON (.json), CSV (.csv) or Markdown (.md), by the name's ending.

        Raises
        ------
        LlmcostError
            Another ending.
        """
        from llmcost.render import FORMATS

        endings = {form.ending: form.name for form in FORMATS if form.ending}
        ending = os.path.splitext(os.fspath(path))[1]
        if ending not in endings:
            raise LlmcostError(f"{shown(os.fspath(path))} does not end in {', '.join(endings)}", "answer.html")
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(self._rendered(endings[ending]))

    def _rendered(self, name: str) -> str:
        from llmcost import render

        return render.render(name, self, _options())


class Columns(dict[str, Any]):
    """What `llmcost.sweep` returns: an array for each column, in the order of the points."""

    def __repr__(self) -> str:
        """One line."""
        return f"<Columns of {self.points:,} points: {', '.join(self)}>"

    @property
    def points(self) -> int:
        """How many there are."""
        return len(next(iter(self.values())))

    def to_frame(self) -> Any:
        """The columns as a frame of pandas, or of polars where only that is installed.

        Raises
        ------
        LlmcostError
            Neither package is installed.
        """
        return _frame({name: values.tolist() if values.dtype == object else values for name, values in self.items()})


def _frame(table: Any) -> Any:
    from importlib import import_module

    for package in FRAMES:
        try:
            library = import_module(package)
        except ImportError:
            continue
        return library.DataFrame(table)
    raise LlmcostError("a frame needs pandas or polars, and neither is installed", "pip install pandas")


class Picture:
    """A chart of an answer."""

    def __init__(self, answer: Answer, name: str, svg: str) -> None:
        self.name = name
        self.svg = svg
        self._answer = answer

    def __repr__(self) -> str:
        """Its name and what it is of."""
        return f"<Picture {self.name} of {self._answer.command}>"

    def _repr_svg_(self) -> str:
        return self.svg

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it: .svg as it is shown; .png and .pdf with matplotlib, where it is installed.

        Raises
        ------
        LlmcostError
            Another ending, or matplotlib is missing.
        """
        ending = os.path.splitext(os.fspath(path))[1]
        if ending == ".svg":
            body = self.svg.encode()
        else:
            from llmcost.render.plot import plot

            body = plot(self._answer, ending, self.name)
        with open(path, "wb") as file:
            file.write(body)


def _options() -> Options:
    from llmcost.render import Options

    return Options()
