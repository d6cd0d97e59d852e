"""Write docs/claims.md: what is said of training and inference cost, each put to a command and judged by a fixed rule.

The claims, their commands, assumptions and rules are in `scripts/claims.toml`; nothing in it is chosen after the answer
is known. `make claims` runs it.
"""

from __future__ import annotations

import contextlib
import io
import json
import shlex
import sys
import tomllib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from llmcost import units
from scripts import doc_charts
from scripts.docs import also

ROOT = Path(__file__).parent.parent
DATA = Path(__file__).with_suffix(".toml")
PAGE = ROOT / "docs" / "claims.md"
HOLDS, HOLDS_IF, FALSE, UNTESTABLE, LATER = "holds", "holds if", "false", "not testable", "not yet"
WORDS: dict[str, Any] = {"min": min, "max": max, "abs": abs, "any": any, "all": all, "__builtins__": {}}
INTRO = """# Claims

What is said in public of the cost of training and inference, put to llmcost. `make claims` writes this page from
`scripts/claims.toml`: the commands, the assumptions with their sources, and the rule that turns numbers into a verdict
were fixed before the commands were run. A range is the 90 % interval of the answer. A claim that does not hold is a
result like any other.

{also}

![Public claims by verdict](images/claims.svg)

- **holds**: the rule is met. **false**: its opposite is. **holds if**: it depends, and the condition says on what.
- **not testable**: no command can decide it, and why. **not yet**: the command that decides it is not there yet.
"""


class Value(NamedTuple):
    """A number of an answer with its 90 % interval."""

    p50: float
    p5: float
    p95: float
    kind: str = "count"

    def __str__(self) -> str:
        centre = units.format(self.kind, self.p50)
        if self.p5 == self.p95:
            return centre
        return f"{centre} ({units.format_range(self.kind, _finite(self.p5), _finite(self.p95))})"

    def __format__(self, spec: str) -> str:
        return str(self) if not spec else format(self.p50, spec)


class Verdict(NamedTuple):
    """A claim judged: the word, the sentence that says why, and the numbers it rests on."""

    word: str
    why: str
    numbers: dict[str, tuple[str, Value]]


def claims() -> list[dict[str, Any]]:
    """Every claim as it stands in the data."""
    with DATA.open("rb") as file:
        return list(tomllib.load(file)["claim"])


def answer(args: str) -> dict[str, Any]:
    """The JSON of a command."""
    from llmcost.cli import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([*shlex.split(args), "--json"])
    if code not in (0, 1):
        raise SystemExit(f"llmcost {args}: exit {code}\n{err.getvalue()}")
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def value(document: Mapping[str, Any], run: Mapping[str, Any]) -> Value:
    """What a run asks for: a result with its range, times `scale`; infinite where a crossing never comes.

    With `array` it is a column of the row that `where` names, with the columns of its quantiles where they are said.
    """
    key, scale = run["pick"], float(run.get("scale", 1.0))
    if "array" in run:
        row = next(r for r in document[run["array"]] if all(r[k] == v for k, v in run["where"].items()))
        ends = {"p5": row[run.get("p5", key)], "p95": row[run.get("p95", key)]}
        centre = _number(row[key])
    else:
        centre = _number(document["result"].get(key))
        ends = document["ranges"].get(key, {"p5": centre, "p95": centre})
    return Value(centre * scale, _number(ends["p5"], 0.0) * scale, _number(ends["p95"]) * scale, run["kind"])


def _number(found: Any, missing: float = float("inf")) -> float:
    return missing if found is None else float(found)


def _finite(number: float) -> float | None:
    return number if abs(number) != float("inf") else None


def judge(claim: Mapping[str, Any]) -> Verdict:
    """Run a claim's commands and apply its rule."""
    if not ready(claim):
        return Verdict(LATER, claim["later"], {})
    if "untestable" in claim:
        return Verdict(UNTESTABLE, claim["untestable"].format(**(named := _numbers(claim))), _labelled(claim, named))
    named = _numbers(claim)
    rules = ((HOLDS, claim["holds"]), (FALSE, claim["false"]), (HOLDS_IF, "True"))
    word = next(word for word, rule in rules if eval(rule, WORDS, named))
    text = claim["condition"] if word == HOLDS_IF else claim["answer"]
    return Verdict(word, text.format(**named), _labelled(claim, named))


