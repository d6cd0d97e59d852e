"""How a checkpoint is quantised, read from its configuration: the format and bits of each class of tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import structs

from llmcost.hf_config import formats, formats_grouped
from llmcost.hf_config.rules import Scheme
from llmcost.hf_config.schemes import nearest_dtype
from llmcost.hf_config.tensors import Part, parts_of, share
from llmcost.spec import Checkpoint, Model, Stored

CLASSES = ("attention", "ffn", "experts", "embedding", "head", "rest")


def quantised(
    model: Model, config: Mapping[str, Any], separate: Mapping[str, Any] | None = None
) -> tuple[Model, Scheme]:
    """The model as its checkpoint stores it, and what was read.

    Parameters
    ----------
    model : Model
        The architecture, its `native_dtype` that of the tensors that are not quantised.
    config : mapping
        `config.json`: `quantization_config`, MLX's `quantization`, DeepSeek V4's `expert_dtype`.
    separate : mapping
        `hf_quant_config.json`, where there is one: it holds where both say something.
    """
    scheme = _read(config, separate)
    if not scheme.rules:
        return model, scheme
    return stored_by(model, scheme), scheme


def stored_by(model: Model, scheme: Scheme) -> Model:
    """A model with the checkpoint that a scheme describes: bits averaged over each class."""
    wide = Stored(model.native_dtype if model.native_dtype in ("fp32", "fp16") else "bf16",
                  32.0 if model.native_dtype == "fp32" else 16.0)  # fmt: skip
    held: dict[str, dict[Stored, float]] = {name: {} for name in CLASSES}
    for part in parts_of(model):
        for stored, params in _stored(part, scheme, wide, int(model.n_layers or 0)):
            held[part.kind][stored] = held[part.kind].get(stored, 0.0) + params
    mean = {name: _mean(parts) for name, parts in held.items() if parts}
    rest = mean.pop("rest", None) or wide
    checkpoint: Any = Checkpoint(
        method=scheme.method, rest=rest, activation_dtype=_of(scheme.activation), kv_dtype=_of(scheme.kv),
        **{name: stored for name, stored in mean.items() if stored != rest},
    )  # fmt: skip
    every: dict[str, float] = {}
    for parts in held.values():
        for stored, params in parts.items():
            every[stored.format] = every.get(stored.format, 0.0) + params
    native: Any = nearest_dtype(max(every, key=lambda name: every[name]))
    return structs.replace(model, native_dtype=native, checkpoint=checkpoint)


def _of(name: str | None) -> Any:
    return name


def _stored(part: Part, scheme: Scheme, wide: Stored, layers: int) -> list[tuple[Stored, float]]:
    """A part in the formats of the rules that hold for it, and what is left of it in 16 bits."""
    left, out = 1.0, []
    for rule in scheme.rules:
        taken = 1.0 if part.kind in rule.classes else 0.0
        if rule.names is not None:
            taken = share(part, rule.names, layers) if part.names else 0.0
        if rule.but is not None and taken and part.names:
            taken *= 1.0 - share(part, rule.but, layers)
        taken = min(taken, left)
        if taken > 0:
            out.append((rule.stored, part.params * taken))
            left -= taken
    return [*out, (wide, part.params * left)] if left > 1e-9 else out


def _mean(parts: Mapping[Stored, float]) -> Stored:
    total = sum(parts.values())
    most = max(parts, key=lambda stored: parts[stored])
    computed: Any = nearest_dtype(most.format)  # named as it is computed; the bits are its own
    return Stored(computed, round(sum(s.bits * n for s, n in parts.items()) / total, 4))


def _read(config: Mapping[str, Any], separate: Mapping[str, Any] | None) -> Scheme:
    if separate is not None:
        inner = separate.get("quantization")
        return formats_grouped.modelopt(inner if isinstance(inner, dict) else separate)
    by_mlx = config.get("quantization")
    if isinstance(by_mlx, dict) and "bits" in by_mlx:
        return formats.mlx(by_mlx)
    said = config.get("quantization_config")
    return Scheme("") if said is None else formats.read(said, config)
