"""Cells of a table of measured rows: numbers as people write them, names as they spell them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

from llmcost import spec
from llmcost.catalog import Catalog
from llmcost.engine.machine.roofline import Machine
from llmcost.errors import LlmcostError
from llmcost.estimate.asking.subject import machine_of

BLANK = {"", "-", "nan", "none", "null", "n/a", "na", "<na>"}  # what programs write into an empty cell
LEAST, MOST = 1e-12, 1e18  # no input of a row is smaller, zero apart, or larger
MAKERS = {"nvidia", "amd", "intel", "google", "aws", "apple", "instinct", "geforce", "tesla", "cloud", "habana",
          "radeon", "quadro", "strix", "halo"}  # fmt: skip
WORDS = {"gpu", "tensor", "core", "accelerator", "oam", "hbm", "hbm2", "hbm2e", "hbm3", "hbm3e", "gddr6", "gddr6x",
         "graphics", "generation", "edition", "blackwell"}  # fmt: skip
MEMORY_SLACK = 0.1  # "180 GB" and "192 GB" are sold as one accelerator
VARIANT = re.compile(r"-(instruct|chat|it|hf|base|fp8|bf16|fp16|nvfp4|fp4|awq|gptq|int4|int8|dynamic)$")


_FOUND: WeakKeyDictionary[Catalog, dict[tuple[Any, str], Any]] = WeakKeyDictionary()
R = TypeVar("R")


def once(catalog: Catalog, find: Callable[[Catalog, str], R], name: str) -> R:
    """What a look-up finds under a name, or the error it ends with; many rows name the same presets.

    Raises
    ------
    LlmcostError
        That of the look-up, each time it is asked.
    """
    known = _FOUND.setdefault(catalog, {})
    if (find, name) not in known:
        try:
            known[find, name] = find(catalog, name)
        except LlmcostError as error:
            known[find, name] = error
    found = known[find, name]
    if isinstance(found, LlmcostError):
        raise found
    return cast("R", found)


def text(row: Mapping[str, str], name: str) -> str:
    """A cell without surrounding spaces; empty where blank, absent or a program's word for nothing."""
    cell = (row.get(name) or "").strip()
    return "" if cell.lower() in BLANK else cell


def number(row: Mapping[str, str], name: str) -> float | None:
    """A cell as a number; None where blank or absent.

    Raises
    ------
    LlmcostError
        The cell is not a number, negative, or beyond any size.

    >>> number({"n": " 16,384 "}, "n"), number({"n": "1e4"}, "n"), number({"n": "nan"}, "n")
    (16384.0, 10000.0, None)
    """
    cell = row.get(name)
    if not cell:
        return None
    try:  # most cells are plain numbers
        value = float(cell)
        if value == 0 or LEAST <= value <= MOST:
            return value
    except ValueError:
        pass
    cell = text(row, name)
    if not cell:
        return None
    plain = cell.replace(",", "") if "," in cell and re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d*)?", cell) else cell
    try:
        value = float(plain)
    except ValueError as error:
        raise LlmcostError(f"{name} is not a number: {cell[:40]!r}") from error
    if value != 0 and not LEAST <= value <= MOST:
        raise LlmcostError(f"{name} is {cell[:40]}: zero, or a number from {LEAST:.0e} to {MOST:.0e}, is wanted")
    return value


def positive(row: Mapping[str, str], name: str) -> float | None:
    """A cell as a number above zero; None where blank, absent or zero: a degree, size or count of nothing."""
    return number(row, name) or None


def flag(row: Mapping[str, str], name: str) -> bool | None:
    """A cell that says yes or no (1, 0, true, false, yes, no); None where it says neither."""
    cell = text(row, name).lower()
    known = {"1": True, "1.0": True, "true": True, "yes": True, "0": False, "0.0": False, "false": False, "no": False}
    return known.get(cell)


def accelerator(catalog: Catalog, name: str) -> spec.Accelerator:
    """The preset of an accelerator however it is spelled: `NVIDIA H100 SXM5 80GB` is h100-sxm.

    Case, order, makers' names and words for memory do not matter; a stated memory must agree.

    Raises
    ------
    LlmcostError
        No accelerator, or none of that name.
    """
    if not name:
        raise LlmcostError("hardware_id is blank: the accelerator is not stated")
    return once(catalog, _accelerator, name)


def machine(catalog: Catalog, name: str) -> Machine:
    """An accelerator, however it is spelled, as the engine takes it.

    Raises
    ------
    LlmcostError
        As `accelerator`.
    """
    return once(catalog, _machine, name)


def _machine(catalog: Catalog, name: str) -> Machine:
    return machine_of(accelerator(catalog, name))


def _accelerator(catalog: Catalog, name: str) -> spec.Accelerator:
    try:
        return catalog.load(spec.Accelerator, name)[0]
    except LlmcostError as unknown:
        wanted, memory = _words(name)
        if wanted == {""}:
            raise
        for known, file in [*((n, n) for n in catalog.names("hardware")), *catalog.aliases("hardware").items()]:
            words, own = _words(known)
            if words != wanted and "".join(sorted(words)) != "".join(sorted(wanted)):
                continue
            preset = catalog.load(spec.Accelerator, file)[0]
            if memory is None or own == memory or _holds(preset, memory):
                return preset
        raise unknown


def _words(name: str) -> tuple[frozenset[str], float | None]:
    """Words of a name that tell accelerators apart, and the memory it states [GB]."""
    parts = [re.sub(r"^(sxm|pcie)\d*$", r"\1", w) for w in re.split(r"[^a-z0-9]+", name.lower()) if w]
    joined = re.sub(r"\b(\d+)-(gb|gib)\b", r"\1gb", "-".join(parts))
    sizes = re.findall(r"\b(\d+)gi?b\b", joined)
    kept = [w for w in joined.split("-") if w not in MAKERS | WORDS and not re.fullmatch(r"\d+gi?b", w)]
    merged = re.sub(r"\b(gaudi|rtx|inferentia|trainium|tpu)-(v?\d)", r"\1\2", "-".join(kept))
    return frozenset(merged.split("-")), float(sizes[0]) if sizes else None


def _holds(preset: spec.Accelerator, memory: float) -> bool:
    own = float(preset.memory_bytes or math.nan) / 1e9
    return abs(memory / own - 1.0) <= MEMORY_SLACK


def model(catalog: Catalog, name: str) -> spec.Model:
    """The preset of a model, also by the name of a repository: `meta-llama/Llama-3.1-8B-Instruct` is llama-3.1-8b.

    Raises
    ------
    LlmcostError
        No model of that name.
    """
    return once(catalog, _model, name)


def _model(catalog: Catalog, name: str) -> spec.Model:
    try:
        return catalog.load(spec.Model, name)[0]
    except LlmcostError as unknown:
        short = re.sub(r"[\s_]+", "-", name.lower().rsplit("/", 1)[-1])
        tries = [short]
        while VARIANT.search(tries[-1]):
            tries.append(VARIANT.sub("", tries[-1]))
        known = {**{n: n for n in catalog.names("models")}, **catalog.aliases("models")}
        for each in (variant for base in tries for variant in (base, base.removeprefix("meta-"))):
            if each in known:
                return catalog.load(spec.Model, known[each])[0]
        raise unknown
