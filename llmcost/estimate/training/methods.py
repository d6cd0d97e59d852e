"""What a training method adds to pre-training: its FLOPs phase by phase, what it keeps in memory, how sure we are."""

from __future__ import annotations

import math

import numpy as np

from llmcost import spec
from llmcost.engine.model import transformer as tf
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import SECONDS_PER_HOUR, Num
from llmcost.engine.numeric.spread import Spread, median
from llmcost.engine.training import methods as engine
from llmcost.engine.training.flops import TokenFlops, adapter_training_flops, forward_flops, training_flops
from llmcost.engine.training.micro_batch import Run
from llmcost.errors import LlmcostError
from llmcost.estimate.asking.ledger import Origin
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.subject import Subject, architecture
from llmcost.estimate.asking.values import TrainingFigures, TrainingNumbers, named
from llmcost.estimate.training import stack
from llmcost.estimate.training.kept import EIGHT_BITS, FOUR_BITS
from llmcost.keys import methods as declared
from llmcost.keys.methods import DEFAULT, REFERENCE, TEACHER
from llmcost.records import NamedTuple, TypedDict

FROZEN = {"int8": EIGHT_BITS, "int4": FOUR_BITS}  # formats that weights beside adapters are kept in [bytes]
ADAPTER_FORMULA = "4 x matmul parameters + 6 x adapters + 3 x attention: frozen weights have no weight gradient"
ENDS_SOURCE = "a copy of embedding and of head, also where they are tied (PEFT, modules_to_save)"
FULL_FORMULA = "6 x matmul parameters + 3 x attention at the mean causal context"


class Resident(NamedTuple):
    """A model that only runs forward beside the one that is trained."""

    role: str
    shape: Shape
    name: str = ""

    @property
    def label(self) -> str:
        """How rows call it."""
        return f"{self.role} {self.name}".strip()


class Method(NamedTuple):
    """A training method with its values read."""

    name: str = DEFAULT
    adapters: float = 0.0  # adapter parameters; 0 where every weight is trained
    rank: float = 16.0  # of the adapters
    ends: float = 0.0  # parameters of embedding and head that are trained whole beside them
    frozen_bytes: float = 2.0  # bytes per parameter of frozen linear layers
    residents: tuple[Resident, ...] = ()
    resident_bytes: float = 0.0  # of their weights, all accelerators together
    spread: float = 1.0  # further factor on the range of the step

    @property
    def declared(self) -> declared.Method:
        """What holds of it whatever its values."""
        return declared.METHODS[self.name]

    @property
    def verb(self) -> str:
        """How sentences call it, before the model's name."""
        if self.declared.beside == TEACHER and self.residents:
            return f"distilling {self.residents[0].name} into"
        return self.declared.verb

    def flops(self, params: Num, attention: Num = 0.0, recomputed: Num = 0.0, head: Num = 0.0) -> TokenFlops:
        """FLOPs per token of the model that is trained."""
        if self.declared.adapters:
            return adapter_training_flops(params, self.adapters, attention, recomputed, head, self.ends / 2.0)
        return training_flops(params, attention, recomputed, head)

    def run(self, full: Run) -> Run:
        """The run of full training with the adapters of the method."""
        full = full._replace(together=2.0 if self.declared.pairs else 1.0)
        if not self.declared.adapters:
            return full
        bits = 8.0 * self.frozen_bytes
        return full._replace(adapters=self.adapters, rank=self.rank, ends=self.ends, weight_bits=bits)


class Phase(NamedTuple):
    """A part of the run with its own work: tokens x (per_param x active parameters + per_token) FLOPs."""

    name: str
    tokens: tuple[str, ...]  # numbers whose product are its tokens; none: the FLOPs of the run are given
    per_param: float = 0.0  # where a count of parameters is all that is known
    per_token: float = 0.0
    trains: bool = True
    pace: float = 1.0  # its MFU over that of the first phase
    overhead: float | None = None  # hardware FLOPs over model FLOPs; None: not known
    decodes: bool = False  # its time is that of generating tokens
    uncausal: float = 1.0  # its FLOPs with attention over every pair of tokens, over those counted

    def token_count(self, p: TrainingNumbers) -> Num:
        """Its tokens."""
        return math.prod(named(p, name) for name in self.tokens)

    def each(self, p: TrainingNumbers) -> Num:
        """Model FLOPs of one of its tokens."""
        return self.per_param * p["params_active"] + self.per_token if self.per_param else self.per_token

    def over(self, other: Phase, p: TrainingNumbers) -> Num:
        """Its tokens over those of another; what both count cancels exactly."""
        ours = [name for name in self.tokens if name not in other.tokens]
        theirs = [name for name in other.tokens if name not in self.tokens]
        return math.prod(named(p, n) for n in ours) / math.prod(named(p, n) for n in theirs)

    def flops(self, p: TrainingNumbers) -> Num:
        """Its model FLOPs."""
        return self.token_count(p) * self.each(p) if self.tokens else p["training_flops"]

    def seconds(self, p: TrainingNumbers) -> Num:
        """Its accelerator-seconds."""
        if self.decodes:
            return self.token_count(p) * p["rollout_error"] / p["rollout_tokens_per_second_per_gpu"]
        return self.flops(p) / (p["peak_flops"] * p["mfu"] * self.pace)


