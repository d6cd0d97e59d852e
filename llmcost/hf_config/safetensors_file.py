"""Sizes of tensors from the headers of safetensors files: eight bytes of length, then a table in JSON."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import structs

from llmcost.engine.model.stored import stored_bytes
from llmcost.errors import LlmcostError, shown
from llmcost.files import json_of
from llmcost.hf_config import Imported
from llmcost.hf_config.refusals import WHOLE
from llmcost.result import Warning
from llmcost.spec import Checkpoint, Stored

MOST_HEADER = 100_000_000  # bytes, as the format's own readers allow
# Towers of other senses and layers for several tokens at once are not part of the language model that is counted.
ELSEWHERE = (
    "visual",
    "vision",
    "image",
    "audio",
    "mtp.",
    "multi_modal",
    "mm_projector",
    "speech",
    "embed_tokens_extend",
)
DIFFERS = 0.01


def headers(path: Path) -> dict[str, tuple[str, int]]:
    """Tensors of a file: name to format and bytes.

    Raises
    ------
    LlmcostError
        Not a safetensors file, or a broken header.
    """
    where = shown(path.name, 100)
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if not 2 <= size <= MOST_HEADER:
                raise LlmcostError(
                    f"{where}: not a safetensors file (a header of {size:,} bytes)",
                    WHOLE,
                )
            table = json_of(file.read(size))
    except (OSError, ValueError) as error:
        raise LlmcostError(
            f"{where}: not a safetensors file: {getattr(error, 'strerror', None) or error}", WHOLE
        ) from None
    if not isinstance(table, dict):
        raise LlmcostError(
            f"{where}: not a safetensors file: the header is no table",
            WHOLE,
        )
    return dict(_tensors(table))


def _tensors(table: dict[str, Any]) -> Iterator[tuple[str, tuple[str, int]]]:
    for name, entry in table.items():
        offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
        if name != "__metadata__" and isinstance(offsets, list) and len(offsets) == 2:
            yield name, (str(entry.get("dtype")), int(offsets[1]) - int(offsets[0]))


def with_sizes(found: Imported, folder: Path) -> Imported:
    """A model with the sizes of the files beside its configuration, where all of them are there.

    Where the configuration describes its own files to 1 % it stands; otherwise the sizes of the files count, spread
    over the classes as the configuration has them, and a warning says so.
    """
    total = _language_bytes(folder)
    if total is None:
        return found
    counted = stored_bytes(found.model).total
    if abs(total / counted - 1.0) <= DIFFERS:
        return found
    said = Warning(
        "W024",
        f"{shown(folder.resolve().name)}: its files hold {total / 1e9:.4g} GB, its configuration describes"
        f" {counted / 1e9:.4g} GB: the files count",
        "llmcost presets show FOLDER",
    )
    return Imported(_scaled(found, total / counted), (*found.warnings, said))


def _scaled(found: Imported, factor: float) -> Any:
    model = found.model
    if model.checkpoint is None:
        name = model.native_dtype or "bf16"
        width = 32.0 if name == "fp32" else 16.0
        return structs.replace(model, checkpoint=Checkpoint(method="files", rest=Stored(name, width * factor)))
    kinds = ("rest", "attention", "ffn", "experts", "embedding", "head")
    own = {k: getattr(model.checkpoint, k) for k in kinds}
    scaled = {k: Stored(v.format, v.bits * factor) for k, v in own.items() if v is not None}
    return structs.replace(model, checkpoint=structs.replace(model.checkpoint, **scaled))


def _language_bytes(folder: Path) -> float | None:
    """Bytes of the language model in the safetensors files of a folder, or nothing where a file is missing."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        try:
            listed = json_of(index.read_bytes()).get("weight_map")
        except (OSError, ValueError):
            return None
        names = sorted(set(listed.values())) if isinstance(listed, dict) else []
        files = [folder / str(name) for name in names]
    else:
        files = sorted(folder.glob("*.safetensors"))
    if not files or not all(file.is_file() for file in files):
        return None
    tensors = {name: size for file in files for name, (_, size) in headers(file).items()}
    return float(sum(size for name, size in tensors.items() if not any(other in name for other in ELSEWHERE))) or None
