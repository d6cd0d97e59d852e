"""The Python API: one function per question, keys as on the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from typing import Any

from llmcost import units
from llmcost.answer import Answer, Columns
from llmcost.catalog import Catalog, is_path
from llmcost.errors import LlmcostError, shown
from llmcost.files import read_toml
from llmcost.result import Estimate
from llmcost.scenario import Said, Scenario, currency, refuse_unread, resolve

Presets = str | PathLike[str] | None


def _question(scenario: str | None, catalog: Catalog, keys: Mapping[str, Any]) -> Scenario:
    if scenario is None:
        return resolve(keys)
    found = catalog.find("scenarios", scenario)
    origin = f"file:{found.path.name}" if is_path(scenario) else found.origin
    return resolve(keys, Said(read_toml(found.path), origin, found.path.name))


def _prepared(scenarios: Sequence[Scenario], catalog: Catalog) -> tuple[list[Scenario], Catalog]:
    """The questions with what their own files say."""
    from llmcost.estimate.prepared import prepared as answer

    return answer(scenarios, catalog)


def _noted(estimate: Estimate, catalog: Catalog) -> Estimate:
    from llmcost.estimate.prepared import noted

    return noted(estimate, catalog)


def _catalog(presets: Presets) -> Catalog:
    from pathlib import Path

    if presets is not None and not Path(presets).is_dir():
        raise LlmcostError(
            f"presets: no such folder: {shown(str(presets), 200)}", "the folder that holds models/ or hardware/"
        )
    return Catalog([Path(presets)] if presets is not None else [])


def _answered(answer: Callable[[Scenario, Catalog], Estimate], name: str | None, presets: Presets, keys: Any) -> Answer:
    catalog = _catalog(presets)
    question = _question(name, catalog, keys)
    stated = currency([question])
    with units.amounts_in(stated.value):
        (question,), catalog = _prepared([question], catalog)
        estimate = _noted(answer(question, catalog), catalog)
    if not estimate.exit_code:
        refuse_unread([question])
    return Answer.of(estimate.shown_in(stated.value, stated.origin))


def train(
    scenario: str | None = None,
    /,
    *,
    presets: Presets = None,
    solve: str | None = None,
    at: str | None = None,
    confidence: str | None = None,
    **keys: Any,
) -> Answer:
    """What a training run costs.

    Parameters
    ----------
    scenario : str, optional
        Scenario preset or `.toml` path; `keys` go over it.
    presets : path, optional
        Folder of your own presets.
    solve, at, confidence : str, optional
        Turn the question round: `solve="gpus", at="30d", confidence="90%"`; `at` alone gives the chance.
    **keys
        Any option of `llmcost train`, with `_` for `-`.

    Raises
    ------
    LlmcostError
        The question is wrong; `message` and `hint` say how.

    Examples
    --------
    DeepSeek-V3: 2.788M H800-hours at $2 are $5.576M (arXiv:2412.19437, table 1).

    >>> train(model="deepseek-v3", gpu_hours="2.788M", price="2/h").result["total_usd"]
    5576000.0
    """
    from functools import partial

    from llmcost.estimate.training.answer import train as answer

    return _answered(partial(answer, solve=solve, at=at, confidence=confidence), scenario, presets, keys)


def serve(scenario: str | None = None, /, *, presets: Presets = None, ladder: bool = False, **keys: Any) -> Answer:
    """What serving a model costs; parameters as in `train`, keys as in `llmcost serve`.

    With `ladder`: the cost after each technique, in `arrays["ladder"]`.

    Examples
    --------
    A replica of known speed: 1,000 tokens at 2,500 a second and $9 an hour are $0.001
    (1,000 / 2,500 x 9 / 3,600), where every hour is full.

    >>> answer = serve(tokens_per_second="2500/s", price="9/h", gpus=1, isl=1, osl=1000, utilization="100%")
    >>> round(answer["usd_per_request"], 5)
    0.001
    """
    if ladder:
        from llmcost.estimate.serving.ladder import ladder as answer
    else:
        from llmcost.estimate.serving.answer import serve as answer

    return _answered(answer, scenario, presets, keys)


def crossover(
    scenario: str | None = None,
    /,
    *,
    presets: Presets = None,
    by: str | None = None,
    solve: str | None = None,
    at: str | None = None,
    **keys: Any,
) -> Answer:
    """When cumulative inference overtakes training; parameters as in `train`, keys as in `llmcost crossover`.

    `by` adds the table of months or quarters; `solve` and `at` turn the question round.

    Examples
    --------
    BLOOMz-7B: 59,257 kWh of training at 1.0e-4 kWh per request (arXiv:2311.16863, table 5).

    >>> answer = crossover(train_energy="59257kWh", energy_per_request="1.0e-4kWh")
    >>> round(answer.result["crossover_requests"])
    592570000
    """
    from functools import partial

    from llmcost.estimate.crossover import crossover as answer

    return _answered(partial(answer, by=by, solve=solve, at=at), scenario, presets, keys)


def fit(scenario: str | None = None, /, *, presets: Presets = None, **keys: Any) -> Answer:
    """Whether a model fits on some machines to serve it; parameters as in `train`, keys as in `llmcost fit`.

    Examples
    --------
    70.6 billion weights of 2 bytes are 141 GB: one accelerator of 80 GB does not hold them.

    >>> fit(model="llama-3.1-70b", hardware="h100-sxm", gpus=1, dtype="bf16")["verdict"]
    'does-not-fit'
    """
    from llmcost.estimate.fit.answer import fit as answer

    return _answered(answer, scenario, presets, keys)


def compare(
    *scenarios: str,
    vary: Mapping[str, Sequence[Any]] | None = None,
    against: Sequence[str] = (),
    cross: str | None = None,
    by: str | None = None,
    presets: Presets = None,
    **keys: Any,
) -> Answer:
    """Alternatives side by side: `scenarios`, every combination of the values in `vary`, and other ways (`against`).

    `by` adds what each takes in every month or quarter.

    Examples
    --------
    >>> answer = compare(cost_per_request=0.05, requests="10M/day", vary={"train_cost": ["100M", "200M"]})
    >>> [row["crossover_days"] for row in answer.arrays["alternatives"]]
    [200.0, 400.0]
    """
    from llmcost.estimate.compare import Alternative
    from llmcost.estimate.compare import compare as answer

    catalog = _catalog(presets)
    asked = [Alternative(name or "", _question(name, catalog, keys)) for name in scenarios or (None,)]
    stated = currency(one.scenario for one in asked)
    axes = [f"{key}={','.join(str(v) for v in values)}" for key, values in (vary or {}).items()]
    with units.amounts_in(stated.value):
        questions, catalog = _prepared([one.scenario for one in asked], catalog)
        asked = [one._replace(scenario=question) for one, question in zip(asked, questions, strict=True)]
        estimate = answer(asked, catalog, axes, list(against), cross, by=by)
    return Answer.of(estimate.shown_in(stated.value, stated.origin))


def sweep(
    scenario: str | None = None,
    /,
    *,
    vary: Mapping[str, str | Iterable[Any]],
    engine: str | None = None,
    columns: Sequence[str] | None = None,
    presets: Presets = None,
    **keys: Any,
) -> Columns:
    """One question at every point of a grid, as columns; `llmcost sweep` writes larger grids into a file.

    Parameters
    ----------
    scenario : str, optional
        Scenario preset or `.toml` path; `keys` go over it.
    vary : mapping
        The values of each key: a list or an array of numbers in base units or text, or text as of `--vary`
        (`"100..8000:50"`, `"1k..1M/day:20:log"`). Several keys make a grid, of which the column of each key tells.
    engine : str, optional
        `serve`, `train`, `crossover` or `fit`; without it the one that is asked about.
    columns : sequence of str, optional
        The figures to keep; without it all of them.
    presets : path, optional
        Folder of your own presets.
    **keys
        What all points share: any option of `llmcost sweep`, with `_` for `-`.

    Returns
    -------
    Columns
        A dictionary of arrays: the keys, `feasible`, `reason` (None where a point is feasible), and the figures, nan
        where there is none. `to_frame()` is a frame of pandas or polars.

    Raises
    ------
    LlmcostError
        The question is wrong; `message` and `hint` say how.

    Examples
    --------
    Rates of 1,000 and 2,000 tokens a second at $9 an hour: 1,000 tokens are $0.0025 and $0.00125.

    >>> asked = {"tokens_per_second": ["1000/s", "2000/s"], "price": ["9/h", "18/h"]}
    >>> found = sweep(vary=asked, isl=1, osl=1000, utilization="100%", columns=["usd_per_request"])
    >>> found["price"].tolist(), found["usd_per_request"].round(5).tolist()
    ([9.0, 18.0, 9.0, 18.0], [0.0025, 0.005, 0.00125, 0.0025])
    """
    from llmcost.estimate.sweep import points
    from llmcost.estimate.sweep.grid import axes_of

    catalog = _catalog(presets)
    (question,), catalog = _prepared([_question(scenario, catalog, keys)], catalog)
    wanted = None if columns is None else ",".join(columns)
    with units.amounts_in(currency([question]).value):
        return Columns(points(question, catalog, axes_of(vary), engine, wanted))


def check(*files: str, baseline: str | None = None, as_of: str | None = None, presets: Presets = None) -> Answer:
    r"""Budgets against the answers of their scenarios; `exit_code` is 1 where a limit does not hold.

    Parameters
    ----------
    files : str
        Budget files, or scenarios with a budget table; `llmcost.toml` of this folder when none is named.
    baseline : str, optional
        The saved JSON of an earlier check.
    as_of : str, optional
        Prices up to this day, and the day it is; this library reads no clock.
    presets : path, optional
        Folder of your own presets.

    Raises
    ------
    LlmcostError
        The question is wrong; `message` and `hint` say how.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> budget = '[[budget]]\nscenario = "deepseek-v3.toml"\non = "train"\nmax_total_usd = "6M"\n'
    >>> question = 'model = "deepseek-v3"\ngpu_hours = "2.788M"\nprice = "2/h"\n'
    >>> for name, text in (("llmcost.toml", budget), ("deepseek-v3.toml", question)):
    ...     _ = (folder / name).write_text(text)
    >>> check(str(folder / "llmcost.toml"))["failed"]
    0
    """
    from llmcost.estimate.check import Asked
    from llmcost.estimate.check import check as answer
    from llmcost.estimate.check import files as budgets

    catalog = _catalog(presets)
    read = budgets.read(files or [budgets.DEFAULT], catalog, bytes)
    asked = [Asked(*pair) for pair in zip(read, budgets.baselines(read, baseline), strict=True)]
    return Answer.of(answer(asked, catalog, as_of=None if as_of is None else units.parse_date(as_of)))