class PhaseRow(TypedDict):
    """What a phase takes; no hours where its speed is not known."""

    name: str
    tokens: float | None
    training_flops: float
    compute_gpu_hours: Num | None


class Work(NamedTuple):
    """Everything that is computed."""

    phases: tuple[Phase, ...]

    def figures(self, p: TrainingNumbers) -> TrainingFigures:
        """FLOPs of the run, of a token, and as executed where the recomputation is known."""
        found: TrainingFigures = {"training_flops": sum(phase.flops(p) for phase in self.phases)}
        executed = all(phase.overhead is not None for phase in self.phases)
        if executed:
            found["hardware_flops"] = sum(phase.flops(p) * (phase.overhead or 1.0) for phase in self.phases)
        trained = [phase for phase in self.phases if phase.trains and phase.tokens]
        if not trained:
            return found
        # relative to the tokens of the first phase, so that tokens known as a range leave FLOPs per token exact
        first, passes = trained[0], sum(phase.over(trained[0], p) for phase in trained)
        weights = [phase.over(first, p) / passes for phase in self.phases]
        parts = [(w * phase.each(p), phase.overhead) for w, phase in zip(weights, self.phases, strict=True)]
        found["tokens"] = sum(phase.token_count(p) for phase in trained)
        found["flops_per_token"] = sum(each for each, _ in parts)
        if executed:
            found["hardware_flops_per_token"] = sum(each * (overhead or 1.0) for each, overhead in parts)
        return found

    def rows(self, p: TrainingNumbers) -> list[PhaseRow]:
        """Each phase; FLOPs add up to `training_flops`, hours to `compute_gpu_hours`."""
        timed = "mfu" in p
        hours = [phase.seconds(p) / SECONDS_PER_HOUR if timed else None for phase in self.phases]
        return [
            {
                "name": phase.name,
                "tokens": float(phase.token_count(p)) if phase.tokens else None,
                "training_flops": float(phase.flops(p)),
                "compute_gpu_hours": taken,
            }
            for phase, taken in zip(self.phases, hours, strict=True)
        ]


def read_method(question: Question, model: Subject | None) -> Method:
    """The method that was asked for, with what belongs to it.

    Raises
    ------
    LlmcostError
        A distillation without a teacher, or adapters without a model.
    """
    name = str(question.stated("method") or DEFAULT)
    if question.scenario.get("method", question.side) is None:
        question.record("method", name, Origin("default", "docs/method.md, defaults"))
    kind, method = declared.METHODS[name], Method(name)
    if model is None:
        return method
    if kind.adapters:
        method = _adapters(question, model, method)
    if kind.measured:
        return method
    spread = question.factor("methods", "unmeasured_spread")
    question.record("unmeasured_spread", spread.value, spread.origin, "ratio")
    method = method._replace(spread=median(spread.value))
    residents = _beside(question, model, kind)
    if kind.adapters:  # the reference is the same weights without them
        return method._replace(residents=residents)
    bytes_each = question.factor("methods", "resident_bytes")
    question.record("resident_bytes", bytes_each.value, bytes_each.origin, "bytes/parameter")
    weights = sum(float(r.shape.params_total) for r in residents) * median(bytes_each.value)
    return method._replace(residents=residents, resident_bytes=weights)


