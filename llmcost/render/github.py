"""GitHub annotations: one command a limit that does not hold, the worst first, since a step shows ten of each kind.

https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

from collections.abc import Mapping

from llmcost.render import Options
from llmcost.render import text as words
from llmcost.render.check import verdicts
from llmcost.result import Estimate, LimitRow

COMMANDS = {"fail": "error", "warn": "warning"}


def render(estimate: Estimate, options: Options) -> str:
    """Annotations, and the answer in one line."""
    rows = [row for row in reversed(estimate.arrays["rows"]) if row["verdict"] in COMMANDS]
    lines = [_annotation(row) for row in rows]
    lines += [words.clean(estimate.headline)]
    body = "\n".join(lines) + "\n"
    return body if options.unicode else words.ascii_only(body)


def _annotation(row: LimitRow) -> str:
    place = {} if row["file"] == "-" else {"file": words.clean(row["file"]), "line": str(row["line"])}
    properties = {**place, "title": f"{words.clean(row['budget'])}: {verdicts.limit(row)}"}
    told = [verdicts.sentence(row), *(f"{name}: {text}" for name, text in verdicts.details(row))]
    return command(COMMANDS[row["verdict"]], properties, "\n".join(told))


def command(name: str, properties: Mapping[str, str], message: str) -> str:
    r"""A workflow command.

    >>> command("error", {"file": "a,b.toml", "line": "7"}, "100%\nover: by 1,000")
    '::error file=a%2Cb.toml,line=7::100%25%0Aover: by 1,000'
    """
    said = ",".join(f"{key}={escape_property(value)}" for key, value in properties.items())
    return f"::{name} {said}::{escape(message)}"


def escape(text: str) -> str:
    """Text of a message: what would end the line, and the escape itself."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    """Text of a property: also what would end the property."""
    return escape(text).replace(":", "%3A").replace(",", "%2C")
