"""What to say of a model's name that means nothing for certain: what it is, or which names are near."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from llmcost.errors import LlmcostError, nearest, shown
from llmcost.names.models import DATE, FAMILIES, LATEST, Name, read
from llmcost.names.others import what_name
from llmcost.records import AbsentRow

# Families whose sizes are not published, and who sells their tokens; those with open models stand apart.
CLOSED = {
    "gpt": "openai", "chatgpt": "openai", "o1": "openai", "o3": "openai", "o4": "openai", "claude": "anthropic",
    "gemini": "google", "grok": "x-ai", "nova": "aws", "sonar": "perplexity",
}  # fmt: skip
OPEN = {"gpt": ("oss", "j", "neo", "neox", "2", "bigcode", "sw3"), "grok": ("1", "2")}


def seller(typed: str) -> str:
    """Who sells the tokens of a closed model, or nothing.

    Examples
    --------
    >>> seller("gpt-5-mini"), seller("claude-sonnet-4-5"), seller("gpt-oss-30b")
    ('openai', 'anthropic', '')
    """
    words = read(typed).words
    open_ = words[1:2] and words[1] in OPEN.get(words[0], ())
    return "" if not words or open_ else CLOSED.get(words[0], "")


def model(name: str, known: Mapping[str, str], several: str, absent: Iterable[AbsentRow] = ()) -> LlmcostError:
    """The finding for a name: a model that writes no text, or one nobody knows, and what to try in its place.

    Parameters
    ----------
    name : str
        As it was typed.
    known : mapping
        Name or alias to preset name.
    several : str
        What to type where the name is a list of names; empty where it is none.
    absent : iterable of AbsentRow
        `[[absent]]` of presets/calibration/hub.toml: `names` without a preset, `why`, and a `hint`.

    Examples
    --------
    >>> rows: list[AbsentRow] = [{"names": ["deepseek-v4.1"], "why": "is of another kind", "hint": "--params"}]
    >>> print(model("deepseek-ai/DeepSeek-V4.1-Flash", {}, "", rows))
    'deepseek-ai/DeepSeek-V4.1-Flash' is of another kind
    """
    words = read(name).words
    said, hint = ("", "") if several else what_name(words)
    for row in absent:
        if any(set(read(each).words) <= set(words) for each in row["names"]):
            said, hint = str(row["why"]), str(row["hint"])
    if said:
        return LlmcostError(f"{shown(name)} {said}", hint or "llmcost presets list models")
    return LlmcostError(f"unknown model {shown(name)}", several or _near(name, known))


def _near(name: str, known: Mapping[str, str]) -> str:
    """The seller of a closed model, the family's presets by size, else names that look alike."""
    sold_by = seller(name)
    if sold_by:
        return f"its size is not published: bought tokens are compared by --against api:{sold_by}/{name}, or --params"
    whole = [label for label in (name.lower().removesuffix(LATEST),) if label in known]
    family = [*whole, *similar(name, known)]
    if family:
        return f"did you mean {' or '.join(repr(n) for n in family)}?"
    if "/" in name:
        return "llmcost presets import config.json makes a preset of its configuration"
    near = of_like_family(name, nearest(name.strip().lower(), list(known)))
    return f"did you mean {' or '.join(repr(n) for n in near)}?" if near else "llmcost presets list models"


MOST_HINTS = 4
ALIKE = 0.8  # of the letters of two families' names


def similar(typed: str, known: Mapping[str, str]) -> list[str]:
    """Models for a hint: names that say more than the typed one, the model it is made of, or its family by size.

    A preset of another family is never proposed for a name that has a family.

    Parameters
    ----------
    typed : str
        A name that means nothing for certain.
    known : mapping
        Name or alias to preset name.

    Examples
    --------
    >>> presets = ("llama-1-65b", "llama-3.1-70b", "llama-3.2-1b", "llama-3.2-3b", "qwen-72b", "mistral-7b")
    >>> known = {name: name for name in presets} | {"deepseek-r1-distill-llama-8b": "llama-3.1-8b"}
    >>> similar("llama3.2:70b", known)
    ['llama-3.2-3b', 'llama-3.2-1b', 'llama-3.1-70b']
    >>> similar("llama3.2", known), similar("deepseek-r1:8b", known), similar("OpenHermes-2.5-Mistral-7B", known)
    (['llama-3.2-1b', 'llama-3.2-3b'], ['deepseek-r1-distill-llama-8b'], ['mistral-7b'])
    >>> similar("llama-3.1-70bx", known)[0]
    'llama-3.1-70b'
    """
    asked = read(typed)
    if not asked.words:
        return []
    told = [(read(label), label) for label in sorted(known, key=lambda label: (label != known[label], label))]
    own = [(name, label) for name, label in told if label == known[label]]
    words = {word for word in asked.words if not DATE.match(word)}
    found = _fuller(words, asked.size, own, known) or _fuller(words, asked.size, told, known)
    return found or _parts(asked, own) or _misspelt(typed, own) or _family(asked, own)