def _adapters(question: Question, model: Subject, method: Method) -> Method:
    rank = question.stated("lora_rank")
    if rank is None:
        factor = question.factor("methods", "lora_rank")
        rank = int(median(factor.value))
        question.record("lora_rank", rank, factor.origin)
    where = str(question.stated("adapted") or stack.adapts(question))
    if question.scenario.get("adapted", question.side) is None:
        question.record("adapted", where, Origin("default", "docs/method-training.md, software: as the software does"))
    shape = assumed_shape(question, model)
    count = float(engine.adapter_params(shape, float(rank), engine.ADAPTED[where]))
    source = Origin("computed", f"{declared.LORA_SOURCE}: rank {rank} on {where}")
    question.record("adapter_params", count, source, "count")
    method = method._replace(adapters=count, rank=float(rank))
    if where == engine.WITH_ENDS:
        method = method._replace(ends=float(engine.trained_ends(shape)))
        question.record("trained_embedding_params", method.ends, Origin("computed", ENDS_SOURCE), "count")
    said = question.stated("dtype")
    if said in FROZEN:
        return method._replace(frozen_bytes=FROZEN[said])
    frozen = method.declared.frozen
    if not frozen:
        return method
    held = question.factor("methods", frozen)
    question.record(frozen, held.value, held.origin, "bytes/parameter")
    return method._replace(frozen_bytes=median(held.value))


def assumed_shape(question: Question, model: Subject) -> Shape:
    """The architecture, or Llama's at the same number of parameters where only that is known."""
    if not math.isnan(float(model.shape.n_layers)):
        return model.shape
    question.warn(
        "W012",
        f"the architecture of {model.name} is assumed: Llama 3 shapes scaled to its parameters",
        "llmcost presets import config.json",
    )
    return tf.dense_shape(float(model.shape.params_active))


def _teacher(question: Question) -> Resident:
    found = _resident(question, TEACHER, TEACHER)
    if found is None:
        raise LlmcostError("missing --teacher: the model that is distilled", "--teacher llama-3.1-405b")
    return found


def _beside(question: Question, model: Subject, kind: declared.Method) -> tuple[Resident, ...]:
    """A teacher; or the frozen reference policy, and the reward model of rollouts where one is named."""
    if kind.beside == TEACHER:
        return (_teacher(question),)
    reference = Resident("reference policy", model.shape)
    reward = None if kind.beside == REFERENCE else _resident(question, "reward_model", "reward model")
    return (reference,) if reward is None else (reference, reward)


def _resident(question: Question, key: str, role: str) -> Resident | None:
    loaded = question.preset(key, spec.Model)
    if loaded is None:
        return None
    preset, found = loaded
    if preset.n_layers is not None:
        return Resident(role, architecture(preset, found), found.name)
    total = preset.params_total or preset.params_active
    if total is None:
        raise LlmcostError(f"{found.name} has no published architecture or size", "name another model")
    question.warn(
        "W010",
        f"{found.name} is a closed model: its size is an estimate by {preset.estimate_by or 'a third party'}",
        f"llmcost presets show {found.name}",
    )
    return Resident(role, tf.shape_from_counts(total, preset.params_active), found.name)


def work(question: Question, model: Subject, method: Method, seq_len: float) -> Work:
    """The phases of a run whose tokens are among the numbers of the question."""
    main: tuple[str, ...] = ("rollout_tokens",) if method.declared.rollouts else ("tokens",)
    repeated = (*main, "epochs") if question.number("epochs") is not None else main
    recomputed = {"full": 1.0, None: None}.get(question.stated("recompute"), 0.0)
    if model.params_active is not None:
        question.keep("params_active", model.params_active)
    if method.declared.rollouts:
        return Work(_reinforcement(model, method, seq_len, main, repeated, recomputed))
    phases = _supervised(model, method, seq_len, repeated, recomputed, "training")
    long_tokens, length = question.number("long_tokens"), question.stated("long_seq_len")
    if (long_tokens is None) != (length is None):
        raise LlmcostError(
            "a long-context phase needs its tokens and its sequence length", "--long-tokens 800B --long-seq-len 131072"
        )
    if length is not None:
        phases += _supervised(model, method, float(length), ("long_tokens",), recomputed, "long context")
    return Work(tuple(phases))


def _supervised(
    model: Subject, method: Method, seq_len: float, tokens: tuple[str, ...], recomputed: float | None, name: str
) -> list[Phase]:
    """Training steps, and the forward passes of a teacher on the same tokens."""
    phases = [_phase(model, method, seq_len, tokens, recomputed, name)]
    suffix = "" if name == "training" else f", {name}"
    for resident in method.residents:
        one = Phase(f"{resident.label}{suffix}", tokens, trains=False, overhead=1.0)
        if resident.shape is model.shape and model.params_active is not None:  # of which only the size is known
            phases.append(one._replace(per_param=2.0))
            continue
        each, uncausal = _forward(resident, seq_len)
        phases.append(one._replace(per_token=each, uncausal=uncausal))
    return phases


