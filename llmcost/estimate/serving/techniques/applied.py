"""Techniques of a question: what they change before it is answered, and what they add to the answer."""

from __future__ import annotations

from collections.abc import Callable

from llmcost import spec, technique, units
from llmcost.engine.model import transformer as tf
from llmcost.engine.numeric.kinds import DAYS_PER_MONTH
from llmcost.engine.serving import speculation as engine
from llmcost.errors import LlmcostError, raise_all
from llmcost.estimate.asking.ledger import Ledger
from llmcost.estimate.asking.no_fit import NoFit
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.sampling import central
from llmcost.estimate.asking.values import ServingFigures, ServingNumbers, named, serving_figures, serving_numbers
from llmcost.estimate.fleet.bill import SHARED
from llmcost.estimate.money.charge import rows
from llmcost.estimate.serving.replicas.load import Demand
from llmcost.estimate.serving.replicas.options import Options
from llmcost.estimate.serving.replicas.replica import Replica
from llmcost.estimate.serving.replicas.together import Together, choose
from llmcost.estimate.serving.techniques import effects, keys
from llmcost.estimate.serving.techniques.effects import Effect, Given
from llmcost.estimate.serving.techniques.keys import FILE, factor
from llmcost.keys.techniques import LONGEST_DRAFT
from llmcost.records import NamedTuple, TypedDict
from llmcost.result import CostRow, Scalar
from llmcost.scenario import Scenario
from llmcost.technique import Said
from llmcost.terms import MEAN, SUM, mixed

METHOD = "docs/method-techniques.md"
LENGTHS = tuple(float(y) for y in range(9))  # draft lengths to choose from; 0 is plain decoding
PER_MONTH = {"energy_kwh_per_month": "kwh_per_request", "co2e_kg_per_month": "co2e_kg_per_request"}
Model = Callable[[ServingNumbers], ServingFigures]


class Caveat(TypedDict):
    """What a technique does to quality, and who says so."""

    name: str
    caveat: str
    source: str
    confidence: str


