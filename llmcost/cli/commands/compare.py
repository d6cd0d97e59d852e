"""`llmcost compare`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from llmcost.cli import command
from llmcost.cli.options import PANEL, option
from llmcost.errors import LlmcostError, shown

if TYPE_CHECKING:
    from llmcost.catalog import Catalog
    from llmcost.scenario import Scenario

SUMMARY = "Which of these models, machines, providers or scenarios is cheapest, and where they cross."
EXAMPLES = """
llmcost compare -m llama-3.1-70b -H h100-sxm --isl 1000 --osl 500 --requests 1M/day --against api:openai/gpt-4o
llmcost compare --model llama-3.1-70b --isl 1000 --osl 500 --vary hardware=h100-sxm,h200-sxm,mi300x
llmcost compare --model llama-3.1-8b --tokens 15T --vary gpus=512,1024 --vary hardware=a100,h100
llmcost compare chat-a.toml chat-b.toml --json
llmcost compare train-or-buy
llmcost compare chat-70b --against api:openai/gpt-4o --cross requests
llmcost compare chat-70b --against api:openai/gpt-4o --growth 15%/mo --horizon 3y --by quarter
llmcost compare --optimal --loss-of 13B --inference-tokens 2T
llmcost compare --baseline old.json new.json
"""
COMMON = (
    *("vary", "against", "cross", "baseline", "optimal", "sort", "columns"),
    *("model", "hardware", "dtype", "isl", "osl", "requests", "tokens", "gpus", "price"),
)
ALTERNATIVES, OPTIMAL = "Alternatives", "Size and data"


def _option(panel: str, default: Any, *names: str, **more: Any) -> Any:
    return option(default, *names, rich_help_panel=panel, **more)


OPTIONS: dict[str, Any] = {
    "vary": _option(
        ALTERNATIVES,
        [],
        "--vary",
        metavar="KEY=A,B,C",
        help="One alternative per value; several make a grid. A value with a comma goes in quotes.",
    ),
    "against": _option(
        ALTERNATIVES,
        [],
        "--against",
        metavar="KIND:NAME",
        help="The same work done otherwise: api:PROVIDER/MODEL, own: or rent:PROVIDER[:commitment].",
    ),
    "cross": _option(
        ALTERNATIVES,
        None,
        "--cross",
        metavar="KEY[=LOW..HIGH]",
        help="Where along this key two alternatives cost the same: requests, osl=10..4000, price=1/h..10/h.",
    ),
    "baseline": _option(
        ALTERNATIVES,
        None,
        "--baseline",
        metavar="FILE",
        help="What changed since this JSON answer: in a newer one (an argument that ends in .json) or in the question.",
    ),
    "optimal": _option(
        OPTIMAL, False, "--optimal", help="Size and training tokens of least compute, and cost, over a model's life."
    ),
    "loss_of": _option(
        OPTIMAL, None, "--loss-of", metavar="SIZE", help="Quality to hold: that of a compute-optimal model: 13B."
    ),
    "loss": _option(OPTIMAL, None, "--loss", metavar="LOSS", help="Quality to hold, as a loss per token: 2.05."),
    "inference_tokens": _option(
        OPTIMAL, None, "--inference-tokens", metavar="COUNT", help="Tokens served over the model's life: 2T."
    ),
    "law": _option(OPTIMAL, None, "--law", metavar="NAME", help="Scaling law of the headline: hoffmann, besiroglu."),
    "workers": _option(
        ALTERNATIVES,
        "",
        "--workers",
        metavar="N",
        help="Plan large grids in N processes, or at the address of a dask scheduler: 4, tcp://host:8786.",
    ),
    "sort": _option(PANEL, None, "--sort", metavar="COLUMN", help="Sort by this column (default: cheapest first)."),
    "columns": _option(PANEL, None, "--columns", metavar="A,B,C", help="Columns to keep, of JSON and CSV too."),
    "by": _option(PANEL, None, "--by", metavar="NAME", help="Table by month or quarter, to the horizon."),
    "chart": _option(PANEL, False, "--chart/--no-chart", help="Draw cost against speed of the machines."),
}
LIFETIME = ("loss_of", "loss", "inference_tokens", "law")
SIDE_BY_SIDE = ("vary", "against", "cross", "workers", "sort", "columns", "by")


def register(app: typer.Typer, full: bool) -> None:
    """Add the command."""
    command.add(app, "compare", SUMMARY, EXAMPLES, run, COMMON, extra=OPTIONS, full=full, many=True)


def run(scenarios: list[tuple[str, Scenario]], catalog: Catalog, answers: list[str], **how: Any) -> Any:
    """Answer: alternatives side by side, a size for a life, or two answers of one question."""
    baseline, optimal = how.pop("baseline"), how.pop("optimal")
    asked = {name for name, value in how.items() if value not in (None, [], False, "")}
    if baseline is not None:
        kept = {name: how[name] for name in SIDE_BY_SIDE if name in asked}
        _refuse("--baseline", (asked - set(kept)) | ({"optimal"} if optimal else set()))
        return _changes(baseline, answers, scenarios, catalog, kept)
    if answers:
        raise LlmcostError(f"{shown(answers[0])} is an answer: to compare it with what?", "--baseline old.json")
    if not optimal:
        _refuse("these options without --optimal", asked & set(LIFETIME))
        from llmcost.estimate.compare import Alternative, compare

        kept = {name: how[name] for name in SIDE_BY_SIDE}
        return compare([Alternative(*s) for s in scenarios], catalog, **kept)
    _refuse("--optimal", asked & set(SIDE_BY_SIDE))
    if len(scenarios) > 1:
        raise LlmcostError("--optimal answers one question: name one scenario", "llmcost compare SCENARIO --optimal")
    from llmcost.estimate.compare.optimal import optimal as answer

    return answer(scenarios[0][1], catalog, **{name: how[name] for name in LIFETIME})


def _refuse(what: str, others: set[str]) -> None:
    """Refuse options that would be read and change nothing."""
    if others:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in sorted(others))
        raise LlmcostError(f"{names} {'has' if len(others) == 1 else 'have'} no effect with {what}", "leave it out")


def _changes(
    baseline: str, answers: list[str], scenarios: list[tuple[str, Scenario]], catalog: Catalog, kept: dict[str, Any]
) -> Any:
    """What changed since a baseline; alternatives are named as they were when it was made."""
    from llmcost.cli.output import read_answer
    from llmcost.estimate.compare import Alternative, compare
    from llmcost.estimate.compare import baseline as two

    old, name = read_answer(baseline)
    if len(answers) > 1:
        raise LlmcostError("--baseline compares with one newer answer", "llmcost compare --baseline old.json new.json")
    kind = two.command_of(old, name)
    if answers or kind != "compare":
        _refuse("a newer answer" if answers else f"a baseline of {kind}", set(kept))
    if answers:
        new, other = read_answer(answers[0])
        return two.diff(old, new, (name, other), catalog)
    if kind == "compare":
        fresh = compare([Alternative(*s) for s in scenarios], catalog, **kept)
    else:
        fresh = two.asked(kind, scenarios[0][1], catalog)
    return two.diff(old, two.document(fresh), (name, "the question"), catalog)