def _misspelt(typed: str, own: list[tuple[Name, str]]) -> list[str]:
    """Presets that look alike, where a word of the name is in none of its family: `8bx` is `8b` misspelt."""
    asked = read(typed)
    family = [(name, label) for name, label in own if name.words[:1] == asked.words[:1]]
    told = {word for name, _ in family for word in name.words}
    if asked.size or not family or told.issuperset(asked.words):
        return []
    return nearest(typed.strip().lower(), [label for _, label in family])


def _fuller(words: set[str], size: str, told: list[tuple[Name, str]], known: Mapping[str, str]) -> list[str]:
    """Names that have every word of the typed one and more; one a preset, those with the fewest more, by size."""
    found: dict[str, tuple[int, float, str]] = {}
    for other, label in told:
        more = len(set(other.words) - words - {other.size})
        if words < set(other.words) and more < found.get(known[label], (99, 0.0, ""))[0]:
            found[known[label]] = (more, _count(other.size) if other.size else 0.0, label)
    fewest = min(found.values(), default=(0, 0.0, ""))[0] + bool(size)
    close = [entry for entry in sorted(found.values()) if entry[0] <= fewest][:MOST_HINTS]
    return [label for _, _, label in sorted(close, key=lambda entry: entry[1])]


def _parts(asked: Name, own: list[tuple[Name, str]]) -> list[str]:
    """A preset whose family, version and size are all in the typed name: what a tuned model is made of."""
    inside = [
        (len(other.words), label)
        for other, label in own
        if other.size and other.words[0] in FAMILIES and set(other.words) < set(asked.words)
        and (other.words[0] != asked.words[0] or other.version == asked.version)
    ]  # fmt: skip
    return [max(inside)[1]] if inside else []


def _family(asked: Name, own: list[tuple[Name, str]]) -> list[str]:
    """Presets of the family: those of the same version by how far their size is, then one of its size."""
    family = [(other, label) for other, label in own if other.words[:1] == asked.words[:1]]

    def rank(entry: tuple[Name, str]) -> tuple[float, ...]:
        extra = len(set(entry[0].words) - set(asked.words) - {entry[0].size})
        return (bool(extra), _apart(asked.size, entry[0].size), extra)

    family.sort(key=rank)
    same = [preset for other, preset in family if asked.version and other.version == asked.version]
    sized = [preset for other, preset in family if asked.size and other.size == asked.size and preset not in same]
    sized.sort(key=lambda preset: _newer(asked.version, read(preset).version))
    close = [*same[:2], *sized[:1]]
    return close or [preset for _, preset in family[:3]]


def of_like_family(typed: str, labels: Iterable[str]) -> list[str]:
    """Of names that look alike those whose family does too: a letter wrong is no other family.

    Examples
    --------
    >>> of_like_family("lama-3.1-8b", ["llama-3.1-8b", "gpt-3"]), of_like_family("openchat-3.5", ["gpt-3.5"])
    (['llama-3.1-8b'], [])
    """
    from difflib import SequenceMatcher

    asked = read(typed).words[:1]
    if not asked:
        return []
    return [label for label in labels if SequenceMatcher(None, asked[0], read(label).words[0]).ratio() >= ALIKE]


def _newer(one: str, other: str) -> float:
    """How far two versions are, where both are numbers."""
    try:
        return abs(float(one.lstrip("v")) - float(other.lstrip("v")))
    except ValueError:
        return 100.0


def _apart(one: str, other: str) -> float:
    """How far two sizes are: the logarithm of their ratio; unknown ones are far."""
    if not one:
        return 0.0
    if not other:
        return 3.0
    from math import log2

    return abs(log2(_count(one) / _count(other)))


def _count(size: str) -> float:
    number = size[:-1].split("x")
    value = 1.0
    for part in number:
        value *= float(part)
    return max(value, 1e-6) * {"m": 1e-3, "b": 1.0, "t": 1e3}[size[-1]]
