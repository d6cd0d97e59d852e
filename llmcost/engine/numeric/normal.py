"""The standard normal distribution, for numbers and arrays.

In place of `statistics`, whose import costs every command as much as reading its presets.
"""

from __future__ import annotations

import math

import numpy as np

from llmcost.engine.numeric.kinds import Num

_ERFC = np.frompyfunc(math.erfc, 1, 1)
_MIDDLE = 0.425  # of the distribution, either side of its median
_MIDDLE_SQUARED = 0.180625
LEAST_CHANCE = 0.001  # that anybody knows of a start, or of its failure [-]
_FAR = 5.0  # sqrt(-log(share)) from which on it is the far tail
# Polynomials of AS241, highest power first: numerator and denominator of the middle, the tails and the far tails.
RATIOS = (
    (
        (
            *(2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4, 4.5921953931549871457e4),
            *(1.3731693765509461125e4, 1.9715909503065514427e3, 1.3314166789178437745e2, 3.3871328727963666080e0),
        ),
        (
            *(5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4),
            *(5.3941960214247511077e3, 6.8718700749205790830e2, 4.2313330701600911252e1, 1.0),
        ),
    ),
    (
        (
            *(7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1),
            *(1.27045825245236838258e0, 3.64784832476320460504e0, 5.76949722146069140550e0),
            *(4.63033784615654529590e0, 1.42343711074968357734e0),
        ),
        (
            *(1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2),
            *(1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940e0),
            *(2.05319162663775882187e0, 1.0),
        ),
    ),
    (
        (
            *(2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3),
            *(2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580e0),
            *(5.46378491116411436990e0, 6.65790464350110377720e0),
        ),
        (
            *(2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5),
            *(7.86869131145613259100e-4, 1.48753612908506148525e-2, 1.36929880922735805310e-1),
            *(5.99832206555887937690e-1, 1.0),
        ),
    ),
)


def normal_share(z: Num) -> Num:
    """Share of a standard normal distribution below z [-].

    >>> round(float(normal_share(1.6448536269514722)), 12)
    0.95
    """
    return np.asarray(_ERFC(np.multiply(z, -1.0 / math.sqrt(2.0))), dtype=float) / 2.0


def fits_probability(deviations: Num) -> Num:
    """Chance that something fits that many standard deviations below what there is [-], never 0 nor 1.

    Parameters
    ----------
    deviations : float or array
        Room over its standard deviation [-].

    Source: Laplace's rule of succession, (k + 1) / (n + 2), "Essai philosophique sur les probabilites", 1814.

    Examples
    --------
    Of 846 starts and runs in validation/ none may have gone against what was sure, and the next has a chance of 1 in
    848 to: about 0.1 %, which ten standard deviations are not below.

    >>> round(1 / (846 + 2), 4), [float(fits_probability(z)) for z in (-10.0, 0.0, 10.0)]
    (0.0012, [0.001, 0.5, 0.999])
    """
    return np.clip(normal_share(deviations), LEAST_CHANCE, 1.0 - LEAST_CHANCE)


def normal_quantile(share: Num) -> Num:
    """The z below which a share of a standard normal distribution lies [-], over 0 and under 1.

    Source: Wichura 1988, "Algorithm AS241: the percentage points of the normal distribution", Applied Statistics
    37(3), 477-484, doi:10.2307/2347330; routine PPND16, to about one part in 10^16.

    Examples
    --------
    The three parts, as that paper checks them:

    >>> [round(float(normal_quantile(share)), 12) for share in (0.25, 0.001, 1e-20)]
    [-0.674489750196, -3.090232306168, -9.262340089798]
    """
    share = np.asarray(share, dtype=float)
    beside = share - 0.5
    tail = np.sqrt(-np.log(np.minimum(share, 1.0 - share)))
    middle, sign = np.abs(beside) <= _MIDDLE, np.sign(beside)
    return np.select(
        [middle, tail <= _FAR],
        [beside * _ratio(0, _MIDDLE_SQUARED - beside * beside), sign * _ratio(1, tail - 1.6)],
        sign * _ratio(2, tail - _FAR),
    )


def student_quantile(share: float, freedom: float) -> float:
    """The t below which a share of Student's distribution lies [-], from about eight degrees of freedom on.

    Source: Abramowitz and Stegun 1964, Handbook of Mathematical Functions, 26.7.5, four terms.

    Examples
    --------
    Table 26.10 there: 1.833 with nine degrees of freedom, 1.725 with twenty.

    >>> round(student_quantile(0.95, 9.0), 3), round(student_quantile(0.95, 20.0), 3)
    (1.833, 1.725)
    """
    z = float(normal_quantile(share))
    terms = (
        (z**3 + z) / 4.0,
        (5.0 * z**5 + 16.0 * z**3 + 3.0 * z) / 96.0,
        (3.0 * z**7 + 19.0 * z**5 + 17.0 * z**3 - 15.0 * z) / 384.0,
    )
    return z + sum(term / freedom**n for n, term in enumerate(terms, 1))


def _ratio(part: int, x: Num) -> Num:
    above, below = RATIOS[part]
    return np.polyval(above, x) / np.polyval(below, x)