class Applied(NamedTuple):
    """What is done about the cost of a question."""

    said: tuple[Said, ...] = ()
    keys: tuple[tuple[str, str], ...] = ()  # what techniques set, each with the technique that does
    shares: tuple[float, float] = (1.0, 0.0)  # of the model and of a small one, of requests that reach either
    effects: tuple[Effect, ...] = ()  # beside the model, in the order in which requests meet them
    offline: tuple[float, float] = (0.0, 1.0)  # share that may wait, and its utilisation

    @property
    def reach(self) -> float:
        """Share of requests that neither store nor device answers."""
        return effects.reach(self.effects)

    @property
    def sent(self) -> float:
        """Share of requests whose answer leaves the data centre."""
        return effects.sent(self.effects)

    @property
    def waits(self) -> bool:
        """Whether part of the work may wait for a quiet hour."""
        return self.offline[0] > 0.0

    @property
    def mixes(self) -> bool:
        """Whether a request is more than one pass through one fleet."""
        return self.shares[1] > 0.0 or any(effect.used > 0.0 for effect in self.effects)

    def reaching(self, p: ServingNumbers, share: float | None = None) -> ServingNumbers:
        """The numbers as one of the fleets sees them: its share of the traffic, at the utilisation of the mix."""
        seen, mine = p.copy(), self.shares[0] if share is None else share
        if not self.said:
            return seen
        if "requests" in p:
            seen["requests"] = p["requests"] * self.reach * mine
            seen |= serving_numbers({key: named(p, key) * mine / sum(self.shares) for key in SHARED & p.keys()})
        if "utilization" in p:
            seen["utilization"] = engine.mixed_utilization(self.offline[0], p["utilization"], self.offline[1])
        return seen

    def refuse_unread(self, scenario: Scenario) -> None:
        """Refuse techniques that set what no part of the answer took."""
        idle = [name for key, name in self.keys if not {key, f"serve_{key}"} & scenario.read]
        raise_all(
            [
                LlmcostError(
                    f"{name} has no effect in this question",
                    f"other values given decide the answer: leave {name} out",
                )
                for name in dict.fromkeys(idle)
            ]
        )

    def figures(self, p: ServingNumbers, model: Model, small: Model | None, requests: bool) -> ServingFigures:
        """Figures of a mean request, whoever answers it; those of the model alone under `own`."""
        own = model(self.reaching(p))
        if not self.mixes:
            return own
        parts = [(self.reach * self.shares[0], own)]
        if small is not None:
            parts.append((self.reach * self.shares[1], small(self.reaching(p, self.shares[1]))))
        out = own.copy()
        for name in mixed(MEAN):
            if all(f.get(name) is not None for _, f in parts):
                out |= serving_figures({name: sum(w * named(f, name) for w, f in parts)})
        for name in (*mixed(SUM), "usd_per_hour_fleet"):
            if name in own:
                out |= serving_figures({name: sum(named(f, name) for _, f in parts)})
        if small is not None and "gpus" in own:
            out["small_gpus"] = parts[1][1]["gpus"]
        self._add(out, p)
        if small is not None:
            out["small_usd_per_request"] = parts[1][1]["usd_per_request"]
        out["model_usd_per_request"] = own["usd_per_request"]
        if requests:
            out |= _totals(out, p)
        out["own"] = own
        return out

    def _add(self, out: ServingFigures, p: ServingNumbers) -> None:
        """What is paid beside accelerators; a lookup reads the prompt and is paid by input tokens."""
        lookup = effects.usd_per_request(self.effects, p, by_input=True)
        out["beside_usd_per_request"] = effects.usd_per_request(self.effects, p)
        out["usd_per_request"] = out["usd_per_request"] + out["beside_usd_per_request"]
        if "usd_per_mtok_blended" in out:  # one phase alone has no blend
            out["usd_per_mtok_blended"] = out["usd_per_mtok_blended"] + lookup / (p["isl"] + p["osl"]) * 1e6
        if "usd_per_mtok_input" in out:
            out["usd_per_mtok_input"] = out["usd_per_mtok_input"] + lookup / (p["isl"] * (1.0 - p["cache_hit"])) * 1e6
        if "requests_per_user" in p:
            out["usd_per_user_month"] = out["usd_per_request"] * p["requests_per_user"] * DAYS_PER_MONTH

    def rows(self, p: ServingNumbers) -> list[CostRow]:
        """A month of what is paid beside accelerators."""
        found = effects.charges(self.effects, p, p["requests"] * DAYS_PER_MONTH)
        return rows(charge for charge in found if charge.usd > 0)

    def answer(
        self, question: Question, replica: Replica, c: ServingFigures
    ) -> tuple[dict[str, Scalar], dict[str, list[Caveat]], list[CostRow]]:
        """What the answer says of them: results, arrays and what is paid beside accelerators."""
        found: dict[str, Scalar] = {}
        shown = ("model_usd_per_request", "small_usd_per_request", "small_gpus")
        found |= {k: float(named(c, k)) for k in shown if k in c}
        if self.reach < 1.0:
            found["reach_share"] = self.reach
        if isinstance(replica, Together) and replica.draft is not None:
            found |= {"drafted": float(replica.point.drafted), "tokens_per_step": float(replica.point.tokens_per_step)}
        _explain(question, self, c)
        p = serving_numbers(central(question.numbers))
        return found, {"techniques": caveats(question, self.said)}, self.rows(p) if "requests" in p else []

    def choose(self, question: Question, asked: Options, demand: Demand) -> Together | NoFit:
        """The replica, with a draft model where one was asked for; where its length is open, where it pays."""
        found = _draft(question, asked, self.said)
        if found is None:
            return choose(question, asked, demand)
        drafted = choose(question, asked._replace(shape=found.held, draft=found), demand)
        if 0.0 not in found.lengths:
            return drafted
        plain = choose(question, asked, demand)
        if isinstance(drafted, NoFit) or (isinstance(plain, Together) and _seconds(plain) <= _seconds(drafted)):
            question.warn("W051", "speculation does not pay at the cheapest batch: plain decoding is used", "")
            return plain
        return choose(question, asked._replace(shape=found.held, draft=found), demand)


NONE = Applied()


def _seconds(replica: Together) -> float:
    """Accelerator time of an output token [s]."""
    return replica.gpus / float(replica.point.output_tokens_per_second)


