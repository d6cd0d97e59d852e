"""Bytes of published checkpoints by class of tensors."""

from __future__ import annotations

import pytest

from llmcost import spec
from llmcost.catalog import Catalog
from llmcost.engine.model.parameters import count
from llmcost.engine.model.stored import StoredBytes, checkpoint_of, stored_bytes
from llmcost.spec import Checkpoint, Stored

CATALOG = Catalog()
# Sizes of the published files [bytes]: gpt-oss model card (arXiv 2508.10925, table 1); Kimi K2.5 as listed by its
# deployment guide (595 GB).
PUBLISHED = {"gpt-oss-120b": 60.8 * 2**30, "gpt-oss-20b": 12.8 * 2**30, "kimi-k2.5": 595e9}


def model(name: str) -> spec.Model:
    return CATALOG.load(spec.Model, name)[0]


@pytest.mark.parametrize("name", PUBLISHED)
def test_partly_quantised_checkpoints_weigh_what_is_published(name: str) -> None:
    assert stored_bytes(model(name)).total == pytest.approx(PUBLISHED[name], rel=0.01)


def test_without_a_checkpoint_every_class_is_in_the_native_format() -> None:
    plain = model("llama-3.1-8b")
    assert stored_bytes(plain).total == 2 * 8_030_261_248
    assert checkpoint_of(plain) == Checkpoint(method="bf16", rest=Stored("bf16", 16.0))


def test_classes_cover_every_parameter() -> None:
    for name in CATALOG.names("models"):
        if model(name).n_layers is not None:
            bits = StoredBytes(*(8.0 * x / 16.0 for x in stored_bytes(_wide(model(name)))))
            assert sum(bits) == pytest.approx(count(model(name)).total, rel=1e-12)


def _wide(asked: spec.Model) -> spec.Model:
    import msgspec

    return msgspec.structs.replace(asked, checkpoint=Checkpoint(method="bf16", rest=Stored("bf16", 16.0)))
