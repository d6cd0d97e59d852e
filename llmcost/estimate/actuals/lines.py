"""Lines of bills and usage exports: read, chosen, priced where they have no amount."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from llmcost.errors import LlmcostError, shown
from llmcost.estimate.money.api_prices import quote
from llmcost.readers import registry
from llmcost.readers.rows import BILL, BillRow
from llmcost.records import NamedTuple

USD = "USD"
PROVIDERS = {"OpenAI usage": "openai", "Anthropic usage": "anthropic"}  # of usage that is not yet priced
FILTERS = ("actuals_service", "actuals_project", "actuals_tag")
NAMED = 5  # services that a message names


class Wanted(NamedTuple):
    """Which lines count: those that all of these say; without any, the lines of language models."""

    service: str | None = None
    project: str | None = None
    tag: str | None = None

    @property
    def any(self) -> bool:
        """Whether something was said of which lines count."""
        return any(part is not None for part in self)

    def takes(self, row: BillRow) -> bool:
        """Whether a line counts."""
        if not self.any:
            return row.llm
        words = " ".join(w for w in (row.service, row.item, row.model) if w).lower()
        if self.service is not None and self.service.lower() not in words:
            return False
        if self.project is not None and self.project.lower() != (row.project or "").lower():
            return False
        return self.tag is None or _tagged(row, self.tag)


def _tagged(row: BillRow, tag: str) -> bool:
    name, given, value = tag.partition("=")
    return any(k.lower() == name.strip().lower() and (not given or v == value.strip()) for k, v in row.tags)


class Lines(NamedTuple):
    """The lines of some files that count, and what is to be said of them."""

    rows: list[BillRow]
    names: tuple[str, ...]
    notes: tuple[str, ...]
    currency: str  # of all amounts


def read(files: Sequence[str], wanted: Wanted) -> Lines:
    """The lines that count.

    Raises
    ------
    LlmcostError
        A file that is no bill, is given twice, has no line that counts, or no amount that can be known.
    """
    names = tuple(shown(Path(file).name, 80)[1:-1] for file in files)
    if len({Path(file).resolve() for file in files}) < len(files):
        raise LlmcostError(f"--actuals: a file is given twice: {', '.join(names)}", "give it once")
    rows: list[BillRow] = []
    notes: list[str] = []
    days: dict[str, set[str]] = {}
    readings = [registry.read(Path(file), (BILL,)) for file in files]
    priced = any(row.amount is not None for reading in readings for row in reading.rows)
    for name, reading in zip(names, readings, strict=True):
        chosen = [row for row in reading.rows if wanted.takes(row)]
        if not chosen:
            raise _none(name, reading.rows, wanted)
        left = len(reading.rows) - len(chosen)
        if left:
            notes.append(f"{name}: {len(chosen)} of {len(reading.rows)} lines count")
        if not priced:
            chosen = _priced(name, reading.format, chosen)
            notes.append(f"{name} has no amounts: its tokens are priced as published")
        rows += chosen
        days[name] = {row.day for row in chosen if row.amount is not None and row.day is not None}
    for i, name in enumerate(names):
        twice = [other for other in names[i + 1 :] if days[name] & days[other]]
        notes += [f"{name} and {other} have amounts for the same days: both count" for other in twice]
    currencies = {row.currency for row in rows if row.amount is not None and row.currency}
    if len(currencies) > 1:
        raise LlmcostError(
            f"--actuals: amounts in {' and '.join(sorted(currencies))}: they do not add up", "one currency at a time"
        )
    return Lines(rows, names, tuple(notes), currencies.pop() if currencies else USD)


def _none(name: str, rows: list[BillRow], wanted: Wanted) -> LlmcostError:
    """The refusal of a file without a line that counts, with what it holds."""
    services = sorted({row.service or row.item or row.model or "" for row in rows} - {""})
    holds = f"it has {', '.join(shown(s, 40)[1:-1] for s in services[:NAMED])}" if services else ""
    if wanted.any:
        said = ", ".join(f"{k} {shown(v, 40)}" for k, v in wanted._asdict().items() if v)
        return LlmcostError(f"{name}: none of its {len(rows)} lines has {said}", holds)
    known: dict[str, float] = {}
    for row in rows:
        if row.amount is not None and row.currency:
            known[row.currency] = known.get(row.currency, 0.0) + row.amount
    total = ", ".join(f"{amount:,.2f} {code}" for code, amount in known.items())
    return LlmcostError(
        f"{name}: none of its {len(rows)} lines{f' ({total})' if total else ''} is of a language model",
        f"--actuals-service, --actuals-project or --actuals-tag say which lines count{f'; {holds}' if holds else ''}",
    )


def _priced(name: str, kind: str, rows: list[BillRow]) -> list[BillRow]:
    """Usage at the published price of its model on its day.

    Raises
    ------
    LlmcostError
        No provider, model or date that a price could be found for.
    """
    provider = PROVIDERS.get(kind)
    if provider is None:
        raise LlmcostError(f"{name}: no amounts in it: what it cost is not known", "a cost export beside it")
    found = []
    for row in rows:
        if row.input_tokens is None and row.output_tokens is None:
            found.append(row)
            continue
        if row.model is None or row.day is None:
            raise LlmcostError(f"{name}: a line without a model or a date has no price", "a cost export beside it")
        try:
            tariff = quote(f"{provider}/{row.model}", "standard", dt.date.fromisoformat(row.day)).tariff
        except LlmcostError as error:
            raise LlmcostError(f"{name}: {error.message}", "a cost export beside it") from None
        cached = row.cached_tokens or 0.0
        parts = (
            (tariff.prompt, (row.input_tokens or 0.0) - cached),
            (tariff.cached, cached),
            (tariff.output, row.output_tokens or 0.0),
        )
        usd = sum(float(rate.base) * tokens for rate, tokens in parts) / 1e6
        found.append(row._replace(amount=usd, currency=USD))
    return found
