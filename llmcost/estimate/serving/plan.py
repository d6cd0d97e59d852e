"""The plan of a service: every value taken in its turn, and the replica chosen that serves for least."""

from __future__ import annotations

from typing import Any

from llmcost import spec
from llmcost.engine.model import transformer as tf
from llmcost.engine.numeric.kinds import SECONDS_PER_DAY
from llmcost.errors import LlmcostError
from llmcost.estimate.asking import sampling
from llmcost.estimate.asking.ledger import Origin
from llmcost.estimate.asking.network import RANKS, side_by_side
from llmcost.estimate.asking.no_fit import NoFit
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.subject import Chip, Subject, chip, subject
from llmcost.estimate.asking.values import serving_numbers
from llmcost.estimate.fleet import bill, idle, plans
from llmcost.estimate.fleet import sizing as fleets
from llmcost.estimate.money import rent
from llmcost.estimate.money.place import at_home, place
from llmcost.estimate.serving.hosted import Hosted
from llmcost.estimate.serving.replicas import prefix, ttft_target
from llmcost.estimate.serving.replicas.formats import dtypes, held_once, precision
from llmcost.estimate.serving.replicas.lengths import Lengths, lengths
from llmcost.estimate.serving.replicas.load import Arrivals, Demand
from llmcost.estimate.serving.replicas.options import options, shape_of
from llmcost.estimate.serving.replicas.prefix import Shared
from llmcost.estimate.serving.replicas.replica import Replica, given_rate
from llmcost.estimate.serving.replicas.together import Together
from llmcost.estimate.serving.techniques import applied as techniques
from llmcost.estimate.serving.techniques.applied import Applied
from llmcost.scenario import Setting
from llmcost.technique import Said

# What the layout and the size of the large model say nothing about, for the small one beside it.
OWN = ("model", "params", "params_active", "gpus", "serve_gpus", "tp", "serve_tp", "pp", "serve_pp", "ep", "serve_ep",
       "batch", "tokens_per_second", "technique")  # fmt: skip
TOGETHER = ("arrivals", "users_at_once", "slo_p99")  # what is answered where prompts and answers share accelerators
# What says that a machine is one of several, or that it has several users.
MANY = (
    "gpus", "batch", "requests", "users", "requests_per_user", "hourly", "trace", "tp", "pp", "dp", "ep", "batching",
    "utilization", "tpot", "ttft", "ttft_p95", "users_at_once", "slo_p99", "arrivals", "max_num_seqs", "phase",
    "chunk_tokens", "pools", "tokens_per_second", "technique", "length_spread", "lengths",
)  # fmt: skip


def read_service(question: Question, days: Any = None) -> Hosted | NoFit:
    """Read every value the figures need and choose the replica, for the traffic of `days` over that at launch.

    A fleet whose size tells another rate than that by the hour is read again at its own.

    Raises
    ------
    LlmcostError
        Unknown names, impossible values, or too little said.
    """
    before = question.aside()
    found = _read(question, days)
    if isinstance(found, NoFit) or found.fleet.terms.by_size is None:
        return found
    job = rent.Job(found.size)
    if found.fleet.terms.by_size.rate(job) == found.fleet.terms.planned:
        return found
    question.restore(before)
    return _read(question, days, job)


