"""Watts, kilowatt-hours, carbon and water."""

from __future__ import annotations

from typing import Any

Num = Any


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


def co2e_kg(kwh: Num, kg_per_kwh: Num) -> Num:
    """Location-based emissions [kg CO2e]: energy x grid intensity (GHG Protocol Scope 2 Guidance, 2015).

    Examples
    --------
    OPT-175B's 324 MWh at the 0.231 kg/kWh of its region: 75 t (Luccioni et al. 2022, arXiv:2211.02001, table 4).

    >>> round(co2e_kg(324_000.0, 0.231) / 1000)
    75
    """
    return kwh * kg_per_kwh
