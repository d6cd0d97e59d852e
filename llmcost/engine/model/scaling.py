"""Loss from size and data, and the size and data that reach a loss for the least compute over a model's life."""

from __future__ import annotations

import numpy as np

from llmcost.engine.numeric.kinds import Num
from llmcost.engine.numeric.roots import minimum
from llmcost.records import NamedTuple

TRAIN_FLOPS, INFER_FLOPS = 6.0, 2.0  # per parameter and token


class Law(NamedTuple):
    """Constants of L(N, D) = E + A / N^alpha + B / D^beta."""

    floor: float  # E
    size: float  # A
    data: float  # B
    alpha: float
    beta: float


class Optimum(NamedTuple):
    """A model that reaches a loss: parameters, training tokens, and FLOPs of training and of inference."""

    params: Num
    tokens: Num
    training_flops: Num
    inference_flops: Num

    @property
    def total_flops(self) -> Num:
        """Both."""
        return self.training_flops + self.inference_flops


def loss(law: Law, params: Num, tokens: Num) -> Num:
    r"""Loss of a model [nats / token].

    .. math:: L = E + A N^{-\alpha} + B D^{-\beta}

    Parameters
    ----------
    law : Law
        Its constants.
    params, tokens : float or array
        Parameters N and training tokens D [-].

    Source: Hoffmann et al. 2022, arXiv:2203.15556, equation 10.

    Examples
    --------
    With A = B = 0 only the floor is left.

    >>> float(loss(Law(1.69, 0.0, 0.0, 0.3, 0.3), 1e9, 1e10))
    1.69
    """
    return law.floor + law.size / np.power(params, law.alpha) + law.data / np.power(tokens, law.beta)


def tokens_for_loss(law: Law, params: Num, target: Num) -> Num:
    r"""Training tokens with which a size reaches a loss [-]; infinite for a model that is too small.

    .. math:: D = (B / (\ell - E - A N^{-\alpha}))^{1 / \beta}

    Parameters
    ----------
    law : Law
        Its constants.
    params : float or array
        N [-].
    target : float or array
        The loss to reach [nats / token].

    Source: equation 10 of arXiv:2203.15556, solved for D.

    Examples
    --------
    >>> law = Law(1.69, 406.4, 410.7, 0.336, 0.283)
    >>> round(float(tokens_for_loss(law, 7e9, loss(law, 7e9, 1e12))) / 1e12, 9)
    1.0
    """
    left = np.subtract(target, law.floor) - law.size / np.power(params, law.alpha)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(left > 0, np.power(law.data / np.where(left > 0, left, 1.0), 1.0 / law.beta), np.inf)


def chinchilla_tokens(law: Law, params: Num) -> Num:
    r"""Training tokens for which a size is the best use of its training compute [-].

    .. math:: \frac{\alpha A}{N^\alpha} = \frac{\beta B}{D^\beta}

    Parameters
    ----------
    law : Law
        Its constants.
    params : float or array
        N [-].

    Source: Hoffmann et al. 2022, arXiv:2203.15556, equation 4: the minimum of L at 6 N D = C.

    Examples
    --------
    With alpha = beta and A = B tokens equal parameters.

    >>> round(float(chinchilla_tokens(Law(1.0, 400.0, 400.0, 0.3, 0.3), 1e9)))
    1000000000
    """
    share = law.beta * law.data / (law.alpha * law.size)
    return np.power(share * np.power(params, law.alpha), 1.0 / law.beta)


def chinchilla(law: Law, target: Num) -> Num:
    r"""The size that reaches a loss for the least training compute, with its own number of tokens [-].

    .. math:: \ell - E = (1 + \alpha / \beta) A N^{-\alpha}

    since at the optimum B D^-beta = (alpha / beta) A N^-alpha.

    Source: as `chinchilla_tokens`.
    """
    return np.power((1.0 + law.alpha / law.beta) * law.size / np.subtract(target, law.floor), 1.0 / law.alpha)


def lifetime(law: Law, params: Num, target: Num, inference_tokens: Num) -> Optimum:
    r"""A size that reaches a loss, with the compute of its life.

    .. math:: F = 6 N D + 2 N D_{inf}

    Parameters
    ----------
    law : Law
        Its constants.
    params, target, inference_tokens : float or array
        N [-], the loss [nats / token], tokens served over the model's life [-].

    Source: Sardana et al. 2024, arXiv:2401.00448, equation 2.
    """
    tokens = tokens_for_loss(law, params, target)
    return Optimum(params, tokens, TRAIN_FLOPS * params * tokens, INFER_FLOPS * params * np.asarray(inference_tokens))


def optimum(law: Law, target: float, inference_tokens: float) -> Optimum:
    """The size and data that reach a loss for the least compute of training and inference together.

    Below the size that is best for training alone more data buys a smaller model; the least total lies between that
    size and the smallest one that reaches the loss at all, and is the only minimum there.

    Parameters
    ----------
    law : Law
        Its constants.
    target : float
        The loss to reach [nats / token].
    inference_tokens : float
        Tokens served over the model's life, input and output [-].

    Source: Sardana et al. 2024, arXiv:2401.00448, section 2 and equation 4.

    Examples
    --------
    The quality of a Chinchilla-optimal 13B at 2T inference tokens takes about a 7B and 17 % less compute (section 2).

    >>> law = Law(1.69, 406.4, 410.7, 0.336, 0.283)
    >>> target = float(loss(law, 13e9, chinchilla_tokens(law, 13e9)))
    >>> best, plain = optimum(law, target, 2e12), lifetime(law, 13e9, target, 2e12)
    >>> round(best.params / 1e9, 1), round(1 - float(best.total_flops / plain.total_flops), 2)
    (7.0, 0.17)
    """
    best = float(chinchilla(law, target))
    least = float(np.power(law.size / (target - law.floor), 1.0 / law.alpha))
    params = minimum(lambda n: lifetime(law, n, target, inference_tokens).total_flops, least, best)
    return lifetime(law, params, target, inference_tokens)
