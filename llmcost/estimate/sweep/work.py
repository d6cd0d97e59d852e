"""The work of a sweep: what any process needs to make any of its parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from llmcost import __version__
from llmcost.catalog import Catalog, presets_date
from llmcost.estimate.sweep import columns as tables
from llmcost.estimate.sweep import landscape, summary
from llmcost.estimate.sweep.columns import Column
from llmcost.estimate.sweep.engines import ENGINES, Plan
from llmcost.estimate.sweep.formats import FORMATS
from llmcost.estimate.sweep.grid import Grid
from llmcost.records import NamedTuple
from llmcost.scenario import Scenario


class Work(NamedTuple):
    """A sweep, as it travels."""

    engine: str
    scenario: Scenario
    catalog: Catalog
    grid: Grid
    columns: tuple[Column, ...]
    ending: str  # of the file

    def made(self, number: int, plans: dict[int, Plan]) -> Made:
        """One part; `plans` is for whoever makes several, see `columns.table`.

        Raises
        ------
        LlmcostError
            What the question refuses, where there is one plan.
        """
        part = self.grid.part(number)
        table = tables.table(ENGINES[self.engine], self.scenario, self.catalog, self.grid, self.columns, part, plans)
        body, footer = FORMATS[self.ending].encoded(table)
        state = summary.of_part(table, self.engine, part.first)
        places = landscape.of_part(table, self.grid, part, summary.BEST[self.engine])
        return Made(body, footer, {**state, "read": sorted(self.scenario.read), "places": places})


class Made(NamedTuple):
    """A part: its bytes, what it leaves for the end of the file, and what it found, the keys it took among it."""

    body: bytes
    footer: bytes
    state: summary.State


def about() -> str:
    """What has to be the same on every machine for the same bytes."""
    import numpy as np

    try:
        from pyarrow import __version__ as arrow
    except ImportError:
        arrow = "none"
    return f"llmcost {__version__} (presets {presets_date(Catalog())}), numpy {np.__version__}, pyarrow {arrow}"


Maker = Callable[[Work, int], Iterator[Made]]


def here(work: Work, start: int) -> Iterator[Made]:
    """The parts from one on, one after another in this process."""
    plans: dict[int, Plan] = {}
    for number in range(start, work.grid.parts):
        yield work.made(number, plans)
