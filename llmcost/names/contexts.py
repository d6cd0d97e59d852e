"""The context that a model's name says, where it is not that of the preset of its shape."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from llmcost.names.models import read
from llmcost.names.reading import notes
from llmcost.records import ContextRow
from llmcost.result import Warning

# Contexts that models are made for. Other numbers are sizes (`gpt-2-124m`) and counts of examples (`Instruct-3M`).
_SAID = re.compile(r"(2|4|8|16|32|64|128|200|256|262|512|524|1000|1024|1048)k|(1|2|4|10)m")
NEAR = 0.03  # of a power of two, which is meant


def said(typed: str, preset: str, rows: Iterable[ContextRow]) -> int | None:
    """Tokens that a release takes by its name; None where that does not say more than the preset.

    Parameters
    ----------
    typed, preset : str
        The name, and the preset that it was read as.
    rows : iterable of ContextRow
        `[[contexts]]` of presets/calibration/contexts.toml: `tokens` and the `names` of releases.

    Examples
    --------
    >>> long: ContextRow = {"tokens": 262144, "names": ["Qwen3-4B-2507"]}
    >>> base: ContextRow = {"tokens": 32768, "names": ["Qwen3-4B-Base"]}
    >>> [said(n, "qwen3-4b", [long, base]) for n in ("Qwen/Qwen3-4B-Instruct-2507-FP8", "qwen3-4b-base", "qwen3:4b")]
    [262144, 32768, None]
    >>> [said(n, "phi-3-mini", []) for n in ("Phi-3-mini-128k-instruct", "phi-3-mini-1m")]
    [131072, 1000000]
    """
    asked = read(typed)
    start = asked.full[0] if asked.full else ""
    for row in rows:
        for name in (name for name in row["names"] if start in name.lower()):
            listed = read(name)
            if _alike(listed.full, asked.full) or (
                _alike(listed.words, asked.words) and not _alike(listed.words, read(preset).words)
            ):
                return row["tokens"]
    if _said(preset) is not None:
        return None
    return _said(typed)


def noted(
    typed: str, preset: str, rows: Iterable[ContextRow], warnings: tuple[Warning, ...]
) -> tuple[int | None, tuple[Warning, ...]]:
    """The context that a name says, and the notes of how it was read with that.

    Examples
    --------
    >>> rows: list[ContextRow] = [{"tokens": 202752, "names": ["GLM-4.6"]}]
    >>> [warning.message for warning in noted("glm-4.6", "glm-4.5", rows, ())[1]]
    ["'glm-4.6' is read as glm-4.5 with a context of 202,752 tokens"]
    """
    tokens = said(typed, preset, rows)
    if tokens is None:
        return None, warnings
    first, *rest = warnings or notes(typed, preset, listed=False, wide=False)
    return tokens, (Warning(first.code, f"{first.message} with a context of {tokens:,} tokens", first.hint), *rest)


def _alike(words: tuple[str, ...], others: tuple[str, ...]) -> bool:
    return sorted(words) == sorted(others)


def _said(name: str) -> int | None:
    """`131072` of `phi-3-mini-128k`, `200000` of `yi-34b-200k`."""
    for word in read(name).full:
        if found := _SAID.fullmatch(word):
            tokens = 10**3 * int(found[1]) if found[1] else 10**6 * int(found[2])
            binary = 2 ** round(math.log2(tokens))
            return binary if abs(binary / tokens - 1) < NEAR else tokens
    return None
