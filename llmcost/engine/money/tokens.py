"""What tokens cost when they are bought."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from llmcost.engine.numeric.kinds import Num


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


def usd_per_request(tariff: Tariff, isl: Num, osl: Num, cache_hit: Num, discount: Num = 0.0) -> Num:
    r"""What a request costs [USD].

    .. math:: c = (1 - d) (c_0 + (ISL (1 - h) p_{in} + ISL h p_{cached} + OSL p_{out}) / 10^6)

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

    Source: by definition; the structure of prices is that of the package genai-prices.

    Examples
    --------
    GPT-4o, $2.50 in, $1.25 cached, $10 out (openai.com/api/pricing), 1,000 tokens in of which half are cached, 500 out,
    by hand: 0.00125 + 0.000625 + 0.005.

    >>> usd_per_request(Tariff(Rate(2.5), Rate(1.25), Rate(10.0)), 1000.0, 500.0, 0.5)
    0.006875
    """
    tokens = isl * (1.0 - cache_hit) * tariff.prompt.at(isl)
    tokens = tokens + isl * cache_hit * tariff.cached.at(isl) + osl * tariff.output.at(isl)
    return (1.0 - discount) * (tariff.per_request + tokens / 1e6)
