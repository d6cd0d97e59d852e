"""A model as a person has it: a folder, a `config.json`, a `.gguf`, a `.safetensors`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from llmcost.errors import LlmcostError, plainly, shown
from llmcost.files import json_of, read_bytes
from llmcost.hf_config import Imported, read_config

CONFIG, QUANTISED, ADAPTER, MISTRAL = "config.json", "hf_quant_config.json", "adapter_config.json", "params.json"


def read(path: Path) -> Imported:
    """The model that a file or a folder holds.

    Parameters
    ----------
    path : Path
        A folder with `config.json` (and what lies beside it), a `config.json`, `params.json`, `.gguf` or
        `.safetensors` file.

    Raises
    ------
    LlmcostError
        Nothing there that is a model; what it is, where that is known.
    """
    if path.is_dir():
        return _folder(path)
    if path.suffix == ".gguf":
        from llmcost.hf_config.gguf_file import read_gguf

        return read_gguf(path)
    if path.suffix == ".safetensors":
        return _beside(path)
    if path.name == MISTRAL:
        return read_config(_mistral(read_json(path)), path.resolve().parent.name or "model")
    return config_with_neighbours(path)


def _folder(path: Path) -> Imported:
    where = shown(str(path), 200)
    if (path / CONFIG).is_file():
        return config_with_neighbours(path / CONFIG)
    if (path / ADAPTER).is_file():
        return read_config(read_json(path / ADAPTER), path.resolve().name)
    if (path / MISTRAL).is_file():
        return read_config(_mistral(read_json(path / MISTRAL)), path.resolve().name)
    several = sorted(path.glob("*.gguf"))
    if several and (len(several) == 1 or "-00001-of-" in several[0].name):
        return read(several[0])
    if several:
        raise LlmcostError(f"{where}: {len(several)} GGUF files: which?", f"--model {several[0]}")
    raise LlmcostError(f"{where}: no {CONFIG}, {MISTRAL} or .gguf in this folder", "llmcost presets list models")


def config_with_neighbours(path: Path) -> Imported:
    """A `config.json` with the `hf_quant_config.json` and the weight files beside it, where there are any."""
    found = read_neighbours(read_json(path), path)
    from llmcost.hf_config.safetensors_file import with_sizes

    return with_sizes(found, path.parent) if path.name == CONFIG else found


def read_neighbours(config: dict[str, Any], path: Path) -> Imported:
    """A configuration and `hf_quant_config.json` beside it."""
    name = path.resolve().parent.name if path.name == CONFIG else path.stem
    quantised = path.parent / QUANTISED
    separate = read_json(quantised) if path.name == CONFIG and quantised.is_file() else None
    return read_config(config, name or "model", separate)


def _beside(path: Path) -> Imported:
    config = path.parent / CONFIG
    if not config.is_file():
        raise LlmcostError(
            f"{shown(str(path), 200)}: holds tensors; the architecture is in {CONFIG}, which is not beside it",
            "give the folder with both",
        )
    return config_with_neighbours(config)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object; `Infinity` and `NaN`, which Python writes, are read.

    Raises
    ------
    LlmcostError
        Missing, too large, not JSON, not an object.
    """
    return parse_json(read_bytes(path, 64_000_000), shown(path.name))


def parse_json(raw: bytes, where: str) -> dict[str, Any]:
    """The JSON object of a text; errors name `where`."""
    try:
        data = json_of(raw.decode("utf-8-sig"))
    except ValueError as error:
        raise LlmcostError(
            f"{where}: not JSON: {plainly(str(error))}", "give the config.json of a model, its folder or a .gguf"
        ) from None
    if not isinstance(data, dict):
        raise LlmcostError(
            f"{where}: expected a JSON object, got {type(data).__name__}",
            "give the config.json of a model, its folder or a .gguf",
        )
    return data


def _mistral(params: dict[str, Any]) -> dict[str, Any]:
    """Mistral's own `params.json` in the words of a `config.json`."""
    if isinstance(params.get("text_config"), dict):
        params = params["text_config"]
    names = {
        "hidden_size": "dim", "num_hidden_layers": "n_layers", "num_attention_heads": "n_heads",
        "num_key_value_heads": "n_kv_heads", "head_dim": "head_dim", "intermediate_size": "hidden_dim",
        "vocab_size": "vocab_size", "sliding_window": "sliding_window", "max_position_embeddings": "max_seq_len",
        "tie_word_embeddings": "tied_embeddings",
    }  # fmt: skip
    config = {ours: params[theirs] for ours, theirs in names.items() if theirs in params}
    experts = params.get("moe")
    if not isinstance(experts, dict):
        return {"model_type": "mistral", **config}
    if "num_experts" in experts and "expert_hidden_dim" not in experts:
        routed = {"num_local_experts": experts["num_experts"], "num_experts_per_tok": experts["num_experts_per_tok"]}
        return {"model_type": "mixtral", **config, **routed}
    return {"model_type": "params.json with latent attention", **config}
