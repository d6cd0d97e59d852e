"""Budget files to limits, each with the line it stands on; every finding of a file at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from llmcost import units
from llmcost.budget.limits import (
    AGE,
    DECREASE,
    INCREASE,
    LEVELS,
    LIMITED,
    MEDIAN,
    NOTED,
    PRICE_AGE,
    QUANTILES,
    SUMMED,
    TOGETHER,
    Budget,
    BudgetFile,
    Limit,
    amount,
    place,
)
from llmcost.budget.lines import Path, key_lines
from llmcost.errors import LlmcostError, did_you_mean, nearest, not_of, one_of, raise_all
from llmcost.keys import BOTH, NOTES, TABLES, all_keys
from llmcost.records import NamedTuple
from llmcost.terms import TERMS

FILE_KEYS = ("baseline", "as_of", "currency", PRICE_AGE, "budget", "title", "description")
BUDGET_KEYS = ("name", "scenario", "scenarios", *NOTED, INCREASE, DECREASE, PRICE_AGE)
SIDES = ("max", "min")
Parse = Callable[[Any], Any]
Levels = dict[str, float]


class Table(NamedTuple):
    """A table being read: its values, where it is, and where findings go."""

    label: str
    path: Path
    values: Mapping[str, Any]
    lines: Mapping[Path, int]
    findings: list[LlmcostError]

    def line(self, key: str) -> int:
        """The line of a key: of its fail level where that has one; of the table where the key is not in it."""
        own = (*self.path, key)
        known = (self.lines.get(path) for path in ((*own, "fail"), own, self.path))
        return next((line for line in known if line is not None), 1)

    def refuse(self, key: str, message: str, hint: str = "") -> None:
        """Note a finding at a key."""
        self.findings.append(LlmcostError(f"{place(self.label, self.line(key))}: {message}", hint))

    def take(self, key: str, parse: Parse) -> Any:
        """A value, parsed; None where there is none or it is wrong."""
        if key not in self.values:
            return None
        try:
            return parse(self.values[key])
        except LlmcostError as error:
            name = f"{self.path[-1]}.{key}" if key in LEVELS else key
            self.refuse(key, f"{name}: {error.message}", error.hint)
        return None

    def known(self, keys: tuple[str, ...], what: str) -> bool:
        """Refuse every key but these; whether there is none."""
        strange = [key for key in self.values if key not in keys]
        for key in strange:
            self.refuse(key, f"{what}: unknown key {units.shown(key)}, expected {', '.join(keys)}", self.meant(key))
        return not strange

    def meant(self, key: str) -> str:
        """What an unknown key of a limit may have been: a name spelled nearly so, else its level by another name."""
        typo = [name for name in nearest(key, (*LEVELS, *NOTED, INCREASE, DECREASE)) if abs(len(name) - len(key)) < 3]
        if typo or "fail" in self.values:
            return f"did you mean {' or '.join(map(repr, typo))}?" if typo else ""
        return f"the level that fails is called fail: {{ fail = {_toml(self.values[key])} }}"


def read(label: str, text: str, data: Mapping[str, Any]) -> BudgetFile:
    """The budgets of a file.

    Parameters
    ----------
    label : str
        The file's name in messages and reports.
    text, data
        Its text, and the same parsed.

    Raises
    ------
    LlmcostError
        Every finding of the file: unknown keys with the nearest names, values that are no quantities, no budget.
    """
    findings: list[LlmcostError] = []
    file = Table(label, (), data, key_lines(text), findings)
    alone = set(data) <= set(FILE_KEYS)
    known = (*FILE_KEYS, *all_keys(), *NOTES, *TABLES)
    for key in data:
        if key not in known:
            file.refuse(key, f"unknown key {units.shown(key)}", did_you_mean(key, known) or "llmcost schema budget")
    title = data["title"] if isinstance(data.get("title"), str) else label
    currency = file.take("currency", units.parse_currency)
    with units.amounts_in(currency or units.current()):
        budgets = tuple(_budget(table, title, alone) for table in _budgets(file))
    if not alone:
        raise_all(findings)
        own = {k: v for k, v in data.items() if k != "budget"}
        return BudgetFile(label=label, budgets=budgets, scenario=own, currency=currency)
    as_of, baseline = file.take("as_of", units.parse_date), file.take("baseline", _text)
    age = _price_age(file, {"budget": title, "file": label})
    raise_all(findings)
    return BudgetFile(
        label=label, budgets=budgets, price_age=next(iter(age), None), as_of=as_of, baseline=baseline,
        currency=currency,
    )  # fmt: skip


def _budgets(file: Table) -> list[Table]:
    """The `[[budget]]` tables, or the one `[budget]`."""
    said = file.values.get("budget")
    several = isinstance(said, list)
    tables = said if isinstance(said, list) else [said]
    if not tables or not all(isinstance(t, dict) and t for t in tables):
        file.refuse("budget", "no [[budget]] in this file", "llmcost schema budget")
        return []
    return [
        file._replace(path=("budget", i) if several else ("budget",), values=table) for i, table in enumerate(tables)
    ]


def _budget(table: Table, title: str, alone: bool) -> Budget:
    scenario, several = table.take("scenario", _text), table.take("scenarios", _texts) or ()
    if scenario is not None and several:
        both = one_of("scenario", "scenarios")
        table.refuse("scenarios", both.message, both.hint)
    if alone and not {"scenario", "scenarios"} & set(table.values):
        table.refuse("scenario", "a budget without a scenario", 'scenario = "chat.toml", or the name of a preset')
    name = table.take("name", _text) or scenario or " + ".join(several) or title
    shared = {"budget": name, "file": table.label, **_noted(table)}
    limits = [limit for key in table.values if key not in BUDGET_KEYS for limit in _limits(table, key, shared)]
    for key in (INCREASE, DECREASE):
        limits += _relative(table, key, limits, shared)
    limits += _price_age(table, shared)
    if not limits and not table.findings:
        table.refuse("name", f"budget {units.shown(name)} has no limit", 'max_total_usd = "1.2M"')
    _added_up(table, limits, bool(several))
    where = place(table.label, table.line("scenarios" if several else "scenario"))
    return Budget(name=name, scenario=scenario, limits=tuple(limits), scenarios=several, place=where)


def _added_up(table: Table, limits: list[Limit], several: bool) -> None:
    """Refuse limits that a sum has not, and those that only a sum has."""
    for limit in limits:
        if several and limit.key not in (*TOGETHER, *SUMMED, AGE):
            known = ", ".join(f"max_{key}" for key in (*TOGETHER, *SUMMED))
            table.refuse(limit.name, f"{limit.name}: scenarios are not added up in that, but in {known}")
        elif not several and limit.key in TOGETHER:
            key = TOGETHER[limit.key]
            table.refuse(limit.name, f"{limit.name} is for several scenarios", f'max_{key}, or scenarios = ["a.toml"]')


def _price_age(table: Table, said: Mapping[str, Any]) -> list[Limit]:
    """The limit on the age of prices, of a budget or of a whole file."""
    age = table.take(PRICE_AGE, _levels(lambda raw: units.parse("seconds", raw)))
    return [] if age is None else _made(table, PRICE_AGE, age, {**said, "at": MEDIAN}, key=AGE)


def _limits(table: Table, name: str, shared: Mapping[str, Any]) -> list[Limit]:
    """The limits that one entry makes: on a figure, on its change since the baseline, or on both."""
    side, _, key = name.partition("_")
    if side not in SIDES or key not in LIMITED:
        _refuse_name(table, name, key if side in SIDES else "")
        return []
    upper, change = side == "max", INCREASE if side == "max" else DECREASE
    raw = table.values[name]
    parse = _levels(lambda value: amount(LIMITED[key], value), upper)
    if not isinstance(raw, dict):
        levels = table.take(name, parse)
        return [] if levels is None else _made(table, name, levels, shared, key=key, upper=upper)
    inside = table._replace(path=(*table.path, name), values=raw)
    known = inside.known((*LEVELS, *NOTED, change), name)
    own = {**shared, **_noted(inside)}
    found: list[Limit] = []
    said = {level: raw[level] for level in LEVELS if level in raw}
    if said:
        levels = table._replace(values={name: said}).take(name, parse)
        found += [] if levels is None else _made(table, name, levels, own, key=key, upper=upper)
    elif known and change not in raw:
        table.refuse(name, f"{name}: neither fail, warn nor {change}", f'{name} = "1.2M", or {{ fail = "1.2M" }}')
    relative = inside.take(change, _levels(_share))
    if relative is not None:
        found += _made(inside, change, relative, own, key=key, relative=True)
    return found


def _refuse_name(table: Table, name: str, key: str) -> None:
    if key in TERMS:
        table.refuse(name, f"{name}: {key} is no number, so it has no limit", "llmcost schema budget")
        return
    known = [f"{side}_{key}" for side in SIDES for key in LIMITED]
    hint = did_you_mean(name, [*known, *BUDGET_KEYS]) or "max_ or min_ and a result key, such as max_total_usd"
    table.refuse(name, f"unknown limit {units.shown(name)}", hint)


def _relative(table: Table, change: str, limits: list[Limit], shared: Mapping[str, Any]) -> list[Limit]:
    """A budget's `max_increase` for all that it keeps below a limit, its `max_decrease` for what it keeps above one.

    Alone in a budget, `max_increase` is about the cost of whatever the scenario asks.
    """
    level = table.take(change, _levels(_share))
    if level is None:
        return []
    upper = change == INCREASE
    own = {limit.key for limit in limits if limit.name == change}
    absolute = [limit for limit in limits if limit.upper == upper and not limit.relative]
    chosen = {limit.key: limit for limit in absolute if limit.key not in own}
    if not limits and upper:
        return _made(table, change, level, shared, key="", relative=True)
    if not chosen and not own:
        side = "max" if upper else "min"
        table.refuse(change, f"{change} has no effect: this budget has no {side}_ limit for it to go with",
                     f'{side}_total_usd = {{ {change} = "5%" }}')  # fmt: skip
    return [
        made
        for key, limit in chosen.items()
        for made in _made(table, change, level, {**shared, "on": limit.on, "at": limit.at}, key=key, relative=True)
    ]


def _made(table: Table, name: str, levels: Levels, said: Mapping[str, Any], **more: Any) -> list[Limit]:
    return [Limit(name=name, fail=levels.get("fail"), warn=levels.get("warn"), line=table.line(name), **said, **more)]


def _noted(table: Table) -> dict[str, Any]:
    """Who, why, until when, of which command and at which quantile: what is said of it here."""
    parses: dict[str, Parse] = {
        "on": _one_of(BOTH),
        "at": lambda raw: MEDIAN if raw == "median" else _one_of(QUANTILES)(raw),
        "owner": _text,
        "reason": _text,
        "expires": units.parse_date,
    }
    found = {key: table.take(key, parse) for key, parse in parses.items()}
    return {key: value for key, value in found.items() if value is not None}


def _levels(parse: Parse, upper: bool = True) -> Parse:
    """One level to fail beyond, or a table of `fail` and `warn`."""

    def levels(raw: Any) -> Levels:
        if not isinstance(raw, dict):
            return {"fail": parse(raw)}
        unknown = [key for key in raw if key not in LEVELS]
        if unknown or not raw:
            what = f"unknown key {units.shown(unknown[0])}" if unknown else "an empty table"
            raise LlmcostError(f"{what}: expected fail, warn or both", "{ warn = 80000, fail = 100000 }")
        found = {}
        for key, value in raw.items():
            try:
                found[key] = parse(value)
            except LlmcostError as error:
                raise units.at(key, error) from None
        ordered = [found[level] for level in (("warn", "fail") if upper else ("fail", "warn")) if level in found]
        if ordered != sorted(ordered):
            raise LlmcostError("the warn level lies beyond the fail level, so it would never warn", "swap the two")
        return found

    return levels


def _one_of(names: tuple[str, ...]) -> Parse:
    def parse(raw: Any) -> str:
        if raw in names:
            return str(raw)
        raise not_of(raw, names)

    return parse


def _toml(raw: Any) -> str:
    """A value as a hint has it."""
    return f'"{units.shown(raw)[1:-1]}"' if isinstance(raw, str) else units.shown(raw, 20)


def _text(raw: Any) -> str:
    if isinstance(raw, str) and raw.strip():
        return raw.strip()
    raise LlmcostError(f"{units.shown(raw)} is not a text", 'text in quotes: "chat.toml"')


def _texts(raw: Any) -> tuple[str, ...]:
    if not isinstance(raw, list) or not raw:
        raise LlmcostError(f"{units.shown(raw)} is not a list of texts", 'scenarios = ["chat.toml", "search.toml"]')
    found = tuple(_text(one) for one in raw)
    if len(set(found)) < len(found):
        raise LlmcostError("a scenario stands in the list twice", "name it once")
    return found


def _share(raw: Any) -> float:
    return units.parse("share", raw)
