"""Words and numbers of an answer, shared by the formats that people read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from llmcost import units
from llmcost.keys import KEYS, SIDES
from llmcost.result import Estimate, Input, Range, Scalar
from llmcost.terms import TERMS, Term

# Printable by Unicode's classes, yet nothing to see: joiners, fillers, variation selectors.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {chr(c) for c in range(0xFE00, 0xFE10)}
_LINE_END = re.compile(r"(?: |\x1b\[[0-9;]*m)+$", re.MULTILINE)
_PLAIN = re.compile(r"[ -~]*")
_KIND_OF_UNIT = {kind.base: name for name, kind in units.KINDS.items()} | {"count": "count", "kg CO2e": "kg"}
_ENDINGS = {
    "_bytes_per_second": "bytes_per_second", "_bytes": "bytes", "_flops": "flops", "_watts": "watts",
    "usd_per_hour": "usd_per_hour", "usd_per_kwh": "usd_per_kwh", "kg_per_kwh": "kg_per_kwh", "_kwh": "kwh",
    "_usd": "usd", "_seconds": "seconds", "_share": "share",
}  # fmt: skip
_WORDED = ("count", "whole", "ratio")  # kinds whose text has no unit of its own

# Sentences of a crossover, under its headline.
REMARKS = ("reason", "most_sensitive")
# What `--solve` found.
SOLVED = ("solved_requests_per_day", "solved_usd_per_hour", "solved_usd_per_request", "solved_params")
# What `--quiet` prints: the first of them that the answer has.
ASKED = {
    "train": ("total_usd",), "serve": ("usd_per_mtok_output", "usd_per_mtok_blended", "usd_per_mtok_input"),
    "crossover": (*SOLVED, "crossover_days"), "compare": ("name",), "fit": ("fits_probability",), "check": ("failed",),
    "sweep": ("feasible_points",),
}  # fmt: skip
# What it prints of machines without a price, and says that it does.
UNPRICED = {"train": ("duration_seconds", "gpu_hours"), "serve": ("electricity_usd_per_mtok", "tokens_per_second")}
# The array that is the answer, for CSV.
MAIN_ARRAY = {
    "compare": "alternatives",
    "crossover": "curve",
    "presets": "rows",
    "validate": "rows",
    "check": "rows",
    "fit": "memory",
    "sweep": "front",
}
TOLD = {  # columns of arrays that other cells say, or that JSON and CSV have alone
    "changed_inputs": ("unit",), "memory": ("p5", "p95"), "actuals": ("planned_p5", "planned_p95"),
}  # fmt: skip
UNLABELLED = (
    "range_of",
    "p5",
    "p95",
    "p5_at_price",
    "p95_at_price",
)  # columns whose unit depends on the question: JSON and CSV only


def clean(text: object) -> str:
    r"""Text that can do nothing to a terminal: control, invisible and direction characters are spelled out.

    >>> print(clean("70B\x1b[2J"), clean("a\nb"))
    70B\x1b[2J a\nb
    """
    raw = str(text)
    if _PLAIN.fullmatch(raw):
        return raw
    seen = (c if c.isprintable() and c not in _INVISIBLE else c.encode("unicode_escape").decode("ascii") for c in raw)
    return "".join(seen)


def trimmed(text: str) -> str:
    """Lines without spaces at their ends, also where colours end after them."""
    return _LINE_END.sub(lambda found: found.group().replace(" ", ""), text)


def ascii_only(text: str) -> str:
    """Text for an output that cannot carry Unicode."""
    return text if text.isascii() else text.encode("ascii", "backslashreplace").decode("ascii")


def term_of(key: str) -> Term:
    """The term of a key; a key without one (of a preset) is shown as it is, in the unit that its name ends in."""
    kind = next((kind for ending, kind in _ENDINGS.items() if key.endswith(ending)), "text")
    if key in KEYS and KEYS[key].kind in units.KINDS and units.KINDS[KEYS[key].kind].money:
        kind = KEYS[key].kind
    return TERMS.get(key) or Term(key, clean(key).replace("_", " "), kind, "")


def amount(kind: str, value: Any, unit: str = "") -> str:
    """A number without its unit word: small whole counts exactly, everything else to three digits.

    >>> amount("count", 16384), amount("count", 6.4e6), amount("count", 1461.3, "days"), amount("bool", True)
    ('16,384', '6.40M', '1,461', 'yes')
    """
    value = value.tolist() if hasattr(value, "tolist") else value
    if value is None:
        return units.NOT_KNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return clean(value)
    if kind in ("text", "bool", "date") or not isinstance(value, int | float):
        return _free(value)
    whole = abs(value) < 1e5 and (float(value).is_integer() or (unit == "days" and abs(value) >= 100))
    return units.format("whole" if kind == "count" and whole else kind, value)


def _free(value: Any) -> str:
    """A value whose kind nobody stated."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return amount("count", value)
    if isinstance(value, list | tuple):
        return ", ".join(amount("text", v) for v in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{clean(k)} {amount('text', v)}" for k, v in value.items())
    return clean(value)


def suffix(term: Term) -> str:
    """What follows the number: `/month`, ` days`, ` CO2e`; nothing where the kind has its own unit.

    >>> suffix(TERMS["usd_per_month"]), suffix(TERMS["crossover_days"]), suffix(TERMS["usd_per_mtok_output"])
    ('/month', ' days', '/Mtok')
    """
    if term.kind == "usd":
        return term.unit.removeprefix("USD")
    if term.kind == "kg":
        return " CO2e" if "CO2e" in term.unit else ""
    if term.kind in _WORDED and term.unit:
        return term.unit if term.unit in ("x", "%") else f" {term.unit}"
    return units.KINDS[term.kind].tail if term.kind in units.KINDS else ""


def needless(term: Term) -> bool:
    """Whether the label says what the suffix says: `per month` needs no `/month`."""
    word = suffix(term).strip(" /").lower()
    return word in term.label.lower() or word.removesuffix("s") in term.label.lower().split()


def bare(term: Term, value: Any) -> str:
    """A value without its suffix, for a column whose head has it."""
    return amount(term.kind, value, term.unit).removesuffix(suffix(term))


def figure(term: Term, value: Any) -> str:
    """A value with its unit.

    >>> figure(TERMS["total_usd"], 5576000.0), figure(TERMS["crossover_days"], 300.0), figure(TERMS["mfu"], 0.384)
    ('$5.58M', '300 days', '38.4%')
    >>> figure(TERMS["batch"], 1.0), figure(TERMS["batch"], 2.0)
    ('1 request', '2 requests')
    """
    if value is None:
        return term.absent
    if isinstance(value, str):
        return amount(term.kind, value)
    number = bare(term, value)
    return number + ("" if needless(term) else _one(suffix(term)) if number == "1" else suffix(term))


def _one(unit: str) -> str:
    """A unit of one thing: ` request` for ` requests`; a rate stays as it is."""
    return unit[:-1] if re.fullmatch(r" [A-Za-z -]+s", unit) else unit


def interval(term: Term, of: Range | None) -> str:
    """The 90 % interval; an end that is not known (a crossing that never comes) stays open.

    >>> interval(TERMS["crossover_days"], Range(250.0, 300.0, None)), interval(TERMS["mfu"], Range(0.3, 0.38, 0.45))
    ('250 days or more', '30.0% to 45.0%')
    """
    if of is None or (of.p5 is None and of.p95 is None):
        return ""
    if of.p5 is None:
        return f"up to {figure(term, of.p95)}"
    if of.p95 is None:
        return f"{figure(term, of.p5)} or more"
    return between(figure(term, of.p5), figure(term, of.p95))


def between(low: str, high: str) -> str:
    """Two quantities, their unit once where it is the same.

    >>> between("74.0 d", "101 d"), between("600 ms", "5.00 min"), between("$2.00/h", "$3.10/h"), between("3%", "4%")
    ('74.0 to 101 d', '600 ms to 5.00 min', '$2.00 to $3.10/h', '3% to 4%')
    """
    number, unit = split_unit(low)
    return f"{number if unit == split_unit(high)[1] else low} to {high}"


def split_unit(text: str) -> tuple[str, str]:
    """A printed quantity as its number and its unit: the unit starts at a space or a slash."""
    code = units.current().sign  # of some currencies a word: `CHF 2.00/h`
    at = min((i for i in (text.find(c, text.startswith(code) * len(code)) for c in " /") if i >= 0), default=len(text))
    return text[:at], text[at:]


def in_unit(unit: str, value: Any) -> str:
    """A value of an input or a step, by the unit written beside it.

    >>> in_unit("USD/h", 2.5), in_unit("share", 0.384), in_unit("FLOP", 3.8e25), in_unit("USD/MW", 11.7e6)
    ('$2.50/h', '38.4%', '3.80e25 FLOP', '$11.7M/MW')
    >>> in_unit("ranks", 1), in_unit("ranks", 2)
    ('1 rank', '2 ranks')
    """
    kind = _KIND_OF_UNIT.get(unit)
    if kind is not None or value is None or isinstance(value, str | bool):
        return amount(kind or "text", value)
    if unit.startswith("USD/") and isinstance(value, int | float):
        return f"{units.format_money(value)}{clean(unit.removeprefix('USD'))}"
    number, after = _free(value), "" if unit in ("", "name") else f" {clean(unit)}"
    return number + (_one(after) if number == "1" else after)


def input_text(given: Input) -> str:
    """An input's value, with its 90 % interval where it has one."""
    value = in_unit(given.unit, given.value)
    if given.p5 is None or given.p95 is None:
        return value
    return f"{value} ({between(in_unit(given.unit, given.p5), in_unit(given.unit, given.p95))})"


def mark(given: Input) -> str:
    """Where an input came from, in one word: given, preset, default, assumed, computed or estimate.

    >>> mark(Input(0.4, "share", "flag")), mark(Input(0.4, "share", "default", confidence="assumed"))
    ('given', 'assumed')
    """
    where = given.origin.partition(":")[0]
    if where in ("flag", "file"):
        return "given"
    if given.confidence == "assumed":
        return "assumed"
    return "preset" if where.endswith("preset") else where


def is_option(name: str) -> bool:
    """Whether a user may say this input, rather than a constant of the method.

    >>> is_option("serve_price"), is_option("pue"), is_option("server_factor")
    (True, True, False)
    """
    side, _, rest = name.partition("_")
    return name in KEYS or (side in SIDES and rest in KEYS)


def is_package(given: Input) -> bool:
    """Whether an input is the data of a package: its version and age are part of the answer."""
    return given.origin.startswith("package:")


def input_name(name: str) -> str:
    """`serve price` for `serve_price`; the value has the unit."""
    return clean(name).removesuffix("_seconds").replace("_", " ")


def remarks(estimate: Estimate) -> list[str]:
    """Sentences under the headline: what a bias means; of a crossover why, and what would change it."""
    bias = clean(estimate.result.get("bias_means") or "")
    if bias:
        return [f"{bias}."]
    if estimate.command != "crossover":
        return []
    reason, moves = (clean(estimate.result.get(key) or "") for key in REMARKS)
    told = reason.lower() in estimate.headline.lower()
    lines = [] if told else [f"{reason[:1].upper()}{reason[1:]}."]
    return [*lines, f"Most sensitive to: {moves}."] if moves else lines


def plain_number(value: Scalar) -> str:
    """A value for scripts: exact, in base units.

    >>> plain_number(5576000.0), plain_number(0.25), plain_number(True)
    ('5576000', '0.25', 'true')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e16:
        return str(int(value))
    return clean(value) if isinstance(value, str) else repr(value)


def _asked(estimate: Estimate) -> tuple[str, ...]:
    """The keys that the question is after, the first of them that is there."""
    if estimate.command != "train" or "at_days" not in estimate.result:
        return ASKED.get(estimate.command, ())
    if estimate.result.get("feasible") is False:
        return ("reason",)
    return ("at_probability", "gpus")  # of a deadline: the chance, or the accelerators that were found


def instead(estimate: Estimate) -> str | None:
    """The figure that `--quiet` prints in place of the one asked for, which needs a price; None where it needs none."""
    if any(estimate.result.get(key) is not None for key in _asked(estimate)):
        return None
    if estimate.result.get("feasible") is False:
        return None
    return next((k for k in UNPRICED.get(estimate.command, ()) if estimate.result.get(k) is not None), None)


def quiet_line(estimate: Estimate) -> str:
    """The number asked for, exact and in base units; where there is none, why in words."""
    known = [key for key in _asked(estimate) if key in estimate.result] or list(estimate.result)[:1]
    other = instead(estimate)
    value = next((v for key in (other, *known) if key and (v := estimate.result.get(key)) is not None), None)
    if value is None:
        why = estimate.result.get("reason") or estimate.result.get("status") or units.NOT_KNOWN
        return clean(why)
    return plain_number(value if isinstance(value, str | bool | int) else float(value))


def warning_lines(estimate: Estimate, width: int | None = None) -> list[str]:
    """One line per caveat for stderr: `warning: W003 message (what to do)`.

    On a terminal of some width its words fold, and what to do stays on one line, from where it can be pasted.
    """
    found: list[str] = []
    for w in estimate.warnings:
        said, hint = f"warning: {clean(w.code)} {clean(w.message)}", f"({clean(w.hint)})" if w.hint else ""
        if width is None or len(said) + len(hint) + 1 <= width:
            found.append(f"{said} {hint}".rstrip())
            continue
        lines = wrapped(said, width)
        beside = hint and len(lines[-1]) + len(hint) + 1 <= width
        found += [*lines[:-1], f"{lines[-1]} {hint}"] if beside else [*lines, *([f"  {hint}"] if hint else [])]
    return found


def wrapped(line: str, width: int) -> list[str]:
    """A line folded between its words, what follows the first one indented.

    >>> wrapped("warning: W003 the price is 120 days old", 24)
    ['warning: W003 the price', '  is 120 days old']
    """
    import textwrap

    return textwrap.wrap(line, max(width, 20), subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
