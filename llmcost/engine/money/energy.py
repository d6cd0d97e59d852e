"""Watts, kilowatt-hours, carbon and water."""

from __future__ import annotations

from llmcost.engine.numeric.kinds import HOURS_PER_YEAR, Num


def facility_kwh(device_hours: Num, device_watts: Num, server_factor: Num, load: Num, pue: Num) -> Num:
    """Electricity drawn at the meter [kWh]: hours x watts x server factor x average load x PUE / 1000.

    Parameters
    ----------
    device_hours : float or array
        Accelerator-hours [h].
    device_watts : float or array
        Accelerator TDP [W].
    server_factor : float or array
        Whole-server power over the TDP of its accelerators [-].
    load : float or array
        Average power over server peak [-].
    pue : float or array
        Facility energy over IT energy [-].

    Source: Cottier et al. 2024, "The rising costs of training frontier AI models", arXiv:2405.21015, appendix A.4:
    energy = TDP x (server / chip TDP) x average / TDP x PUE x hours.

    Examples
    --------
    1,000 H100-hours at 700 W, servers 1.82 x chip TDP, 75 % load, PUE 1.1: 0.7 x 1.82 x 0.75 x 1.1 x 1000.

    >>> round(facility_kwh(1000.0, 700.0, 1.82, 0.75, 1.1), 2)
    1051.05
    """
    return device_hours * device_watts * server_factor * load * pue / 1000.0


def load(busy_load: Num, idle_load: Num, utilization: Num) -> Num:
    """Average draw over rated power of a machine that is partly used [-]: idle + (busy - idle) x utilisation.

    Parameters
    ----------
    busy_load, idle_load : float or array
        Draw over rated power, fully used and idle [-].
    utilization : float or array
        Share of the capacity that is used [-].

    Source: Fan, Weber, Barroso 2007, "Power provisioning for a warehouse-sized computer", doi:10.1145/1250662.1250673:
    power is about linear in utilisation, from idle to busy.

    Examples
    --------
    75 % busy and 20 % idle at a utilisation of 60 %: 0.2 + 0.55 x 0.6.

    >>> round(load(0.75, 0.20, 0.6), 9)
    0.53
    """
    return idle_load + (busy_load - idle_load) * utilization


def co2e_kg(kwh: Num, kg_per_kwh: Num) -> Num:
    """Location-based emissions [kg CO2e]: energy x grid intensity (GHG Protocol Scope 2 Guidance, 2015).

    Examples
    --------
    OPT-175B's 324 MWh at the 0.231 kg/kWh of its region: 75 t (Luccioni et al. 2022, arXiv:2211.02001, table 4).

    >>> round(co2e_kg(324_000.0, 0.231) / 1000)
    75
    """
    return kwh * kg_per_kwh


def embodied_kg(device_hours: Num, kg_per_device: Num, life_years: Num) -> Num:
    """Share of the manufacturing emissions that busy hours use up [kg CO2e]: hours / life x kg per device.

    Parameters
    ----------
    device_hours : float or array
        Accelerator-hours [h].
    kg_per_device : float or array
        Making one accelerator with its part of the server [kg CO2e].
    life_years : float or array
        Years in service, all hours counted [years].

    Source: Luccioni et al. 2022, arXiv:2211.02001: emissions of making it, spread over its hours of use.

    Examples
    --------
    985.5 kg over 3 years of 8,766 h are 37.5 g per hour, by hand.

    >>> round(embodied_kg(1.0, 985.5, 3.0) * 1000, 1)
    37.5
    """
    return device_hours * kg_per_device / (life_years * HOURS_PER_YEAR)


def water_litres(kwh: Num, pue: Num, litres_per_kwh: Num) -> Num:
    """Water used on site [L]: energy of the machines alone x litres per kWh of computing (WUE).

    Parameters
    ----------
    kwh : float or array
        Electricity at the meter [kWh].
    pue : float or array
        Facility energy over IT energy [-].
    litres_per_kwh : float or array
        Water usage effectiveness, per kWh of IT energy [L/kWh].

    Source: The Green Grid 2011, white paper 35, "Water usage effectiveness (WUE)": annual site water / IT energy.

    Examples
    --------
    110 kWh at the meter with a PUE of 1.1 are 100 kWh of computing; at 0.19 L/kWh, by hand.

    >>> round(water_litres(110.0, 1.1, 0.19), 6)
    19.0
    """
    return kwh / pue * litres_per_kwh
