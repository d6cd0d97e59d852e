"""Measurements of one's own near a question: what constants leave of them, and how far the question is from them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from llmcost import technique
from llmcost.catalog import Catalog
from llmcost.engine.numeric.kinds import Z95, Array
from llmcost.engine.numeric.spread import median
from llmcost.estimate.asking.ledger import as_number
from llmcost.keys import KEYS, TRAIN
from llmcost.keys.methods import DEFAULT, SPELLINGS
from llmcost.records import NamedTuple
from llmcost.scenario import Scenario

TABLE = "own"  # of a calibration preset, where a calibration of one's own adds its rows
ALONG = {"serving": ("isl", "osl", "batch", "gpus", "tp"), "training": ("seq_len", "sequences", "gpus")}
NAMED = ("model", "hardware", "way")  # what of a place is a name
SHARES = {  # figure -> what it has in common with others, and with which sign
    "tpot": ("speed", 1.0), "output_tokens_per_s": ("speed", -1.0), "ttft": ("first_token", 1.0),
    "step_seconds": ("speed", 1.0),
}  # fmt: skip


class Place(NamedTuple):
    """Where a figure is measured, or asked for; what is not known of it does not count."""

    model: str
    hardware: str
    way: str  # what is done beside: a kind of rows as speculative, a method of training; nothing in particular
    at: Mapping[str, float]


class Kin(NamedTuple):
    """How alike places are: standard deviations of what they have in common, and lengths along each axis, all in ln."""

    model: float
    machine: float
    near: float
    same: float  # of places alike along each axis, where model, machine and way are the same too
    first_token: float  # of first tokens over those of speeds
    lengths: Mapping[str, float]

    def common(self, a: Sequence[Place], b: Sequence[Place], share: str) -> Array:
        """Covariance of what constants leave of a figure, a row a place of `a`.

        Where a place is along an axis may not be told: it then stands in the middle of those of `b`.
        """
        square = np.zeros((len(a), len(b)))
        for name, length in self.lengths.items():
            one, other = (np.log([p.at.get(name) or np.nan for p in places]) for places in (a, b))
            known = other[np.isfinite(other)]
            middle = 0.5 * (known.min() + known.max()) if known.size else np.nan
            one, other = (np.where(np.isfinite(v), v, middle) for v in (one, other))
            square += np.nan_to_num(np.subtract.outer(one, other) / length, nan=0.0) ** 2
        model, machine, way = (
            np.equal.outer(np.array([getattr(p, name) for p in a], dtype=object), [getattr(p, name) for p in b])
            for name in NAMED
        )
        alike = self.near**2 + self.same**2 * (model & machine & way)
        found = self.model**2 * model + self.machine**2 * machine + alike * np.exp(-0.5 * square)
        return np.asarray(found * (self.first_token**2 if share == "first_token" else 1.0), dtype=float)


def kin(catalog: Catalog, side: str) -> Kin:
    """How alike places of a side are, as calibration/update.toml has it."""
    known = {row["name"]: float(row["value"]) for row in catalog.factors("update")}
    lengths = {name: known[f"{name}_length"] for name in ALONG[side]}
    model, machine, near, same = (known[f"{side}_{name}_log_spread"] for name in ("model", "machine", "near", "same"))
    return Kin(model, machine, near, same, known["first_token_ratio"], lengths)


class Own(NamedTuple):
    """A measured stack, as far as single places go."""

    generations: tuple[str, ...]
    framework: str  # `any` where the measurements do not say
    places: tuple[Place, ...]
    weights: Mapping[str, tuple[float, ...]]  # what is shared -> of each place
    near: Mapping[str, float]  # figure -> standard deviation of ln of another one among those measured [-]
    lost: float  # of what is in common: what a measured place has not, told by the others [-]
    kin: Kin

    def of(self, generation: str, framework: str) -> bool:
        """Whether it is of such a machine and such software."""
        return generation in self.generations and self.framework in ("any", framework)

    def shift(self, quantity: str, place: Place) -> float:
        """Ln of what measurements near a place say of a figure, over what the constants say [-]."""
        share, sign = SHARES[quantity]
        if share not in self.weights:
            return 0.0
        common = self.kin.common([place], self.places, share)[0]
        return sign * float(common @ np.array(self.weights[share]))

    def unknown(self, place: Place) -> float:
        """How much less than a measured place a place is known: 0 among them, 1 where nothing is in common [-]."""
        common = self.kin.common([place], self.places, "speed")[0]
        left = 1.0 - float(common.max()) / float(self.kin.common([place], [place], "speed")[0, 0])
        return min(max((left - self.lost) / max(1.0 - self.lost, 1e-9), 0.0), 1.0)

    def told(self, quantity: str, place: Place, low: float, high: float) -> tuple[float, float, float]:
        r"""Half-widths of a range near what was measured, given those without it, and the shift of its middle [-].

        .. math:: w' = \sqrt{(z s)^2 (1 - l) + \max(w, z s)^2 l}
        """
        if quantity not in self.near:
            return low, high, self.shift(quantity, place)
        near, lost = Z95 * self.near[quantity], self.unknown(place)
        ends = [math.sqrt(near**2 * (1.0 - lost) + max(w, near) ** 2 * lost) for w in (low, high)]
        return ends[0], ends[1], self.shift(quantity, place)


def way(scenario: Scenario, side: str) -> str:
    """What a question does beside, as measured rows call it (`kind`, `method`); nothing where it does nothing."""
    method, pools, hit, said = (scenario.peek(key, side) for key in ("method", "pools", "cache_hit", "technique"))
    if side == TRAIN:
        return DEFAULT if method is None else SPELLINGS.get(str(method.value), str(method.value))
    done = {one.technique.name for one in technique.parse(said.value)} if said is not None and said.value else set()
    if pools is not None and pools.value == "disaggregated":
        return "disaggregated"
    if "speculation" in done:
        return "speculative"
    cached = "prefix-cache" in done or (hit is not None and bool(median(as_number(hit.value, KEYS["cache_hit"].kind))))
    return "prefix-cache" if cached else ""


def own(catalog: Catalog, side: str) -> Own | None:
    """The measurements of one's own that answers are made with; None without any."""
    rows = catalog.added(side, TABLE)
    return rows[0]["own"] if rows else None