def _read(question: Question, days: Any, job: rent.Job | None = None) -> Hosted | NoFit:
    question, applied = techniques.read_techniques(question)
    small = _small(question, applied)
    phase = _phase(question)
    given = not phase and question.scenario.peek("tokens_per_second", question.side) is not None
    model, device = subject(question), chip(question, predicted=not given)
    question = _of_one_user(question, device)
    varied = lengths(question, phase)
    shared = None if phase or given else prefix.read(question)
    _read_cache_hit(question, phase, given, shared)
    requests = plans.read_users(question)
    fleet = fleets.read_fleet(question, requests, applied.waits)
    gpus = question.stated("gpus")
    spread = any(question.scenario.peek(key, question.side) is not None for key in RANKS)
    # who has several says how many, or how a replica lies on them
    one = gpus is None and not spread and device is not None and at_home(question, device)
    if device is not None and not (given or one or gpus == 1):
        device = side_by_side(question, device)
    name = device.found.name if device else None
    fleet = fleets.read_mix(question, fleet, name, rent.read_terms(question, name, job))
    bill.read_other_costs(question, requests, applied.sent)
    demand = _demand(question, applied, fleet, days, requests)
    if shared is not None:
        prefix.keep(
            question, shared, demand,
            lambda aside: _replicas(aside, model, device, gpus, varied, phase, applied, demand)[0],
        )  # fmt: skip
        demand = _demand(question, applied, fleet, days, requests)
    replica, colocated = _replicas(question, model, device, 1 if one else gpus, varied, phase, applied, demand)
    if one and device is not None and isinstance(replica, NoFit):
        device = side_by_side(question, device)
        replica, colocated = _replicas(question, model, device, None, varied, phase, applied, demand)
    where = place(question, device) if device is not None else None
    server = None if isinstance(replica, NoFit) or phase == "decode" else replica.server()
    sizing = ttft_target.sizing(question, server, demand)
    if isinstance(replica, NoFit):
        return replica._replace(sizes=_sizes(question, model))
    if isinstance(sizing, NoFit):
        return sizing
    if fleet.idle is not None:
        idle.read_start(question, replica.facts().get("weight_bytes"))
    applied.refuse_unread(question.scenario)
    if small is not None:
        for number, value in small.question.numbers.items():
            if number not in question.numbers:
                question.keep(number, value)
    return _in_time(
        Hosted(question, model, device, replica, where, requests, gpus, fleet, sizing, colocated, phase, applied, small)
    )


def _in_time(service: Hosted) -> Hosted:
    """The service, one replica of it always on where cold starts would miss the p95 of TTFT that was asked for."""
    target = service.question.scenario.peek("ttft_p95", service.question.side)
    if service.fleet.idle is None or service.sizing is None or target is None:
        return service
    p = serving_numbers(sampling.central(service.question.numbers))
    late = service.latencies(p, service.figures(p)).get("ttft_p95_seconds")
    if late is None or float(late) <= float(target.value):
        return service
    idle.warn_of_late(service.question, float(late), float(target.value))
    return service._replace(fleet=service.fleet._replace(idle=None, least=1))


def _sizes(question: Question, model: Subject | None) -> dict[str, float]:
    """Parameters of a model that does not fit, and its weights in the narrowest format that was tried."""
    if model is None:
        return {}
    shape = shape_of(question, model)
    tried = [held_once(shape, precision(question, dtype, model)) for dtype in dtypes(question, model)]
    return model.sizes() | {"weight_bytes": min(tried)}


def _of_one_user(question: Question, device: Chip | None) -> Question:
    """The question; where nothing says how many, somebody's own machine is one of them, and answers one user."""
    if device is None or device.preset.setting != "desktop" or not question.alone:
        return question
    if any(question.scenario.peek(key, question.side) is not None for key in MANY):
        return question
    one = Setting(1, "default")
    return question.over({"gpus": one, "batch": one})


def _phase(question: Question) -> str:
    """The one phase that is asked about; empty: both."""
    if question.alone:
        return question.stated("phase") or ""
    setting = question.scenario.peek("phase", question.side)
    if setting is None:
        return ""
    raise LlmcostError(
        f"phase {setting.value}: a request that training is set against has both phases",
        f"leave the phase out, or ask about it alone: llmcost serve --phase {setting.value}",
    )


