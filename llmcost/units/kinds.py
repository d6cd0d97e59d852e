"""The kinds of quantity: their units, limits and spelling, as data."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct

HOUR, DAY = 3600.0, 86400.0
MONTH, YEAR = 365.25 / 12 * DAY, 365.25 * DAY
MONTHS = {"mo": 1.0, "month": 1.0, "y": 12.0, "yr": 12.0, "year": 12.0, "d": DAY / MONTH, "day": DAY / MONTH,
          "w": 7 * DAY / MONTH, "week": 7 * DAY / MONTH}  # fmt: skip

COMPOUNDING = {"growth": 1.0, "growth_per_year": 12.0, "decline": 12.0}  # months of the base unit

Units = Mapping[str, float]
Rungs = tuple[tuple[str, float, float], ...]  # unit as printed, its size, the value from which it is used


class Kind(Struct, frozen=True, kw_only=True):
    """How one kind of quantity is written.

    `base` is the unit of the parsed number; `noun` completes "'40' is not ..."; `accepts` lists spellings, the first
    one being the model for hints; `bare` is the spelling to propose when a number without a unit is refused (empty:
    a plain number is fine). `scales` are prefixes of `units`; `refused` holds ambiguous units with reason and hint.
    In both `{n}` stands for the number. A spelling that is proposed has no space in it: it is pasted into a shell.
    Magnitudes lie in `low`..`high`, or below `low` where `zero` is fine.
    `distribution` is what a two-dot range means. `rungs` and `tail` are for printing.
    """

    name: str
    base: str
    noun: str
    accepts: str
    units: Units
    scales: Units
    rungs: Rungs
    tail: str = ""
    bare: str = ""
    fold: bool = True  # unit case does not matter
    money: bool = False
    zero: bool = False
    negative: bool = False
    whole: bool = False
    low: float = 1e-15
    high: float = 1e30
    refused: Mapping[str, tuple[str, str]] = {}
    distribution: Literal["lognormal", "logitnormal", "normal"] = "lognormal"

    @property
    def sample(self) -> str:
        """The first accepted spelling."""
        return self.accepts.split(", ")[0]


def _rungs(*steps: tuple[str, float]) -> Rungs:
    return tuple((unit, size, size) for unit, size in steps)


def _si(unit: str, prefixes: str) -> Rungs:
    return _rungs(*((f" {p}{unit}", 1000.0**i) for i, p in enumerate(["", *prefixes])))


def _per(nouns: Iterable[str], denominators: Units) -> dict[str, float]:
    return {f"{noun}/{denominator}": size for noun in nouns for denominator, size in denominators.items()}


def _reciprocal(sizes: Units, base: float) -> dict[str, float]:
    return {unit: base / size for unit, size in sizes.items()}


NONE: Units = {"": 1.0}
SUFFIX: Units = {
    "": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12, "mn": 1e6, "bn": 1e9, "tn": 1e12,
    "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12,
}  # fmt: skip
SI: Units = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
BINARY: Units = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50}
FOLDED_SI: Units = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "p": 1e15, "e": 1e18, "z": 1e21}
TIMES: Units = {
    "ns": 1e-9, "us": 1e-6, "ms": 1e-3,
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), HOUR),
    **dict.fromkeys(("d", "day", "days"), DAY),
    **dict.fromkeys(("w", "wk", "week", "weeks"), 7 * DAY),
    **dict.fromkeys(("mo", "month", "months"), MONTH),
    **dict.fromkeys(("y", "yr", "yrs", "year", "years"), YEAR),
}  # fmt: skip
PERIODS: Units = {u: s for u, s in TIMES.items() if s >= 1}
THINGS = (
    "", "params", "param", "parameters", "tokens", "token", "tok", "requests", "queries", "users", "samples", "gpus",
    "accelerators", "gpu-hours", "gpu-hour", "gpu-h", "flop",
)  # fmt: skip
REQUESTS = ("", "requests", "request", "reqs", "req", "queries", "query", "calls", "messages", "prompts")
TOKENS = ("", "tokens", "token", "tok")
DOLLARS = ("", "$", "usd")
GPU_HOUR = dict.fromkeys(("gpu-h", "gpu-hour", "gpu/h", "gpuh"), 1.0)
CARBON = ("", "co2", "co2e", "co2eq")
MTOK: Units = {
    f"{scale}{word}": 1e6 / size
    for scale, size in (("", 1), ("k", 1e3), ("1k", 1e3), ("m", 1e6), ("1m", 1e6), ("b", 1e9), ("million", 1e6))
    for word in ("tok", "toks", "token", "tokens")
}
PER_REQUEST: Units = {
    f"{scale}{word}": 1 / size
    for scale, size in (("", 1), ("k", 1e3), ("1k", 1e3), ("1000", 1e3), ("m", 1e6), ("1m", 1e6))
    for word in ("request", "requests", "req", "query", "queries")
}

COUNT_RUNGS: Rungs = (*_rungs(("", 1.0), ("k", 1e3), ("M", 1e6), ("B", 1e9), ("T", 1e12)), ("", 1.0, 1e15))
TIME_RUNGS: Rungs = (
    *_rungs((" ns", 1e-9), (" us", 1e-6), (" ms", 1e-3), (" s", 1.0)),
    (" min", 60.0, 120.0), (" h", HOUR, 2 * HOUR), (" d", DAY, 2 * DAY), (" y", YEAR, 2 * YEAR),
)  # fmt: skip

_MINUTES_OR_MONTHS = ("minutes or months?", "write {n}min or {n}mo")
_PER_PERIOD = {
    **{u: ("per month or per year?", f"write {{n}}{u}/mo or {{n}}{u}/y") for u in ("%", "x")},
    **{f"{u}/m": ("per minute or per month?", f"write {{n}}{u}/mo") for u in ("%", "x")},
}
_PER_M = {"/m": ("per minute or per month?", "write {n}/min or {n}/mo")}


def _bit_or_byte(tail: str) -> dict[str, tuple[str, str]]:
    """Spellings that leave open whether bits or bytes are meant; the known ones among them are found first."""
    found = {}
    for p in "kKmMgGtTpP":
        scale = "k" if p in "kK" else p.upper()
        answer = ("bit or byte?", f"write {{n}}{scale}B{tail} or {{n}}{scale}bit{tail}")
        found.update(dict.fromkeys((f"{p}{tail}", f"{p}b{tail}", f"{p}B{tail}", f"{p}bps", f"{p}Bps"), answer))
    return found


def _milli_or_mega(unit: str) -> dict[str, tuple[str, str]]:
    return dict.fromkeys((f"m{unit}", f"m{unit.lower()}"), ("milli or mega?", f"write {{n}}M{unit}"))


_ALL = (
    Kind(
        name="count", base="count", noun="a count", accepts="70B, 15.6T, 128k, 1_000_000, 7e10",
        units=dict.fromkeys(THINGS, 1.0), scales=SUFFIX, rungs=COUNT_RUNGS, low=1e-9,
    ),
    Kind(
        name="whole", base="count", noun="a whole number", accepts="16384, 16k",
        units=dict.fromkeys(THINGS, 1.0), scales=SUFFIX, rungs=COUNT_RUNGS, whole=True, low=1.0, high=1e9,
    ),
    Kind(
        name="calendar_year", base="calendar year", noun="a year", accepts="2024", units=NONE, scales=NONE,
        rungs=COUNT_RUNGS, whole=True, low=1970.0, high=2100.0,
    ),
    Kind(
        name="whole_or_zero", base="count", noun="a whole number or zero", accepts="2, 16",
        units=dict.fromkeys(THINGS, 1.0), scales=SUFFIX, rungs=COUNT_RUNGS, whole=True, zero=True, low=1.0, high=1e9,
    ),
    Kind(
        name="bytes", base="bytes", noun="a size in bytes", accepts="80GB, 80GiB, 0.5TB",
        bare="{n}B or {n}GB", fold=False,
        units={"B": 1.0, "byte": 1.0, "bytes": 1.0, "bit": 0.125, "bits": 0.125}, scales={**SI, **BINARY},
        rungs=_si("B", "kMGTPE"), low=0.125, high=1e24, refused=_bit_or_byte(""),
    ),
    Kind(
        name="memory", base="bytes", noun="a size in bytes", accepts="80GiB, 80GB",
        bare="{n}GiB or {n}GB", fold=False,
        units={"B": 1.0, "byte": 1.0, "bytes": 1.0}, scales={**SI, **BINARY},
        rungs=_rungs((" B", 1.0), (" MiB", 2.0**20), (" GiB", 2.0**30)), low=1.0, high=1e24,
    ),
    Kind(
        name="bytes_per_second", base="bytes/s", noun="a data rate", bare="{n}B/s or {n}GB/s", fold=False,
        accepts="3.35TB/s, 450GB/s, 400Gbit/s, 400Gbps",
        units={"B/s": 1.0, "byte/s": 1.0, "bytes/s": 1.0, "bit/s": 0.125, "bits/s": 0.125, "bps": 0.125},
        scales={**SI, **BINARY}, rungs=_si("B/s", "kMGTPE"), high=1e21, refused=_bit_or_byte("/s"),
    ),
    Kind(
        name="flops", base="FLOP/s", noun="a compute rate", accepts="989TFLOP/s, 989TFLOPS, 1979TOPS",
        bare="{n}FLOP/s or {n}TFLOP/s", scales=FOLDED_SI, rungs=_si("FLOP/s", "kMGTPEZ"), high=1e27,
        units=dict.fromkeys(("flop/s", "flops", "flops/s", "op/s", "ops", "ops/s"), 1.0),
    ),
    Kind(
        name="usd", base="USD", noun="an amount of money", accepts="150M, 30k, 5576000", money=True,
        units={"": 1.0, "$": 1.0, "usd": 1.0, "dollars": 1.0}, scales=SUFFIX, rungs=COUNT_RUNGS, high=1e15,
    ),
    Kind(
        name="usd_per_hour", base="USD/h", noun="a price per hour", accepts="2.50/h, 2.50USD/h", bare="{n}/h",
        money=True, scales=SUFFIX, rungs=COUNT_RUNGS, tail="/h", high=1e9,
        units={**_per(DOLLARS, GPU_HOUR), **_per(DOLLARS, _reciprocal(PERIODS, HOUR))}, refused=_PER_M,
    ),
    Kind(
        name="usd_per_kwh", base="USD/kWh", noun="a price per kWh", accepts="0.12/kWh, 120/MWh", bare="{n}/kWh",
        money=True, scales=SUFFIX, rungs=COUNT_RUNGS, tail="/kWh", high=1e3,
        units=_per(DOLLARS, {"kwh": 1.0, "mwh": 1e-3, "gwh": 1e-6}),
    ),
    Kind(
        name="usd_per_mtok", base="USD/Mtok", noun="a price per million tokens", bare="{n}/Mtok", money=True,
        accepts="3/Mtok, 0.6/Mtok, 0.002/ktok", scales=SUFFIX, rungs=COUNT_RUNGS, tail="/Mtok", high=1e9,
        units=_per(DOLLARS, MTOK),
    ),
    Kind(
        name="usd_per_request", base="USD/request", noun="a price per request", money=True, high=1e9,
        accepts="0.05, 0.05/request, 50/1000req", scales=SUFFIX, rungs=COUNT_RUNGS, tail="/request",
        units={"": 1.0, "$": 1.0, "usd": 1.0, **_per(DOLLARS, PER_REQUEST)},
    ),
    Kind(
        name="seconds", base="s", noun="a duration", accepts="30d, 36mo, 3y, 2w, 1.5h, 10min, 90s, 500ms",
        bare="{n}s or {n}d", units=TIMES, scales=NONE, rungs=TIME_RUNGS, high=1000 * YEAR,
        refused={"m": _MINUTES_OR_MONTHS, "M": _MINUTES_OR_MONTHS,
                 **dict.fromkeys(("Ms", "MS"), ("milliseconds or megaseconds?", "write {n}ms"))},
    ),
    Kind(
        name="share", base="share", noun="a share", accepts="40%, 0.4", units={"": 1.0, "%": 0.01, "percent": 0.01},
        scales=NONE, rungs=(("%", 0.01, 0.0),), zero=True, high=1.0, distribution="logitnormal",
    ),
    Kind(
        name="ratio", base="ratio", noun="a factor", accepts="1.2, 1.2x", units={"": 1.0, "x": 1.0}, scales=NONE,
        rungs=(("", 1.0, 0.0),), zero=True, low=1e-9, high=1e6,
    ),
    Kind(
        name="per_day", base="1/day", noun="a number of requests per day", bare="{n}/day or {n}/s",
        accepts="10M/day, 250/s, 3B/month", scales=SUFFIX, rungs=COUNT_RUNGS, tail="/day",
        units={**_per(REQUESTS, _reciprocal(PERIODS, DAY)), "qps": DAY, "rps": DAY}, high=1e20, refused=_PER_M,
    ),
    Kind(
        name="tokens_per_day", base="tokens/day", noun="a number of tokens per day", bare="{n}tokens/day",
        accepts="4.1Btokens/day, 50ktokens/s", scales=SUFFIX, rungs=COUNT_RUNGS, tail=" tokens/day", high=1e24,
        units=_per(TOKENS, _reciprocal(PERIODS, DAY)), refused=_PER_M,
    ),
    Kind(
        name="per_second", base="1/s", noun="a rate per second", accepts="4391/s, 100/min",
        bare="{n}/s", scales=SUFFIX, rungs=COUNT_RUNGS, tail="/s", high=1e20,
        units={**_per((*TOKENS, *REQUESTS[1:]), _reciprocal(PERIODS, 1.0)), "qps": 1.0, "rps": 1.0}, refused=_PER_M,
    ),
    Kind(  # a unit's size is the number of months in its period: growth compounds, it does not scale
        name="growth", base="1/month", noun="a growth rate", accepts="10%/mo, 2x/y, -30%/y", bare="10%/mo or 10%/y",
        units=_per(("%", "x"), MONTHS), scales=NONE, rungs=(("%/mo", 0.01, 0.0),), zero=True, negative=True,
        high=100.0, distribution="normal", refused=_PER_PERIOD,
    ),
    Kind(
        name="growth_per_year", base="1/year", noun="a growth rate", accepts="40%/y, 2x/y, 3%/mo", zero=True,
        bare="40%/y", units=_per(("%", "x"), MONTHS), scales=NONE, rungs=(("%/y", 0.01, 0.0),), negative=True,
        high=1e6, distribution="normal", refused=_PER_PERIOD,
    ),
    Kind(
        name="decline", base="1/year", noun="a decline", accepts="30%/y, 10x/y, 2%/mo", bare="30%/y", zero=True,
        units=_per(("%", "x"), MONTHS), scales=NONE, rungs=(("%/y", 0.01, 0.0),), high=0.99,
        distribution="logitnormal", refused=_PER_PERIOD,
    ),
    Kind(
        name="kwh", base="kWh", noun="an amount of energy", accepts="59257kWh, 1.3GWh, 0.3Wh, 1.0e-4kWh",
        bare="{n}kWh", fold=False, scales=SI, units={"Wh": 1e-3, "wh": 1e-3}, high=1e18,
        rungs=tuple((u, s / 1e3, s / 1e3) for u, s, _ in _si("Wh", "kMGTP")), refused=_milli_or_mega("Wh"),
    ),
    Kind(
        name="watts", base="W", noun="a power", accepts="700W, 10.2kW, 150MW", bare="{n}W", fold=False, scales=SI,
        units={"W": 1.0, "w": 1.0, "watt": 1.0, "watts": 1.0}, rungs=_si("W", "kMGTP"), high=1e18,
        refused=_milli_or_mega("W"),
    ),
    Kind(
        name="kg", base="kg", noun="a mass", accepts="510t, 51.7kg, 12g", bare="{n}kg", fold=False, zero=True,
        scales=NONE, high=1e18, rungs=_rungs((" mg", 1e-6), (" g", 1e-3), (" kg", 1.0), (" t", 1e3), (" kt", 1e6),
                                             (" Mt", 1e9), (" Gt", 1e12)),
        units={f"{u}{c}": s for c in ("", "CO2", "CO2e", "CO2eq") for u, s in (
            ("mg", 1e-6), ("g", 1e-3), ("kg", 1.0), ("Kg", 1.0), ("KG", 1.0), ("t", 1e3), ("tonne", 1e3),
            ("tonnes", 1e3), ("kt", 1e6), ("Mt", 1e9), ("Gt", 1e12))},
        refused={**dict.fromkeys(("ton", "tons", "T"), ("tons differ by country", "write {n}t, of 1000 kg each")),
                 **dict.fromkeys(("MT", "mt"), ("metric tons or megatons?", "write {n}t or {n}Mt"))},
    ),
    Kind(
        name="kg_per_kwh", base="kg/kWh", noun="a carbon intensity", accepts="370g/kWh, 0.37kg/kWh",
        bare="{n}g/kWh or {n}kg/kWh", scales=NONE, zero=True, high=100.0,
        rungs=((" g/kWh", 1e-3, 0.0), (" kg/kWh", 1.0, 1.0)),
        units={f"{m}{c}/{e}": s / size for c in CARBON for m, s in (("g", 1e-3), ("kg", 1.0), ("t", 1e3))
               for e, size in (("kwh", 1.0), ("mwh", 1e3))},
    ),
    Kind(
        name="date", base="date", noun="a date", accepts="2026-11-23", units={}, scales=NONE, rungs=(), low=1.0,
        high=float(dt.date.max.toordinal()),
    ),
)  # fmt: skip
KINDS: dict[str, Kind] = {kind.name: kind for kind in _ALL}
