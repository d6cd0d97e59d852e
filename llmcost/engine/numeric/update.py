"""A few constants, known beforehand up to a factor, updated by measurements of one's own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from llmcost.engine.numeric.kinds import Array
from llmcost.records import NamedTuple

NU = 4.0  # degrees of freedom of the noise: heavy tails, so that an outlier does not pull
BEFORE = 4.0  # measurements that the scatter known beforehand counts for
EXPECTED, OUTLIER = 0.5, 3.0  # measurements that the expected misses count for; the furthest one, over what is expected
STEPS, HALVINGS, REACH = 8, 5, 1.0  # of Gauss-Newton; the longest step in ln of a constant
NUDGE, ENOUGH = 0.02, 1e-3


class Posterior(NamedTuple):
    """What measurements say of the constants: ln of the factor of each, what they leave, and the scatter that stays."""

    log_factor: Array  # of each constant [-]
    covariance: Array
    slopes: Array  # d ln(prediction) / d ln(constant) at the end, a row a measurement
    weights: Array  # of each measurement in what the constants leave: its covariance with a point, times these [-]
    noise: Array  # variance of each measurement, outliers weighed down [-]
    scale: Array  # what measurements miss when the others tell them, over what is expected, by kind of figure [-]
    constants: Array  # standard deviation of ln of a figure by what is not known of the constants, by kind [-]
    scatter: Array  # the same by its noise [-]

    @property
    def spread(self) -> Array:
        """Standard deviation of ln of each constant [-]."""
        return np.sqrt(np.diag(self.covariance))


def update(
    predict: Callable[[Array], Array],
    measured: Array,
    kind: Array,
    prior: Array,
    scatter: Array,
    shared: Array | None = None,
) -> Posterior:
    """Constants after measurements: normal on their logs beforehand, Student's t noise, Gauss-Newton with weights.

    With r = ln(measured) - ln(predicted), minimises over theta = ln of the factors sum (theta / prior)^2 / 2 +
    r' (G + S)^-1 r / 2: G is what neighbours have in common and no constant tells, S the noise, whose variances
    s^2 (nu + (e/s)^2) / (nu + 1) grow with what is left, e, as the t likelihood has it; the scatter s of each kind of
    figure is updated with it.

    Parameters
    ----------
    predict : callable
        ln of the predictions at given ln of the factors [-].
    measured : array
        ln of the measurements [-].
    kind : array of int
        Kind of figure of each measurement: an index into `scatter`.
    prior : array
        Standard deviation of ln of each constant beforehand [-].
    scatter : array
        Standard deviation of ln(measured / predicted) of each kind once a stack's constants are right [-].
    shared : array, optional
        Covariance G of what measurements have in common beyond constants; none without it [-].

    Source: Lange, Little and Taylor 1989, doi:10.1080/01621459.1989.10478852 (t likelihood by reweighting); Rasmussen
    and Williams 2006, Gaussian Processes for Machine Learning, section 2.7 (explicit basis functions).

    Examples
    --------
    Four measurements that are twice the prediction, one ten times: the factor is about 2, the outlier does not count.

    >>> found = update(lambda t: np.full(5, t[0]), np.log([2.0, 2.0, 2.0, 2.0, 20.0]), np.zeros(5, dtype=int),
    ...                np.array([1.0]), np.array([0.1]))
    >>> round(float(np.exp(found.log_factor[0])), 1)
    2.0
    """
    theta, noise = np.zeros(len(prior)), np.asarray(scatter, dtype=float)[kind]
    common = np.zeros((len(measured), len(measured))) if shared is None else shared
    now, left = predict(theta), np.zeros(len(measured))
    for _ in range(STEPS):
        slopes, inverse = _slopes(predict, theta, now), _inverse(common, left, noise)
        information = slopes.T @ inverse @ slopes
        precision = information + np.diag(prior**-2.0)
        wish = np.linalg.solve(precision, slopes.T @ (inverse @ (measured - now)) - theta / prior**2)
        theta, now, moved = _moved(predict, theta, now, np.clip(wish, -REACH, REACH), measured, inverse, prior)
        left = (measured - now) - common @ (inverse @ (measured - now))
        used = float(np.trace(np.linalg.solve(precision, information))) + float(np.trace(common @ inverse))
        noise = _scatter(left, noise, kind, scatter, used)
        if moved < ENOUGH:
            break
    slopes, inverse = _slopes(predict, theta, now), _inverse(common, left, noise)
    covariance: Array = np.linalg.inv(slopes.T @ inverse @ slopes + np.diag(prior**-2.0)).astype(float)
    weights: Array = np.asarray(inverse @ (measured - now), dtype=float)
    whole = _inverse(common + (slopes * prior**2) @ slopes.T, left, noise)
    start, kinds = measured - now + slopes @ theta, len(scatter)
    known = np.einsum("ij,jk,ik->i", slopes, covariance, slopes)
    return Posterior(
        theta, covariance, slopes, weights, 1.0 / _weights(left, noise), _scale(whole, start, kind, kinds),
        np.sqrt(_middle(known, kind, kinds)), _middle(noise, kind, kinds),
    )  # fmt: skip


def _scale(inverse: Array, start: Array, kind: Array, kinds: int) -> Array:
    """By kind: what measurements miss when the others alone tell them, over what is expected of that [-].

    Leave-one-out in closed form: Rasmussen and Williams 2006, equations 5.12; `start` is ln(measured / predicted)
    beforehand.
    """
    missed = np.clip(inverse @ start / np.sqrt(np.diag(inverse)), -OUTLIER, OUTLIER)
    found = np.ones(kinds)
    for k in set(kind.tolist()):
        own = kind == k
        found[k] = np.sqrt((EXPECTED + float(np.sum(missed[own] ** 2))) / (EXPECTED + float(own.sum())))
    return found


def _middle(values: Array, kind: Array, kinds: int) -> Array:
    """The median of each kind; of all where there is none of it."""
    return np.array([float(np.median(values[kind == k] if np.any(kind == k) else values)) for k in range(kinds)])


def _inverse(common: Array, left: Array, noise: Array) -> Array:
    """(G + S)^-1."""
    found: Array = np.linalg.inv(common + np.diag(1.0 / _weights(left, noise))).astype(float)
    return found


def _weights(rest: Array, noise: Array) -> Array:
    """Precision that each measurement counts with: less, the further it is."""
    return (NU + 1.0) / (NU + (rest / noise) ** 2) / noise**2


def _slopes(predict: Callable[[Array], Array], theta: Array, now: Array) -> Array:
    columns = [(predict(theta + NUDGE * unit) - now) / NUDGE for unit in np.eye(len(theta))]
    return np.nan_to_num(np.stack(columns, axis=1), posinf=0.0, neginf=0.0)


def _cost(rest: Array, theta: Array, inverse: Array, prior: Array) -> float:
    return 0.5 * float(rest @ inverse @ rest) + 0.5 * float(np.sum((theta / prior) ** 2))


def _moved(
    predict: Callable[[Array], Array],
    theta: Array,
    now: Array,
    wish: Array,
    measured: Array,
    inverse: Array,
    prior: Array,
) -> tuple[Array, Array, float]:
    """The step, halved until it helps; none where it never does."""
    before = _cost(measured - now, theta, inverse, prior)
    for halving in range(HALVINGS):
        step = wish / 2.0**halving
        then = predict(theta + step)
        if np.all(np.isfinite(then)) and _cost(measured - then, theta + step, inverse, prior) <= before:
            return theta + step, then, float(np.max(np.abs(step)))
    return theta, now, 0.0


def _scatter(rest: Array, noise: Array, kind: Array, scatter: Array, used: float) -> Array:
    """The scatter of each kind: what was known beforehand and what is seen, outliers weighed down."""
    weight = _weights(rest, noise) * noise**2
    new = noise.copy()
    for k, known in enumerate(scatter):
        own = kind == k
        count = float(own.sum())
        free = max(count - used * count / len(rest), 0.5)
        total = BEFORE * known**2 + float(np.sum(weight[own] * rest[own] ** 2))
        new[own] = np.sqrt(total / (BEFORE + free))
    return new
