"""Completion of the names of presets and techniques: file names and nothing else, so that a TAB parses no TOML."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from llmcost.keys import COMPARE, CROSSOVER, FIT, KEYS, SERVE, SWEEP, TRAIN, Key, all_keys
from llmcost.keys.memory import FITTING

ASKED = (TRAIN, SERVE, CROSSOVER, COMPARE, FIT, SWEEP)  # commands whose options come from the table of keys
PRESET_KINDS = ("models", "hardware", "prices", "regions", "frameworks")
TECHNIQUES = "techniques"
QUOTED = "\"'\\"


def preset(kind: str) -> Callable[[str], list[str]]:
    """Completion of the names of presets of a kind."""

    def complete(incomplete: str) -> list[str]:
        from llmcost.cli.output import catalog

        return [name for name in catalog(None).names(kind) if name.startswith(incomplete)]

    return complete


def anything(incomplete: str) -> list[str]:
    """Completion of preset names of every kind."""
    from llmcost.catalog import KINDS
    from llmcost.cli.output import catalog

    names = catalog(None)
    return sorted({name for kind in KINDS for name in names.names(kind) if name.startswith(incomplete)})


def technique(incomplete: str) -> list[str]:
    """Completion of technique names."""
    from llmcost.keys.techniques import TECHNIQUES

    return [name for name in TECHNIQUES if name.startswith(incomplete)]


def of(key: Key) -> Callable[[str], list[str]] | None:
    """What completes the value of a key; None where nothing does."""
    if key.kind == TECHNIQUES:
        return technique
    return preset(key.kind) if key.kind in PRESET_KINDS else None


def takes(command: str, key: Key) -> bool:
    """Whether a command has the option of a key."""
    if command == FIT:
        return key.name in FITTING
    many = command in (COMPARE, SWEEP)
    return command in key.commands or (many and CROSSOVER in key.commands and not key.alone)


def at_once(asked: Mapping[str, str]) -> list[str] | None:
    """What completes the name after an option in bash, found without the parser; None where that has to say.

    >>> at_once({"_LLMCOST_COMPLETE": "complete_bash", "COMP_WORDS": "llmcost train -H h200-s", "COMP_CWORD": "3"})
    ['h200-sxm']
    """
    line, place = asked.get("COMP_WORDS", ""), asked.get("COMP_CWORD", "")
    words = line.split()
    if asked.get("_LLMCOST_COMPLETE") != "complete_bash" or not place.isdecimal() or any(c in line for c in QUOTED):
        return None
    at = int(place)
    if not 3 <= at <= len(words) or words[1] not in ASKED or "--" in words:
        return None
    begun, option = words[at] if at < len(words) else "", words[at - 1]
    key = KEYS.get(option[2:].replace("-", "_")) or next((k for k in all_keys().values() if option == k.short), None)
    if begun.startswith(("-", "=")) or key is None or option not in (key.option, key.short) or not takes(words[1], key):
        return None
    complete = of(key)
    return None if complete is None else complete(begun)
