"""Names of accelerators as people and drivers' tools write them."""

from __future__ import annotations

import re
from collections.abc import Mapping

Key = tuple[str, ...]

# words that tell no two accelerators apart
IDLE = frozenset(
    ("nvidia", "amd", "intel", "apple", "google", "aws", "geforce", "quadro", "tesla", "instinct", "radeon", "arc",
     "rtx", "gtx", "rx", "gpu", "graphics", "accelerator", "generation", "edition", "blackwell", "oam", "tensor",
     "core", "hbm", "hbm2", "hbm2e", "hbm3", "hbm3e")
)  # fmt: skip
_WORD = re.compile(r"rtx|gtx|hbm\d?e?|sxm\d?|nvl\d*|\d+(?:gb|tb)|[a-z]+|\d+")
_TOLD = re.compile(r"\((?:r|tm)\)|\bmac ?book(?: ?(?:pro|air))?\b|\bi?mac(?: ?(?:studio|mini|pro))?\b")  # says no chip
_LINK = re.compile(r"sxm\d")
_COUNT = re.compile(r"\s*(?:(\d{1,7})\s*[x×*]\s*(\S.*?)|(\S.*?)\s*[x×*]\s*(\d{1,7}))\s*", re.ASCII | re.IGNORECASE)


def key(name: str) -> Key:
    """What a name says, whatever its case, order, separators and words that tell nothing.

    >>> key("NVIDIA GeForce RTX 4090") == key("rtx4090") == key("4090")
    True
    >>> key("MacBook Pro M4 Max 128GB") == key("apple-m4-max-128gb")
    True
    >>> key("NVIDIA A100-SXM4-80GB") == key("a100-80gb-sxm"), key("A100 80GB PCIe") == key("a100-80gb-sxm")
    (True, False)
    """
    words = (_LINK.sub("sxm", word) for word in _WORD.findall(_TOLD.sub(" ", name.lower())))
    return tuple(sorted(word for word in words if word not in IDLE))


def several(name: str) -> tuple[int, str] | None:
    """A number of accelerators and which, of a name that says both; whether such an accelerator exists is not known.

    >>> several("8x H100"), several("A100 80GB x 4"), several("h100")
    ((8, 'H100'), (4, 'A100 80GB'), None)
    """
    said = _COUNT.fullmatch(name)
    if said is None:
        return None
    before, of, which, behind = said.groups()
    return int(before or behind), of or which


def holding(name: str, names: Mapping[str, str]) -> list[str]:
    """Presets whose names say all that this one says and more, the nearest first.

    >>> holding("RTX 3080", {"rtx3080-10gb": "rtx3080-10gb", "rtx3080ti": "rtx3080ti", "rtx4080": "rtx4080"})
    ['rtx3080-10gb', 'rtx3080ti']
    """
    said = set(key(name))
    more = {preset: len(set(key(each)) - said) for each, preset in names.items() if said and said <= set(key(each))}
    return sorted(more, key=lambda preset: (more[preset], preset))


def index(names: Mapping[str, str]) -> dict[Key, str]:
    """Keys of names and aliases to presets; a key that two presets share is left out."""
    found: dict[Key, str] = {}
    shared = set()
    for name, preset in names.items():
        known = found.setdefault(key(name), preset)
        if known != preset:
            shared.add(key(name))
    return {k: preset for k, preset in found.items() if k and k not in shared}
