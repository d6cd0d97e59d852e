"""What `--solve` is to find, and the time that `--at` says."""

from __future__ import annotations

from collections.abc import Sequence

from llmcost import units
from llmcost.errors import LlmcostError, not_of


def asked_seconds(what: str, at: object, solvable: Sequence[str], when: str, example: str) -> float:
    """The time in `--at` [s], for something that can be solved for.

    Raises
    ------
    LlmcostError
        Not something to solve for, no time, or none that can be read.

    Examples
    --------
    >>> asked_seconds("gpus", "30d", ["gpus"], "when is the run to end?", "30d")
    2592000.0
    """
    if what not in solvable:
        raise units.at("--solve", not_of(what, solvable, f"--solve {solvable[0]} --at {example}"))
    if at is None:
        raise LlmcostError(f"--solve without --at: {when}", f"--at {example}")
    try:
        return units.parse("seconds", at)
    except LlmcostError as error:
        raise units.at("--at", error) from None
