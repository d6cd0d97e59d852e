"""A few constants, known beforehand up to a factor, updated by measurements of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from llmcost.engine.numeric.kinds import Array

NU = 4.0  # degrees of freedom of the noise: heavy tails, so that an outlier does not pull
BEFORE = 4.0  # measurements that the scatter known beforehand counts for
STEPS, HALVINGS, REACH = 8, 5, 1.0  # of Gauss-Newton; the longest step in ln of a constant
NUDGE, ENOUGH = 0.02, 1e-3
FINITE = 1e6


class Posterior(NamedTuple):
    """What measurements say of the constants: ln of the factor of each, and of the scatter that stays."""

    log_factor: Array  # of each constant [-]
    covariance: Array
    scatter: Array  # standard deviation of ln(measured / predicted) of each kind of figure [-]
    slopes: Array  # d ln(prediction) / d ln(constant) at the end, a row a measurement

    @property
    def spread(self) -> Array:
        """Standard deviation of ln of each constant [-]."""
        return np.sqrt(np.diag(self.covariance))

    def near(self, kind: Array) -> Array:
        """Standard deviation of ln of a new measurement among those that were made, by kind of figure [-]."""
        own = np.sqrt(np.einsum("ij,jk,ik->i", self.slopes, self.covariance, self.slopes))
        typical = [float(np.median(own[kind == k])) if np.any(kind == k) else 0.0 for k in range(len(self.scatter))]
        return np.hypot(typical, self.scatter)


def update(predict: Callable[[Array], Array], measured: Array, kind: Array, prior: Array, scatter: Array) -> Posterior:
    """Constants after measurements: normal on their logs beforehand, Student's t noise, Gauss-Newton with weights.

    Minimises sum (nu + 1)/2 ln(1 + r^2 / (nu s^2)) + sum (theta / prior)^2 / 2 over theta = ln of the factors, with
    r = ln(measured) - ln(predicted); the scatter s of each kind of figure is updated with it.

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

    Source: Lange, Little and Taylor 1989, doi:10.1080/01621459.1989.10478852 (t likelihood by reweighting); Gelman et
    al. 2013, Bayesian Data Analysis, ch. 14.

    Examples
    --------
    Four measurements that are twice the prediction, one ten times: the factor is about 2, the outlier does not count.

    >>> found = update(lambda t: np.full(5, t[0]), np.log([2.0, 2.0, 2.0, 2.0, 20.0]), np.zeros(5, dtype=int),
    ...                np.array([1.0]), np.array([0.1]))
    >>> round(float(np.exp(found.log_factor[0])), 1)
    2.0
    """
    theta, noise = np.zeros(len(prior)), np.asarray(scatter, dtype=float)[kind]
    now = predict(theta)
    for _ in range(STEPS):
        slopes = _slopes(predict, theta, now)
        weight = _weights(measured - now, noise)
        precision = (slopes * weight[:, None]).T @ slopes + np.diag(prior**-2.0)
        wish = np.linalg.solve(precision, slopes.T @ (weight * (measured - now)) - theta / prior**2)
        theta, now, moved = _moved(predict, theta, now, np.clip(wish, -REACH, REACH), measured, noise, prior)
        noise = _scatter(
            measured - now, noise, kind, scatter, float(np.trace(np.linalg.solve(precision, _of(slopes, weight))))
        )
        if moved < ENOUGH:
            break
    slopes = _slopes(predict, theta, now)
    precision = _of(slopes, _weights(measured - now, noise)) + np.diag(prior**-2.0)
    left = np.array([float(noise[kind == k][0]) if np.any(kind == k) else s for k, s in enumerate(scatter)])
    covariance: Array = np.linalg.inv(precision).astype(float)
    return Posterior(theta, covariance, left, slopes)


def _of(slopes: Array, weight: Array) -> Array:
    information: Array = (slopes * weight[:, None]).T @ slopes
    return information


def _weights(rest: Array, noise: Array) -> Array:
    """Precision that each measurement counts with: less, the further it is."""
    return (NU + 1.0) / (NU + (rest / noise) ** 2) / noise**2


def _slopes(predict: Callable[[Array], Array], theta: Array, now: Array) -> Array:
    columns = [(predict(theta + NUDGE * unit) - now) / NUDGE for unit in np.eye(len(theta))]
    return np.nan_to_num(np.stack(columns, axis=1), posinf=0.0, neginf=0.0)


def _cost(rest: Array, theta: Array, noise: Array, prior: Array) -> float:
    fit = 0.5 * (NU + 1.0) * float(np.sum(np.log1p((rest / noise) ** 2 / NU)))
    return fit + 0.5 * float(np.sum((theta / prior) ** 2))


def _moved(
    predict: Callable[[Array], Array],
    theta: Array,
    now: Array,
    wish: Array,
    measured: Array,
    noise: Array,
    prior: Array,
) -> tuple[Array, Array, float]:
    """The step, halved until it helps; none where it never does."""
    before = _cost(measured - now, theta, noise, prior)
    for halving in range(HALVINGS):
        step = wish / 2.0**halving
        then = predict(theta + step)
        if np.all(np.isfinite(then)) and _cost(measured - then, theta + step, noise, prior) <= before:
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
