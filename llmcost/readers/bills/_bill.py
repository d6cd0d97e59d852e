"""What bills have in common: dates, currencies, which lines are of language models, columns by their names."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable

from llmcost.errors import LlmcostError, shown
from llmcost.files import json_of
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import BILL, BillRow, Reader, Reading
from llmcost.records import NamedTuple

LLM = re.compile(
    r"bedrock|openai|foundry models|vertex ai|gemini|claude|anthropic|\bgpt|\bllama|mistral|deepseek|qwen|\btokens?\b"
    r"|\btext (input|output)|input caching|\bai services\b|generative|inference"
    r"|\b(inp|outp)\w* (glbl|global|regnl|gl)\b",
    re.IGNORECASE,
)
CURRENCY = re.compile(r"^[A-Z]{3}$")
TOTALS = ("total", "grand total", "sum", "overall")
CODES = "usd|eur|gbp|pln|inr|jpy|cny|chf|cad|aud|sek|dkk|nok|brl|krw"
IN_HEADING = re.compile(rf"^(.*?)[\s(\[]*(\b(?:{CODES})|[$€£])[)\]]*$")
SIGNS = {"$": "USD", "€": "EUR", "£": "GBP"}
OLDEST, NEWEST = 1e9, 4e9  # seconds since 1970 that are dates of this century


class Names(NamedTuple):
    """Columns of a kind of bill, the first that is there counts; `currency` may be a code in place of a column."""

    day: tuple[str, ...]
    until: tuple[str, ...] = ()
    amount: tuple[str, ...] = ()
    currency: tuple[str, ...] = ()
    gross: tuple[str, ...] = ()
    service: tuple[str, ...] = ()
    item: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    project: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    requests: tuple[str, ...] = ()
    sent: tuple[str, ...] = ()
    cached: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    every: bool = False  # every line is of a language model


def of_columns(name: str, names: Names, recognises: Callable[[Content], bool], notes: tuple[str, ...] = ()) -> Reader:
    """A kind of bill whose lines, of a table or of pages of an API, say everything under the names of columns."""

    def read(content: Content) -> Reading:
        return Reading(BILL, name, rows(lines(content), names), notes)

    return Reader(name, BILL, recognises, read)


def lines(content: Content) -> list[Record]:
    """The lines of a table, or the results of pages of an API."""
    return pages(content) if content.looks_like_json else content.table


def rows(found: list[Record], names: Names, american: bool = False) -> list[BillRow]:
    """The lines of a bill.

    Parameters
    ----------
    found : list of Record
        Lines as read.
    names : Names
        Which column holds what.
    american : bool
        Whether 03/04/2026 is the fourth of March.

    Raises
    ------
    LlmcostError
        An amount that is no number, a date that is none, an amount without a currency.
    """
    return [_row(r, names, american) for r in charges(found, names)]


def charges(found: list[Record], names: Names) -> list[Record]:
    """The lines that do not sum up others."""
    return [r for r in found if not _total(r, names)]


def _total(r: Record, names: Names) -> bool:
    """Whether a line sums up the others: it has the word for a day, or no day and the word."""
    said = r.text(*names.day)
    cells = [said] if said else [v for v in r.data.values() if isinstance(v, str)]
    return any(cell.lower().rstrip(":s") in TOTALS for cell in cells)


def _row(r: Record, names: Names, american: bool) -> BillRow:
    gross, net = (r.number(*n, signed=True) if n else None for n in (names.gross, names.amount))
    amount = net if net is not None else gross
    words = [r.text(*n) if n else None for n in (names.service, names.item, names.model)]
    first = day(r, names.day, american)
    return BillRow(
        day=first,
        until=until(r, names, first, american),
        amount=amount,
        currency=currency(r, names.currency) if amount is not None else None,
        gross=gross,
        service=words[0],
        item=words[1],
        model=words[2],
        project=r.text(*names.project) if names.project else None,
        tags=tags(r, names.tags),
        requests=r.number(*names.requests) if names.requests else None,
        input_tokens=r.number(*names.sent) if names.sent else None,
        cached_tokens=r.number(*names.cached) if names.cached else None,
        output_tokens=r.number(*names.written) if names.written else None,
        llm=names.every or LLM.search(" ".join(w for w in words if w)) is not None,
    )


def until(r: Record, names: Names, first: str | None, american: bool) -> str | None:
    """The day after the last one of a line: as an end is given, or the next month where the line is of a whole one."""
    if first is None:
        return None
    one = dt.date.fromisoformat(first)
    last = day(r, names.until, american) if names.until else None
    if last is None:
        raw = next(str(r.value(n)).strip() for n in names.day if r.value(n) not in (None, ""))
        month = re.match(r"\d{4}-\d{2}(?!-?\d)|\d{6}$", raw)
        return ((one + dt.timedelta(days=31)).replace(day=1)).isoformat() if month else None
    end = dt.date.fromisoformat(last)
    clock = str(next(r.value(n) for n in names.until if r.value(n) not in (None, "")))[10:]
    if re.search(r"[1-9]", clock.partition("+")[0].replace("UTC", "")):  # it ends within that day
        end += dt.timedelta(days=1)
    return end.isoformat() if end > one + dt.timedelta(days=1) else None


def day(r: Record, names: tuple[str, ...], american: bool = False) -> str | None:
    """The day on which a line begins, ISO; the first of a month where only that is told.

    Raises
    ------
    LlmcostError
        Something stands there that is no date.
    """
    name = next((n for n in names if r.value(n) not in (None, "")), None)
    if name is None:
        return None
    raw = r.value(name)
    text = str(raw).strip()
    if re.fullmatch(r"\d{9,10}(\.\d+)?", text) and OLDEST <= float(text) < NEWEST:
        return dt.datetime.fromtimestamp(float(text), dt.UTC).date().isoformat()
    if found := re.match(r"(\d{4})-(\d{2})(?:-(\d{2}))?(?![\d])", text):
        return _iso(found[1], found[2], found[3] or "01", r, name)
    if found := re.fullmatch(r"(\d{4})(\d{2})(\d{2})?", text):
        return _iso(found[1], found[2], found[3] or "01", r, name)
    if found := re.fullmatch(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", text):
        return _iso(found[3], found[2], found[1], r, name)
    if american and (found := re.match(r"(\d{1,2})/(\d{1,2})/(\d{4})", text)):
        return _iso(found[3], found[1], found[2], r, name)
    raise LlmcostError(f"{r.where}: {name} is {shown(raw, 30)}, a day such as 2026-03-31 is wanted")


def _iso(year: str, month: str, number: str, r: Record, name: str) -> str:
    try:
        return dt.date(int(year), int(month), int(number)).isoformat()
    except ValueError:
        raise LlmcostError(f"{r.where}: {name} is {shown(r.value(name), 30)}, which is no day") from None


def currency(r: Record, names: tuple[str, ...]) -> str:
    """The currency of a line: what a column says, or the one code that is given in its place.

    Raises
    ------
    LlmcostError
        Nothing says it: it is asked for, never taken to be dollars.
    """
    for name in names:
        said = r.text(name)
        if said is not None:
            return said.upper()
        if CURRENCY.match(name) and name not in r.data:
            return name
    raise LlmcostError(f"{r.where}: an amount without a currency: which one is it?", "a column currency, or cost_usd")


def tags(r: Record, names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Tags of a line: an object in JSON, or columns whose names begin with one of the names."""
    found: dict[str, str] = {}
    for name in names:
        raw = r.value(name)
        if isinstance(raw, str) and raw.strip().startswith("{"):
            try:
                raw = json_of(raw)
            except ValueError:
                continue
        if isinstance(raw, dict):
            found |= {str(k): str(v) for k, v in raw.items()}
        elif name.endswith(("_", ":")):
            found |= {k[len(name) :]: str(v) for k, v in r.data.items() if k.startswith(name) and v not in (None, "")}
    return tuple(sorted(found.items()))


