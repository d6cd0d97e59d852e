"""Units that a file does not state, proved by its other figures."""

from __future__ import annotations

from llmcost.errors import LlmcostError

WITHIN = 3.0  # seconds and milliseconds are a thousand apart


def seconds_per_unit(
    ttft: float | None, tpot: float | None, osl: float | None, latency_seconds: float | None, where: str
) -> float:
    """Seconds that one of TTFT's and TPOT's units stands for, by ttft + tpot (osl - 1) = latency.

    Parameters
    ----------
    ttft, tpot
        Times in the unit that is asked for.
    osl
        Answer length [tokens].
    latency_seconds
        The same request's latency in a unit that is known, or requests in flight over requests/s [s].

    where
        The place to name in messages.

    Raises
    ------
    LlmcostError
        Too little is there to tell, or no unit fits.

    >>> seconds_per_unit(386.1, 10.7, 682.0, 7.67, "x"), seconds_per_unit(0.386, 0.0107, 682.0, 7.67, "x")
    (0.001, 1.0)
    """
    if latency_seconds and osl and (ttft or tpot):
        total = (ttft or 0.0) + (tpot or 0.0) * max(osl - 1.0, 0.0)
        for unit in (1.0, 1e-3):
            if 1.0 / WITHIN <= total * unit / latency_seconds <= WITHIN:
                return unit
    raise LlmcostError(
        f"{where}: times without a unit, and no other figure proves one: seconds or milliseconds?",
        "name the columns ttft_ms and tpot_ms, or ttft_s and tpot_s",
    )
