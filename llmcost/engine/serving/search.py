"""Search over layouts, precisions and batch sizes: the cheapest, the fastest, and the cost-latency front."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from llmcost.engine.machine.collectives import joined
from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape
from llmcost.engine.numeric.kinds import SECONDS_PER_HOUR, Array, Flags, Index, Num
from llmcost.engine.serving.inputs import Calibration, Layout, Load, Precision
from llmcost.engine.serving.memory import max_batch
from llmcost.engine.serving.operating_point import BINDS, Point, operating_point
from llmcost.engine.serving.pools import tail_max_batch
from llmcost.records import NamedTuple

Mode = Callable[[Shape, Machine, Layout, Precision, Load, Calibration], Point]

EQUAL = 2.0**-33  # of a value: less is rounding
LATENCY, CAPACITY = "latency target", "HBM capacity"
# a set, not np.unique: that imports numpy.ma, a tenth of a command's start-up
BATCHES = np.array(sorted({float(round(b)) for b in np.geomspace(1.0, 8192.0, 160)}))
DEGREES = tuple(float(2**i) for i in range(8))  # 1 to 128
LARGEST = 64.0  # accelerators of the largest replica that is tried
STAGES = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 16.0)  # layers split over any number of cards


class Targets(NamedTuple):
    """What an operating point has to keep; infinity asks for nothing."""

    ttft_seconds: float = np.inf
    tpot_seconds: float = np.inf


class Grid(NamedTuple):
    """Every point searched, flat; one element per layout, precision and batch that fits."""

    layout: Layout
    precision: Precision
    precision_index: Index  # which of the precisions asked for
    gpus_per_replica: Array
    replicas: Num
    point: Point
    gpu_hours_per_mtok: Array  # paid per million output tokens: they rank points at any price, zero too [h]
    tokens_per_second: Num  # output, of all replicas
    meets: npt.NDArray[np.bool_]  # keeps the targets
    full: npt.NDArray[np.bool_]  # memory holds no further request

    def pick(self, index: Index) -> Grid:
        """One point, or several."""

        def take(values: Any) -> Any:
            if isinstance(values, tuple):
                return type(values)(*[np.asarray(v)[index] for v in values])
            return np.asarray(values)[index]

        return Grid(**{name: take(values) for name, values in self._asdict().items()})


class Answer(NamedTuple):
    """Indices into the grid; -1 where nothing meets the targets."""

    grid: Grid
    cheapest: int
    fastest: int
    front: npt.NDArray[np.intp]  # cheapest to fastest: no other point is both cheaper and faster
    binds: str  # what stops the cheapest point from being cheaper


def layouts(
    shape: Shape, machine: Machine, gpus: float = np.inf, largest: float = LARGEST, stages: bool = False,
    tensor: float = 1.0, staged: float = 0.0,
) -> Layout:  # fmt: skip
    """Valid layouts of one replica as arrays.

    Tensor parallelism in powers of two inside the scale-up domain and at most one rank per query head; pipeline
    stages only across domains, where the domain is a pair of cards, or where the accelerators are no power of two and
    stages use them all, up to 16; for MoE models, experts split or dealt
    whole over the ranks, and data-parallel attention with shared experts.

    Parameters
    ----------
    shape, machine : Shape, Machine
        One model and one machine (scalars).
    gpus : float
        Accelerators there are [-].
    largest : float
        Largest replica to try [-].
    stages : bool
        Whether pipeline stages of single accelerators are tried inside a domain: engines without tensor parallelism.
    tensor : float
        Tensor-parallel ranks that were asked for [-]: they may span the two domains of a pair of nodes.
    staged : float
        Pipeline stages that were asked for [-]: with any number of ranks.

    Source: Shoeybi et al. 2019, arXiv 1909.08053 (heads split over tp); vLLM's guide to use tensor parallelism inside
    a node and stages across (docs.vllm.ai/en/stable/serving/parallelism_scaling); DeepSeek-V3, arXiv 2412.19437,
    section 3.4 (data-parallel attention with shared experts).
    """
    degree = np.array(DEGREES)
    tp, pp, dp = (axis.ravel() for axis in np.meshgrid(degree, np.array(STAGES), degree, indexing="ij"))
    domain = float(joined(machine)[0])
    # cards without a fabric still sit eight to a server and split layers over PCIe
    size = tp * pp * dp
    widest = max(domain, 8.0, min(tensor, 2.0 * max(domain, 8.0)))
    fits = (tp <= widest) & (tp <= shape.n_heads) & (pp <= shape.n_layers) & (size <= min(gpus, largest))
    even = np.isin(pp, degree)
    fits &= (
        (pp == 1)
        | (domain <= 2)
        | (even & (tp >= min(widest, 8.0)))
        | ((tp == 1) & stages)
        | (~even & (size == gpus))
        | (pp == staged)
    )
    # shared experts ask for a fabric or a network; one pipeline stage keeps the exchange simple
    shared = (dp > 1) & (shape.n_experts > 0) & (pp == 1) & (tp * dp <= shape.n_experts)
    keep = fits & ((dp == 1) | shared)
    tp, pp, dp = tp[keep], pp[keep], dp[keep]
    wide = (dp > 1).astype(float)
    plain = Layout(tp, pp, dp, np.where(wide > 0, tp * dp, 1.0), wide)
    # without attention groups, experts may be dealt whole over the tensor-parallel ranks in place of being split
    dealt = (dp == 1) & (tp > 1) & (tp <= shape.n_experts)
    return Layout(
        *(np.concatenate([axis, (tp if name == "ep" else axis)[dealt]]) for name, axis in plain._asdict().items())
    )


def search(
    shape: Shape,
    machine: Machine,
    candidates: Layout,
    precisions: list[Precision],
    load: Load,
    calibration: Calibration,
    targets: Targets,
    gpus: float | None = None,
    batches: Num = BATCHES,
    total_points: Num | None = None,
    mode: Mode = operating_point,
) -> Answer:
    r"""Evaluate every layout, precision and batch, and pick.

    .. math:: GPU\,h/Mtok = \frac{GPUs}{3600 \cdot tokens/s} \cdot 10^6

    Parameters
    ----------
    shape, machine, calibration
        One model, one machine, its constants (scalars).
    candidates : Layout
        Layouts to try, one per element.
    precisions : list of Precision
        What the user allows.
    load : Load
        Lengths; `batch` is ignored.
    targets : Targets
        Latency limits.
    gpus : float, optional
        Accelerators to fill with whole replicas, all paid; None: one replica.
    batches : array
        Requests in flight per replica to try [-].
    total_points : array, optional
        Equally likely lengths that memory sets aside [tokens], see `serving_pools.tail_max_batch`; None is a fixed one.
    mode : function
        `serving.operating_point` for continuous batching, `serving.static_point` for batches that end together.

    Source: enumeration; cost by definition.
    """
    args = _grid(candidates, precisions, np.asarray(batches, dtype=float))
    layout, precision, index, batch = args
    limit = max_batch(shape, machine, layout, precision, load, calibration)
    if total_points is not None:
        tail = tail_max_batch(shape, machine, layout, precision, load, calibration, total_points)
        limit = np.minimum(limit, tail)
    # the largest batch that fits is a candidate too, in place of every batch beyond it
    batch = np.minimum(batch, np.maximum(limit, 1.0))
    keep = (limit >= 1.0) & np.concatenate([[True], (batch[1:] != batch[:-1]) | (_starts(batch, np.size(batches)))])
    size = np.asarray(layout.tp * layout.pp * layout.dp)
    keep &= size <= (np.inf if gpus is None else gpus)
    layout, precision = (
        Layout(*[np.asarray(v)[keep] for v in layout]),
        Precision(*[np.asarray(v)[keep] for v in precision]),
    )
    point = mode(shape, machine, layout, precision, load._replace(batch=batch[keep]), calibration)
    size, limit = size[keep], np.asarray(limit)[keep]
    replicas = np.ones(size.shape) if gpus is None else np.floor(gpus / size)
    paid = size if gpus is None else np.full(size.shape, float(gpus))
    speed = replicas * point.output_tokens_per_second
    hours = paid / SECONDS_PER_HOUR / speed * 1e6
    meets = np.asarray((point.tpot_seconds <= targets.tpot_seconds) & (point.ttft_seconds <= targets.ttft_seconds))
    point = Point(*[np.broadcast_to(v, size.shape) for v in point])
    full = np.asarray((point.batch >= limit) & (limit < layout.dp * calibration.batch_limit))
    grid = Grid(layout, precision, index[keep], size, replicas, point, hours, speed, meets, full)
    return _choose(grid)


def _grid(candidates: Layout, precisions: list[Precision], batches: Array) -> tuple[Layout, Precision, Any, Array]:
    count, formats, steps = np.size(candidates.tp), len(precisions), len(batches)
    row, form, step = (a.ravel() for a in np.indices((count, formats, steps)))
    layout = Layout(*[np.asarray(v, dtype=float)[row] for v in candidates])
    columns = np.array([[float(v) for v in p] for p in precisions]).T
    return layout, Precision(*[c[form] for c in columns]), form, batches[step]


def _starts(batch: Array, steps: int) -> Flags:
    return np.asarray(np.arange(1, len(batch)) % steps == 0)


def _choose(grid: Grid) -> Answer:
    if not np.any(grid.meets):
        return Answer(grid, -1, -1, np.array([], dtype=int), LATENCY if len(grid.meets) else CAPACITY)
    cost = np.where(grid.meets, level(grid.gpu_hours_per_mtok), np.inf)
    pace = np.where(grid.meets, level(grid.point.tpot_seconds), np.inf)
    cheapest = int(np.lexsort((pace, cost))[0])
    fastest = int(np.lexsort((cost, pace))[0])
    order = np.lexsort((pace, cost))[: int(grid.meets.sum())]
    best = np.minimum.accumulate(pace[order])
    front = order[np.concatenate([[True], best[1:] < best[:-1]])]
    return Answer(grid, cheapest, fastest, front, binding(grid, cheapest))


def level(values: Num) -> Array:
    """Values to ten digits: of those that differ by the rounding of floats neither is better."""
    part, power = np.frexp(values)
    return np.asarray(np.ldexp(np.round(part / EQUAL) * EQUAL, power))


def among(grid: Grid, kept: Flags) -> Answer:
    """The answer among some points of a grid."""
    return _choose(grid._replace(meets=grid.meets & kept))


def by_size(grid: Grid) -> npt.NDArray[np.intp]:
    """Indices of the cheapest point of every size of replica that keeps the targets, the smallest first.

    A small fleet pays for whole replicas: a smaller one may cost less although its tokens are dearer when it is full.
    """
    kept = np.flatnonzero(grid.meets)
    size = np.asarray(grid.gpus_per_replica)[kept]
    order = np.lexsort((level(grid.point.tpot_seconds)[kept], level(grid.gpu_hours_per_mtok)[kept], size))
    first = np.concatenate([[True], np.diff(size[order]) > 0]) if len(kept) else np.zeros(0, bool)
    return np.asarray(kept[order][first])


def binding(grid: Grid, index: int) -> str:
    """What stops a point from being cheaper: memory, a latency target, or the rate that fills its iterations.

    A larger batch of the same layout and precision would be cheaper if it fitted or kept the targets; where neither
    stops it, the part of the iteration that takes longest is named.
    """
    mine = grid.pick(index)
    same = grid.gpus_per_replica == mine.gpus_per_replica
    for axis, own in zip((*grid.layout, grid.precision_index), (*mine.layout, mine.precision_index), strict=True):
        same &= np.asarray(axis) == own
    larger = same & (grid.point.batch > mine.point.batch)
    if np.any(larger & ~grid.meets & (grid.gpu_hours_per_mtok < mine.gpu_hours_per_mtok)):
        return LATENCY
    if mine.full:
        return CAPACITY
    return BINDS[int(mine.point.binds)]
