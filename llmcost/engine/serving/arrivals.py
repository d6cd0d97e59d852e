"""How requests come decides what they meet: users who wait for their answer, random arrivals, or all at once."""

from __future__ import annotations

import numpy as np

from llmcost.engine.numeric.kinds import Num
from llmcost.records import NamedTuple

CLOSED, OPEN, BURST = 0.0, 1.0, 2.0


class Served(NamedTuple):
    """What requests meet in one attention group and micro-batch."""

    step_seconds: Num  # an iteration of the group that decodes alone
    prefill_seconds: Num  # machine time that one prompt adds
    share: Num  # iterations that carry prompts [-]
    extra_seconds: Num  # what prompts add to such an iteration
    passes: Num  # iterations that a prompt takes [-]
    front_seconds: Num  # besides iterations


class Met(NamedTuple):
    """Mean times of a request and the rate of the group."""

    tpot_seconds: Num
    ttft_seconds: Num
    tokens_per_second: Num  # over the requests of one group


def open_loop(at: Served, group: Num, osl: Num, steps: Num) -> Met:
    r"""Random arrivals that keep `group` requests in flight.

    A prompt waits for what is left of the iteration under way and runs in its own: `steps` of them, prefill beside.
    With the machine busy with prompts for a share rho of its time it waits for those in front as well (M/D/1).

    .. math:: TTFT = t_{front} + (passes - 1 + s) TPOT + p + \frac{\rho}{2 (1 - \rho)} p, \quad
        TPOT = t(b, 0) + f (t(b, q) - t(b, 0))

    Parameters
    ----------
    at : Served
        The group.
    group, osl, steps : float or array
        Requests in flight [-], tokens of an answer [tokens], iterations a first token takes [-].

    Source: Pollaczek 1930 and Khinchine 1932 for the wait; docs/method-serving.md, "How requests come".
    """
    tpot = at.step_seconds + at.share * at.extra_seconds
    rho = np.clip(at.share * at.extra_seconds / tpot, 0.0, 0.95)
    wait = rho / (2.0 * (1.0 - rho)) * at.prefill_seconds
    ttft = at.front_seconds + (at.passes - 1.0 + steps) * tpot + at.prefill_seconds + wait
    return Met(tpot, ttft, group * osl / (ttft + (osl - 1.0) * tpot))


class Front(NamedTuple):
    """What a burst meets besides the group's iterations."""

    turn_seconds: Num  # of a request in the front end, one after another
    token_seconds: Num  # of a token there
    chunk_seconds: Num  # an iteration with as many prompt tokens as it carries
    between: Num  # share of the prompts behind it that a request meets between its tokens [-]
    alone_seconds: Num  # a step of one request
    together: Num = 1.0  # prompts that run in one iteration and are through at once [-]
    tail: Num = 1.0  # length of the longest answers over that of exponential ones [-]


def longest(count: Num, spread: Num) -> Num:
    r"""Mean length of the longest of `count` answers, over the mean length [-].

    Lengths are a constant and an exponential part, of standard deviation c over their mean:

    .. math:: 1 + c (H_n - 1), \quad H_n \approx \ln n + 0.5772 + 1 / (2 n)

    Parameters
    ----------
    count, spread : float or array
        Answers n, and c [-].

    Source: definition; the maximum of n exponentials has the mean H_n (Renyi 1953, doi:10.1007/BF02127580).

    Examples
    --------
    Two answers of exponential length: the longer is half as long again.

    >>> print(round(float(longest(2.0, 1.0)), 2))
    1.52
    """
    n = np.maximum(count, 1.0)
    return 1.0 + spread * np.maximum(np.log(n) + 0.5772 + 0.5 / n - 1.0, 0.0)


def stalled(met: Num, most: Num, spread: Num) -> Num:
    r"""Mean over requests of what prompts add to the time between their tokens [s].

    An answer of n tokens meets `met` OSL / n a token, and no more than `most`. Short answers meet the most, and a mean
    over requests counts them as much as long ones: with x = met / most,

    .. math:: (1 - c) \min(met, most) + c (met E_1(x) + most (1 - e^{-x}))

    Parameters
    ----------
    met, most, spread : float or array
        For an answer of mean length, and at most [s]; standard deviation of lengths over their mean c [-].

    Source: definition, over lengths of which a part is exponential; E_1 between its bounds, within 8 %: Abramowitz and
    Stegun 1964, 5.1.20.

    Examples
    --------
    Prompts that add 10 ms to a mean answer's tokens and at most 100 ms: 28 ms in the mean with E_1(0.1) = 1.823.

    >>> print(round(float(stalled(0.01, 0.1, 1.0)), 3), float(stalled(0.01, 0.1, 0.0)))
    0.029 0.01
    """
    x = np.maximum(np.divide(met, np.maximum(most, 1e-12)), 1e-9)
    decay = np.exp(-x)
    integral = decay * (np.log1p(2.0 / x) / 6.0 + np.log1p(1.0 / x) * 2.0 / 3.0)
    mixed = met * integral + most * (1.0 - decay)
    return (1.0 - spread) * np.minimum(met, most) + spread * mixed