def priced(head: str) -> tuple[str, str | None]:
    """What a heading names, and the currency in it.

    >>> priced("cost ($)"), priced("amount_eur"), priced("cost")
    (('cost', 'USD'), ('amount', 'EUR'), ('cost', None))
    """
    name = head.replace("_", " ")
    found = IN_HEADING.match(name)
    return (found[1].strip(), SIGNS.get(found[2], found[2].upper())) if found else (name, None)


def heads(content: Content) -> set[str]:
    """Names in the heading of a table."""
    return set(content.headings)


def pages(content: Content) -> list[Record]:
    """Results of the pages of a usage or cost API, each with the start of its bucket."""
    found = []
    for page in content.records:
        for bucket in page.parts("data") if isinstance(page.value("data"), list) else []:
            start = bucket.value("start_time") or bucket.value("starting_at")
            found += [Record({"bucket": start, **result.data}, result.where) for result in bucket.parts("results")]
    return found


def paged(content: Content, *names: str) -> bool:
    """Whether the file is pages of an API whose results have such a name."""
    if not content.looks_like_json or not content.records:
        return False
    for page in content.records:
        buckets = page.value("data")
        for bucket in buckets if isinstance(buckets, list) else []:
            results = bucket.get("results") if isinstance(bucket, dict) else None
            if isinstance(results, list) and results and isinstance(results[0], dict):
                return any(name in results[0] for name in names)
    return False
