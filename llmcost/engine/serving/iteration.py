"""Time of one iteration of a serving engine: what it computes, reads, sends, and its fixed costs."""

from __future__ import annotations

from typing import Any

import numpy as np

from llmcost.engine.machine import roofline
from llmcost.engine.model.transformer import Shape, blocks_of, kv_elements_read
from llmcost.engine.numeric.kinds import Num
from llmcost.engine.numeric.nested import picked
from llmcost.engine.serving.cache import kv_ranks, split_ranks
from llmcost.engine.serving.inputs import Calibration, Layout, Precision
from llmcost.engine.serving.parts import (
    Experts,
    Line,
    Part,
    Rates,
    crossings,
    exchange,
    experts,
    handing,
    linear,
    prompt_attention,
    reduction,
    windowed,
)
from llmcost.records import NamedTuple


class Work(NamedTuple):
    """Seconds of one iteration through all stages, by part; the parts add up."""

    linear: Num  # attention projections and dense FFNs
    experts: Num
    attention: Num  # decode attention: reading the KV cache
    prefill_attention: Num
    head: Num
    communication: Num
    fixed: Num
    compute: Num  # of the parts above: seconds at the attainable arithmetic rate (to name what binds)

    @property
    def total(self) -> Num:
        """Seconds of the iteration."""
        # those that depend on fewest axes first
        parts = self.head + self.fixed + self.linear + self.experts + self.communication
        return parts + self.attention + self.prefill_attention


class Attention(NamedTuple):
    """Attention at the contexts of a load, for each token [s]."""

    scores: Num  # arithmetic of one decoded, where ranks take sequences of their own
    read: Num  # its cache there, on ranks that share out the KV heads
    decoded: Num  # both
    prompt: Num  # of one of a prompt

    def of_batch(self, ranks: Num) -> Num:
        """Of one decoded, where ranks take sequences of their own: so many times as many as KV heads share."""
        return roofline.rounded(self.scores, self.read / ranks)


class Costs(NamedTuple):
    """What the parts of a pass through all layers cost, by what it carries."""

    linear: Part  # by tokens
    experts: Experts | None  # by tokens
    head: Part  # by sequences decoded
    fixed: Line  # by sequences decoded
    sent: Line  # by tokens
    handed: Line | None  # from a machine to the next, by tokens
    apart: Num  # machines a micro-batch goes to after its first [-]
    exchange: Line | None  # by tokens
    hidden: Num  # share of the exchange that runs behind other work [-]
    by_batch: Num  # 1: tensor-parallel ranks beyond the KV heads take sequences of their own [-]
    ranks: Num  # tensor-parallel [-]
    heads: Num  # of keys and values [-]

    def paced(self, micro_batches: Num) -> Costs:
        """With so many micro-batches on their way through stages on several machines.

        A stage that hands on does not compute: alone a micro-batch waits for every hand-over; of several the round
        takes as often as there are the stage that takes longest.
        """
        if self.handed is None:
            return self
        often = np.maximum(self.apart, micro_batches)
        sent = Line(self.sent.start + often * self.handed.start, self.sent.each + often * self.handed.each)
        return self._replace(sent=sent, handed=None)

    def decoded(self, decoding: Num, at: Attention) -> Num:
        """Attention of one decoded token of so many sequences [s]."""
        if not np.any(self.by_batch):
            return at.decoded
        ranks = split_ranks(self.ranks, self.heads, self.by_batch, decoding)
        return at.of_batch(ranks / split_ranks(self.ranks, self.heads))

    def work(self, decoding: Num, prompt_tokens: Num, at: Attention) -> Work:
        """By part, where it decodes a token of each sequence and carries prompt tokens."""
        tokens = decoding + prompt_tokens
        linear, computed = self.linear.seconds(tokens), tokens * self.linear.compute
        routed: Num = 0.0
        if self.experts is not None:
            routed, computed = self.experts.seconds(tokens), computed + self.experts.compute(tokens)
        attention, prefill = decoding * self.decoded(decoding, at), prompt_tokens * at.prompt
        sent = self.sent.seconds(tokens)
        if self.exchange is not None:
            exchanged = self.exchange.seconds(tokens)
            sent = sent + self._shown(exchanged, linear + routed + attention + prefill)
        head, fixed = self.head.seconds(decoding), self.fixed.seconds(decoding)
        return Work(linear, routed, attention, prefill, head, sent, fixed, computed + prefill)

    def seconds(self, decoding: Num, prompt_tokens: Num, at: Attention) -> tuple[Num, Num]:
        """Of a pass that decodes a token of each sequence, and what prompt tokens add to it [s].

        The same as the totals of `work`, added up once: most parts are straight.
        """
        token, start = self.linear.compute + self.linear.read, self.linear.start
        each = self.head.compute + self.head.read + self.fixed.each + token + self.sent.each
        attention = self.decoded(decoding, at)
        alone = (self.head.start + self.fixed.start + start + self.sent.start) + decoding * (each + attention)
        more = prompt_tokens * (token + self.sent.each + at.prompt)
        routed: Num = 0.0
        added: Num = 0.0
        tokens = decoding + prompt_tokens
        if self.experts is not None:
            routed = self.experts.seconds(decoding)
            added = self.experts.seconds(tokens) - routed
            alone, more = alone + routed, more + added
        if self.exchange is not None:
            busy = start + routed + decoding * (token + attention)
            shown = self._shown(self.exchange.seconds(decoding), busy)
            busy = busy + added + prompt_tokens * (token + at.prompt)
            alone, more = alone + shown, more + (self._shown(self.exchange.seconds(tokens), busy) - shown)
        return alone, more

    def _shown(self, exchanged: Num, busy: Num) -> Num:
        """What of an exchange does not run behind other work [s]."""
        return exchanged - self.hidden * np.minimum(exchanged, busy)


