"""What `presets` says of models: a search by words, weights by format, a configuration that drifted from its preset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from llmcost import spec, units
from llmcost.catalog import KINDS, Catalog, Found, words_of
from llmcost.errors import LlmcostError
from llmcost.files import read_bytes

# Formats whose weights `presets show` prints beside the published one: rows of calibration/checkpoints.toml.
SHOWN = ("16bit", "fp8", "w8a8", "awq", "nvfp4", "q8_0", "q4_k_m")
COMPARED = (
    "n_layers", "d_model", "n_heads", "n_kv_heads", "d_head", "d_ff", "vocab_size", "tied_embeddings", "moe_experts",
    "moe_topk", "moe_d_ff", "mla_kv_lora_rank", "native_dtype",
)  # fmt: skip
MODEL_SUFFIXES = (".json", ".gguf", ".safetensors")


def is_model_file(path: Path) -> bool:
    """Whether a path is a model as its files are, not a preset."""
    return path.suffix in MODEL_SUFFIXES or path.is_dir()


def of_family(found: Found, family: str) -> bool:
    """Whether a model belongs to a family: the first word of its name, or a word of it.

    Examples
    --------
    >>> of_family(Found("models", "qwen3-8b", Path("x"), False), "Qwen")
    True
    >>> of_family(Found("models", "codeqwen1.5-7b", Path("x"), False), "qwen")
    True
    """
    wanted = family.strip().lower()
    return bool(wanted) and any(wanted in word for word in words_of(found.name))


def matching(catalog: Catalog, words: str, titles: dict[str, str]) -> list[tuple[Found, list[str]]]:
    """Presets of every kind whose name, alias or title has all the words, and the aliases that have them.

    Parameters
    ----------
    catalog : Catalog
        Where presets are.
    words : str
        Words, in any case.
    titles : dict
        Title by path.
    """
    wanted = words.lower().split()
    out = []
    for kind in KINDS:
        aliases: dict[str, list[str]] = {}
        for alias, name in catalog.aliases(kind).items():
            aliases.setdefault(name, []).append(alias)
        for found in catalog.files(kind).values():
            texts = [found.name, titles.get(str(found.path), "").lower(), *aliases.get(found.name, [])]
            if all(any(word in text for text in texts) for word in wanted):
                said = [a for a in aliases.get(found.name, []) if any(word in a for word in wanted)]
                out.append((found, said))
    return out


def weights(catalog: Catalog, model: spec.Model) -> list[tuple[str, float, str]]:
    """What a model's weights take by format: as published, then in common ones [bytes], and how each is stored."""
    from llmcost.engine.model.stored import checkpoint_of, stored_bytes

    if model.n_layers is None:
        return []
    published = checkpoint_of(model)
    found = [(f"weights as published ({published.method})", stored_bytes(model).total, "")]
    plain = msgspec.structs.replace(model, native_dtype=None, checkpoint=None)
    for name in SHOWN:
        stored, note = catalog.stored_in(plain, name)
        found.append((f"weights in {name}", stored_bytes(stored).total, note))
    return found


def drift(catalog: Catalog, path: Path) -> tuple[str, list[str]]:
    """The preset that a model's files belong to by name, and where they differ from it.

    Raises
    ------
    LlmcostError
        Files that hold no model.
    """
    from llmcost.engine.model.parameters import count

    model = catalog.load(spec.Model, str(path.resolve()))[0]
    preset, name = _preset_of(catalog, path, _stated(path))
    if preset is None:
        return "", []
    found = []
    for field in COMPARED:
        ours, theirs = getattr(preset, field), getattr(model, field)
        if ours != theirs and theirs is not None and not (preset.attention_groups and field != "n_layers"):
            found.append(f"{field}: {units.shown(theirs)}, the preset {name} has {units.shown(ours)}")
    total, counted = count(preset).total, count(model).total
    if abs(counted / total - 1.0) > 1e-3:
        found.append(f"parameters: {counted:,.0f}, the preset {name} has {total:,.0f}")
    return name, found


def _stated(path: Path) -> str:
    """The name that a configuration says it was saved under."""
    if path.suffix != ".json":
        return ""
    said: Any = msgspec.json.decode(read_bytes(path))
    return str(said.get("_name_or_path") or "") if isinstance(said, dict) else ""


def _preset_of(catalog: Catalog, path: Path, stated: str) -> tuple[spec.Model | None, str]:
    """The preset that the file's own name, its folder's or its stated name means."""
    folder = path.resolve() if path.is_dir() else path.resolve().parent
    for name in (stated, folder.name, path.stem):
        if not name or name.startswith((".", "/")):
            continue
        try:
            model, found = catalog.load(spec.Model, name)
        except LlmcostError:
            continue
        if found.path.suffix == ".toml" and model.n_layers is not None:
            return model, found.name
    return None, ""
