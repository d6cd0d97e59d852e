"""Quantisation methods: what each one's configuration says, as rules of formats and bits.

Bits hold scales and zero points as each method's own packing stores them; sources beside each reader.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from llmcost.hf_config.formats_grouped import compressed_tensors, modelopt, quark
from llmcost.hf_config.refusals import EXPERT_KEYS
from llmcost.hf_config.rules import INTEGERS, Rule, Scheme, block_bits, excepted, integer, whole
from llmcost.hf_config.tensors import patterns
from llmcost.spec import Stored
from llmcost.units import shown

EVERYWHERE = ("attention", "ffn", "experts", "embedding", "head")


def read(said: Any, config: Mapping[str, Any]) -> Scheme:
    """The scheme of a `quantization_config`.

    Examples
    --------
    >>> read({"quant_method": "awq", "bits": 4, "group_size": 128}, {}).rules[0].stored
    Stored(format='int4', bits=4.1562)
    >>> read({"quant_method": "vptq"}, {}).unread
    ("method 'vptq'",)
    """
    if not isinstance(said, dict):
        return Scheme("unknown", unread=(f"quantization_config {shown(said)}",))
    method = str(said.get("quant_method") or said.get("quant_type") or "")
    if not method and "bits" in said:
        return mlx(said)
    if not method and ("quant_algo" in said or "config_groups" in said):
        method = "modelopt"
    reader = METHODS.get(method.lower().replace("_", "-"))
    if reader is None:
        return Scheme(method[:40] or "unknown", unread=(f"method {shown(method, 40)}",))
    return reader(said, config)


def packed(said: Mapping[str, Any], config: Mapping[str, Any]) -> Scheme:
    """AWQ, GPTQ and AutoRound: a 16-bit scale and a zero point of the weights' width for each group.

    Source: layouts of AutoAWQ, GPTQModel (qweight, scales, qzeros); arXiv 2306.00978, 2210.17323.
    """
    del config
    method, group = str(said["quant_method"]), whole(said, "group_size", 128)
    bits = whole(said, "bits", 4 if method == "awq" else 0)
    if "float" in str(said.get("data_type") or "") or "fp" in str(said.get("data_type") or ""):
        return _autoround_float(said, bits, group)
    if bits not in INTEGERS:
        return Scheme(method, unread=(f"bits {shown(said.get('bits'))}",))
    but, strange = excepted(said.get("modules_to_not_convert"))
    extra = (16.0 + bits) / group if group > 0 else 0.0
    rules = [Rule(integer(bits, extra), but=but)]
    overrides, unread = _overrides(said.get("extra_config") or said.get("dynamic"), bits, group)
    if said.get("lm_head") is True:
        rules.append(Rule(integer(bits, extra), classes=("head",)))
    return Scheme(method, (*overrides, *rules), unread=(*strange, *unread))


def _autoround_float(said: Mapping[str, Any], bits: int, group: int) -> Scheme:
    known = {(4, 16): Stored("fp4", 4.5), (4, 32): Stored("mxfp4", 4.25), (8, 32): Stored("fp8", 8.25)}
    stored = known.get((bits, group)) or (Stored("fp8", 8.0) if bits == 8 else None)
    if stored is None:
        return Scheme("auto-round", unread=(f"data_type {shown(said.get('data_type'))} of {bits} bits",))
    return Scheme("auto-round", (Rule(stored),))


def _overrides(said: Any, bits: int, group: int) -> tuple[list[Rule], list[str]]:
    """Modules with bits of their own: AutoRound's `extra_config`, GPTQModel's `dynamic` (`-:` leaves out)."""
    if not isinstance(said, dict):
        return [], []
    rules, unread = [], []
    for name, own in said.items():
        names, strange = patterns([f"re:.*{name[2:]}" if name[:2] in ("+:", "-:") else name])
        unread += strange
        width = own.get("bits", bits) if isinstance(own, dict) else bits
        if name.startswith("-:") or width == 16:
            stored = Stored("bf16", 16.0)
        elif width in INTEGERS:
            own_group = own.get("group_size", group) if isinstance(own, dict) else group
            stored = integer(width, (16.0 + width) / own_group if isinstance(own_group, int) and own_group > 0 else 0)
        else:
            unread.append(f"{name[:40]}: bits {shown(width)}")
            continue
        rules.append(Rule(stored, classes=(), names=names))
    return rules, unread


def bitsandbytes(said: Mapping[str, Any], config: Mapping[str, Any]) -> Scheme:
    """NF4 or FP4 in blocks of 64 with a 32-bit scale, or 8 bits of scale and 32 for 256 blocks; 8-bit rows.

    Source: Dettmers et al. 2023, arXiv 2305.14314, section 3; 2022, arXiv 2208.07339.
    """
    but, strange = excepted(said.get("llm_int8_skip_modules"))
    if said.get("load_in_4bit") or said.get("_load_in_4bit"):
        extra = 8 / 64 + 32 / (64 * 256) if said.get("bnb_4bit_use_double_quant") else 32 / 64
        return Scheme("bitsandbytes", (Rule(integer(4, extra), but=but),), unread=tuple(strange))
    if said.get("load_in_8bit") or said.get("_load_in_8bit"):
        width = config.get("hidden_size")
        extra = 32 / width if isinstance(width, int) and width > 0 else 0.0
        return Scheme("bitsandbytes", (Rule(integer(8, extra), but=but),), unread=tuple(strange))
    return Scheme("bitsandbytes", unread=("neither load_in_4bit nor load_in_8bit",))


def fp8(said: Mapping[str, Any], config: Mapping[str, Any]) -> Scheme:
    """8-bit floats with a 32-bit scale per block, row or tensor; routed experts in FP4 where the file says so.

    Source: DeepSeek-V3, arXiv 2412.19437, section 3.3; FBGEMM row-wise: arXiv 2407.21783, section 6.2.
    """
    if said.get("quantized_layers") or said.get("config_groups"):
        mixed = modelopt(said)
        return mixed._replace(rules=(*mixed.rules, Rule(Stored("fp8", block_bits(said)), but=None)))
    but, strange = excepted(said.get("modules_to_not_convert") or said.get("ignored_layers"))
    stored = Stored("fp8", block_bits(said))
    rules = [Rule(stored, but=but)]
    if config.get("expert_dtype") == "fp4":  # DeepSeek V4: MXFP4, an 8-bit scale for 32 weights
        rules.insert(0, Rule(Stored("mxfp4", 4.25), classes=("experts",)))
    return Scheme(str(said.get("quant_method") or "fp8"), tuple(rules), "fp8", unread=tuple(strange))


def mxfp4(said: Mapping[str, Any], config: Mapping[str, Any]) -> Scheme:
    """gpt-oss: the experts' matrices in MXFP4, an 8-bit scale for 32 weights.

    Source: OCP Microscaling Formats v1.0, section 5.2; gpt-oss model card, arXiv 2508.10925.
    """
    but, strange = excepted(said.get("modules_to_not_convert"))
    if not any(config.get(key) for key in EXPERT_KEYS):
        strange = [*strange, "dense layers"]
    return Scheme("mxfp4", (Rule(Stored("mxfp4", 4.25), ("experts",), but=but),), unread=tuple(strange))


def torchao(said: Mapping[str, Any], config: Mapping[str, Any]) -> Scheme:
    """torchao: the name of its configuration says the weights' format.

    Source: github.com/pytorch/ao, torchao/quantization/quant_api.py.
    """
    del config
    kind = said.get("quant_type")
    inner = kind.get("default") if isinstance(kind, dict) else None
    name = str(inner.get("_type") if isinstance(inner, dict) else kind).lower()
    group = whole(inner.get("_data") or {}, "group_size", 128) if isinstance(inner, dict) else 128
    but, strange = excepted(said.get("modules_to_not_convert"))
    if "int4weight" in name or "int4_weight" in name:
        rules, activation = (Rule(integer(4, 32 / group), but=but),), None
    elif "float8" in name:
        rules, activation = (Rule(Stored("fp8", 8.0), but=but),), None if "weightonly" in name else "fp8"
    elif "int8" in name:
        dynamic = "dynamic" in name
        rules, activation = (Rule(Stored("int8", 8.0), but=but),), "int8" if dynamic else None
    else:
        return Scheme("torchao", unread=(f"quant_type {shown(name)}",))
    return Scheme("torchao", rules, activation, unread=tuple(strange))


def mlx(said: Mapping[str, Any]) -> Scheme:
    """MLX: every matrix and the embedding, groups with a 16-bit scale and bias; modules with bits of their own.

    Source: github.com/ml-explore/mlx, python/mlx/nn/layers/quantized.py; github.com/ml-explore/mlx-lm, utils.py.
    """
    stored = _mlx(said)
    if stored is None:
        return Scheme("mlx", unread=(f"bits {shown(said.get('bits'))}",))
    rules, unread = [], []
    for name, own in said.items():
        if own is not False and not isinstance(own, dict):
            continue
        names, strange = patterns([name])
        unread += strange
        other = Stored("bf16", 16.0) if own is False else _mlx({**said, **own})
        if other is None:
            unread.append(f"{name[:40]}: {shown(own)}")
        else:
            rules.append(Rule(other, classes=(), names=names))
    return Scheme("mlx", (*_merged(rules), Rule(stored, classes=EVERYWHERE)), unread=tuple(unread))


def _merged(rules: list[Rule]) -> list[Rule]:
    """Rules of one format as one, so that a file that lists every module is read as fast."""
    tables: dict[Stored, list[Rule]] = {}
    for rule in rules:
        tables.setdefault(rule.stored, []).append(rule)
    out = []
    for stored, same in tables.items():
        names = [rule.names for rule in same if rule.names is not None]
        by_name: dict[str, set[int]] = {}
        for said in names:
            for name, layers in said.by_name.items():
                by_name.setdefault(name, set()).update(layers)
        merged = names[0]._replace(
            whole=frozenset().union(*(n.whole for n in names)),
            by_name={name: frozenset(layers) for name, layers in by_name.items()},
            globs=tuple(g for n in names for g in n.globs),
            expressions=tuple(e for n in names for e in n.expressions),
        )
        out.append(Rule(stored, classes=(), names=merged))
    return out


def _mlx(said: Mapping[str, Any]) -> Stored | None:
    bits, group, mode = whole(said, "bits", 0), whole(said, "group_size", 64), str(said.get("mode") or "affine")
    if mode in ("mxfp4", "nvfp4", "mxfp8"):
        return {"mxfp4": Stored("mxfp4", 4.25), "nvfp4": Stored("fp4", 4.5), "mxfp8": Stored("fp8", 8.25)}[mode]
    if mode != "affine" or bits not in INTEGERS or group <= 0:
        return None
    return integer(bits, 32 / group)


METHODS: dict[str, Callable[[Mapping[str, Any], Mapping[str, Any]], Scheme]] = {
    "awq": packed,
    "gptq": packed,
    "gptqmodel": packed,
    "auto-round": packed,
    "autoround": packed,
    "intel/auto-round": packed,
    "bitsandbytes": bitsandbytes,
    "fp8": fp8,
    "fbgemm-fp8": fp8,
    "compressed-tensors": compressed_tensors,
    "modelopt": modelopt,
    "modelopt-fp4": modelopt,
    "modelopt-mixed": modelopt,
    "nvfp4": modelopt,
    "mxfp4": mxfp4,
    "quark": quark,
    "torchao": torchao,
}
