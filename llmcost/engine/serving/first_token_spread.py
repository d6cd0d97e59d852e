"""How far a first token may be from its prediction: wide where what it waits for is not told, narrow where it is."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from llmcost.engine.machine.factors import picked
from llmcost.engine.numeric.kinds import Flags, Index, Num
from llmcost.records import FactorRow, NamedTuple

FULL = 0.5  # share of the requests that memory holds, beyond which one may wait for a place [-]
MANY = 32.0  # requests per attention group beyond which bursts and the front end count [-]


class FirstTokenSpread(NamedTuple):
    """Standard deviations of ln(measured / predicted) of TTFT, by what a prompt meets: below and above [-]."""

    alone_low: Num = 0.5  # a prompt, or a static batch of them, on an idle machine
    alone_high: Num = 0.5
    few_low: Num = 0.5  # up to `MANY` others
    few_high: Num = 0.5
    many_low: Num = 0.5
    many_high: Num = 0.5
    experts_few_low: Num = 0.5  # the same for models with routed experts, whose servers hardly gather prompts
    experts_few_high: Num = 0.5
    experts_many_low: Num = 0.5
    experts_many_high: Num = 0.5
    held_low: Num = 0.5  # memory more than half full, or attention groups that wait for one another
    held_high: Num = 0.5


def kind_of(alone: Flags, held: Flags, experts: Flags, many: Flags) -> Index:
    """Which spread applies, as an index: alone 0, few 1, many 2, with experts 3 and 4, held 5 [-].

    Parameters
    ----------
    alone, held, experts, many : bool or array
        Whether a prompt starts on an idle machine; may be held up by full memory or other groups; belongs to a model
        with routed experts; meets more than `MANY` others.

    Source: definition.

    Examples
    --------
    >>> [int(kind_of(*x)) for x in ((True, True, True, True), (False, False, True, False), (False, True, True, True))]
    [0, 3, 5]
    """
    waiting = 1 + 2 * np.asarray(experts, dtype=int) + np.asarray(many, dtype=int)
    return np.where(alone, 0, np.where(held, 5, waiting))


def sides(known: FirstTokenSpread, kind: Index) -> tuple[Num, Num]:
    """Standard deviations below and above the median [-].

    Parameters
    ----------
    known : FirstTokenSpread
        The fitted spreads of the serving framework.
    kind : int or array
        From `kind_of`.

    Source: errors over rows left out of the fit, docs/accuracy.md.

    Examples
    --------
    >>> [float(x) for x in sides(FirstTokenSpread(few_low=0.2, few_high=0.3), 1)]
    [0.2, 0.3]
    """
    below, above = (np.choose(kind, np.broadcast_arrays(*side)) for side in (known[0::2], known[1::2]))
    return below, above


def spread_from_factors(rows: Iterable[FactorRow], generation: str, framework: str) -> FirstTokenSpread:
    """Spreads for a hardware generation and a serving framework from the rows of a calibration preset.

    Parameters
    ----------
    rows : list of dict
        `[[factors]]` tables; a field is named `ttft_<field>_log_spread`.
    generation, framework : str
        As in `calibration_from_factors`.

    Examples
    --------
    >>> row = {"name": "ttft_few_low_log_spread", "value": 0.2, "generation": "any", "framework": "vllm"}
    >>> spread_from_factors([row], "hopper", "vllm").few_low
    0.2
    """
    names = {f"ttft_{name}_log_spread": name for name in FirstTokenSpread._fields}
    return FirstTokenSpread(**{names[k]: v for k, v in picked(rows, names, generation, framework).items()})
