"""What a crossover says first: the day with its range and its chance, in one sentence that holds together."""

from __future__ import annotations

from collections.abc import Sequence

from llmcost import units
from llmcost.engine.numeric.kinds import DAYS_PER_MONTH, SECONDS_PER_DAY
from llmcost.estimate.crossover.result import CrossoverResult
from llmcost.estimate.crossover.samples import Swing
from llmcost.records import NamedTuple
from llmcost.result import Range

NO_TRAFFIC, CROSSES, BACK, ALREADY, NEVER = (
    "no traffic given", "crosses", "crosses and falls back", "already crossed", "not within the horizon",
)  # fmt: skip
NAMED = 3  # inputs that the answer names as moving it most
SLIGHT = 0.02  # of the widest swing: less is not told
SOON = 10.0  # days: below it a day is too coarse to tell
SURE, OPEN = 0.995, (0.40, 0.60)  # chances that need no telling; chances that settle nothing
MEDIANS = "with every input at its median"


class Facts(NamedTuple):
    """An answer as the sentence needs it."""

    result: CrossoverResult
    range: Range | None  # of the day
    horizon: float  # [d]
    what: str  # what inference overtakes training in
    named: bool  # whether it has to be said in what
    again: str  # why training may lead again
    at_launch: float | None  # share of samples that have crossed by launch
    held: bool = False  # whether the range is that at prices held at their medians, beside a wider one

    @property
    def window(self) -> str:
        """How far it looks."""
        return units.format("seconds", self.horizon * SECONDS_PER_DAY)

    @property
    def chance(self) -> float:
        """Share of samples that cross within the horizon."""
        return float(self.result["probability_crossed"] or 0.0)


def headline(told: Facts) -> str:
    """The answer in a sentence; where the medians of the inputs and most of the samples disagree, it says both."""
    result, what = told.result, told.what
    if result["status"] == NO_TRAFFIC:
        return f"Inference overtakes training in {what} after {result['crossover_requests']:,.0f} requests."
    if result["status"] == NEVER:
        return _never(told)
    if result["status"] == ALREADY:
        return _already(told)
    back = f"; it falls behind again because training is {told.again}" if result["status"] == BACK else ""
    subject = f"training in {what}" if told.named else "training"
    when, chance = _when(told), told.chance
    if chance >= SURE:
        return f"Inference overtakes {subject} {when}{back}."
    if chance > OPEN[1]:
        return f"Inference overtakes {subject} {when}{back}; {share(chance)} of samples do within {told.window}."
    if chance >= OPEN[0]:
        doubt = f"It is open whether inference overtakes training in {what} within {told.window} of launch"
        return f"{doubt}: {share(chance)} of samples do; {MEDIANS} it does {when}{back}."
    only = f"Inference overtakes training in {what} within {told.window} of launch in only {share(chance)} of samples"
    return f"{only}; {MEDIANS} it does {when}{back}."


def _never(told: Facts) -> str:
    chance, within = told.chance, f"training in {told.what} within {told.window} of launch"
    if chance < OPEN[0]:
        rest = f", {MEDIANS}; {share(chance)} of samples do" if chance else ""
        return f"Inference does not overtake {within}{rest}."
    if chance <= OPEN[1]:
        return f"It is open whether inference overtakes {within}: {share(chance)} of samples do; {MEDIANS} it does not."
    return f"Inference overtakes {within} in {share(chance)} of samples, but not {MEDIANS}."


def _already(told: Facts) -> str:
    text = f"Inference has already overtaken training in {told.what} at launch"
    if told.at_launch is None or told.at_launch >= SURE:
        return f"{text}."
    return f"{text}, {MEDIANS}; {share(told.at_launch)} of samples have, {share(told.chance)} do within {told.window}."


def _when(told: Facts) -> str:
    """The day with its range and the spend."""
    result, days = told.result, told.result["crossover_days"]
    assert days is not None
    dated = f"on {result['crossover_date']}, " if result["crossover_date"] else ""
    if days < SOON:
        text = f"{dated}{day(days, True)} after launch"
    else:
        text = f"{dated or 'on '}day {days:,.0f} (month {int(days / DAYS_PER_MONTH) + 1}) after launch"
    if told.range is not None:
        soon = days < SOON and told.range.p95 is not None and told.range.p95 < SOON * SOON
        low, high = (day(end, soon, told.horizon) for end in (told.range.p5, told.range.p95))
        text += f", range {low} to {high}{' at held prices' if told.held else ''}"
    level = result.get("crossover_usd")
    return text if level is None else f"{text}, at {units.format('usd', level)}"


def day(value: float | None, soon: bool = False, horizon: float | None = None) -> str:
    """A day after launch; hours where it is `soon`.

    >>> day(529.3), day(0.52, True), day(None, False, 3652.5)
    ('529', '12.5 h', 'beyond 3,652')
    """
    if value is None:
        return "never" if horizon is None else f"beyond {horizon:,.0f}"
    return units.format("seconds", value * SECONDS_PER_DAY) if soon else f"{value:,.0f}"


def share(chance: float) -> str:
    """A chance that is neither 0 nor 1 never reads as one.

    >>> share(0.52), share(0.0001), share(0.9999)
    ('52 %', 'under 1 %', 'over 99 %')
    """
    if 0.0 < chance < 0.01:
        return "under 1 %"
    return "over 99 %" if 0.99 < chance < 1.0 else f"{100.0 * chance:.0f} %"


def most_sensitive(swings: Sequence[Swing]) -> str | None:
    """The widest swings in words: `price $2.44 to $11.92/h (day 870 to 240)`."""
    parts = []
    widest = max((swing.width or 0.0 for swing in swings), default=0.0)
    for swing in swings[:NAMED]:
        if swing.width is not None and swing.width < SLIGHT * widest:
            continue
        kind = next((k.name for k in units.KINDS.values() if k.base == swing.unit), "count")
        name = swing.input.replace("_", " ")
        parts.append(f"{name} {units.format_range(kind, swing.low, swing.high)} ({_moves(swing)})")
    if len(parts) > 1:
        most = max(swings, key=lambda swing: swing.spread_share)
        parts[-1] += f"; {most.input.replace('_', ' ')} explains {most.spread_share:.0%} of the spread"
    return ", ".join(parts) or None


def _moves(swing: Swing) -> str:
    """The crossing at either end of an input."""
    ends = (swing.at_low, swing.at_high)
    if swing.of == "requests":
        return " to ".join(_count(end) for end in ends) + " requests"
    if all(end is not None and end < SOON for end in ends):
        return " to ".join(day(end, True) for end in ends)
    first = "never to day" if ends[0] is None else f"day {day(ends[0])} to"
    return f"{first} {day(ends[1])}"


def _count(value: float | None) -> str:
    if value is None:
        return "never"
    return units.format("count", value) if value >= 1e5 else f"{value:,.0f}"
