"""The first files of a project: a scenario that answers at once, a budget that holds, and schemas for editors."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping

import tomli_w

from llmcost import instances, units
from llmcost.catalog import Catalog, presets_date
from llmcost.errors import LlmcostError
from llmcost.keys import CROSSOVER, KEYS, SERVE, TRAIN, all_keys
from llmcost.records import NamedTuple
from llmcost.result import Estimate
from llmcost.scenario import Said, Scenario, layer, resolve

ROOM = 1.25  # the default limit is that much above the estimate
SOONEST = 0.8  # and a crossing may come that much sooner
DEADLINES = ("30d", "90d", "1y")  # by which a run is to end where nobody says on how many accelerators
MOST_GPUS = 1024  # where it ends by none of them
BUDGET, FOLDER = "llmcost.toml", ".llmcost"


SIDES = {SERVE: "serving", TRAIN: "training", CROSSOVER: "payback"}  # names of budgets
NOTES = {
    "model": "llmcost presets search WORD finds others",
    "hardware": "llmcost presets list hardware",
    "gpus": "so many end the run in a month",
    "train_gpus": "so many end the training run in a month",
    "requests": "mean traffic from launch",
    "tokens": "training tokens",
    "price": "what the instance rents for, an accelerator",
    "provider": "who rents it",
    "currency": "dollars for one unit of it; amounts with its sign are in it, others in dollars",
}
MORE = (
    ("price", "2.50/h", "what an accelerator-hour costs you", (SERVE, TRAIN, CROSSOVER)),
    ("tpot", "30ms", "how fast an answer must be written", (SERVE, CROSSOVER)),
    ("utilization", "50%", "how busy the fleet is on average", (SERVE, CROSSOVER)),
    ("mfu", "40%", "if you measured it", (TRAIN, CROSSOVER)),
)


class Ask(NamedTuple):
    """A question: the scenario key that it fills, its words and what is taken without an answer."""

    key: str
    words: str
    default: str


class Goal(NamedTuple):
    """What somebody wants to know: what is asked, what is written beside, and which figure gets the limit."""

    words: str
    asks: tuple[Ask, ...]
    beside: tuple[tuple[str, str, str], ...]  # key, value, comment
    limit: str  # a key of a budget
    figure: str
    kind: str
    question: str
    ranged: str  # a range of one of the values, as an example


MODEL = Ask("model", "Which model?", "llama-3.1-8b")
HARDWARE = Ask("hardware", "On which accelerator or cloud instance?", "h100-sxm")
REQUESTS = Ask("requests", "How many requests?", "1M/day")
TOKENS = Ask("tokens", "Trained on how many tokens?", "1T")
LENGTHS = (("isl", "1000", "input tokens of a request"), ("osl", "300", "output tokens of a request"))
GOALS = {
    SERVE: Goal(
        "what a service costs",
        (MODEL, HARDWARE, REQUESTS),
        LENGTHS,
        "max_usd_per_month",
        "usd_per_month",
        "usd",
        "What may a month cost?",
        'requests = "500k..2M/day"',
    ),
    TRAIN: Goal(
        "what a training run costs",
        (MODEL, HARDWARE, TOKENS),
        (),
        "max_total_usd",
        "total_usd",
        "usd",
        "What may the run cost?",
        'tokens = "800B..1.2T"',
    ),
    CROSSOVER: Goal(
        "when serving a model has cost as much as training it",
        (MODEL, HARDWARE, TOKENS, REQUESTS),
        LENGTHS,
        "min_crossover_days",
        "crossover_days",
        "whole",
        "After how many days at the earliest?",
        'requests = "500k..2M/day"',
    ),
}


class Project(NamedTuple):
    """Files by name, the answer that they give, and the change that breaks the budget."""

    files: dict[str, str]
    answer: Estimate
    scenario: str
    holds: bool
    other: str  # a limit that turns the verdict round, as a line of the budget


def checked(ask: Ask, said: str, catalog: Catalog) -> str:
    """An answer as it goes into the scenario.

    Raises
    ------
    LlmcostError
        Not a value of that key, or no such preset.
    """
    layer({ask.key: said}, "flag")
    kind = KEYS[ask.key].kind
    if kind == "hardware":
        chip = (instances.counted(catalog, said) or (1, said))[1]
        if instances.find(catalog, chip) is None:
            catalog.find(kind, chip)
    elif kind == "models":
        catalog.find(kind, said)
    return said


def answered(goal: str, said: Mapping[str, str], catalog: Catalog) -> tuple[Estimate, dict[str, str]]:
    """The answer to what was said so far, and the values that it is made from.

    Raises
    ------
    LlmcostError
        No answer: it does not fit, or the traffic needs more than there is.
    """
    times, chip = instances.counted(catalog, said["hardware"]) or (0, said["hardware"])
    values = {**said, "hardware": chip, **_accelerator(chip, catalog), **_currency()}
    if goal in (TRAIN, CROSSOVER):
        values |= {"gpus" if goal == TRAIN else "train_gpus": str(times) if times else _gpus(values, catalog)}
    values |= {key: value for key, value, _ in GOALS[goal].beside}
    answer = _asker(goal)(resolve({}, Said({k: _typed(v) for k, v in values.items()}, "file:scenario")), catalog)
    if answer.exit_code:
        raise LlmcostError(answer.headline.rstrip("."), "llmcost init with a smaller --model, or more --hardware")
    return answer, values


def _currency() -> dict[str, str]:
    """The currency that amounts are shown in, where it is not dollars."""
    shown = units.current()
    return {} if shown == units.DOLLARS else {"currency": shown.said}


def _accelerator(name: str, catalog: Catalog) -> dict[str, str]:
    """A cloud instance is its accelerator at its price, since a fleet has more than one."""
    found = instances.find(catalog, name)
    if found is None:
        return {}
    kind, where = found
    if kind.usd_per_hour is not None:
        return {"hardware": kind.hardware, "price": f"{kind.usd_per_hour / kind.accelerators:.4g}/h"}
    quoted = where.name in catalog.names("prices") and catalog.quotes(where.name, kind.hardware)
    return {"hardware": kind.hardware, **({"provider": where.name} if quoted else {})}


def limit(goal: str, answer: Estimate) -> str:
    """A limit that holds today and has some room."""
    found = answer.result.get(GOALS[goal].figure)
    if not isinstance(found, int | float):
        raise LlmcostError(f"nothing to put a limit on: {answer.headline.rstrip('.')}", "llmcost init --limit VALUE")
    if goal == CROSSOVER:
        return f"{math.floor(found * SOONEST):d}"
    return _amount(found * ROOM)


def _amount(usd: float) -> str:
    """An amount rounded up in the currency that it is shown in, as it is typed."""
    unit = units.current().usd
    return units.format("usd", _rounded_up(usd / unit) * unit).removeprefix("$")


def _rounded_up(value: float) -> float:
    """The next number of two digits.

    >>> _rounded_up(1234.0), _rounded_up(0.98)
    (1300.0, 0.98)
    """
    digit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return round(math.ceil(round(value / digit, 9)) * digit, 9)


def project(goal: str, said: Mapping[str, str], most: str | None, catalog: Catalog) -> Project:
    """The files.

    Raises
    ------
    LlmcostError
        The question has no answer, or the limit is not a number of its kind.
    """
    answer, values = answered(goal, said, catalog)
    known, name = GOALS[goal], f"{goal}.toml"
    text = limit(goal, answer) if most is None else most
    allowed = _limit_value(known, text)
    found = float(str(answer.result[known.figure]))
    days = known.kind == "whole"
    line = f"{known.limit} = {text}" if days else tomli_w.dumps({known.limit: text}).strip()
    files = {name: _scenario_text(goal, values, answer), BUDGET: _budget_text(goal, name, line, catalog)}
    tight = _limit_text(known, found * 1.5 if days else found / 1.5)
    loose = _limit_text(known, found / 1.5 if days else found * 1.5)
    holds = found >= allowed if days else found <= allowed
    return Project(files, answer, name, holds, f"{known.limit} = {tight if holds else loose}")


def _limit_value(goal: Goal, said: str) -> float:
    try:
        return units.parse(goal.kind, said)
    except LlmcostError as error:
        raise units.at("--limit", error) from None


def _limit_text(goal: Goal, value: float) -> str:
    if goal.kind == "whole":
        return f"{value:.0f}"
    return f'"{_amount(value)}"'


def _gpus(said: Mapping[str, str], catalog: Catalog) -> str:
    """How many accelerators end the run in a month, or as soon as its batch allows."""
    from llmcost.estimate.training.answer import train

    keys = {key: said[key] for key in ("model", "hardware", "tokens")}
    for deadline in DEADLINES:
        try:
            found = train(resolve(keys), catalog, solve="gpus", at=deadline)
        except LlmcostError:
            continue
        if found.result.get("gpus"):
            return f"{found.result['gpus']:.0f}"
    return str(MOST_GPUS)


def _typed(value: str) -> str | int:
    return int(value) if value.isdecimal() else value


def _asker(goal: str) -> Callable[[Scenario, Catalog], Estimate]:
    if goal == SERVE:
        from llmcost.estimate.serving.answer import serve

        return serve
    if goal == TRAIN:
        from llmcost.estimate.training.answer import train

        return train
    from llmcost.estimate.crossover import crossover

    return crossover


def _scenario_text(goal: str, values: Mapping[str, str], answer: Estimate) -> str:
    keys, known = all_keys(), GOALS[goal]
    notes = NOTES | {key: comment for key, _, comment in known.beside}
    lines = [
        f"#:schema ./{FOLDER}/scenario.json",
        f"# A question for llmcost: {known.words}. Ask it with: llmcost {goal} {goal}.toml",
        f"# Any value may be a range, as {known.ranged}; then the answer has a wider one.",
        f"# {answer.headline}",
        tomli_w.dumps({"title": f"{values['model']} on {values['hardware']}"}).strip(),
        "",
        *(_line(key, value, notes.get(key) or keys[key].help) for key, value in values.items()),
        "",
        "# What you know better than the defaults:",
        *("# " + _line(key, value, note) for key, value, note, goals in MORE if goal in goals and key not in values),
    ]
    return "\n".join(lines) + "\n"


def _line(key: str, value: str, note: str) -> str:
    return f"{tomli_w.dumps({key: _typed(value)}).strip():<28}  # {note}"


def _budget_text(goal: str, name: str, line: str, catalog: Catalog) -> str:
    day = dt.date.fromisoformat(presets_date(catalog))
    lines = [
        f"#:schema ./{FOLDER}/budget.json",
        "# What this may cost. `llmcost check` reads this file: exit code 0 when the budget holds, 1 when it does not.",
        f"as_of = {day}  # prices up to this day, so that a build does not turn red by itself",
        *(tomli_w.dumps({key: said}).strip() for key, said in _currency().items()),
        "",
        "[[budget]]",
        f'name = "{SIDES[goal]}"',
        f'scenario = "{name}"',
        f'on = "{goal}"',
        line,
    ]
    return "\n".join(lines) + "\n"