def _totals(out: ServingFigures, p: ServingNumbers) -> ServingFigures:
    """Totals of the traffic, from those of a request."""
    daily = out["usd_per_request"] * p["requests"]
    monthly = {k: named(out, of) * p["requests"] * DAYS_PER_MONTH for k, of in PER_MONTH.items() if of in out}
    return serving_figures({"usd_per_day": daily, "usd_per_month": daily * DAYS_PER_MONTH, **monthly})


def read_techniques(question: Question) -> tuple[Question, Applied]:
    """The question with what its techniques set, which stands over what a file says, and what they do besides.

    Raises
    ------
    LlmcostError
        An option that says the same thing, or a technique that has nothing to act on.
    """
    setting = question.given("technique")
    if setting is None or not setting.value:
        return question, NONE
    said = technique.parse(setting.value)
    keys.refuse_idle(question.scenario, said)
    layer = keys.layer(question, said)
    keys.refuse_twice(question.scenario, layer, setting)
    by = {s.technique.lever: s for s in said}
    question = question.over({k: s for k, (s, _) in layer.items()})
    beside = effects.effects_of(question, said)
    applied = Applied(said, tuple((k, name) for k, (_, name) in layer.items()), effects=beside)
    if "offline" in by:
        applied = applied._replace(offline=_offline(question, by["offline"].values))
    if "routing" in by:
        share, cascade = by["routing"].values["share"], float(by["routing"].name == "cascade")
        large, small = engine.routed_shares(share, cascade)
        applied = applied._replace(shares=(float(large), float(small)))
    return question, applied


def _offline(question: Question, given: Given) -> tuple[float, float]:
    """The share that may wait, and the utilisation it is served at."""
    used = given["utilization"] if "utilization" in given else factor(question, "offline_utilization")
    return given["share"], used


def _draft(question: Question, asked: Options, said: tuple[Said, ...]) -> engine.Draft | None:
    """The draft model of a speculation, as the engine takes it."""
    given = next((s.values for s in said if s.technique.lever == "speculation"), None)
    if given is None:
        return None
    acceptance = given.get("acceptance")
    if acceptance is None:
        acceptance = factor(question, "acceptance")
    lengths = (float(given["tokens"]),) if "tokens" in given else LENGTHS
    assert max(lengths) <= LONGEST_DRAFT
    by = given.get("draft")
    if not isinstance(by, str):
        ratio = factor(question, "draft_cost_ratio") if by is None else by
        return engine.Draft(asked.shape, acceptance, lengths, None, ratio)
    preset, found = question.catalog.load(spec.Model, by)
    if preset.n_layers is None:
        raise LlmcostError(f"speculation: {found.name} has no known architecture", "give a ratio in its place: 0.05")
    shape = tf.shape_of(preset)
    if float(shape.params_active) >= float(asked.shape.params_active):
        raise LlmcostError(
            f"speculation: the draft {found.name} is no smaller than {asked.model.name}", "name a smaller one"
        )
    return engine.Draft(asked.shape, acceptance, lengths, shape)


def caveats(question: Question, said: tuple[Said, ...]) -> list[Caveat]:
    """Each technique with what it does to quality, and who says so."""
    rows = {row["name"]: row for row in question.catalog.table(FILE, "techniques")}
    each = [(s.text, rows.get(s.name) or rows[s.technique.lever]) for s in said]
    return [
        {"name": text, "caveat": row["caveat"], "source": row["address"], "confidence": row["confidence"]}
        for text, row in each
    ]


def _explain(ledger: Ledger, applied: Applied, c: ServingFigures) -> None:
    """The steps from the cost of the model to the cost of a request."""
    if not applied.mixes:
        return
    terms = [f"{applied.reach * applied.shares[0]:.3g} x {units.worded_money(c['model_usd_per_request'])}"]
    if "small_usd_per_request" in c:
        terms.append(f"{applied.reach * applied.shares[1]:.3g} x {units.worded_money(c['small_usd_per_request'])}")
    terms.append(f"{units.worded_money(c['beside_usd_per_request'])} beside accelerators")
    ledger.step("cost of a mean request", " + ".join(terms), float(c["usd_per_request"]), "USD", METHOD)
