"""Hardware bought, used up or rented, and the programme around a run."""

from __future__ import annotations

import numpy as np

from llmcost.engine.numeric.kinds import HOURS_PER_YEAR, Num


def server_ratio(share: float, around_usd: float, chip_usd: float) -> float:
    r"""Price of a server over that of its accelerators [-].

    .. math:: k = \min(s, 1 + R / P)

    What is around accelerators (processors, memory, disks, case) does not grow with their price once they are dear.

    Parameters
    ----------
    share : float
        Server over accelerators where they are not dear, s [-].
    around_usd : float
        An accelerator's part of the server without it, R [USD].
    chip_usd : float
        Price of an accelerator, P [USD].

    Source: Cottier et al. 2024, arXiv:2405.21015, appendix A.1 (s); servers on sale, "Hardware prices.csv" of their
    repository (R).

    Examples
    --------
    An A100 for $12,000 in a server of 1.64 times that; an H100 for $23,500 with $8,400 around it is $31,900 of an HGX
    server, as one was on sale for $31,905 a piece in January 2025.

    >>> server_ratio(1.64, 8400.0, 12_000.0), round(23_500 * server_ratio(1.64, 8400.0, 23_500.0))
    (1.64, 31900)
    """
    return min(share, 1.0 + around_usd / chip_usd)


def value_at_start(price_usd: Num, decline: Num, age_years: Num) -> Num:
    r"""Value of hardware when the run starts [USD].

    .. math:: V = P \, 10^{-r a}

    Parameters
    ----------
    price_usd : float or array
        What it cost with its part of the server, P [USD].
    decline : float or array
        Fall of price at equal performance, r [orders of magnitude / year].
    age_years : float or array
        Time from purchase to the start of the run, a [years].

    Source: Cottier et al. 2024, arXiv:2405.21015, section 2.2; github.com/epoch-research/training-cost-trends.

    Examples
    --------
    A DGX A100 share of $24,875 bought 2020-08-12, 638 days before GPT-4 (started 2022-05-12), at r = 0.14, by hand:
    10^(-0.14 x 638/365.25) = 10^-0.24454 = 0.56945, x 24,875; the repository's development_cost.ipynb prints
    14165.054738.

    >>> round(float(value_at_start(24_875.0, 0.14, 638 / 365.25)), 6)
    14165.054738
    """
    return price_usd * 10.0 ** (-np.asarray(decline) * age_years)


def consumed_usd_per_hour(value_usd: Num, decline: Num) -> Num:
    r"""Value that an hour of use takes from hardware [USD/h].

    .. math:: V \, r \ln 10 / 8766

    The slope of the exponential decline at the start of the run. Over a run of T years the exact loss is
    V (1 - 10^(-rT)): the line is 3 % above it at 75 days and 17 % at one year.

    Parameters
    ----------
    value_usd : float or array
        Value at the start of the run, V [USD].
    decline : float or array
        r [orders of magnitude / year].

    Source: Cottier et al. 2024, arXiv:2405.21015, section 2.2: start value per chip x chip-hours / hours per year x
    r ln 10; a year of 8,766 h as in their repository.

    Examples
    --------
    The same $14,165 by hand: x 0.14 x 2.302585 / 8766.

    >>> round(float(consumed_usd_per_hour(14_165.0, 0.14)), 3)
    0.521
    """
    found: Num = value_usd * np.asarray(decline) * np.log(10.0) / HOURS_PER_YEAR
    return found


def interconnect_ratio(share: Num) -> Num:
    """Cost of the cluster network over that of the servers it joins [-]: s / (1 - s).

    Parameters
    ----------
    share : float or array
        Share of the interconnect in the cluster's cost, s [-].

    Source: Cottier et al. 2024, arXiv:2405.21015, appendix A: 19 % of the cluster's cost.

    Examples
    --------
    25,000 A100 at $24,875 with their servers, 2020 prices, by hand: 621.875M / 0.81 = 767.7M (Epoch AI prints
    $778.1M for GPT-4's cluster in dollars of December 2024).

    >>> round(float(25_000 * 24_875 * (1 + interconnect_ratio(0.19)) / 1e6), 1)
    767.7
    """
    return share / (1.0 - np.asarray(share))


def all_compute_usd(run_usd: Num, experiments: Num) -> Num:
    """Compute cost of a whole development [USD]: run x (1 + e). Staff is a multiple of it.

    Parameters
    ----------
    run_usd : float or array
        Compute cost of the final run [USD].
    experiments : float or array
        Compute cost of experiments and failed runs over that of the final run, e [-].

    Source: Cottier et al. 2024, arXiv:2405.21015, section 2.5: one factor on the final run's compute.

    Examples
    --------
    OpenAI 2024 (Epoch AI): final runs 7 % of compute spend, everything else but inference 64 %: 0.07 x (1 + 64/7).

    >>> round(float(all_compute_usd(0.07, 64 / 7)), 2)
    0.71
    """
    return run_usd * (1.0 + np.asarray(experiments))
