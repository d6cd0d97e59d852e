"""A run in several places: each trains apart for `--sync-every` steps, then they exchange over a slow network."""

from __future__ import annotations

from llmcost import units
from llmcost.engine.numeric.spread import Spread, interval, median, product
from llmcost.engine.training import search as searching
from llmcost.engine.training.scattered import EXCHANGED_BYTES, exchange_seconds
from llmcost.errors import LlmcostError
from llmcost.estimate.asking.ledger import Number, Origin
from llmcost.estimate.asking.question import Question
from llmcost.estimate.asking.subject import Chip, Subject
from llmcost.estimate.training import step as steps
from llmcost.estimate.training.methods import Method
from llmcost.records import NamedTuple
from llmcost.scenario import Setting

KEYS = ("sites", "sync_every")
METHOD = "docs/method-training.md, scattered training"
# Douillard et al. 2023, arXiv 2311.08105, abstract: as well as synchronous training, exchanging 500 times less.
SHOWN_SITES, SHOWN_STEPS = 8, 500


class Sites(NamedTuple):
    """Places, local steps between two exchanges, and the network of each place [bytes/s]."""

    places: int
    every: int
    bytes_per_second: Number


def take(question: Question, gpus: int) -> Sites | None:
    """What was said of places; None where the accelerators stand in one.

    Raises
    ------
    LlmcostError
        No network, or accelerators that do not divide.
    """
    if not (question.scenario.has(*KEYS) or (question.alone and question.scenario.has("network_bandwidth"))):
        return None
    count, every = question.stated("sites"), question.stated("sync_every")
    for key, value, usual in (("sites", count, 2), ("sync_every", every, 1)):
        if value is None:
            question.record(key, usual, Origin("default", METHOD))
    count, every = int(count or 2), int(every or 1)
    speed = question.quantity("network_bandwidth")
    if speed is None:
        raise question.need("network_bandwidth", "places exchange over it")
    if gpus % count:
        raise LlmcostError(
            f"{gpus:,} accelerators do not divide over {count} places", f"--gpus {gpus - gpus % count or count}"
        )
    return Sites(count, every, speed)


def predict(
    question: Question,
    model: Subject,
    device: Chip,
    gpus: int,
    seq_len: float,
    dtype: str,
    method: Method,
    tokens: float,
) -> steps.Predicted | None:
    """The predicted step of all places together, the exchange spread over the steps between two."""
    sites = take(question, gpus)
    if sites is None:
        return steps.predict(question, model, device, gpus, seq_len, dtype, method, tokens)
    batch, local = question.stated("global_batch_tokens"), question
    if batch is not None:
        local = question.over({"global_batch_tokens": Setting(float(batch) / sites.places, "computed")})
    found = steps.predict(local, model, device, gpus // sites.places, seq_len, dtype, method, tokens)
    if found is None:
        return None
    whole = found.sequences * sites.places * seq_len
    origin = Origin("default", f"{METHOD}: each place has a batch of its own") if batch is None else Origin("flag")
    question.record("global_batch_tokens", float(batch or whole), origin)
    trained = method.adapters + method.ends or float(model.shape.params_total)
    _tell(question, sites, trained)
    return _joined(found, sites, trained)


def _added(sites: Sites, trained: float, bytes_per_second: float) -> float:
    """What the exchange adds to a step on such a network [s]."""
    return float(exchange_seconds(trained, sites.places, bytes_per_second, sites.every))


def _tell(question: Question, sites: Sites, trained: float) -> None:
    """The formula, and what is known of the loss."""
    speed = median(sites.bytes_per_second)
    formula = (
        f"2 x {sites.places - 1} / {sites.places} x {trained:.4g} parameters x {EXCHANGED_BYTES:g} bytes "
        f"/ {units.format('bytes_per_second', speed)} / {sites.every:,} steps"
    )
    added, source = _added(sites, trained, speed), "Douillard et al. 2023, arXiv:2311.08105"
    question.step("exchange between places", formula, added, "s", source)
    if sites.every == 1:
        return
    if sites.places <= SHOWN_SITES and sites.every <= SHOWN_STEPS:
        told = "as good as synchronous training was published for up to 8 places and 500 steps (arXiv:2311.08105)"
        question.warn("W047", f"local steps: nothing is added to the tokens: {told}", "--tokens, if yours need more")
        return
    told = f"no penalty in tokens or loss is published for {sites.places} places and {sites.every:,} local steps"
    question.warn("W047", f"{told}: none is added, and the loss may be worse", "--sync-every 500")


def _joined(found: steps.Predicted, sites: Sites, trained: float) -> steps.Predicted:
    """The step of all places: as long as that of one, and the exchange as part of the gradient reduction.

    The range of the network is in that of the MFU.
    """
    added = _added(sites, trained, median(sites.bytes_per_second))

    def slower(one: searching.Choice) -> searching.Choice:
        seconds = float(one.step.step_seconds)
        paced = seconds / (seconds + added)
        step = one.step._replace(
            step_seconds=seconds + added,
            gradient_seconds=float(one.step.gradient_seconds) + added,
            model_flops=one.step.model_flops * sites.places,
            hardware_flops=one.step.hardware_flops * sites.places,
            mfu=one.step.mfu * paced,
            hfu=one.step.hfu * paced,
        )
        return one._replace(step=step)

    before = float(found.found.best.step.step_seconds)
    share: Number = before / (before + added)
    if isinstance(sites.bytes_per_second, Spread):
        slow, fast = (before / (before + _added(sites, trained, b)) for b in interval(sites.bytes_per_second))
        share = Spread(slow, median(share), fast)
    runner = found.found.runner_up
    together = found.found._replace(best=slower(found.found.best), runner_up=None if runner is None else slower(runner))
    mfu = product(found.mfu, share)
    assert isinstance(mfu, Spread)
    smallest = None if found.smallest_gpus is None else found.smallest_gpus * sites.places
    return found._replace(
        mfu=mfu, found=together, sequences=found.sequences * sites.places, gpus=found.gpus * sites.places,
        working=found.working * sites.places, smallest_gpus=smallest,
    )  # fmt: skip
