"""Read keys of a model configuration; collect every finding instead of stopping at the first."""

from __future__ import annotations

from typing import Any

from llmcost.errors import LlmcostError
from llmcost.units import shown

# Far above any published model: a value beyond is a slip of the keyboard, not an architecture.
LIMITS = {
    "num_hidden_layers": 10_000,
    "hidden_size": 1_000_000,
    "num_attention_heads": 10_000,
    "num_key_value_heads": 10_000,
    "head_dim": 100_000,
    "intermediate_size": 100_000_000,
    "vocab_size": 100_000_000,
    "num_experts": 1_000_000,
}
MOST = 10**9  # what a whole number of a preset may hold


class Reader:
    """A configuration, the findings so far, and the class defaults that were used.

    Parameters
    ----------
    config : dict
        Parsed `config.json` (the text part of it).
    where : str
        What messages call it.
    class_defaults : dict
        Sizes that the published files of this family leave to the class; used ones are listed in `defaulted`.
    """

    def __init__(self, config: dict[str, Any], where: str, class_defaults: dict[str, Any] | None = None) -> None:
        self.config = config
        self.where = where
        self.class_defaults = class_defaults or {}
        self.defaulted: dict[str, Any] = {}
        self.findings: list[LlmcostError] = []

    def find(self, message: str, hint: str = "") -> None:
        """Remember a finding."""
        self.findings.append(LlmcostError(f"{self.where}: {message}", hint))

    def has(self, *keys: str) -> bool:
        """Whether one of the keys is there and not null."""
        return any(self.config.get(key) is not None for key in keys)

    def whole(self, *keys: str, low: int = 1, high: int = 0) -> int:
        """A required whole number under the first key that is there; 1 stands in after a finding."""
        key = next((k for k in keys if self.config.get(k) is not None), None)
        if key is None:
            known = next((k for k in keys if k in self.class_defaults), None)
            if known is not None:
                self.defaulted[known] = self.class_defaults[known]
                return int(self.class_defaults[known])
            self.find(f"missing key {keys[0]!r}")
            return 1
        value, most = self.config[key], high or LIMITS.get(keys[0], MOST)
        if isinstance(value, bool) or not isinstance(value, int):
            self.find(f"{key}: expected a whole number, got {shown(value)}")
            return 1
        if not low <= value <= most:
            self.find(f"{key}: expected {low} to {most}, got {shown(value)}")
            return 1
        return value

    def optional(self, *keys: str, low: int = 1) -> int | None:
        """A whole number that may be absent: then the feature is not there."""
        return self.whole(*keys, low=low) if self.has(*keys) else None

    def flag(self, key: str, default: bool) -> bool:
        """True or false; `default` is part of the family's definition."""
        value = self.config.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.find(f"{key}: expected true or false, got {shown(value)}")
            return default
        return value

    def refuse(self, key: str, allowed: Any, why: str) -> None:
        """Find a value that this family's accounting does not cover."""
        if self.has(key) and self.config[key] != allowed:
            self.find(f"{key}: {shown(self.config[key])} is not covered ({why})")

    def items(self, key: str) -> list[Any]:
        """A list that may be absent."""
        value = self.config.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self.find(f"{key}: expected a list, got {shown(value)}")
            return []
        return value

    def layer_types(self, layers: int, known: tuple[str, ...]) -> list[str] | None:
        """The kind of each layer, where the configuration lists them."""
        kinds = self.items("layer_types")
        if not kinds:
            return None
        if len(kinds) != layers:
            self.find(f"layer_types: expected {layers} entries (num_hidden_layers), got {len(kinds)}")
            return None
        strange = [k for k in kinds if k not in known]
        if strange:
            self.find(f"layer_types: expected {' or '.join(known)}, got {shown(strange[0])}")
            return None
        return kinds