def ready(claim: Mapping[str, Any]) -> bool:
    """Whether the options that a claim needs are there: `serve.technique` is `llmcost serve --technique`."""
    from importlib import import_module

    from llmcost.cli import command

    for need in claim.get("needs", []):
        name, _, option = need.partition(".")
        module = import_module(f"llmcost.cli.commands.{name}")
        own = {k for v in vars(module).values() if isinstance(v, dict) for k in v}
        if option not in command.options_of(name) and option not in own:
            return False
    return True


def _numbers(claim: Mapping[str, Any]) -> dict[str, Value]:
    """Values by name: facts, then runs, then what is derived from both."""
    named: dict[str, Value] = {}
    for fact in claim.get("facts", []):
        known = float(fact["value"])
        named[fact["name"]] = Value(known, known, known, fact["kind"])
    documents: dict[str, dict[str, Any]] = {}
    for run in claim.get("runs", []):
        if run["args"] not in documents:
            documents[run["args"]] = answer(run["args"])
        named[run["name"]] = value(documents[run["args"]], run)
    for rule in claim.get("derived", []):
        named[rule["name"]] = _derived(rule, named)
    return named


def _derived(rule: Mapping[str, Any], named: Mapping[str, Value]) -> Value:
    """A formula over values; its range where one of them alone has one."""
    used = [name for name in named if name in compile(rule["of"], "rule", "eval").co_names]
    spread = [name for name in used if named[name].p5 != named[name].p95]
    at = {name: named[name].p50 for name in used}
    centre = float(eval(rule["of"], WORDS, at))
    if len(spread) != 1:
        return Value(centre, centre, centre, rule["kind"])
    ends = sorted(
        float(eval(rule["of"], WORDS, {**at, spread[0]: end})) for end in (named[spread[0]].p5, named[spread[0]].p95)
    )
    return Value(centre, ends[0], ends[1], rule["kind"])


def _labelled(claim: Mapping[str, Any], named: Mapping[str, Value]) -> dict[str, tuple[str, Value]]:
    entries = [*claim.get("facts", []), *claim.get("runs", []), *claim.get("derived", [])]
    return {e["name"]: (e["label"], named[e["name"]]) for e in entries}


def section(claim: Mapping[str, Any], verdict: Verdict) -> str:
    """A claim with its verdict, numbers, commands, rule and assumptions."""
    parts = [f"## {claim['number']}. {claim['text']}", f"**{verdict.word.capitalize()}**: {verdict.why}"]
    if verdict.numbers:
        rows = [f"| {label[:1].upper()}{label[1:]} | {found} |" for label, found in verdict.numbers.values()]
        rows = ["| | |", "|---|---|", *rows]
        parts.append("\n".join(rows))
    commands = list(dict.fromkeys(run["args"] for run in claim.get("runs", [])))
    if commands and verdict.word != LATER:
        parts.append("```console\n" + "\n".join(f"$ llmcost {args}" for args in commands) + "\n```")
    if "rule" in claim:
        parts.append(f"Rule: {claim['rule']}")
    if claim.get("assumptions"):
        parts.append("\n".join(["Assumed:", "", *(f"- {text}" for text in claim["assumptions"])]))
    return "\n\n".join(parts) + "\n"


def page(judged: list[tuple[dict[str, Any], Verdict]]) -> str:
    """The whole page."""
    counted = Counter(verdict.word for _, verdict in judged)
    words = (HOLDS, HOLDS_IF, FALSE, UNTESTABLE, LATER)
    summary = f"{len(judged)} claims: " + ", ".join(f"{counted[w]} {w}" for w in words if counted[w]) + "."
    table = ["| # | claim | verdict |", "|---|---|---|"]
    table += [f"| {c['number']} | {c['text']} | {v.word} |" for c, v in judged]
    return "\n".join([INTRO.replace("{also}", also()), summary, "", *table, "", *(section(c, v) for c, v in judged)])


def main() -> None:
    judged = []
    for claim in claims():
        judged.append((claim, judge(claim)))
        print(f"{claim['number']:>3} {judged[-1][1].word:13} {judged[-1][1].why}", file=sys.stderr)
    PAGE.write_text(page(judged), "utf-8")
    doc_charts.write("claims")


if __name__ == "__main__":
    main()
