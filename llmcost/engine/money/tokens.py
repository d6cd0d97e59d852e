"""What tokens cost when they are bought."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from llmcost.engine.numeric.kinds import Num
from llmcost.records import NamedTuple


class Rate(NamedTuple):
    """A price per million tokens that may step with the length of the prompt [USD/Mtok].

    Past a start the price holds for all tokens of the request, not only for those beyond it.
    """

    base: float
    starts: tuple[float, ...] = ()  # input tokens beyond which the next price holds, ascending
    prices: tuple[float, ...] = ()

    def at(self, isl: Num) -> Num:
        """The price of a request with `isl` input tokens [USD/Mtok].

        Examples
        --------
        Claude Sonnet 4.5 in 2025: $3 a million input tokens, $6 for prompts over 200k
        (docs.claude.com/en/docs/about-claude/pricing).

        >>> Rate(3.0, (200_000.0,), (6.0,)).at(np.array([1_000.0, 200_000.0, 200_001.0])).tolist()
        [3.0, 3.0, 6.0]
        """
        if not self.starts:
            return self.base
        return np.array([self.base, *self.prices])[np.searchsorted(self.starts, isl, side="left")]


class Tariff(NamedTuple):
    """Prices of one model [USD/Mtok], and of a request as such [USD]."""

    prompt: Rate
    cached: Rate
    output: Rate
    per_request: float = 0.0
    written: Rate | None = None  # a prompt that the cache keeps; None: as any prompt


def usd_per_request(
    tariff: Tariff, isl: Num, osl: Num, cache_hit: Num, discount: Num = 0.0, cache_write: Num = 0.0
) -> Num:
    r"""What a request costs [USD].

    .. math::
        c = (1 - d) (c_0 + (ISL (1 - h) ((1 - w) p_{in} + w p_{written}) + ISL h p_{cached} + OSL p_{out}) / 10^6)

    Parameters
    ----------
    tariff : Tariff
        Prices p of a provider [USD/Mtok] and c0 [USD].
    isl, osl : float or array
        Input and output tokens per request [tokens].
    cache_hit : float or array
        Share h of input tokens read from the provider's cache [-].
    discount : float or array
        Discount d of a commitment [-].
    cache_write : float or array
        Share w of the other input tokens that are written to the cache [-].

    Source: by definition; the structure of prices is that of the package genai-prices.

    Examples
    --------
    GPT-4o, $2.50 in, $1.25 cached, $10 out (openai.com/api/pricing), 1,000 tokens in of which half are cached, 500 out,
    by hand: 0.00125 + 0.000625 + 0.005.

    >>> usd_per_request(Tariff(Rate(2.5), Rate(1.25), Rate(10.0)), 1000.0, 500.0, 0.5)
    0.006875

    Claude Sonnet 4.5, $3 in, $3.75 written, $0.30 read, $15 out (docs.claude.com/en/docs/about-claude/pricing): 10,000
    tokens in, 80 % of them read, half of the rest written: 0.003 + 0.00375 + 0.0024, and 100 out, 0.0015.

    >>> sonnet = Tariff(Rate(3.0), Rate(0.3), Rate(15.0), written=Rate(3.75))
    >>> round(usd_per_request(sonnet, 10_000.0, 100.0, 0.8, cache_write=0.5), 9)
    0.01065
    """
    fresh = tariff.prompt.at(isl)
    if tariff.written is not None:
        fresh = fresh + cache_write * (tariff.written.at(isl) - fresh)
    tokens = isl * (1.0 - cache_hit) * fresh + isl * cache_hit * tariff.cached.at(isl) + osl * tariff.output.at(isl)
    return (1.0 - discount) * (tariff.per_request + tokens / 1e6)


def through_the_day(tariffs: Sequence[Tariff], weights: Sequence[float]) -> Tariff:
    """The mean of prices that change with the hour, each weighed by its share of the traffic.

    Parameters
    ----------
    tariffs : sequence of Tariff
        Prices of each part of the day; they step at the same lengths of prompts.
    weights : sequence of float
        Traffic of each part, in any unit.

    Examples
    --------
    $0.27 for 16 hours and half of it for 8, by hand: (16 x 0.27 + 8 x 0.135) / 24 = 0.225.

    >>> day, night = (Tariff(Rate(p), Rate(p / 4), Rate(4 * p)) for p in (0.27, 0.135))
    >>> round(through_the_day([day, night], [16.0, 8.0]).prompt.base, 9)
    0.225
    """
    first = tariffs[0]
    if all(one == first for one in tariffs):
        return first
    share = np.asarray(weights, dtype=float) / np.sum(weights)

    def mean(rates: Sequence[Rate]) -> Rate:
        at = share @ np.array([(rate.base, *rate.prices) for rate in rates])
        return Rate(float(at[0]), rates[0].starts, tuple(at[1:].tolist()))

    written = [one.prompt if one.written is None else one.written for one in tariffs]
    return Tariff(
        mean([one.prompt for one in tariffs]), mean([one.cached for one in tariffs]),
        mean([one.output for one in tariffs]), float(share @ [one.per_request for one in tariffs]),
        None if first.written is None else mean(written),
    )  # fmt: skip
