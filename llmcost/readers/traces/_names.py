"""Names that logs of requests give their columns, and the units of their clocks."""

from __future__ import annotations

import re

from llmcost.errors import LlmcostError
from llmcost.records import NamedTuple

EPOCHS = ((1e9, 4e9, 1.0), (1e12, 4e12, 1e-3), (1e15, 4e15, 1e-6), (1e18, 4e18, 1e-9))  # 2001 to 2096, by unit
UNITS = {"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "milliseconds": 1e-3, "us": 1e-6, "ns": 1e-9,
         "unix": 1.0, "nano": 1e-9}  # fmt: skip
TIMES = ("timestamp", "time", "ts", "start time", "starttime", "request created at", "created at", "createdat",
         "created", "arrival time", "arrived at", "arrival", "request time", "date time", "datetime", "start",
         "request timestamp", "start timestamp", "starttimeunixnano")  # fmt: skip
FIELDS = {
    "isl": ("contexttokens", "context tokens", "input length", "request tokens", "prompt tokens", "prompttokens",
            "input tokens", "inputtokens", "num prefill tokens", "prompt len", "isl", "prompt length", "input len",
            "input usage", "inputusage", "usage input", "usagedetails input", "usage details input",
            "usage prompt tokens",
            "usage input tokens", "gen ai usage input tokens", "gen ai usage prompt tokens",
            "prompt token count", "llm usage prompt tokens", "llm token count prompt", "tokens prompt"),
    "osl": ("generatedtokens", "generated tokens", "output length", "response tokens", "completion tokens",
            "completiontokens", "output tokens", "outputtokens", "num decode tokens", "output len", "osl",
            "response length", "output usage", "outputusage", "usage output", "usagedetails output",
            "usage details output",
            "usage completion tokens", "usage output tokens", "gen ai usage output tokens",
            "gen ai usage completion tokens", "completion token count", "llm usage completion tokens",
            "llm token count completion", "tokens completion"),
    "cached": ("prompt cache read tokens", "cached tokens", "cache read input tokens", "input cached tokens",
               "cached input tokens", "usagedetails cache read input tokens", "usagedetails input cached tokens",
               "usage details cache read input tokens", "usage details input cached tokens", "tokens cached",
               "llm token count prompt details cache read",
               "gen ai usage cache read input tokens", "prompt tokens details cached tokens"),
    "user": ("user id", "userid", "user", "session id", "sessionid", "conversation id", "end user", "client id",
             "customer id", "gen ai conversation id"),
    "status": ("status", "status code", "statuscode", "success", "error", "level", "request status", "http status",
               "response status"),
}  # fmt: skip
FINE = {"", "none", "null", "ok", "success", "succeeded", "200", "200.0", "201", "true", "0", "default", "completed",
        "unset", "status code ok", "1", "debug", "info"}  # fmt: skip


class Named(NamedTuple):
    """Which column holds what: its name in the file; empty where there is none."""

    time: str
    unit: float | None  # seconds of the clock's unit; None where a date or its size tells
    isl: str = ""
    osl: str = ""
    cached: str = ""
    user: str = ""
    status: str = ""


def plain(name: str) -> str:
    """A column's name without case and marks.

    >>> plain("Request_Tokens"), plain("gen_ai.usage.input_tokens"), plain("timestamp (ms)")
    ('request tokens', 'gen ai usage input tokens', 'timestamp ms')
    """
    return re.sub(r"[\s_.\-()/\[\]@]+", " ", name.lower()).strip().removeprefix("attributes ")


def named(heads: list[str]) -> Named | None:
    """The columns of a log by their usual names; None where no column is a time."""
    known: dict[str, str] = {}
    for head in heads:
        known.setdefault(plain(head), head)
    fields = {field: next((known[n] for n in names if n in known), "") for field, names in FIELDS.items()}
    dated = ("date",) if fields["isl"] and fields["osl"] else ()  # of something else than charges
    for wanted in (*TIMES, *dated):
        for name, head in known.items():
            unit = UNITS.get(name.rpartition(" ")[2])
            if name == wanted or (unit is not None and name.rpartition(" ")[0] == wanted):
                return Named(head, 1e-9 if name.endswith("unixnano") else None if name == wanted else unit, **fields)
    return None


def epoch_unit(first: float, where: str) -> float:
    """Seconds of the unit in which a number of this size is a date of this century.

    Raises
    ------
    LlmcostError
        It is none: the clock starts at zero, and its unit is not told.

    >>> epoch_unit(1730419200.0, "x"), epoch_unit(1730419200123.0, "x")
    (1.0, 0.001)
    """
    for low, high, unit in EPOCHS:
        if low <= abs(first) < high:
            return unit
    raise LlmcostError(
        f"{where}: is the time in seconds or milliseconds?", "name the column timestamp_s or timestamp_ms"
    )


def failed(status: str) -> bool:
    """Whether a status says that the call failed.

    >>> failed("success"), failed("200"), failed("429"), failed("")
    (False, False, True, False)
    """
    return plain(status) not in FINE
