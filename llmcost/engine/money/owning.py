"""What an hour of an owned accelerator costs, and how much of the time it has to be used to beat a rented one."""

from __future__ import annotations

import numpy as np

from llmcost.engine.numeric.kinds import HOURS_PER_YEAR, Num


def annuity(rate: Num, years: Num) -> Num:
    r"""Yearly payment that returns one dollar with interest over its life [1/year]: the capital recovery factor.

    .. math:: a = r / (1 - (1 + r)^{-n}), \quad 1/n \text{ without interest}

    Parameters
    ----------
    rate : float or array
        Cost of capital r [1/year].
    years : float or array
        Years in service n [years].

    Source: Koomey et al. 2007, "A simple model for determining true total cost of ownership for data centers", Uptime
    Institute, which spreads capital by this factor.

    Examples
    --------
    7 % over three years by hand: 0.07 / (1 - 1.07^-3) = 0.07 / 0.183702 = 0.381052. Without interest one third a year.

    >>> round(float(annuity(0.07, 3.0)), 6), round(float(annuity(0.0, 3.0)), 6)
    (0.381052, 0.333333)
    """
    rate, years = np.asarray(rate, dtype=float), np.asarray(years, dtype=float)
    positive = np.maximum(rate, 1e-12)
    return np.where(rate > 1e-9, positive / -np.expm1(-years * np.log1p(positive)), 1.0 / years)


def capital_usd_per_hour(price_usd: Num, residual: Num, rate: Num, years: Num) -> Num:
    r"""Hourly cost of what was bought and is sold at the end of its life [USD/h].

    .. math:: P \, (a - \rho (a - r)) / 8766

    The part lost, P (1 - rho), is paid back by an annuity; on the part that comes back, rho P, interest alone is due.

    Parameters
    ----------
    price_usd : float or array
        Price P [USD].
    residual : float or array
        Share of the price that it is sold for rho [-].
    rate : float or array
        Cost of capital r [1/year].
    years : float or array
        Years in service n [years].

    Source: as `annuity`; the residual value is the standard correction of engineering economics (capital recovery with
    salvage: (P - S) a + S r).

    Examples
    --------
    $8,766 over 5 years without interest, sold for a fifth: 0.8 / 5 = $0.16 an hour. Sold for all of it at 10 %:
    interest alone, $0.10 an hour.

    >>> round(float(capital_usd_per_hour(8766.0, 0.2, 0.0, 5.0)), 9)
    0.16
    >>> round(float(capital_usd_per_hour(8766.0, 1.0, 0.10, 5.0)), 9)
    0.1
    """
    a = annuity(rate, years)
    return price_usd * (a - np.asarray(residual) * (a - rate)) / HOURS_PER_YEAR


def electricity_usd_per_hour(watts: Num, load: Num, pue: Num, usd_per_kwh: Num) -> Num:
    """Electricity of one accelerator with its part of the server for an hour [USD/h]: W x load x PUE x price / 1000.

    Parameters
    ----------
    watts : float or array
        Rated power of the accelerator with its part of the server [W].
    load : float or array
        Average draw over rated power [-].
    pue : float or array
        Facility energy over IT energy [-].
    usd_per_kwh : float or array
        Price of electricity [USD/kWh].

    Examples
    --------
    1,275 W at 75 %, PUE 1.25, 8.26 cents by hand: 1.275 x 0.75 x 1.25 x 0.0826 = 0.098733.

    >>> round(float(electricity_usd_per_hour(1275.0, 0.75, 1.25, 0.0826)), 6)
    0.098733
    """
    return watts * load * pue * usd_per_kwh / 1000.0


def own_usd_per_used_hour(standing: Num, in_use: Num, idle: Num, occupancy: Num) -> Num:
    r"""Cost of an owned accelerator for each hour in which it is used [USD/h].

    .. math:: (F + u E_{use} + (1 - u) E_{idle}) / u

    Parameters
    ----------
    standing : float or array
        Capital, facility, maintenance and staff, due every hour F [USD/h].
    in_use, idle : float or array
        Electricity of an hour in use, and of an idle hour, E [USD/h].
    occupancy : float or array
        Share of hours in use u [-].

    Examples
    --------
    $1.50 standing, 10 cents in use, 2 cents idle, used half of the time: (1.50 + 0.05 + 0.01) / 0.5.

    >>> round(float(own_usd_per_used_hour(1.5, 0.10, 0.02, 0.5)), 9)
    3.12
    """
    return (standing + idle) / np.asarray(occupancy, dtype=float) + in_use - idle


def breakeven_occupancy(standing: Num, in_use: Num, idle: Num, rent: Num) -> Num:
    r"""Share of hours in use from which owning beats renting those hours [-]; over 1 it never does, infinite included.

    .. math:: u^* = (F + E_{idle}) / (p - (E_{use} - E_{idle}))

    Where `own_usd_per_used_hour` equals the rent.

    Parameters
    ----------
    standing : float or array
        Due every hour F [USD/h].
    in_use, idle : float or array
        Electricity of an hour in use, and of an idle hour, E [USD/h].
    rent : float or array
        Rent of an hour p [USD/h].

    Examples
    --------
    The case above against $3.12 an hour: (1.50 + 0.02) / (3.12 - 0.08) = 0.5.

    >>> round(float(breakeven_occupancy(1.5, 0.10, 0.02, 3.12)), 9)
    0.5
    """
    margin = np.subtract(rent, np.subtract(in_use, idle), dtype=float)
    found: Num = np.divide(np.add(standing, idle), margin, out=np.full(np.shape(margin), np.inf), where=margin > 0)
    return found
