"""Notes, warnings and errors on standard error: said where somebody listens, never at the price of the answer."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from llmcost.errors import LlmcostError

MOST_FINDINGS = 20


def say(line: str) -> None:
    """Print a line to standard error. Closed or full, it says nothing: the exit code is that of the answer."""
    if sys.stderr is None:  # `print` would take standard output in its place
        return
    try:
        print(line, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        _drop(sys.stderr)


def put(text: str) -> None:
    """Write an answer to standard output.

    Raises
    ------
    LlmcostError
        It is closed.
    """
    if sys.stdout is None:
        raise LlmcostError("standard output is closed", "-o answer.json, or > answer.txt")
    sys.stdout.write(text)
    sys.stdout.flush()


def refuse(error: LlmcostError) -> int:
    """Say every finding on a line of its own, its hint below it, up to a bound; return the exit code."""
    findings: list[LlmcostError] = getattr(error, "findings", [error])
    for finding in findings[:MOST_FINDINGS]:
        for line in folded(f"error: {finding.message}"):
            say(line)
        if finding.hint:
            say(f"hint: {finding.hint}")
    if len(findings) > MOST_FINDINGS:
        say(f"error: and {len(findings) - MOST_FINDINGS:,} more")
    return error.code


def folded(line: str) -> list[str]:
    """A line as it is; on a terminal folded between its words. Hints never fold: they are pasted."""
    width = terminal_width()
    if width is None:
        return [line]
    from llmcost.render.text import wrapped

    return wrapped(line, width)


def terminal_width() -> int | None:
    """Columns of the terminal that shows messages; None where there is none."""
    if sys.stderr is None or not sys.stderr.isatty():
        return None
    import shutil

    return shutil.get_terminal_size().columns


def drop_output() -> None:
    """Forget what standard output could not take, lest Python tries again at exit."""
    _drop(sys.stdout)


def _drop(stream: TextIO) -> None:
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except (AttributeError, OSError, ValueError):  # closed, or not a file
        return
