"""Prompts found in a prefix cache of limited size."""

from __future__ import annotations

import numpy as np

from llmcost.engine.numeric.kinds import Num


def kept_sessions(cache_tokens: Num, sessions: Num, session_tokens: Num) -> Num:
    r"""Share of a session's turns whose history is still in the cache [-].

    .. math:: h = \min(C / (N f), 1)

    Sessions take their turns at random moments. The cache keeps what was used last; a history of f tokens is there at
    the next turn if what the N - 1 others have put there since fits beside it. With gaps that are exponential the
    share of sessions that are in the cache, C / (N f), is the share of turns that find it.

    Parameters
    ----------
    cache_tokens : float or array
        Tokens that the cache holds besides those of requests in flight C [tokens].
    sessions, session_tokens : float or array
        Sessions that are open N [-], and tokens of the history of each f [tokens].

    Source: Che, Tung and Wang 2002, doi:10.1109/JSAC.2002.801752 (characteristic time of LRU), for equal popularity.

    Examples
    --------
    A cache of 263,000 tokens and prompts of 29,000: nine sessions fit, of eighteen every other turn is found.

    >>> [round(float(kept_sessions(263e3, n, 29e3)), 2) for n in (9, 18, 90)]
    [1.0, 0.5, 0.1]
    """
    held = np.maximum(np.asarray(sessions, dtype=float) * session_tokens, 1e-300)
    return np.clip(np.maximum(cache_tokens, 0.0) / held, 0.0, 1.0)
