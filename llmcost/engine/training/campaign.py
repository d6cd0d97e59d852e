"""Billed hours of a whole published run: what a campaign adds to its steps, and how long such campaigns last."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable

import numpy as np

from llmcost.engine.machine.factors import values_of
from llmcost.engine.machine.roofline import Machine
from llmcost.engine.numeric.kinds import Array, Num
from llmcost.records import FactorRow, NamedTuple

# Units of the exponents below; where they are cut off, nothing is measured beyond.
A100_FLOPS, H100_FLOPS = 312e12, 989e12  # dense 16-bit peaks
ROOMY_BYTES = 80e9
CROWDED, TIGHT = 7e9, 2.1e10  # active parameters from which half of that begins to force layouts, and does
FILLING = 7e10  # active parameters whose products fill an H100
LONG_HOURS = 1e4
OVERTRAINED = 1000.0  # tokens per active parameter: fifty times the optimum of arXiv 2203.15556
POINTS = 4001
UNUSUAL = 1.645  # standard deviations: one campaign in twenty is shorter
# Stacks of earlier models had neither FlashAttention (arXiv 2205.14135, May 2022) nor selective recomputation (arXiv
# 2205.05198, May 2022): attention kept every score, every layer was recomputed, many trained in fp16.
EARLY = dt.date(2022, 9, 1)
EARLY_MACHINES = ("volta", "tpu-v3")  # where the model's date is not known
# Large models were trained on few tokens until arXiv 2203.15556 (March 2022, table 1) showed that 20 per parameter are
# best: one of unknown date on a machine of those years with less than twice that is taken to be early.
EARLY_TOKENS, EARLY_PARAMS, OLD_MACHINES = 40.0, 1e10, (*EARLY_MACHINES, "ampere", "tpu-v4")


class Campaign(NamedTuple):
    """What published runs add to their steps; sources in presets/calibration/training.toml."""

    campaign: Num  # billed hours over those of the steps, every run [-]
    campaign_early: Num  # times, for stacks of before September 2022 [-]
    campaign_memory: Num  # times, for large models on half of 80 GB or less [-]
    campaign_small: Num  # times, per decade of active parameters below 70B at the peak of an H100 [-]
    campaign_short: Num  # times, per decade of hours below 10,000 [-]
    run_scale: Num  # of Student's t (2 degrees of freedom) of the log of billed hours [log]
    run_scale_overtrained: Num  # the same from 1,000 tokens per active parameter on [log]
    run_days: Num  # median length of a campaign [days]
    run_days_scale: Num  # standard deviation of its log [log]
    run_days_from: Num  # accelerators from which on that is known [-]


def campaign_from_factors(rows: Iterable[FactorRow], generation: str) -> Campaign:
    """The campaign of a generation from the factors of `presets/calibration/training.toml`.

    Parameters
    ----------
    rows : iterable of mapping
        Parsed `[[factors]]`, as in `engine.calibration.calibration_from_factors`.
    generation : str
        Chip generation of the accelerator preset.

    Source: presets/calibration/training.toml, written by scripts/fit_training.py.

    Raises
    ------
    LlmcostError
        A factor is missing.

    Examples
    --------
    >>> rows = [{"name": f, "value": 1.2, "generation": "any"} for f in Campaign._fields]
    >>> campaign_from_factors(rows, "hopper").campaign
    1.2
    """
    return Campaign(*values_of(rows, Campaign._fields, generation))


def exponents(hours: Num, memory_bytes: Num, flops: Num, active: Num, early: Num) -> tuple[Num, ...]:
    """Powers of the five factors of `Campaign` in the overhead of a run [-].

    Parameters
    ----------
    hours : float or array
        Accelerator-hours of the steps [h].
    memory_bytes : float or array
        Memory of one accelerator [bytes].
    flops : float or array
        Its dense 16-bit peak [FLOP/s].
    active : float or array
        Active parameters [-].
    early : bool or array
        Whether the software is of before September 2022.

    Source: docs/method-training.md, whole runs.

    Examples
    --------
    A 7B model for 1,000 hours on an H100: one decade below 70B, one below 10,000 hours. A 70B model on A100 of 40 GB.

    >>> [float(x) for x in exponents(1e3, 80e9, 989e12, 7e9, False)]
    [1.0, 0.0, 0.0, 1.0, -1.0]
    >>> [float(x) for x in exponents(1e5, 40e9, 312e12, 7e10, True)]
    [1.0, 1.0, 1.0, 0.0, 0.0]
    """
    tight = np.clip(np.log2(ROOMY_BYTES / np.asarray(memory_bytes)), 0.0, 1.0)
    large = np.clip(np.log(np.asarray(active) / CROWDED) / np.log(TIGHT / CROWDED), 0.0, 1.0)
    fast = np.clip(np.log(np.asarray(flops) / A100_FLOPS) / np.log(H100_FLOPS / A100_FLOPS), 0.0, 1.5)
    small = np.clip(np.log10(FILLING / np.asarray(active)), 0.0, 2.0)
    short = np.clip(np.log10(LONG_HOURS / np.asarray(hours)), 0.0, 2.0)
    return np.ones_like(tight), np.asarray(early, dtype=float), tight * large, fast * small, 0.0 - short


def overhead(campaign: Campaign, powers: tuple[Num, ...]) -> Num:
    """Billed hours of a run over the hours of its steps [-].

    Parameters
    ----------
    campaign : Campaign
        Its first five fields.
    powers : tuple
        Of `exponents`.

    Source: docs/method-training.md, whole runs.

    Examples
    --------
    1.2 of any run x 1.5 of early software x 1.1 of one decade below 70B.

    >>> c = Campaign(1.2, 1.5, 1.4, 1.1, 1.3, 0.2, 0.3, 30.0, 0.9, 64.0)
    >>> round(float(overhead(c, (1.0, 1.0, 0.0, 1.0, 0.0))), 3)
    1.98
    """
    product: Num = 1.0
    for factor, power in zip(campaign[:5], powers, strict=True):
        product = product * np.asarray(factor) ** power
    return product


def billed_hours(hours: Num, overtrained: Num, n_gpus: Num, campaign: Campaign) -> tuple[Num, Num, Num]:
    r"""5 %, 50 % and 95 % quantile of a run's billed hours, from its steps [h].

    .. math:: \ln H = \ln \hat H + s\,t_2

    The median is what the steps say. Where accelerators are stated that do not fit the tokens (1,024 chips for tokens
    that take five hours), a publication may mean tokens of something else: the range then holds the reading by the
    length of campaigns too, from the quantiles of

    .. math:: p(\ln H) \propto t_2((\ln H - \ln \hat H) / s) \; N(\ln H/(24 n); \ln D, \sigma)

    Parameters
    ----------
    hours : float or array
        Predicted hours, overhead included [h].
    overtrained : bool or array
        More than `OVERTRAINED` tokens per active parameter.
    n_gpus : float or array
        Accelerators as published; nan where they are not, or where the run is the reader's own [-].
    campaign : Campaign
        Scales, length of campaigns.

    Source: docs/method-training.md, whole runs. The q quantile of t with two degrees of freedom is
    (2 q - 1) / sqrt(2 q (1 - q)).

    Examples
    --------
    Without accelerators: 1,000 h x exp(-+ 2.92 x 0.2). With a hundred that would be busy for ten hours the median stays
    and the upper end is near the 100 x 24 x 30 = 72,000 h of a campaign.

    >>> c = Campaign(1.2, 1.5, 1.4, 1.1, 1.3, 0.2, 0.3, 30.0, 0.9, 64.0)
    >>> [round(float(x)) for x in billed_hours(1e3, False, np.nan, c)]
    [558, 1000, 1793]
    >>> p5, p50, p95 = (round(float(x)) for x in billed_hours(1e3, False, 100.0, c))
    >>> p5, p50, 1e4 < p95 < 2e5
    (558, 1000, True)
    """
    width = np.where(overtrained, campaign.run_scale_overtrained, campaign.run_scale)
    center, scale, n = np.broadcast_arrays(np.log(hours), width, np.asarray(n_gpus, dtype=float))
    plain = [np.exp(center + scale * (2 * q - 1) / np.sqrt(2 * q * (1 - q))) for q in (0.05, 0.5, 0.95)]
    known = n >= campaign.run_days_from  # false for nan
    usual = np.where(known, np.log(24.0 * np.where(known, n, 1.0) * campaign.run_days), center)
    reach = 6.0 * campaign.run_days_scale
    grid = np.linspace(np.minimum(center, usual) - reach, np.maximum(center, usual) + reach, POINTS, axis=-1)
    error: Num = (grid - np.expand_dims(center, -1)) / np.expand_dims(scale, -1)
    length = (grid - np.expand_dims(usual, -1)) / campaign.run_days_scale
    weight = (1.0 + error**2 / 2.0) ** -1.5 * np.exp(-(length**2) / 2.0)
    below = (np.cumsum(weight, axis=-1) - weight / 2.0) / np.sum(weight, axis=-1, keepdims=True)
    odd = known & (np.abs(center - usual) > UNUSUAL * campaign.run_days_scale)
    p5 = np.where(odd, np.minimum(_at(grid, below, 0.05), plain[0]), plain[0])
    p95 = np.where(odd, np.maximum(_at(grid, below, 0.95), plain[2]), plain[2])
    return p5, plain[1], p95


def _at(grid: Array, below: Array, share: float) -> Array:
    """What the grid of logs stands for where `below` passes `share`, interpolated."""
    after = np.clip((below < share).sum(axis=-1, keepdims=True), 1, POINTS - 1)
    x0, x1 = (np.take_along_axis(grid, i, -1)[..., 0] for i in (after - 1, after))
    y0, y1 = (np.take_along_axis(below, i, -1)[..., 0] for i in (after - 1, after))
    return np.asarray(np.exp(x0 + (x1 - x0) * (share - y0) / (y1 - y0)))


class Like(NamedTuple):
    """What the overhead of a campaign follows from."""

    machine: Machine
    generation: str
    active: float  # parameters
    tokens: float
    early: bool  # its software is of before `EARLY`

    def powers(self, hours: float) -> tuple[float, ...]:
        """How much each factor of a campaign counts for a run of so many accelerator-hours of steps."""
        found = exponents(hours, self.machine.memory_bytes, self.machine.bf16_flops, self.active, self.early)
        return tuple(float(power) for power in found)

    @property
    def overtrained(self) -> bool:
        """More tokens per active parameter than `OVERTRAINED`."""
        return self.tokens > OVERTRAINED * self.active


class Billed(NamedTuple):
    """Accelerator-hours that such runs bill, 5 %, 50 % and 95 % [h]."""

    p5: float
    p50: float
    p95: float


def billed(factors: Iterable[FactorRow], like: Like, hours: float, published_on: float = math.nan) -> Billed:
    """What published runs of this kind have billed for so many accelerator-hours of steps [h].

    Parameters
    ----------
    factors : iterable of mapping
        As in `campaign_from_factors`.
    like : Like
        The run.
    hours : float
        Accelerator-hours of its steps [h].
    published_on : float
        Accelerators of a publication, with which the range holds the usual length of campaigns on them too [-].

    Source: `overhead`, `billed_hours`.

    Examples
    --------
    See tests/unit/test_campaign.py.
    """
    known = campaign_from_factors(factors, like.generation)
    whole = hours * float(overhead(known, like.powers(hours)))
    return Billed(*(float(q) for q in billed_hours(whole, like.overtrained, published_on, known)))


def is_early(released: dt.date | None, generation: str, active: float, tokens: float) -> bool:
    """Whether a run was on software of before `EARLY`: by the model's date, else by how much it was trained.

    Parameters
    ----------
    released : date, optional
        Of the model.
    generation : str
        Of the accelerator.
    active, tokens : float
        Active parameters, and tokens they were trained on [-].

    Source: arXiv 2205.14135, 2205.05198, 2203.15556.

    Examples
    --------
    175B parameters on 300B tokens, of unknown date: on A100 early, on H100 not.

    >>> is_early(None, "ampere", 175e9, 300e9), is_early(None, "hopper", 175e9, 300e9)
    (True, False)
    """
    if released:
        return released < EARLY
    large = active >= EARLY_PARAMS and tokens < EARLY_TOKENS * active
    return generation in EARLY_MACHINES or (large and generation in OLD_MACHINES)
