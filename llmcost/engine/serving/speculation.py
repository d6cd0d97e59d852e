"""Ways to serve for less, as formulas: speculation, routing, caches, offline work."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import Num
from llmcost.engine.serving.inputs import Calibration, Layout, Load, Precision
from llmcost.engine.serving.iteration import Work, iteration
from llmcost.engine.serving.memory import memory
from llmcost.engine.serving.operating_point import Point
from llmcost.engine.serving.parts import rates
from llmcost.records import NamedTuple

Mode = Callable[[Shape, Machine, Layout, Precision, Load, Calibration], Point]


def expected_tokens(acceptance: Num, drafted: Num) -> Num:
    r"""Tokens that one verification of `drafted` proposed tokens yields on average [tokens].

    .. math:: (1 - a^{y+1}) / (1 - a)

    Each proposal is accepted with probability a as long as those before it were; the step adds one token of its own.

    Parameters
    ----------
    acceptance : float or array
        Chance that a proposed token is accepted [-], 0 to 1.
    drafted : float or array
        Proposed tokens y [tokens].

    Source: Leviathan et al. 2023, arXiv 2211.17192, equation 1.

    Examples
    --------
    Table 1 of the paper prints 2.53 for a = 0.7, y = 3 and 6.86 for a = 0.9, y = 10; with a = 1 all are kept.

    >>> [round(float(expected_tokens(a, y)), 2) for a, y in ((0.7, 3), (0.9, 10), (1.0, 4))]
    [2.53, 6.86, 5.0]
    """
    a, y = np.asarray(acceptance, dtype=float), np.asarray(drafted, dtype=float)
    every = a >= 1.0
    return np.where(every, y + 1.0, (1.0 - a ** (y + 1.0)) / np.where(every, 1.0, 1.0 - a))


def acceptance_of(tokens: Num, drafted: Num) -> Num:
    """Chance that a proposed token is accepted where a step yields `tokens` [-]: `expected_tokens` turned round.

    Parameters
    ----------
    tokens : float or array
        Of a step, 1 to y + 1; more counts as all [tokens].
    drafted : float or array
        Proposed tokens y [tokens].

    Source: Leviathan et al. 2023, arXiv 2211.17192, equation 1, solved by bisection.

    Examples
    --------
    >>> print(round(float(acceptance_of(2.533, 3)), 3), float(acceptance_of(2.0, 1)))
    0.7 1.0
    """
    low, high = np.zeros(np.shape(tokens)), np.ones(np.shape(tokens))
    for _ in range(40):
        middle = (low + high) / 2.0
        less = expected_tokens(middle, drafted) < tokens
        low, high = np.where(less, middle, low), np.where(less, high, middle)
    return np.where(np.asarray(tokens) >= np.add(drafted, 1.0), 1.0, high)


def mixed_utilization(share: Num, utilization: Num, offline: Num) -> Num:
    r"""Utilisation of a fleet of which a share of the work may wait [-].

    .. math:: 1 / ((1 - s)/u + s/v)

    Work that may wait is served at v, the rest at u: machine time adds up, so shares weigh its inverse.

    Parameters
    ----------
    share, utilization, offline : float or array
        Share of the work that may wait s, utilisation of the rest u and of that work v [-].

    Source: definition of utilisation.

    Examples
    --------
    Half at 60 %, half at 90 %: 1 / (0.5/0.6 + 0.5/0.9) = 0.72.

    >>> round(float(mixed_utilization(0.5, 0.6, 0.9)), 12)
    0.72
    """
    return 1.0 / ((1.0 - share) / utilization + share / np.maximum(offline, utilization))


def routed_shares(share: Num, cascade: Num = 0.0) -> tuple[Num, Num]:
    """Requests that the large and the small model serve, of each that arrives [-].

    A router sends each request to one of them; in a cascade the small one answers all and a share goes on.

    Parameters
    ----------
    share : float or array
        Share that the large model serves [-].
    cascade : float or array
        1: a cascade, 0: a router.

    Source: Ong et al. 2024 (RouteLLM), arXiv 2406.18665; Chen et al. 2023 (FrugalGPT), arXiv 2305.05176, section 3.

    Examples
    --------
    At prices of 10 and 1 and a fifth escalated, a router pays 2.8 and a cascade 3.

    >>> [round(float(10 * large + 1 * small), 6) for large, small in (routed_shares(0.2), routed_shares(0.2, 1.0))]
    [2.8, 3.0]
    """
    return share, 1.0 - np.asarray(share) * (1.0 - np.asarray(cascade))


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


class Draft(NamedTuple):
    """How tokens are proposed."""

    target: Shape  # the model that verifies
    acceptance: Num  # chance that a proposed token is accepted [-]
    lengths: tuple[float, ...]  # tokens proposed a step; of several the fastest is taken at each point [tokens]
    shape: Shape | None = None  # the model that proposes, in 16 bits
    cost_ratio: float = 0.0  # without one: the time of its step over one of the model [-]

    @property
    def held(self) -> Shape:
        """Model and draft as memory sees them: weights in 16 bits beside the model's, and a KV cache of its own."""
        if self.shape is None:
            # a draft that takes c of the time reads c of the weights
            return self.target._replace(params_total=self.target.params_total * (1.0 + self.cost_ratio))
        added = (
            "params_total", "kv_elements", "window_kv_elements", "state_elements", "sparse_kv_elements",
            "local_kv_elements", "local_layers", "state_layers", "conv_elements", "attention_layers",
        )  # fmt: skip
        return self.target._replace(**{f: getattr(self.target, f) + getattr(self.shape, f) for f in added})

    @property
    def work(self) -> float:
        """Arithmetic of the draft per token over that of the model [-]."""
        if self.shape is None:
            return self.cost_ratio
        return float(self.shape.params_matmul / self.target.params_matmul)