def _phase(
    model: Subject, method: Method, seq_len: float, tokens: tuple[str, ...], recomputed: float | None, name: str
) -> Phase:
    shape = model.shape
    attention = float(tf.causal_attention_flops_per_token(shape, seq_len))
    head = float(np.nan_to_num(shape.head_params))
    one = method.flops(shape.params_matmul, attention, recomputed or 0.0, head)
    overhead = None if recomputed is None else float(one.hardware / one.model)
    if model.params_active is None:
        every = method.flops(shape.params_matmul, float(tf.full_attention_flops_per_token(shape, seq_len))).model
        return Phase(name, tokens, 0.0, float(one.model), overhead=overhead, uncausal=float(every / one.model))
    fixed = float(method.flops(0.0).model)
    return Phase(name, tokens, float(method.flops(1.0).model) - fixed, fixed, True, 1.0, overhead)


def _forward(resident: Resident, seq_len: float) -> tuple[float, float]:
    """FLOPs per token of a model that runs beside, and what they are with attention over every pair over that."""
    attention = (tf.causal_attention_flops_per_token, tf.full_attention_flops_per_token)
    causal, full = (float(forward_flops(resident.shape.params_matmul, of(resident.shape, seq_len))) for of in attention)
    return causal, full / causal


def _reinforcement(
    model: Subject, method: Method, seq_len: float, once: tuple[str, ...], repeated: tuple[str, ...],
    recomputed: float | None,
) -> tuple[Phase, ...]:  # fmt: skip
    """Rollouts, scoring by the frozen models, and updates, per generated token."""
    update = _phase(model, method, seq_len, repeated, recomputed, "updates")
    forward = update._replace(
        tokens=once, trains=False, overhead=1.0, per_param=update.per_param / 3.0, per_token=update.per_token / 3.0
    )
    phases = [forward._replace(name="rollouts")]
    for resident in method.residents:
        one = forward._replace(name=resident.label)
        if resident.shape is not model.shape:
            each, uncausal = _forward(resident, seq_len)
            one = one._replace(per_param=0.0, per_token=each, uncausal=uncausal)
        phases.append(one)
    return (*phases, update)


def widened(value: Spread, by: float) -> Spread:
    """A share with the same median and a range wider by a factor on either side."""
    if by == 1.0:
        return value
    return value._replace(p5=value.p5 / by, p95=min(value.p95 * by, 0.99))


def explain(question: Question, method: Method, works: Work, p: TrainingNumbers, c: TrainingFigures) -> None:
    """The steps from tokens to FLOPs, phase by phase."""
    for phase in works.phases:
        if not phase.tokens or (phase.per_param and len(works.phases) == 1 and not phase.per_token):
            continue
        trained = ADAPTER_FORMULA if method.declared.adapters else FULL_FORMULA
        formula = trained if phase.trains else "2 x matmul parameters + attention"
        if phase.per_param:
            formula = f"{phase.per_param:g} x parameters + {phase.per_token:.4g}"
        name = "model FLOPs per token" + (f", {phase.name}" if len(works.phases) > 1 else "")
        value = float(phase.each(p))
        source = f"docs/method.md, transformer; {method.declared.source}"
        question.step(name, formula, value, "FLOP", source)
        if phase.decodes:
            speed = p["rollout_tokens_per_second_per_gpu"]
            hours = float(phase.seconds(p)) / SECONDS_PER_HOUR
            formula = f"tokens / {speed:,.0f} tokens/s of each accelerator / 3600"
            question.step("rollout GPU-hours", formula, hours, "h", "docs/method.md, serving")
    question.step("training FLOPs", _formula(works), c["training_flops"], "FLOP", method.declared.source)
    if "hardware_flops" in c:
        again = "model FLOPs + the forward pass of recomputed layers"
        source = "Narayanan et al. 2021, arXiv:2104.04473, section 5.1"
        question.step("hardware FLOPs", again, c["hardware_flops"], "FLOP", source)


def _formula(works: Work) -> str:
    """FLOPs of the run in words."""
    only = works.phases[0]
    if not only.tokens:
        return "given"
    if len(works.phases) > 1:
        return "sum over phases of FLOPs per token x tokens"
    tokens = "tokens x epochs" if "epochs" in only.tokens else "tokens"
    if only.per_param and not only.per_token:
        return f"{only.per_param:g} x parameters x {tokens}"
    return f"FLOPs per token x {tokens}"
