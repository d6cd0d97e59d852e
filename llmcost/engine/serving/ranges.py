"""How far a measurement may be from its prediction, by class: narrow where sources agree, wide where few tell."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from llmcost.engine.machine.factors import NAMED, generations_of
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import Array, Flags, Num
from llmcost.records import FactorRow, NamedTuple, RangeRow

QUANTITIES = ("tpot", "ttft", "throughput")
MANY = 64.0  # requests in flight beyond which front ends and balance count [-]
NVIDIA = ("volta", "turing", "ampere", "ada", "hopper", "blackwell", "blackwell-rtx", "rubin")
LEAST, MOST = 0.08, 3.0  # no half-width is less (runs repeat to a few per cent) or more


class Classes(NamedTuple):
    """What a point is, as far as ranges are told apart; each a flag or an array of them."""

    static: Flags = False  # a batch that starts and ends together, or a prompt alone
    random: Flags = False  # random arrivals
    burst: Flags = False  # all at once
    many: Flags = False  # more than `MANY` in flight
    experts: Flags = False  # routed experts
    recent: Flags = False  # attention that engines are still tuning: latent, sparse, linear mixers
    shared: Flags = False  # attention groups that share experts
    drafted: Flags = False  # tokens proposed ahead
    apart: Flags = False  # prompts on accelerators of their own
    amd: Flags = False
    other: Flags = False  # neither AMD nor NVIDIA
    card: Flags = False  # an accelerator that stands alone
    staged: Flags = False  # pipeline stages that requests come and go between
    rare: Flags = False  # an engine or a generation without measured rows


def half_widths(rows: Iterable[RangeRow], quantity: str, found: Classes) -> tuple[Num, Num]:
    r"""Logarithms from the median to p5 and to p95 of ln(measured / predicted) [-].

    .. math:: w = w_0 \prod_k r_k

    over the classes k that a point is in.

    Parameters
    ----------
    rows : iterable of mapping
        Parsed `[[ranges]]`: quantity, class, low, high.
    quantity : str
        One of `QUANTITIES`.
    found : Classes
        What the point is.

    Source: presets/calibration/serving.toml, fitted to the errors over sources left out.

    Examples
    --------
    >>> rows = [{"quantity": "tpot", "class": "all", "low": 0.2, "high": 0.3},
    ...         {"quantity": "tpot", "class": "experts", "low": 1.5, "high": 2.0}]
    >>> [round(float(w), 3) for w in half_widths(rows, "tpot", Classes(experts=True))]
    [0.3, 0.6]
    """
    logs = [np.zeros(1), np.zeros(1)]
    for row in rows:
        if row["quantity"] != quantity:
            continue
        here = np.asarray(getattr(found, row["class"], True), dtype=float)
        logs = [log + here * math.log(width) for log, width in zip(logs, (row["low"], row["high"]), strict=True)]
    low, high = (np.clip(np.exp(log), LEAST, MOST) for log in logs)
    return _plain(low), _plain(high)


def _plain(values: Array) -> Num:
    return float(values[0]) if values.shape == (1,) else values


def recent(shape: Shape) -> Flags:
    """Whether attention is of a kind that engines are still tuning: latent, sparse or with linear mixers.

    Parameters
    ----------
    shape : Shape
        Model.

    Source: definition.
    """
    latent = np.asarray(shape.is_mla) > 0
    return np.asarray(latent | (np.asarray(shape.sparse_kv_elements) > 0) | (np.asarray(shape.linear_flops) > 0))


def fitted(rows: Iterable[FactorRow]) -> tuple[set[str], set[str]]:
    """Engines and generations that have constants of their own in `[[factors]]`.

    Parameters
    ----------
    rows : iterable of mapping
        Parsed `[[factors]]`; those with `own` are of a calibration of one's own, and do not count.

    Source: presets/calibration/serving.toml.
    """
    own = [row for row in rows if row.get("ratio") and not row.get("own")]
    engines = {row.get("framework", "any") for row in own}
    return engines - {"any", NAMED}, {name for row in own for name in generations_of(row)} - {"any"}