def burst(at: Served, front: Front, running: Num, sent: Num, osl: Num, spread: Num = 0.0) -> Met:
    r"""`sent` requests at once, of which `running` are in flight: they pass in w = sent / running waves.

    Prompts run k at a time. A request waits for half of those of its wave and for the waves in front, and
    meets the prompts behind it while it decodes, a chunk an iteration at most: those of the first wave at once, the
    others as answers end. Where lengths differ, the longest answers run on alone. The front end takes requests and
    tokens one after another: where it is slower, it sets the pace.

    .. math:: TTFT = t_{front} + \frac{b + k}{2} p + \frac{w - 1}{2} (OSL\, t + b p), \quad
        TPOT = t + \left(1 - \frac{1}{2 w}\right) \frac{b p}{OSL}, \quad
        T = n p + w\, OSL\, t + (longest(b) - 1)\, OSL\, t(1)

    Parameters
    ----------
    at, front : Served, Front
        The group; its step is that of the mean number that decodes.
    running, sent : float or array
        Requests in flight and in all [-].
    osl, spread : float or array
        Tokens of an answer [tokens], and their standard deviation over it [-]: `longest`, `stalled`.

    Source: definition; docs/method-serving.md, "How requests come".

    Examples
    --------
    Eight prompts of 0.1 s on eight slots, one at a time: the mean first token comes after (8 + 1) / 2 of them.

    >>> met = burst(Served(0.01, 0.1, 0.0, 0.0, 1.0, 0.0), Front(0.0, 0.0, 1.0, 1.0, 0.0), 8.0, 8.0, 100.0)
    >>> round(float(met.ttft_seconds), 9), round(float(met.tokens_per_second), 3)
    (0.45, 444.444)
    """
    waves = np.maximum(sent / running, 1.0)
    step = np.maximum(at.step_seconds, running * front.token_seconds)
    prompt = np.maximum(at.prefill_seconds, front.turn_seconds)
    life = osl * step + running * prompt
    ttft = (
        at.front_seconds + (running + np.minimum(front.together, running)) / 2.0 * prompt + (waves - 1.0) / 2.0 * life
    )
    met, most = front.between * running * at.prefill_seconds / osl, front.chunk_seconds - at.step_seconds
    most = np.maximum(most, 0.0)
    behind = stalled(met / 2.0, most, spread) / waves + (1.0 - 1.0 / waves) * np.minimum(met, most)
    fewer = 0.5 * spread / waves * np.maximum(step - front.alone_seconds, 0.0)  # as answers end, fewer decode
    alone = front.tail * (longest(running, spread) - 1.0) * osl * front.alone_seconds
    total = sent * prompt + waves * osl * step + alone
    return Met(step - fewer + behind, ttft, sent * osl / total)


class Tail(NamedTuple):
    """What a share of requests stays under."""

    ttft_seconds: Num
    tpot_seconds: Num


JOINED = 200  # prompts that may come during one iteration, at most [-]


def poisson_quantile(quantile: float, mean: Num) -> Num:
    """The least count that a Poisson variable stays at or below with this probability [-].

    Parameters
    ----------
    quantile : float
        Probability [-].
    mean : float or array
        Of the variable [-].

    Source: definition.

    Examples
    --------
    Mean 1: 0.920 of the counts are at most 2, 0.981 at most 3, 0.996 at most 4.

    >>> print(float(poisson_quantile(0.99, 1.0)))
    4.0
    """
    mean = np.asarray(np.minimum(mean, JOINED / 2.0), dtype=float)
    term = reached = np.exp(-mean)
    found = np.zeros(mean.shape)
    for count in range(1, JOINED):
        found = found + (reached < quantile)
        term = term * mean / count
        reached = reached + term
    return found


def waiting_users(
    quantile: float, normal: float, met: Met, prompt: Num, group: Num, osl: Num, life: Num, queued: Num, spread: Num
) -> Tail:
    r"""First tokens and tokens that a share of requests stays under, of users who each wait for their answer.

    Prompts of others that join the same iteration are Poisson, and so are those met between a request's tokens; users
    beyond the places wait for as many ends of answers as stand in front of them:

    .. math:: TTFT_q = TTFT + p (J_q - m) + z \sqrt{n_w} \, c \, R / b, \quad
        TPOT_q = TPOT + z \sqrt{b - 1} \, p / OSL, \quad m = b \, TPOT / R

    with b in flight, R the life of a request, n_w users who wait for a place, c the variation of answers.

    Parameters
    ----------
    quantile, normal : float
        Share q and the quantile z of the standard normal distribution [-].
    met : Met
        Means of the group.
    prompt, group, osl, life, queued, spread
        A prompt's machine time [s], requests in flight [-], tokens of an answer [tokens], life without waiting for a
        place [s], users waiting for one [-], standard deviation of answers over their mean [-].

    Source: definition; held by a simulation in tests/unit/test_serving_arrivals.py.
    """
    joining = np.minimum(group * met.tpot_seconds / life, group - 1.0)
    joined = np.minimum(poisson_quantile(quantile, joining), np.maximum(group - 1.0, 0.0)) - joining
    place = normal * np.sqrt(queued) * spread * life / group
    between = normal * np.sqrt(np.maximum(group - 1.0, 0.0)) * prompt / osl
    return Tail(met.ttft_seconds + prompt * joined + place, met.tpot_seconds + between)