class Pass(NamedTuple):
    """A pass through all layers of a layout and precision."""

    shape: Shape
    layout: Layout
    precision: Precision
    rate: Rates
    calibration: Calibration
    costs: Costs

    def attention(self, context: Num, prompt_context: Num) -> Attention:
        """At so many earlier tokens of a sequence, and of a prompt's token [tokens]."""
        shape, layout, rate, known = self.shape, self.layout, self.rate, self.calibration
        # one kernel computes on what it reads: the longer counts, rounded where both are alike (FlashMLA on an H800
        # reads at 3,000 of 3,350 GB/s or computes at 660 TFLOP/s: github.com/deepseek-ai/FlashMLA)
        each = self.precision.kv_bytes / rate.kv / kv_ranks(shape, layout)
        if np.any(known.kv_again):
            each = each * (1.0 + known.kv_again * (shape.n_heads / np.maximum(shape.n_kv_heads, 1.0) - 1.0))
        read = kv_elements_read(shape, context) * each
        scores = shape.attention_flops_absorbed * context + windowed(shape.window_flops_absorbed, context, shape)
        attend = (scores + shape.linear_flops) / (layout.tp * rate.attention_flops)
        prompt = prompt_attention(shape, layout, rate, prompt_context, known)
        decoded = roofline.rounded(attend, read)
        return (
            Attention(attend, read, decoded, prompt)
            if np.any(known.kv_by_batch)
            else Attention(0.0, 0.0, decoded, prompt)
        )

    def of(self, index: Any) -> Pass:
        """Some of the layouts of one model."""
        layout, precision, rate, costs = (picked(v, index) for v in self[1:4] + self[5:])
        return Pass(self.shape, layout, precision, rate, self.calibration, costs)


def one_pass(shape: Shape, layout: Layout, precision: Precision, rate: Rates, calibration: Calibration) -> Pass:
    """What a pass through all layers costs.

    Parameters
    ----------
    shape, layout, precision, rate, calibration
        The point.

    Source: docs/method.md, "serving"; Pope et al. 2022, arXiv 2211.05102; Agrawal et al. 2024 (Sarathi), 2403.02310.
    """
    params = shape.head_params / layout.tp
    head = Part(2.0 * params / rate.matrix_flops, params * precision.head_bytes / rate.memory, 0.0)
    blocks = blocks_of(shape)
    fixed = calibration.fixed_factor * (
        calibration.step_seconds * layout.pp  # each stage takes its turn
        + calibration.layer_seconds * blocks
        + calibration.moe_layer_seconds * shape.moe_layers * shape.topk / 8.0
        + calibration.sparse_seconds * shape.indexer_layers
        + calibration.narrow_seconds * np.where(np.asarray(precision.compute_bits) <= 8, blocks, 0.0)
    )
    fixed = fixed + calibration.stage_seconds * np.where(np.asarray(layout.pp) > 1, layout.pp, 0.0)
    routed = experts(shape, layout, precision, rate, calibration) if np.any(shape.moe_layers) else None
    costs = Costs(
        linear(shape, layout, precision, rate, calibration), routed, head,
        Line(fixed, calibration.fixed_factor * calibration.sequence_seconds),
        reduction(shape, layout, rate, calibration), handing(shape, layout, rate, calibration),
        crossings(layout, rate.links), exchange(shape, layout, rate, calibration),
        calibration.exchange_hidden, calibration.kv_by_batch, layout.tp, shape.n_kv_heads,
    )  # fmt: skip
    return Pass(shape, layout, precision, rate, calibration, costs)


def iteration(
    shape: Shape, layout: Layout, precision: Precision, rate: Rates, decoding: Num, context: Num, prompt_tokens: Num,
    prompt_context: Num, calibration: Calibration, micro_batches: Num = 1.0,
) -> Work:  # fmt: skip
    """One pass through all layers that decodes one token per sequence and carries prompt tokens [s].

    Parameters
    ----------
    shape, layout, precision, rate, calibration
        The point.
    decoding, context : float or array
        Sequences per attention group and micro-batch [-], and their mean length so far [tokens].
    prompt_tokens, prompt_context : float or array
        Prompt tokens carried [tokens], and the earlier tokens each sees on average [tokens].
    micro_batches : float or array
        On their way through pipeline stages [-].

    Source: as `one_pass`.
    """
    once = one_pass(shape, layout, precision, rate, calibration)
    costs = once.costs.paced(micro_batches)
    return costs.work(decoding, prompt_tokens, once.attention(context, prompt_context))
