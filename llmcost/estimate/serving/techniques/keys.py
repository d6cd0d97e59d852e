"""Keys of a scenario that techniques set: formats, batching, lengths, caches, terms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmcost import spec, units
from llmcost.engine.numeric.spread import median
from llmcost.engine.serving.inputs import formats_from_rows
from llmcost.errors import LlmcostError, one_of
from llmcost.estimate.asking.question import Question
from llmcost.scenario import Scenario, Setting
from llmcost.technique import Said

FILE = "techniques"
LADDER = "ladder"  # the origin of what a step of the ladder sets


def layer(question: Question, said: tuple[Said, ...]) -> dict[str, tuple[Setting, str]]:
    """Keys that techniques set, each with the technique that does."""
    found: dict[str, tuple[Any, str]] = {}
    levers = {s.technique.lever: s for s in said}
    for s in said:
        found |= {key: (value, s.name) for key, value in _keys(question, s).items()}
    if {"weights", "activations"} & set(levers):
        _formats(question, levers, found)
    return {k: (Setting(v, f"technique:{name}"), name) for k, (v, name) in found.items()}


def _keys(question: Question, s: Said) -> dict[str, object]:
    """The keys of a scenario that a technique is another name for."""
    declared, given = s.technique, s.values
    if declared.lever == "batching":
        if s.name == "no-batching":
            return {"batching": "static", "batch": 1}
        default = {"requests": int(factor(question, "static_batch"))} if s.name == "static-batch" else {}
        size = {**default, **given}.get("requests")
        return {"batching": s.name.partition("-")[0]} | ({} if size is None else {"batch": size})
    if declared.cuts:
        return {declared.cuts: _shortened(question, declared.cuts, given["share"], s.name)}
    if not declared.sets:
        return {}
    usual = factor(question, declared.usual) if declared.usual else None
    return {declared.sets: declared.choice or given.get(declared.values[0].name, usual)}


def _shortened(question: Question, key: str, share: float, name: str) -> object:
    if question.scenario.get("lengths", question.side) is not None:
        raise LlmcostError(f"{name} and --lengths: a sample of lengths is taken as it is", "shorten it in the file")
    said = question.scenario.get(key, question.side)
    if said is None:
        raise question.need(key, f"{name} leaves out a share of it")
    value, left = said.value, 1.0 - share
    if isinstance(value, units.Between):
        return units.Between(value.low * left, value.high * left)
    if isinstance(value, units.Triangle):
        return units.Triangle(value.low * left, value.mode * left, value.high * left)
    return value * left


def _formats(question: Question, levers: Mapping[str, Said], found: dict[str, tuple[Any, str]]) -> None:
    """Weights alone are widened in every step; arithmetic alone has no narrower weights to work on; KV stays."""
    formats = formats_from_rows(question.catalog.formats())
    before = question.scenario.get("dtype", question.side)
    come = str(before.value) if before else _native(question)
    weights, arithmetic = levers.get("weights"), levers.get("activations")
    stored, base = weights.technique.choice if weights else come, formats[come]
    if arithmetic is None:
        assert weights is not None
        wide = {16.0: "bf16", 8.0: "int8" if base.integer else "fp8", 4.0: "fp4"}[float(base.compute_bits)]
        found["compute_dtype"] = (wide, weights.name)
    elif 8.0 * formats[stored].weight_bytes > 1.2 * formats[arithmetic.technique.choice].compute_bits:
        raise LlmcostError(
            f"{arithmetic.name} needs weights no wider than that: they are in {stored}",
            f"--technique {arithmetic.technique.choice}-weights --technique {arithmetic.name}",
        )
    if "kv" not in levers and question.scenario.get("kv_dtype", question.side) is None:
        name = next(lever.name for lever in (weights, arithmetic) if lever)
        found["kv_dtype"] = ("fp8" if base.compute_bits <= 8 else "bf16", name)


def _native(question: Question) -> str:
    """The format the model comes in, where it can be computed in."""
    said = question.scenario.get("model", question.side)
    native = question.catalog.load(spec.Model, said.value)[0].native_dtype if said else None
    formats = {row["name"] for row in question.catalog.formats()}
    return str(native) if native in formats else "bf16"


def refuse_idle(scenario: Scenario, said: tuple[Said, ...]) -> None:
    """Refuse what acts on a speed or a plan that the question does not have."""
    given = scenario.get("tokens_per_second", "serve") is not None
    idle = [s.name for s in said if given and s.technique.on_speed]
    if idle:
        raise LlmcostError(
            f"--tokens-per-second and {idle[0]}: a given speed does not follow from techniques",
            "leave --tokens-per-second out, or give the speed that they reach",
        )
    pools, phase = scenario.get("pools", "serve"), scenario.get("phase", "serve")
    apart = (pools is not None and pools.value == "disaggregated") or phase is not None
    if apart and any(s.technique.lever == "speculation" for s in said):
        raise LlmcostError(
            "speculation is not modelled with separate pools or one phase alone", "leave --pools and --phase out"
        )


def refuse_twice(scenario: Scenario, set_by: Mapping[str, tuple[Setting, str]], setting: Setting) -> None:
    """Refuse an option and a technique that say the same thing."""
    for key, (_, name) in set_by.items():
        said = next((of[n] for of in scenario.layers for n in (f"serve_{key}", key) if n in of), None)  # not a reading
        shortened = key in ("isl", "osl", "model")
        if said is not None and not shortened and said.origin in ("flag", setting.origin):
            option = "--" + key.replace("_", "-")
            if setting.origin == LADDER:
                raise LlmcostError(
                    f"{option} and --ladder: a step of the ladder decides it ({name})",
                    f"leave {option} out, or give steps of your own with --technique",
                )
            raise one_of(option, f"technique {name}")


def factor(question: Question, name: str) -> float:
    """A default of a technique, shown among the inputs."""
    factor = question.factor(FILE, name)
    value = median(factor.value)
    question.record(name, value, factor.origin, "share" if value < 1 else "count")
    return value
