"""What was asked, key by key: flag > file > preset > default, each value with its origin.

One table of keys serves the options of every command, scenario files, `--vary`, `--solve`, the Python API and the
glossary: the option `--cache-hit` is the TOML key `cache_hit`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from llmcost import spec, units
from llmcost.catalog import source_for
from llmcost.errors import LlmcostError, did_you_mean, raise_all

Value = Any  # float, int, str, date, units.Between or units.Triangle

TRAIN, SERVE, CROSSOVER = "train", "serve", "crossover"
BOTH = (TRAIN, SERVE, CROSSOVER)
DTYPES = ("fp32", "bf16", "fp16", "fp8", "int8", "int4", "fp4", "mxfp4")
FRAMEWORKS = ("vllm", "sglang", "tensorrt-llm", "llama.cpp", "fastertransformer", "neuron", "gaudi", "other")
ZERO = ("0", "1", "2", "3")
RECOMPUTE = ("none", "selective", "full")
COMMITMENTS = ("on-demand", "1-year", "3-year", "spot")
COST_DEFINITIONS = ("rental", "amortised", "acquisition")
SCOPES = ("run", "program")
METHODS = ("pretrain", "continue", "full", "lora", "qlora", "distill", "rl")
BATCHING = ("continuous", "static")
POOLS = ("colocated", "disaggregated")


class Key(NamedTuple):
    """One thing a user may say.

    `kind` is a kind of `units.KINDS`, or `text`, `choice`, `date` or the preset kind it names; `sided` keys exist as
    `train_KEY` and `serve_KEY` too, for questions with both sides; `ranged` keys accept `a..b` and `{low, mode, high}`.
    """

    name: str
    kind: str
    panel: str
    help: str
    commands: tuple[str, ...] = BOTH
    sided: bool = False
    ranged: bool = False
    choices: tuple[str, ...] = ()
    short: str = ""
    least: float | None = None  # smallest value that makes sense, where the kind allows smaller ones
    most: float | None = None

    @property
    def option(self) -> str:
        """`--cache-hit` for `cache_hit`."""
        return "--" + self.name.replace("_", "-")


_KEYS = (
    Key("model", "models", "Model", "model preset or file.toml", short="-m"),
    Key("params", "count", "Model", "parameters, in place of a model: 70B", ranged=True),
    Key("params_active", "count", "Model", "parameters active per token (mixture of experts): 37B", ranged=True),
    Key("hardware", "hardware", "Hardware", "accelerator preset or file.toml", sided=True, short="-H"),
    Key("gpus", "whole", "Hardware", "number of accelerators", sided=True),
    Key("dtype", "choice", "Hardware", "compute and weight format", sided=True, choices=DTYPES),
    Key("tp", "whole", "Layout", "tensor-parallel ranks", sided=True),
    Key("pp", "whole", "Layout", "pipeline-parallel stages", sided=True),
    Key("ep", "whole", "Layout", "expert-parallel ranks", sided=True),
    Key("vpp", "whole", "Layout", "virtual stages per pipeline stage", (TRAIN, CROSSOVER)),
    Key("cp", "whole", "Layout", "context-parallel ranks", (TRAIN, CROSSOVER)),
    Key("zero", "choice", "Layout", "ZeRO stage", (TRAIN, CROSSOVER), choices=ZERO),
    Key("micro_batch", "whole", "Layout", "sequences per micro-batch", (TRAIN, CROSSOVER)),
    Key("recompute", "choice", "Layout", "activation recomputation", (TRAIN, CROSSOVER), choices=RECOMPUTE),
    Key("tokens", "count", "Training", "training tokens: 15T", (TRAIN, CROSSOVER), ranged=True),
    Key("method", "choice", "Training", "how it is trained", (TRAIN, CROSSOVER), choices=METHODS),
    Key("epochs", "ratio", "Training", "passes over the tokens: 3", (TRAIN, CROSSOVER), least=0.001, ranged=True),
    Key("seq_len", "whole", "Training", "training sequence length: 8192", (TRAIN, CROSSOVER)),
    Key("long_tokens", "count", "Training", "tokens of a long-context phase: 800B", (TRAIN, CROSSOVER), ranged=True),
    Key("long_seq_len", "whole", "Training", "sequence length of that phase: 131072", (TRAIN, CROSSOVER)),
    Key("lora_rank", "whole", "Training", "rank of the adapters (lora, qlora): 16", (TRAIN, CROSSOVER)),
    Key("teacher", "models", "Training", "model that is distilled (distill)", (TRAIN, CROSSOVER)),
    Key("rollout_tokens", "count", "Training", "tokens generated (rl): 2B", (TRAIN, CROSSOVER), ranged=True),
    Key("reward_model", "models", "Training", "model that scores rollouts (rl)", (TRAIN, CROSSOVER)),
    Key("global_batch_tokens", "count", "Training", "tokens per optimizer step: 16M", (TRAIN, CROSSOVER)),
    Key("mfu", "share", "Training", "model FLOPs utilisation, in place of the predicted one: 40%",
        (TRAIN, CROSSOVER), least=0.001, ranged=True),
    Key("goodput", "share", "Training", "useful share of billed time, in place of the predicted one: 90%",
        (TRAIN, CROSSOVER), least=0.001, ranged=True),
    Key("overhead", "ratio", "Training", "billed time over training and failures (evaluation, ramp-up): 1.1",
        (TRAIN, CROSSOVER), ranged=True, least=1.0),
    Key("gpu_hours", "count", "Training", "billed accelerator-hours, given: 2.788M", (TRAIN, CROSSOVER), ranged=True),
    Key("training_flops", "count", "Training", "model FLOPs of the run, given: 3.8e25", (TRAIN, CROSSOVER),
        ranged=True),
    Key("train_cost", "usd", "Training", "training spend, given: 150M", (CROSSOVER,), ranged=True),
    Key("train_energy", "kwh", "Training", "training energy, given: 59257kWh", (CROSSOVER,), ranged=True),
    Key("isl", "count", "Workload", "input tokens per request: 1000", (SERVE, CROSSOVER), ranged=True),
    Key("osl", "count", "Workload", "output tokens per request: 500", (SERVE, CROSSOVER), ranged=True),
    Key("cache_hit", "share", "Workload", "share of input tokens found in the prefix cache: 50%", (SERVE, CROSSOVER),
        most=0.999),
    Key("length_spread", "ratio", "Workload", "standard deviation of the lengths over their mean, lognormal: 1.2",
        (SERVE, CROSSOVER), most=10.0),
    Key("lengths", "file", "Workload", "lengths of requests: a CSV file with columns isl and osl", (SERVE, CROSSOVER)),
    Key("requests", "per_day", "Workload", "traffic: 10M/day, 250/s", (SERVE, CROSSOVER), ranged=True),
    Key("requests_per_user", "per_day", "Workload", "requests of one user: 15/day", (SERVE,), ranged=True),
    Key("framework", "choice", "Serving", "serving software", (SERVE, CROSSOVER), choices=FRAMEWORKS),
    Key("kv_dtype", "choice", "Serving", "KV cache format", (SERVE, CROSSOVER), choices=DTYPES),
    Key("dtypes", "choices", "Serving", "formats to choose the cheapest from, in place of one: fp8,bf16",
        (SERVE, CROSSOVER), choices=DTYPES),
    Key("pools", "choice", "Serving", "whether the same accelerators run prompts and answers, or separate pools",
        (SERVE, CROSSOVER), choices=POOLS),
    Key("batching", "choice", "Serving", "whether requests join and leave at any step, or a batch ends together",
        (SERVE, CROSSOVER), choices=BATCHING),
    Key("batch", "whole", "Serving", "requests in flight per replica, in place of the best that fits",
        (SERVE, CROSSOVER)),
    Key("tpot", "seconds", "Serving", "time per output token to keep: 50ms", (SERVE, CROSSOVER)),
    Key("ttft", "seconds", "Serving", "time to first token to keep: 2s", (SERVE, CROSSOVER)),
    Key("ttft_p95", "seconds", "Serving", "time to first token that 95 % of requests keep, random arrivals: 2s",
        (SERVE, CROSSOVER)),
    Key("utilization", "share", "Serving", "share of the fleet's capacity that traffic uses: 60%",
        (SERVE, CROSSOVER), least=0.001, ranged=True),
    Key("tokens_per_second", "per_second", "Serving", "output tokens per second of one replica, given: 4391/s",
        (SERVE, CROSSOVER), ranged=True),
    Key("cost_per_request", "usd_per_request", "Serving", "cost of a request, given: 0.05", (CROSSOVER,), ranged=True),
    Key("energy_per_request", "kwh", "Serving", "energy of a request, given: 1.0e-4kWh", (CROSSOVER,), ranged=True),
    Key("price", "usd_per_hour", "Money", "per accelerator-hour: 2.50/h (no dollar sign: the shell eats it)",
        sided=True, ranged=True),
    Key("provider", "prices", "Money", "use this provider's price list", sided=True),
    Key("commitment", "choice", "Money", "rental term", sided=True, choices=COMMITMENTS),
    Key("cost_definition", "choice", "Money", "what a training cost is", (TRAIN, CROSSOVER), choices=COST_DEFINITIONS),
    Key("scope", "choice", "Money", "the final run, or the programme around it", (TRAIN, CROSSOVER), choices=SCOPES),
    Key("purchase_price", "usd", "Money", "bought, per accelerator with its part of the server: 30k",
        (TRAIN, CROSSOVER), ranged=True),
    Key("hardware_age", "seconds", "Money", "from buying the hardware to the start of the run: 1y",
        (TRAIN, CROSSOVER), ranged=True),
    Key("interconnect_share", "share", "Money", "cluster network in the price of the cluster: 19%",
        (TRAIN, CROSSOVER), ranged=True),
    Key("experiments", "ratio", "Money", "compute of experiments and failed runs over that of the final run: 2x",
        (TRAIN, CROSSOVER), ranged=True),
    Key("staff", "ratio", "Money", "staff over all compute of the programme: 0.64", (TRAIN, CROSSOVER), ranged=True),
    Key("data_cost", "usd", "Money", "data of the programme: 20M", (TRAIN, CROSSOVER), ranged=True),
    Key("storage_cost", "usd", "Money", "storage of the programme: 1M", (TRAIN, CROSSOVER), ranged=True),
    Key("as_of", "date", "Money", "use prices dated up to this day: 2026-11-23"),
    Key("region", "regions", "Place", "grid carbon and electricity price of this place", sided=True),
    Key("pue", "ratio", "Place", "facility energy over IT energy: 1.2", sided=True, ranged=True, least=1.0, most=5.0),
    Key("electricity_price", "usd_per_kwh", "Place", "electricity price: 0.08/kWh", sided=True, ranged=True),
    Key("carbon_intensity", "kg_per_kwh", "Place", "grid carbon: 370g/kWh", sided=True, ranged=True),
    Key("horizon", "seconds", "Time", "how far to look: 10y", (CROSSOVER,)),
    Key("start", "date", "Time", "launch day: 2027-01-01", (CROSSOVER,)),
    Key("samples", "whole", "Uncertainty", "samples behind the ranges: 10000"),
    Key("seed", "whole", "Uncertainty", "seed of the samples: same seed, same bytes"),
)  # fmt: skip
KEYS: dict[str, Key] = {k.name: k for k in _KEYS}
SIDES = (TRAIN, SERVE)
NOTES = ("title", "description", "sources", "aliases")  # what a file may say about itself
TABLES = ("budget", "plan")  # read by other parts of the tool


def all_keys() -> dict[str, Key]:
    """Every key, with the `train_` and `serve_` forms of the sided ones."""
    keys = dict(KEYS)
    for key in _KEYS:
        if key.sided:
            for side in SIDES:
                keys[f"{side}_{key.name}"] = key._replace(
                    name=f"{side}_{key.name}",
                    help=f"{key.help} (the {side} side only)",
                    commands=(CROSSOVER,),
                    short="",
                )
    return keys


class Setting(NamedTuple):
    """A value with its origin: `flag`, `file:NAME`, `preset:scenarios/NAME` or `default`."""

    value: Value
    origin: str
    source: spec.Source | None = None  # what a scenario file says of where it has the value from


class Scenario(NamedTuple):
    """The layers of a question, strongest first, and what the file says about itself."""

    layers: tuple[dict[str, Setting], ...]
    read: set[str]  # keys that the answer took; shared by every variant of the question
    title: str = ""
    tables: Mapping[str, Any] = MappingProxyType({})

    def get(self, key: str, side: str = "") -> Setting | None:
        """The strongest setting of a key; inside one layer the sided form wins."""
        for layer in self.layers:
            for name in (f"{side}_{key}", key) if side else (key,):
                if name in layer:
                    self.read.add(name)
                    return layer[name]
        return None

    def has(self, *keys: str) -> bool:
        """Whether any of these keys was said, on any side."""
        names = {form for k in keys for form in (k, f"{TRAIN}_{k}", f"{SERVE}_{k}")}
        return any(name in layer for layer in self.layers for name in names)

    def over(self, layer: Mapping[str, Setting]) -> Scenario:
        """The same question with a stronger layer on top."""
        return self._replace(layers=(dict(layer), *self.layers))


def refuse_unread(scenarios: Iterable[Scenario]) -> None:
    """Refuse options that changed nothing: a value that is accepted and ignored misleads.

    Raises
    ------
    LlmcostError
        Every option that no answer took.
    """
    asked = list(scenarios)
    read = {name for s in asked for name in s.read}
    flags = {name: None for s in asked for layer in s.layers for name, v in layer.items() if v.origin == "flag"}
    keys = all_keys()
    raise_all(
        [
            LlmcostError(
                f"{keys[n].option} has no effect in this question",
                f"other values given decide the answer: leave {keys[n].option} out",
            )
            for n in flags
            if n not in read
        ]
    )


def parse_value(key: Key, raw: object) -> Value:
    """One value of a key, parsed by its kind.

    Raises
    ------
    LlmcostError
        Not a value of that kind; the message says what is accepted.
    """
    if key.kind == "choice":
        if type(raw) in (str, int) and str(raw) in key.choices:
            return str(raw)
        near = did_you_mean(raw, key.choices) if isinstance(raw, str) else ""
        raise LlmcostError(f"{units.shown(raw)} is not one of {', '.join(key.choices)}", near)
    if key.kind == "choices":
        return _parse_choices(key, raw)
    if key.kind == "file":
        if isinstance(raw, str) and raw.strip():
            return raw
        raise LlmcostError(f"{units.shown(raw)} is not a file")
    if key.kind in ("models", "hardware", "prices", "regions"):
        if isinstance(raw, str) and raw.strip():
            return raw.strip()
        raise LlmcostError(f"{units.shown(raw)} is not a preset name or file", f"llmcost presets list {key.kind}")
    if key.kind == "date":
        return raw if type(raw) is dt.date else units.parse_date(raw)
    value = units.parse_quantity(key.kind, raw) if key.ranged else units.parse(key.kind, raw)
    low = value if isinstance(value, float) else value.low
    if key.least is not None and low < key.least:
        least = units.format(key.kind, key.least)
        raise LlmcostError(f"{units.shown(raw)} is too small: at least {least}", f"write {least} or more")
    high = value if isinstance(value, float) else value.high
    if key.most is not None and high > key.most:
        most = units.format(key.kind, key.most)
        raise LlmcostError(f"{units.shown(raw)} is too large: at most {most}", f"write {most} or less")
    return int(value) if key.kind == "whole" and isinstance(value, float) else value


def _parse_choices(key: Key, raw: object) -> str:
    """Several choices as one text, `fp8,bf16`, in the order given and without repeats; a file may give a list."""
    parts = raw if isinstance(raw, list) else str(raw).split(",")
    one = key._replace(kind="choice")
    return ",".join(dict.fromkeys(parse_value(one, p.strip() if isinstance(p, str) else p) for p in parts))


def layer(values: Mapping[str, object], origin: str, where: str = "") -> dict[str, Setting]:
    """Parse one layer; every finding of it at once.

    Parameters
    ----------
    values : mapping
        Key to raw value, as typed or as TOML gave it.
    origin : str
        `flag`, `file:NAME`, `preset:scenarios/NAME`.
    where : str
        The file to name in messages; empty for options, which are named `--like-this`.
    """
    keys = all_keys()
    found: dict[str, Setting] = {}
    findings: list[LlmcostError] = []
    sources = _sources(values, where, findings)
    for name, raw in values.items():
        if name in NOTES or name in TABLES:
            continue
        if name not in keys:
            findings.append(unknown_key(name, where, keys))
            continue
        try:
            found[name] = Setting(parse_value(keys[name], raw), origin, source_for(sources, name))
        except LlmcostError as error:
            findings.append(units.at(f"{where}: {name}" if where else keys[name].option, error))
    raise_all(findings)
    return found


def _sources(values: Mapping[str, object], where: str, findings: list[LlmcostError]) -> list[spec.Source]:
    try:
        return msgspec.convert(values.get("sources", []), list[spec.Source])
    except msgspec.ValidationError as error:
        findings.append(LlmcostError(f"{where}: sources: {units.shown(str(error), 120)}"))
        return []


def unknown_key(name: str, where: str, known: Iterable[str]) -> LlmcostError:
    """The finding for a key nobody knows, with the nearest names."""
    place = f"{where}: " if where else ""
    return LlmcostError(
        f"{place}unknown key {units.shown(name)}",
        did_you_mean(name, [*known, *NOTES, *TABLES]) or "llmcost schema scenario",
    )


def resolve(
    flags: Mapping[str, object], file: Mapping[str, object] | None = None, origin: str = "", where: str = ""
) -> Scenario:
    """A question from what was typed and what a scenario file says.

    Raises
    ------
    LlmcostError
        All findings of the options and of the file together.
    """
    findings: list[LlmcostError] = []
    layers: list[dict[str, Setting]] = []
    for values, kind, place in ((flags, "flag", ""), (file or {}, origin, where)):
        try:
            layers.append(layer(values, kind, place))
        except LlmcostError as error:
            findings.extend(getattr(error, "findings", [error]))
    raise_all(findings)
    title = (file or {}).get("title", "")
    tables = {t: (file or {})[t] for t in TABLES if t in (file or {})}
    return Scenario(tuple(layers), set(), title if isinstance(title, str) else "", tables)
