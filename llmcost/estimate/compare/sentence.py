"""The sentence of a comparison: which alternative is cheapest, how sure that is, and what pays from when."""

from __future__ import annotations

from collections.abc import Mapping

from llmcost import units
from llmcost.estimate.compare.answer import Table
from llmcost.estimate.compare.ranked import Beside, Ranked
from llmcost.records import NamedTuple
from llmcost.result import Range, Scalar

EQUAL, CLOSE = 1e-9, 0.02  # ratios that are one cost; chances that are told apart
WHAT = {
    "total_usd_horizon": " over the horizon", "usd_per_month": " a month", "usd_per_request": "",
    "usd_per_mtok_output": " of output", "upfront_usd": " to train",
}  # fmt: skip


def headline(table: Table) -> str:
    """Which is cheapest, by how much, and how sure that is."""
    rows, cheapest, deciding = table.rows, table.cheapest, table.deciding
    if cheapest is None or deciding is None:
        nothing = not any(row.feasible for row in rows)
        return "None of these alternatives is feasible." if nothing else "These alternatives have no cost in common."
    feasible = [row for row in rows if row.feasible]
    equal = [row.name for row in feasible if row.ratio and row.ratio <= 1.0 + EQUAL]
    last = equal[1] if len(equal) == 2 else f"{len(equal) - 1} more"
    text = f"{cheapest.name} is cheapest" if len(equal) < 2 else f"{equal[0]} and {last} are cheapest alike"
    text += f" at {money(deciding, cheapest.amount(deciding))}"
    ends = cheapest.with_prices or cheapest.whole
    if ends is not None:
        low, high = (units.format(kind_of(deciding), end).partition("/")[0] for end in (ends.p5, ends.p95))
        text += f" ({low} to {high})"
    dearest = max(feasible, key=lambda row: row.ratio or 1.0)
    if dearest.ratio and dearest.ratio > 1:
        other = dearest.name if len(feasible) == 2 else "the dearest"
        text += f"; {other} costs {units.number(dearest.ratio)} x as much"
    chance = cheapest.probability_cheapest
    if chance is not None and len(equal) < 2 <= len(feasible) and chance < 0.995:
        likely = max(feasible, key=lambda row: row.probability_cheapest or 0.0)
        if (likely.probability_cheapest or 0.0) > chance + CLOSE:
            return f"{_likelier(likely, cheapest, deciding)}."
        text += f"; it is cheapest in {100 * chance:.0f} % of samples"
    return text + "."


def _likelier(likely: Ranked, cheapest: Ranked, deciding: str) -> str:
    """The sentence where what costs least with every input at its median is not what is the cheapest most often."""
    shares = [f"{100 * (row.probability_cheapest or 0.0):.0f} %" for row in (likely, cheapest)]
    amounts = [money(deciding, row.amount(deciding)) for row in (likely, cheapest)]
    return (
        f"{likely.name} is the cheapest in {shares[0]} of samples, {cheapest.name} in {shares[1]}; with every "
        f"input at its median it costs {amounts[0]}, {cheapest.name} {amounts[1]}"
    )


class Told(NamedTuple):
    """A sentence, its numbers and their ranges."""

    text: str = ""
    result: Mapping[str, Scalar] = {}
    ranges: Mapping[str, Range] = {}


def pays(table: Table, beside: list[Beside]) -> Told:
    """From which traffic on what costs most up front pays, against each other that it ever beats; empty without one."""
    spent = [row for row in table.rows if row.feasible and row.figures["upfront_usd"]]
    if not spent or not beside:
        return Told()
    name = max(spent, key=lambda row: row.amount("upfront_usd")).name
    mine = [row for row in beside if name in (row["name"], row["other"]) and "cheaper_above" in row]
    wins = [row for row in mine if row["cheaper_above"] == name and row["break_even_requests"]]
    if not mine:
        return Told()
    lost = len(mine) - len(wins)
    result: dict[str, Scalar] = {"pays": name, "never_against": lost}
    said = f" {_named(name)} pays"
    if not wins:
        return Told(f"{said} at no volume.", result)
    wins.sort(key=lambda row: row["break_even_requests"] or 0.0)
    texts = [f"from {_volume(row)} against {_named(_other(row, name))}" for row in wins[:3]]
    others = "other" if lost == 1 else f"{lost} others"
    never = f"; against the {others} at no volume" if lost else ""
    first = wins[0]
    found = {
        "break_even_requests": Range(
            first["break_even_p5_requests"], first["break_even_requests"], first["break_even_p95_requests"]
        ),
        "break_even_usd": Range(first["break_even_p5_usd"], first["break_even_usd"], first["break_even_p95_usd"]),
    }
    result |= {"pays_against": _other(first, name), **{k: of.p50 for k, of in found.items()}}
    ranges = {k: of for k, of in found.items() if of.p5 != of.p95}
    return Told(f"{said} {'; '.join(texts)}{never}.", result, ranges)


def _other(row: Beside, name: str) -> str:
    return row["other"] if row["name"] == name else row["name"]


def _named(name: str) -> str:
    """A name inside a sentence: in quotes where a comma of its own would read as one of the sentence."""
    return f"'{name}'" if "," in name else name


def _volume(row: Beside) -> str:
    low, high = row["break_even_p5_requests"], row["break_even_p95_requests"]
    ends = [None if v is None else units.format("per_day", v).partition("/")[0] for v in (low, high)]
    text = units.format("per_day", row["break_even_requests"])
    if low == high:
        return text
    return f"{text} ({ends[0] or 'any'} to {ends[1] or 'never'})"


def kind_of(figure: str) -> str:
    """The kind of quantity of a deciding figure."""
    return {"usd_per_mtok_output": "usd_per_mtok", "usd_per_request": "usd_per_request"}.get(figure, "usd")


def money(figure: str, value: float) -> str:
    """An amount in words: `$1.2M a month`."""
    return units.format(kind_of(figure), value) + WHAT[figure]
