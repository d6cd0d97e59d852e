"""What may be done about the cost of serving, by name: `--technique NAME[=VALUE[:VALUE]]`."""

from __future__ import annotations

from llmcost.dtypes import ALL as ALL_DTYPES
from llmcost.keys.key import CROSSOVER, SERVE, Key
from llmcost.keys.money import COMMITMENTS
from llmcost.records import NamedTuple

NONE = "none"  # no technique at all, beside others in a comparison
CACHED = tuple(dtype.name for dtype in ALL_DTYPES if dtype.caches and not dtype.gguf)
# the units for mxfp4 are those for fp4
COMPUTED = tuple(dtype.name for dtype in ALL_DTYPES if dtype.computes and dtype.name != "mxfp4")
LONGEST_DRAFT = 32


class Value(NamedTuple):
    """One value of a technique.

    `kind` is a kind of `units.KINDS`, `models` or `choice`; a share that is `inside` is neither nothing nor all.
    """

    name: str
    kind: str
    needed: bool = False
    inside: bool = False
    most: float | None = None
    choices: tuple[str, ...] = ()


class Beside(NamedTuple):
    """Who answers, or is paid, beside the model: a row of the bill.

    A share of the requests is paid for, at the price that was said or the factor `price`. It `answers` them, so they go
    no further, unless they come to it from everywhere (`of_all`). One that is asked `first` is paid by every request
    that reaches it, and its factor is a price per million input tokens. What it answers is `sent` from a data centre.
    """

    row: str
    unit: str
    price: str = ""  # a factor; nothing where there is none
    first: bool = False
    of_all: bool = False
    sent: bool = True


class Technique(NamedTuple):
    """One technique, and all that is declared of it; two of the same `lever` exclude each other.

    It `sets` a key to its `choice`, else to its first value, else to the factor `usual`; or it `cuts` a share off a key;
    or something answers `beside` the model. Anything else needs code. `on_speed` is what a given speed does not follow.
    """

    name: str
    lever: str
    help: str
    values: tuple[Value, ...] = ()
    choice: str = ""  # what the name itself says: `fp8` of `fp8-weights`
    sets: str = ""
    usual: str = ""
    cuts: str = ""
    beside: Beside | None = None
    on_speed: bool = False

    @property
    def form(self) -> str:
        """How it is written: `speculation[=ACCEPTANCE[:TOKENS[:DRAFT]]]`."""
        text = closing = ""
        for i, value in enumerate(self.values):
            sign = "=" if i == 0 else ":"
            text += f"{sign}{value.name.upper()}" if value.needed else f"[{sign}{value.name.upper()}"
            closing += "" if value.needed else "]"
        return self.name + text + closing


def _formats(lever: str, what: str, key: str, formats: tuple[str, ...]) -> tuple[Technique, ...]:
    return tuple(Technique(f"{f}-{lever}", lever, f"{what} in {f}", choice=f, sets=key, on_speed=True) for f in formats)


SHARE = Value("share", "share", needed=True, inside=True)
PRICE = Value("price", "usd_per_request")
ESCALATED = (SHARE, Value("model", "models", needed=True))
ALL = (
    *_formats("weights", "weights stored", "dtype", tuple(dtype.name for dtype in ALL_DTYPES if not dtype.gguf)),
    *_formats("activations", "arithmetic", "compute_dtype", COMPUTED),
    *_formats("kv", "KV cache", "kv_dtype", CACHED),
    Technique("no-batching", "batching", "one request at a time", choice="1", on_speed=True),
    Technique("static-batch", "batching", "batches that start and end together", (Value("requests", "whole"),),
              on_speed=True),
    Technique("continuous-batching", "batching", "requests join and leave at any step", (Value("requests", "whole"),),
              on_speed=True),
    Technique("prefix-cache", "prefix", "share of input tokens found in the prefix cache",
              (Value("share", "share", inside=True, most=0.999),), sets="cache_hit", usual="prefix_cache_hit",
              on_speed=True),
    Technique("response-cache", "response", "share of requests answered from a store, at a price per lookup",
              (SHARE._replace(most=0.999), PRICE),
              beside=Beside("response cache, a month", "lookup", "lookup_usd_per_mtok", first=True)),
    Technique("speculation", "speculation", "a draft model proposes tokens, one step verifies them",
              (Value("acceptance", "share"), Value("tokens", "whole", most=LONGEST_DRAFT), Value("draft", "draft")),
              on_speed=True),
    Technique("distill", "model", "a smaller model trained on the answers of this one",
              (Value("model", "models", needed=True), Value("tokens", "count")), sets="model"),
    Technique("routing", "routing", "share of requests sent to this model, the rest to a smaller one", ESCALATED),
    Technique("cascade", "routing", "the smaller model answers first; share of requests passed on to this one",
              ESCALATED),
    Technique("human", "human", "share of requests handed to a person, at a price per case",
              (SHARE._replace(inside=False), PRICE),
              beside=Beside("people, a month", "case", "human_usd_per_case", of_all=True)),
    Technique("batch-tier", "offline", "share of requests that may wait, and the utilisation they are served at",
              (SHARE._replace(inside=False), Value("utilization", "share", inside=True))),
    Technique("edge", "edge", "share of requests served on the user's device, at a price per request",
              (SHARE._replace(most=0.999), PRICE), beside=Beside("users' devices, a month", "request", sent=False)),
    Technique("prompt-cut", "prompt", "share of input tokens left out", (SHARE,), cuts="isl"),
    Technique("output-cut", "answer", "share of output tokens left out", (SHARE,), cuts="osl"),
    Technique("commitment", "commitment", "rental term", (Value("term", "choice", needed=True, choices=COMMITMENTS),),
              sets="commitment"),
)  # fmt: skip
TECHNIQUES: dict[str, Technique] = {t.name: t for t in ALL}
BY_FORMAT = ("weights", "activations", "kv")
PLAIN = (*(f"FORMAT-{lever}" for lever in BY_FORMAT), *(t.name for t in ALL if t.lever not in BY_FORMAT))
KEYS = (
    Key("technique", "techniques", "Techniques", "NAME or NAME=VALUE, any number of times: " + ", ".join(PLAIN),
        (SERVE, CROSSOVER)),
)  # fmt: skip