class Step(NamedTuple):
    """A speculative step, per token that it yields."""

    drafted: Num  # tokens proposed [tokens]
    tokens: Num  # tokens yielded [tokens]
    verify: Work  # of the model, each part over the tokens yielded [s]
    draft_seconds: Num  # of the draft over the tokens yielded [s]

    @property
    def seconds(self) -> Num:
        """Time per token [s]."""
        return self.verify.total + self.draft_seconds


def speculative_point(
    mode: Mode, draft: Draft, machine: Machine, layout: Layout, precision: Precision, load: Load,
    calibration: Calibration,
) -> Point:  # fmt: skip
    r"""A replica in operation with a draft model: the same point with the time per token of a speculative step.

    .. math:: t = (t_{verify}(b, y) + y \, t_{draft}(b)) / E(a, y)

    Verification is an iteration that decodes b sequences and carries b y further tokens at the same context: their
    arithmetic, their logits and their messages count, weights and KV cache are read once. So the gain is that of
    theorem 3.8 of the paper where reading decides, and becomes the loss of theorem 3.11 where arithmetic does. Prompts
    pass through the draft as well.

    Parameters
    ----------
    mode : function
        `serving.operating_point` or `serving.static_point`.
    draft : Draft
        Model, acceptance and lengths; 0 among the lengths is plain decoding.
    machine, layout, precision, load, calibration
        The point; any field may be an array, all broadcast.

    Source: Leviathan et al. 2023, arXiv 2211.17192, sections 3.1 to 3.4; docs/method-techniques.md.
    """
    at = mode(draft.target, machine, layout, precision, load, calibration)
    osl = np.maximum(load.osl, 1.0)
    plain = at.tpot_seconds - at.prefill_row
    step = _step(draft, plain, _sequences(at, layout, load, calibration), machine, layout, precision, load, calibration)
    passed = np.where(step.drafted > 0, draft.work, 0.0)
    joined = np.where(at.prefill_row > 0, 1.0, at.batch)  # prompts in front of the first token: a static batch's all
    first = passed * at.prefill_seconds * joined
    prefill = at.prefill_row * (1.0 + passed)
    life = at.batch * osl / at.output_tokens_per_second
    after = life + first + (osl - 1.0) * (step.seconds + prefill - at.tpot_seconds)
    held = memory(draft.held, machine, layout, precision, load._replace(batch=1.0), calibration)
    return at._replace(
        tpot_seconds=step.seconds + prefill,
        ttft_seconds=at.ttft_seconds + first,
        prefill_seconds=at.prefill_seconds * (1.0 + passed),
        output_tokens_per_second=at.batch * osl / after,
        weights_bytes=held.weights_bytes,
        kv_bytes_per_request=held.kv_bytes_per_request,
        missing_bytes=held.missing_bytes(calibration.fit_margin),
        prefill_share=np.clip(at.prefill_share * life * (1.0 + passed) / after, 0.0, 1.0),
        linear_row=step.verify.linear,
        experts_row=step.verify.experts,
        attention_row=step.verify.attention + step.verify.prefill_attention,
        head_row=step.verify.head,
        communication_row=step.verify.communication,
        fixed_row=step.verify.fixed,
        prefill_row=prefill,
        draft_row=step.draft_seconds,
        drafted=step.drafted,
        tokens_per_step=step.tokens,
    )


