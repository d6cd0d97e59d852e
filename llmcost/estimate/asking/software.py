"""A serving engine as it comes: the constants of its kin, and the limits that it starts with."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from llmcost.catalog import Catalog
from llmcost.engine.machine.factors import Told
from llmcost.engine.model.transformer import Shape
from llmcost.engine.serving.inputs import Calibration, Precision, calibration_from_factors
from llmcost.engine.serving.ranges import NVIDIA, Classes, fitted, recent
from llmcost.errors import LlmcostError
from llmcost.estimate.asking.subject import Chip
from llmcost.spec import Accelerator, Framework, ServingStack

TUNED = "tuned"  # preset of an engine that nobody names; its constants go by "any"
LIMITS = {"max_num_seqs": "batch_limit", "chunk_tokens": "chunk_tokens"}  # a preset's key: the engine's constant


def stack(catalog: Catalog, name: str) -> ServingStack | None:
    """What a preset says of an engine; None where there is no such preset, or it serves nothing."""
    try:
        return catalog.load(Framework, name)[0].serving
    except LlmcostError:
        return None


def as_held(known: Precision, formats: Mapping[str, Precision], has: ServingStack | None) -> Precision:
    """A format as the files of an engine hold it: what it leaves in 16 bits beside 4-bit weights may be narrower.

    Examples
    --------
    gpt-oss in llama.cpp: 1.8B parameters beside the experts, in 8 bits and a scale for each 32.

    >>> narrow, bytes8 = Precision(weight_bytes=0.53), Precision(weight_bytes=1.0625)
    >>> as_held(narrow, {"q8_0": bytes8}, ServingStack(beside="q8_0")).head_bytes
    1.0625
    """
    if has is None or has.beside is None or known.weight_bytes >= 1.0:
        return known
    most = formats[has.beside].weight_bytes
    return known._replace(
        attention_bytes=min(float(known.attention_bytes), float(most)),
        head_bytes=min(float(known.head_bytes), float(most)),
    )


def usual(catalog: Catalog, chip: Accelerator) -> str:
    """The engine that is taken where none is named: the one people use on such a machine, or a tuned one."""
    rows = catalog.table("defaults", "engines") if chip.setting == "server" else []
    return next((str(row["framework"]) for row in rows if row["vendor"] == chip.vendor), TUNED)


@lru_cache(maxsize=64)
def measured(catalog: Catalog) -> tuple[set[str], set[str]]:
    """Engines and generations with constants of their own."""
    return fitted(catalog.factors("serving"))


def kin(catalog: Catalog, name: str) -> str:
    """The engine whose constants count: its own where measured rows tell some, else those of its kin."""
    engines, _ = measured(catalog)
    if name in engines or name == "any":
        return name
    found = stack(catalog, name)
    return found.kin if found is not None and found.kin is not None else name


@lru_cache(maxsize=1024)  # a search asks for the same constants at every point
def of_software(
    catalog: Catalog, name: str, generation: str, memory_bytes: float, year: int | None = None
) -> Calibration:
    """Constants of an engine on a card of so much memory, with the limits that its preset says it starts with."""
    drawn = kin(catalog, name)
    of = generation if drawn != "any" else generation.removesuffix("-rtx")  # a tuned stack knows no cards apart
    told = Told(year, memory_bytes=memory_bytes)
    calibration = calibration_from_factors(catalog.factors("serving", "memory"), of, drawn, told)
    found = None if name == "any" else stack(catalog, name)
    limits = {} if found is None else {own: getattr(found, key) for key, own in LIMITS.items()}
    return calibration._replace(**{own: float(value) for own, value in limits.items() if value is not None})


def classes_of(catalog: Catalog, device: Chip, shape: Shape, software: tuple[str, str], static: bool) -> Classes:
    """What the replica is, as far as ranges are told apart."""
    generation, engine = software
    engines, generations = measured(catalog)
    amd = generation.startswith(("cdna", "rdna"))
    return Classes(
        static=static,
        experts=float(shape.n_experts) > 0,
        recent=bool(recent(shape)),
        amd=amd,
        other=not amd and generation not in NVIDIA,
        card=not float(device.machine.scale_up_domain) > 1,
        rare=engine not in engines or generation not in generations,
    )