def _read_cache_hit(question: Question, phase: str, given: bool, shared: Shared | None) -> None:
    """The share of prompts found in the cache; a given rate holds it already, and is all that `serve` needs of it."""
    if phase == "decode":
        question.keep("cache_hit", 0.0)  # every prompt arrives cached: there is no share to say
    elif shared is not None:
        question.keep("cache_hit", shared.most)  # until the replica tells how large its cache is
    elif (given and question.alone) or question.number("cache_hit") is None:
        question.sample("cache_hit", 0.0, Origin("default", "docs/method.md, defaults"))


def _demand(question: Question, applied: Applied, fleet: fleets.Fleet, days: Any, requests: bool) -> Demand:
    """What a replica is chosen for."""
    alone = Demand(Arrivals(1.0, None), None, fleet.terms, applied.reaching)
    p = alone.numbers(question)
    busiest = float(p["requests"] / SECONDS_PER_DAY / fleet.regions * fleet.peak(p)) if requests else None
    carried = fleet._replace(days=days) if requests else None
    return alone._replace(arrivals=Arrivals(float(fleet.load(p)), busiest), fleet=carried)


def _replicas(
    question: Question, model: Subject | None, device: Chip | None, gpus: int | None, varied: Lengths | None,
    phase: str, applied: Applied, demand: Demand,
) -> tuple[Replica | NoFit, Together | None]:  # fmt: skip
    """What answers, and for separate pools the single pool to compare them with."""
    if not phase and question.number("tokens_per_second") is not None:
        return given_rate(question), None
    if model is None:
        raise question.need("model", "speed follows from its architecture; or give --tokens-per-second of one replica")
    if device is None:
        raise question.need(
            "hardware", "speed follows from the accelerator; or give --tokens-per-second of one replica"
        )
    if phase == "prefill":
        from llmcost.estimate.serving.replicas import prompts

        return prompts.choose(question, options(question, model, device, gpus, varied, False, phase), demand), None
    apart = not phase and question.stated("pools") == "disaggregated"
    for key in TOGETHER if apart else ():
        if question.scenario.peek(key, question.side) is not None:
            option = "--" + key.replace("_", "-")
            raise LlmcostError(f"{option}: prompts of separate pools come at random", f"leave {option} or --pools out")
    static = not apart and question.stated("batching") == "static"
    asked = options(question, model, device, gpus, varied, static, phase)
    pick = techniques.NONE.choose if apart else applied.choose
    together = ttft_target.replica(question, asked, pick, demand)
    if not apart:
        return together, None
    from llmcost.estimate.serving.replicas import pools

    separate = pools.choose(question, asked, demand)
    return separate, together if isinstance(together, Together) else None


def _small(question: Question, applied: Applied) -> Hosted | None:
    """What answers beside the model: the same question, layout and batch chosen for the small one."""
    said = next((s for s in applied.said if s.technique.lever == "routing"), None)
    if said is None:
        return None
    scenario = question.scenario
    layers = tuple({k: v for k, v in layer.items() if k not in OWN} for layer in scenario.layers)
    model = Setting(said.values["model"], f"technique:{said.name}")
    beside = Question(scenario._replace(layers=({"model": model}, *layers)), question.catalog, question.side)
    found = read_service(beside)
    if isinstance(found, NoFit):
        raise LlmcostError(f"{said.name}: {found.reason}", "llmcost fit --model NAME names the machines that hold it")
    for caveat in beside.warnings:
        question.warn(caveat.code, caveat.message, caveat.hint)
    _refuse_large(question, found, said)
    return found


def _refuse_large(question: Question, small: Hosted, said: Said) -> None:
    """Refuse a small model that is not smaller than the model it stands beside."""
    named = question.scenario.get("model", question.side)
    if named is None or small.model is None:
        return
    preset, found = question.catalog.load(spec.Model, named.value)
    size = preset.params_active or preset.params_total
    if preset.n_layers is not None:
        size = float(tf.shape_of(preset).params_active)
    if size is not None and float(small.model.shape.params_active) >= size:
        raise LlmcostError(f"{said.name}: {small.model.name} is no smaller than {found.name}", "name a smaller model")