def _sequences(at: Point, layout: Layout, load: Load, calibration: Calibration) -> Num:
    """Sequences of one attention group and micro-batch that decode at a time [-], as `serving` counts them."""
    group = np.maximum(at.batch / np.multiply(layout.dp, layout.pp), 1.0)
    new = np.maximum(np.subtract(load.isl, load.cached_isl), 1.0)
    carried = calibration.chunk_tokens * (np.maximum(load.osl, 1.0) + at.first_steps) / new + 1.0
    return np.where(at.prefill_row > 0, np.minimum(group, carried), group)


def _step(
    draft: Draft, plain: Num, sequences: Num, machine: Machine, layout: Layout, precision: Precision, load: Load,
    calibration: Calibration,
) -> Step:  # fmt: skip
    """The fastest of the lengths at every point."""
    context = load.isl + np.asarray(load.osl) / 2.0
    deep = np.broadcast(np.asarray(plain), np.asarray(sequences)).ndim
    lengths = np.reshape(draft.lengths, (-1, *(1,) * deep))
    rate = rates(machine, precision, calibration)
    carried = sequences * lengths
    work = iteration(draft.target, layout, precision, rate, sequences, context, carried, context, calibration)
    logits = 2.0 * draft.target.head_params / layout.tp * carried / rate.matrix_flops
    proposed = lengths * _draft_seconds(draft, plain, sequences, context, machine, layout, calibration)
    tokens = expected_tokens(draft.acceptance, lengths)
    parts = work._replace(head=work.head + logits, compute=work.compute + logits)
    shape = np.broadcast(parts.total, proposed).shape
    whole = [np.broadcast_to(v / tokens, shape) for v in (*parts, proposed)]
    best = np.argmin(np.sum(whole[:-2], axis=0) + whole[-1], axis=0, keepdims=True)
    picked = [np.take_along_axis(v, best, axis=0)[0] for v in whole]
    chosen = [np.take_along_axis(np.broadcast_to(v, shape), best, axis=0)[0] for v in (lengths, tokens)]
    return Step(chosen[0], chosen[1], Work(*picked[:-1]), picked[-1])


def _draft_seconds(
    draft: Draft, plain: Num, sequences: Num, context: Num, machine: Machine, layout: Layout,
    calibration: Calibration,
) -> Num:  # fmt: skip
    """One step of the draft for every sequence [s]; on all ranks or on one, whichever is faster."""
    if draft.shape is None:
        return draft.cost_ratio * plain
    wide = Precision()
    own = rates(machine, wide, calibration)
    # proposals are made inside one engine step: scheduling and text are paid once, by the verification
    bare = calibration._replace(step_seconds=0.0, sequence_seconds=0.0)
    ranks = [Layout(tp=tp) for tp in (np.minimum(layout.tp, draft.shape.n_heads), 1.0)]
    wide_time, alone = (iteration(draft.shape, r, wide, own, sequences, context, 0.0, 0.0, bare).total for r in ranks)
    return np.minimum(wide_time, alone)
