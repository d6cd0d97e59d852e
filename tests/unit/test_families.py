"""Every family that transformers has a class for, against the parameters of that class (see scripts/families.py)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmcost.engine.model.parameters import count
from llmcost.hf_config import model_from_config

CLASSES: dict[str, Any] = json.loads((Path(__file__).parent / "class_totals.json").read_text("utf-8"))
# transformers 5.24 gives the experts of LongCat that compute nothing matrices of their own; the published files have
# none: 560,664,980,480 parameters (LongCat-Flash-Prover).
PUBLISHED = {"longcat_flash": 560_664_980_480}
# Multimodal: the class also holds towers that are not the language model.
TOWERS = {"phi4_multimodal", "step3p7"}
# The default configuration lacks what every published file has: experts a token visits, the size of a head.
INCOMPLETE = {"deepseek_v2", "glm4_moe"}
# The class counts experts that a token visits in another way: those that compute nothing count as visited.
ACTIVE = {"longcat_flash"}


def config(kind: str) -> dict[str, Any]:
    return {key: _listed(value) for key, value in CLASSES[kind]["config"].items()}


def _listed(value: Any) -> Any:
    if isinstance(value, dict) and set(value) == {"runs"}:
        return [key for key, many in value["runs"] for _ in range(many)]
    return value


def test_most_families_have_a_class() -> None:
    assert len(CLASSES) >= 100


@pytest.mark.parametrize("kind", sorted(set(CLASSES) - TOWERS - INCOMPLETE))
def test_an_import_counts_what_the_class_holds(kind: str) -> None:
    counts = count(model_from_config(config(kind), kind))
    assert counts.total == pytest.approx(PUBLISHED.get(kind, CLASSES[kind]["total"]), rel=2e-4)
    if kind not in ACTIVE:
        assert counts.active == pytest.approx(CLASSES[kind]["active"], rel=1e-3)
