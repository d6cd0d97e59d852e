"""The answer of a sweep: the file of its points, and what they say."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from llmcost import units
from llmcost.catalog import KINDS, Catalog, presets_date
from llmcost.errors import Exit, LlmcostError, raise_all
from llmcost.estimate.sweep import columns as tables
from llmcost.estimate.sweep import engines, formats, landscape, summary
from llmcost.estimate.sweep.columns import Column
from llmcost.estimate.sweep.engines import Engine
from llmcost.estimate.sweep.grid import Grid, axes
from llmcost.estimate.sweep.journal import Journal
from llmcost.estimate.sweep.work import Maker, Work, here
from llmcost.keys import KEYS
from llmcost.result import PLACES, Estimate
from llmcost.scenario import Scenario, refuse_unread
from llmcost.terms import TERMS

PACKAGE = Path(__file__).parents[2]
FRONT_ROWS = 12
Told = Callable[[int, int, int], None]  # points done, of how many, and those that were there already


def sweep(
    scenario: Scenario,
    catalog: Catalog,
    vary: list[str],
    output: str,
    engine: str | None = None,
    columns: str | None = None,
    restart: bool = False,
    maker: Maker = here,
    told: Told | None = None,
) -> Estimate:
    """Answer at every point of a grid, into a file.

    Parameters
    ----------
    scenario : Scenario
        The question that all points share.
    catalog : Catalog
        Where presets are found.
    vary : list of str
        `KEY=a..b:N`, `KEY=a..b:N:log` or `KEY=A,B,C`; several make a grid.
    output : str
        The file, `.parquet` or `.csv`.
    engine : str, optional
        `serve`, `train`, `crossover` or `fit`; without it the one that is asked about.
    columns : str, optional
        The figures to keep, `a,b,c`; without it all of them.
    restart : bool
        Whether to begin anew where an interrupted sweep could go on.
    maker : function
        Where the parts are made.
    told : function, optional
        What is told of the progress.

    Raises
    ------
    LlmcostError
        Unknown keys or values, all at once; whatever the question refuses at every point.
    """
    style = formats.of_file(output)
    varied = axes(vary)
    chosen = engines.named(engine, scenario, varied)
    grid = engines.grid(chosen, scenario, varied)
    shown = tables.columns(chosen, scenario, grid, columns)
    task = Work(chosen.name, scenario, catalog, grid, shown, f".{style.name}")
    with Journal(output, _identity(task), grid.parts, chosen.name, style, shown, restart) as journal:
        there = _fill(journal, task, maker, told)
        state = journal.state
        assert state is not None
        scenario.read.update(state["read"])
        _refuse_empty(state, task)
        refuse_idle(task.scenario, task.grid)
        size = journal.finish(grid.rows)
        if told is not None:
            told(grid.rows, grid.rows, there)
    return _estimate(task, chosen, state, output, size)


def _fill(journal: Journal, task: Work, maker: Maker, told: Told | None) -> int:
    """The parts that are not there yet; how many points were. That all are made is told once they are an answer."""
    rows = 0 if journal.state is None else int(journal.state["rows"])
    there = rows
    if told is not None and rows < task.grid.rows:
        told(rows, task.grid.rows, there)
    for made in maker(task, journal.done):
        if task.grid.cells == 1 and not journal.done:  # one plan: what it does not take, none of the others will
            task.scenario.read.update(made.state["read"])
            refuse_idle(task.scenario, task.grid)
        journal.add(made.body, made.footer, made.state)
        rows += made.state["rows"]
        if told is not None and rows < task.grid.rows:
            told(rows, task.grid.rows, there)
    return there


def _identity(task: Work) -> str:
    """Of a question: what is said, and the code and presets that answer it; files by their content."""
    said = [
        {name: _content(name, setting.value) for name, setting in sorted(layer.items())}
        for layer in task.scenario.layers
    ]
    grid = [(axis.name, hashlib.sha256(repr(list(axis.values)).encode()).hexdigest()) for axis in task.grid.axes]
    program = _program(task.catalog)
    whole = [program, task.engine, said, grid, [c.name for c in task.columns], task.ending]
    return hashlib.sha256(repr(whole).encode()).hexdigest()


def _program(catalog: Catalog) -> str:
    """Of the code and every preset, by content: what two versions answer never stands in one file."""
    code = {str(path.relative_to(PACKAGE)): path for path in PACKAGE.rglob("*.py")}
    presets = {f"{kind}/{name}": Path(path) for kind in KINDS for name, (path, _) in catalog.names(kind).items()}
    found = hashlib.sha256()
    for name, path in sorted((code | presets).items()):
        found.update(name.encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def _content(name: str, value: Any) -> Any:
    key = KEYS.get(name)
    if key is None or key.kind != "file" or not Path(str(value)).is_file():
        return value
    return hashlib.sha256(Path(str(value)).read_bytes()).hexdigest()


def refuse_idle(scenario: Scenario, grid: Grid) -> None:
    """Refuse a varied key, and an option, that changed nothing."""
    raise_all(
        [
            LlmcostError(
                f"--vary {axis.name} has no effect in this question",
                f"other values decide: leave --vary {axis.name} out",
            )
            for axis in grid.axes
            if axis.name not in scenario.read
        ]
    )
    refuse_unread([scenario])


def _refuse_empty(state: summary.State, task: Work) -> None:
    """Refuse a grid without one feasible point, in the words of the reason that most of them have."""
    if state["feasible"]:
        return
    reasons = sorted(state["reasons"].items(), key=lambda item: (-item[1], item[0]))
    text = reasons[0][0] if reasons else "no point has an answer"
    raise LlmcostError(f"none of {task.grid.rows:,} points is feasible: {text}", "llmcost fit", code=Exit.NO)


def _estimate(task: Work, engine: Engine, state: summary.State, output: str, size: int) -> Estimate:
    """What the points say."""
    cost = summary.COST[engine.name]
    best = state["front"][0][1] if state["front"] else None
    result: dict[str, Any] = {
        "engine": engine.name,
        "points": state["rows"],
        "feasible_points": state["feasible"],
        "file_name": Path(output).name,
        "file_bytes": size,
    }
    if best is not None:
        result |= {name: best[name] for name in (cost, summary.AGAINST.get(engine.name, "")) if name in best}
    front = [summary.shown(task.columns, row, engine.name) for _, row in summary.thinned(state["front"], FRONT_ROWS)]
    extremes = [
        {"column": c.name, "least": low, "most": high, "unit": TERMS[c.source].base if c.source in TERMS else ""}
        for c in task.columns
        if c.name in state["extremes"]
        for low, high in [state["extremes"][c.name]]
    ]
    lost = [{"reason": reason, "points": count} for reason, count in sorted(state["reasons"].items(), key=_often)]
    arrays: dict[str, Any] = {"front": front, "extremes": extremes}
    seen = landscape.picture(task.grid, task.columns, state["places"], summary.BEST[engine.name])
    return Estimate(
        command="sweep",
        headline=_headline(task, engine, state, cost, best),
        result=result,
        arrays=arrays
        | ({"refused": lost[: summary.MOST_REASONS]} if lost else {})
        | ({PLACES: [seen]} if seen else {}),
        presets=presets_date(task.catalog),
    )


def _often(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


def _headline(task: Work, engine: Engine, state: summary.State, cost: str, best: summary.Row | None) -> str:
    text = f"{state['rows']:,} points of {engine.name}, {state['feasible']:,} feasible"
    if best is None or cost not in TERMS or best.get(cost) is None:
        return f"{text}."
    at = ", ".join(f"{c.name} {_shown(c, best[c.name])}" for c in task.columns if c.key)
    return f"{text}; least {TERMS[cost].label} {units.format(TERMS[cost].kind, best[cost])} at {at}."


def _shown(column: Column, value: Any) -> str:
    if isinstance(value, str):
        return value
    key = KEYS.get(column.name.removeprefix("train_").removeprefix("serve_"))
    kind = key.kind if key is not None else "count"
    if kind in ("count", "whole") and float(value).is_integer() and value < 1e6:
        return f"{value:,.0f}"
    return units.format(kind, float(value))
