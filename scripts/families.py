"""Count every decoder class of `transformers`: what the import is tested against, tests/unit/class_totals.json.

Needs the extra `hf`: `python -m scripts.families`. Classes are built from their default configuration, without weights.
"""

from __future__ import annotations

import json
import sys
from itertools import groupby
from pathlib import Path
from typing import Any

from llmcost.errors import LlmcostError
from llmcost.hf_config.families import FAMILIES, TEXT_TYPES
from llmcost.hf_config.measure import measure

TARGET = Path(__file__).parent.parent / "tests" / "unit" / "class_totals.json"
_IDLE = """
architectures id2label label2id transformers_version problem_type output_hidden_states return_dict eos_token_id
chunk_size_feed_forward is_encoder_decoder output_attentions initializer_range use_cache bos_token_id
pad_token_id rope_parameters _name_or_path attention_dropout hidden_act rms_norm_eps output_router_logits
router_aux_loss_coef sep_token_id layer_norm_eps resid_pdrop embd_pdrop hidden_dropout attn_pdrop
time_step_limit rope_theta rope_scaling
"""
IDLE = set(_IDLE.split())
SENSES = ("vision", "audio", "speech", "image", "perceiver", "projector", "video", "vqvae", "qformer")


def runs(value: Any) -> Any:
    """A list as runs of equal values, so that the file stays small."""
    if not isinstance(value, list) or len(value) < 9 or not all(isinstance(v, str | int) for v in value):
        return value
    return {"runs": [[key, len(list(group))] for key, group in groupby(value)]}


def kept(config: dict[str, Any]) -> dict[str, Any]:
    """The keys of a configuration that say how large its language model is."""
    said = {k: v for k, v in config.items() if k not in IDLE and v is not None and v not in ([], {})}
    told = {k: runs(v) for k, v in said.items() if not isinstance(v, dict) or not k.startswith(SENSES)}
    return {k: kept(v) if k == "text_config" else v for k, v in told.items()}


def main() -> int:
    import transformers

    found: dict[str, Any] = {}
    for kind in sorted({*FAMILIES, *TEXT_TYPES}):
        if kind not in transformers.CONFIG_MAPPING:
            continue
        config = json.loads(transformers.CONFIG_MAPPING[kind]().to_json_string(use_diff=False))
        try:
            counted, _ = measure(config, kind, run=False)
        except LlmcostError as error:
            print(f"{kind}: {error.message}", file=sys.stderr)
            continue
        found[kind] = {"class": counted.name, "total": counted.total, "active": counted.active, "config": kept(config)}
    lines = [f"{json.dumps(kind)}: {json.dumps(row, separators=(',', ':'))}" for kind, row in found.items()]
    TARGET.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
    print(f"{len(found)} classes of transformers {transformers.__version__}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
