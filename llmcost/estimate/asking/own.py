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


class Near(NamedTuple):
    """How well a figure is told by others that were measured."""

    scale: float  # what those miss when the others tell them, over what is expected of that [-]
    constants: float  # standard deviation of its ln by what is not known of the constants [-]
    noise: float  # the same by the scatter of measurements [-]


class Own(NamedTuple):
    """A measured stack, as far as single places go."""

    generations: tuple[str, ...]
    framework: str  # `any` where the measurements do not say
    places: tuple[Place, ...]
    weights: Mapping[str, tuple[float, ...]]  # what is shared -> of each place
    inverses: Mapping[str, Array]  # what is shared -> (G + S)^-1 of the places, 0 where a place tells nothing of it
    lost: Mapping[str, float]  # what is shared -> of it, what the other places do not tell of a measured one [-]
    near: Mapping[str, Near]  # by figure
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

    def left(self, place: Place, share: str) -> tuple[float, float]:
        """Variance of what is shared that measurements leave at a place, and its part in all of it [-].

        Source: Rasmussen and Williams 2006, Gaussian Processes for Machine Learning, equation 2.26.
        """
        whole = float(self.kin.common([place], [place], share)[0, 0])
        if share not in self.inverses:
            return whole, 1.0
        common = self.kin.common([place], self.places, share)[0]
        left = min(max(whole - float(common @ self.inverses[share] @ common), 0.0), whole)
        return left, left / whole

    def unknown(self, place: Place, share: str = "speed") -> float:
        """How much less than a measured place a place is known: 0 among them, 1 where nothing is in common [-]."""
        lost = self.lost.get(share, 0.0)
        return min(max((self.left(place, share)[1] - lost) / max(1.0 - lost, 1e-9), 0.0), 1.0)

    def told(self, quantity: str, place: Place, low: float, high: float) -> tuple[float, float, float]:
        r"""Half-widths of a range near what was measured, given those without it, and the shift of its middle [-].

        With v what measurements leave of what is shared here, c and n of `Near`, s its scale, and u how unknown the
        place is: other machines and models than those that were measured keep the spread between them.

        .. math:: w' = \sqrt{z^2 s^2 (v + c^2 + n^2) (1 - u^2) + w^2 u^2}
        """
        if quantity not in self.near:
            return low, high, self.shift(quantity, place)
        share, near = SHARES[quantity][0], self.near[quantity]
        unknown = self.unknown(place, share) ** 2
        own = (Z95 * near.scale) ** 2 * (self.left(place, share)[0] + near.constants**2 + near.noise**2)
        ends = [math.sqrt(own * (1.0 - unknown) + w**2 * unknown) for w in (low, high)]
        return ends[0], ends[1], self.shift(quantity, place)


def told_by(kin: Kin, places: Sequence[Place], share: str, noise: Sequence[float]) -> tuple[Array, float]:
    """(G + S)^-1 of places, and what of a measured one the others do not tell, in the middle [-].

    Parameters
    ----------
    kin : Kin
        How alike places are.
    places : sequence of Place
        Where was measured.
    share : str
        Of what.
    noise : sequence of float
        Standard deviation of ln of each measurement; 0 where a place tells nothing of it [-].

    Source: Rasmussen and Williams 2006, equation 5.12: the variance of a measurement by the others is the inverse of
    its element on the diagonal.
    """
    here = np.flatnonzero(np.array(noise) > 0)
    found = np.zeros((len(places), len(places)))
    if not here.size:
        return found, 0.0
    those = [places[i] for i in here.tolist()]
    common, own = kin.common(those, those, share), np.array(noise)[here] ** 2
    inverse = np.linalg.inv(common + np.diag(own))
    found[np.ix_(here, here)] = inverse
    lost = (1.0 / np.diag(inverse) - own) / np.diag(common)
    return found, float(np.clip(np.median(lost), 0.0, 1.0)) if len(here) > 1 else 0.0


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
