"""`--baseline`: two answers of one command: totals, what changed in them, and which inputs did."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NotRequired

import msgspec

from llmcost import units
from llmcost.catalog import Catalog, presets_date
from llmcost.errors import LlmcostError
from llmcost.estimate.compare.sentence import kind_of
from llmcost.records import TypedDict
from llmcost.result import Estimate
from llmcost.scenario import Scenario

Document = Mapping[str, Any]

# The total that a difference is told of first, by command.
TOTALS = {
    "train": ("total_usd",),
    "serve": ("usd_per_month", "usd_per_request"),
    "crossover": ("crossover_days", "crossover_requests"),
    "compare": ("total_usd_horizon", "usd_per_month", "usd_per_request", "usd_per_mtok_output", "upfront_usd"),
}
SAME = 1e-12  # relative difference that is rounding


class Change(TypedDict):
    """A figure, or an input, that is another one in the second answer."""

    key: str
    before: object
    after: object
    delta: NotRequired[float | None]
    delta_pct: NotRequired[float | None]
    unit: NotRequired[str]


def command_of(document: Document, where: str) -> str:
    """The command whose answer a document is.

    Raises
    ------
    LlmcostError
        It is not an answer that can be compared.
    """
    schema = document.get("schema")
    name = schema.split("/")[1] if isinstance(schema, str) and schema.count("/") == 2 else ""
    if name not in TOTALS or not all(isinstance(document.get(k), dict) for k in ("result", "inputs")):
        raise LlmcostError(
            f"{where}: not an answer of train, serve, crossover or compare: schema {units.shown(schema)}",
            "llmcost train ... --json -o old.json",
        )
    return name


def asked(command: str, scenario: Scenario, catalog: Catalog) -> Estimate:
    """The answer to the question as it stands, by the command of the baseline."""
    if command == "train":
        from llmcost.estimate.training.answer import train

        return train(scenario, catalog)
    if command == "serve":
        from llmcost.estimate.serving.answer import serve

        return serve(scenario, catalog)
    from llmcost.estimate.crossover import crossover

    return crossover(scenario, catalog)


def document(estimate: Estimate) -> Document:
    """An answer as its JSON has it."""
    found: dict[str, Any] = {
        "schema": f"llmcost/{estimate.command}/1",
        "presets": estimate.presets,
        "result": estimate.result,
        "inputs": estimate.inputs,
        "breakdown": estimate.breakdown,
        **estimate.arrays,
    }
    plain: Document = msgspec.to_builtins(found, enc_hook=lambda value: value.tolist())  # numpy's numbers
    return plain


def diff(old: Document, new: Document, names: tuple[str, str], catalog: Catalog) -> Estimate:
    """What changed between two answers of one command.

    Parameters
    ----------
    old, new : mapping
        Answers as their JSON has them.
    names : tuple of str
        What to call them in messages.
    catalog : Catalog
        Whose presets are the present ones.

    Raises
    ------
    LlmcostError
        One of them is not an answer, or they are of two commands.
    """
    command, other = command_of(old, names[0]), command_of(new, names[1])
    if command != other:
        raise LlmcostError(
            f"{names[0]} is an answer of {command}, {names[1]} of {other}", f"llmcost {command} ... --json"
        )
    figures = _changed(_figures(old), _figures(new))
    inputs = _inputs(old, new)
    total = next((k for k in TOTALS[command] if _number(old["result"].get(k)) or _number(new["result"].get(k))), None)
    before, after = (None if total is None else _number(d["result"].get(total)) for d in (old, new))
    delta, share = _change(before, after)
    return Estimate(
        command="compare",
        headline=_headline(total, before, after, inputs, len(figures)),
        result={
            "delta": delta, "delta_pct": share, "subject": command, "total": total, "before": before, "after": after,
            "count": len(figures), "changed_inputs_count": len(inputs),
            "presets_before": old.get("presets"), "presets_after": new.get("presets"),
        },
        arrays={"changed_inputs": inputs, "changes": figures},
        presets=presets_date(catalog),
    )  # fmt: skip


def _figures(answer: Document) -> dict[str, object]:
    """Every number of an answer by a name of its own: results, rows of the bill, figures of alternatives."""
    found = {k: v for k, v in answer["result"].items() if _number(v) is not None}
    found |= {f"{row['name']}: cost_usd": row.get("cost_usd") for row in _rows(answer, "breakdown")}
    for row in _rows(answer, "alternatives"):
        found |= {
            f"{row['name']}: {k}": v
            for k, v in row.items()
            if _number(v) is not None and k not in ("p5", "p95", "p5_at_price", "p95_at_price", "feasible")
        }
    return found


def _rows(answer: Document, name: str) -> list[Mapping[str, Any]]:
    rows = answer.get(name)
    return [r for r in rows if isinstance(r, dict) and isinstance(r.get("name"), str)] if isinstance(rows, list) else []


def _changed(old: Mapping[str, object], new: Mapping[str, object]) -> list[Change]:
    found: list[Change] = []
    for key in dict.fromkeys([*old, *new]):
        before, after = _number(old.get(key)), _number(new.get(key))
        if not _same(before, after):
            delta, share = _change(before, after)
            found.append({"key": key, "before": before, "after": after, "delta": delta, "delta_pct": share})
    return found


def _change(before: float | None, after: float | None) -> tuple[float | None, float | None]:
    """The difference, and in per cent of what was before."""
    if before is None or after is None:
        return None, None
    delta = after - before
    return delta, 100.0 * delta / abs(before) if before else None


def _same(a: object, b: object) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) <= SAME * max(abs(a), abs(b))
    return bool(a == b)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _inputs(old: Document, new: Document) -> list[Change]:
    """Inputs whose value is another one, or that only one answer has."""
    before, after = _of_all(old), _of_all(new)
    found: list[Change] = []
    for key in dict.fromkeys([*before, *after]):
        (a, unit), (b, other) = before.get(key, (None, "")), after.get(key, (None, ""))
        if not _same(_as_float(a), _as_float(b)):
            found.append({"key": key, "before": a, "after": b, "unit": unit or other})
    return found


def _of_all(answer: Document) -> dict[str, tuple[object, str]]:
    found = {k: (v.get("value"), str(v.get("unit") or "")) for k, v in answer["inputs"].items() if isinstance(v, dict)}
    for row in _rows(answer, "alternatives"):
        given = row.get("inputs")
        found |= {f"{row['name']}: {k}": (v, "") for k, v in (given if isinstance(given, dict) else {}).items()}
    return found


def _as_float(value: object) -> object:
    number = _number(value)
    return value if number is None else number


def _headline(
    total: str | None, before: float | None, after: float | None, inputs: Iterable[Change], changes: int
) -> str:
    names = [str(row["key"]).replace("_", " ") for row in inputs]
    why = (
        f"{len(names)} {'input' if len(names) == 1 else 'inputs'} changed: {', '.join(names[:4])}"
        if names
        else "no input changed"
    )
    why += ", ..." if len(names) > 4 else ""
    if not changes:
        return f"Nothing changed; {why}." if names else "Nothing changed."
    if total is None or before is None or after is None:
        return f"{changes} {'figure' if changes == 1 else 'figures'} changed; {why}."
    text: Callable[[float], str] = (
        (lambda v: units.format(kind_of(total), v)) if "usd" in total else (lambda v: f"{v:,.4g}")
    )
    label = total.removesuffix("_usd").replace("_", " ").replace("usd ", "cost ")
    if _same(before, after):
        return f"{label[:1].upper()}{label[1:]} is still {text(after)}; {why}."
    sign = "+" if after > before else "-"
    share = f" ({100 * (after - before) / abs(before):+.1f} %)" if before else ""
    change = f"{sign}{text(abs(after - before))}{share}"
    return f"{label[:1].upper()}{label[1:]} went from {text(before)} to {text(after)}: {change}; {why}."
