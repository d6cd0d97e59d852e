"""Fit the constants of the training engine to validation/ and write presets/calibration/training.toml and mfu.toml.

python -m scripts.fit_training         fit, write both files, print the error by source and hardware
python -m scripts.fit_training --cv       also leave out one source, one accelerator, one generation at a time
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import least_squares  # type: ignore[import-untyped]

from llmcost.catalog import Catalog
from llmcost.engine.machine.roofline import Machine
from llmcost.engine.model.transformer import Shape
from llmcost.engine.training.calibration import Calibration
from llmcost.engine.training.memory import Layout
from llmcost.engine.training.micro_batch import Run
from llmcost.engine.training.step import step
from llmcost.errors import LlmcostError
from llmcost.estimate.validate import training_rows as tr
from scripts import fit_training_output as out
from scripts import fit_training_runs as whole

ROOT = Path(__file__).parent.parent
MEASURED = "validation/training_measured.csv"
Array = Any


class Prior(NamedTuple):
    """Where the fit starts, how far it may go (standard deviation in log), what the number means."""

    start: float
    width: float
    unit: str
    note: str


PRIORS = {
    "gemm_16": Prior(0.7, 0.3, "share", "of the dense 16-bit peak that a large matrix product sustains"),
    "gemm_fp8": Prior(0.85, 0.25, "ratio", "share of the FP8 peak over the share of the 16-bit peak, tensor scales"),
    "gemm_mxfp8": Prior(0.8, 0.25, "ratio", "the same with block scales (MXFP8)"),
    "gemm_fp4": Prior(0.6, 0.4, "ratio", "the same at FP4; some products of an NVFP4 recipe stay wider"),
    "gemm_edge": Prior(1.0, 1.0, "ratio", "operand traffic of products: 1 = every operand passes memory once"),
    "expert_edge": Prior(1.5, 0.7, "ratio", "the same for grouped expert products"),
    "attention": Prior(0.5, 0.4, "share", "of the 16-bit peak in fused attention at long sequences"),
    "attention_ramp": Prior(1000.0, 0.8, "tokens", "sequence length at which attention reaches half of that"),
    "attention_sharded": Prior(0.9, 0.25, "ratio", "attention kernel of fully sharded stacks over the others"),
    "mixer": Prior(0.05, 0.7, "share", "of the 16-bit peak in state kernels of Mamba-2 layers"),
    "memory": Prior(0.7, 0.35, "share", "of the memory bandwidth in norms, activations, casts, losses, optimizer"),
    "cast": Prior(0.3, 0.8, "ratio", "traffic of low-precision casts over the other elementwise traffic"),
    "cast_fp4": Prior(2.0, 0.5, "ratio", "casts of NVFP4 recipes (transforms, two scales, random rounding) over those"),
    "dispatch": Prior(6.0, 0.7, "passes", "memory passes over each token copy routed to an expert"),
    "link": Prior(0.75, 0.5, "ratio", "of the scale-up link in tensor and context parallelism; above 1 where hidden"),
    "expert_link": Prior(0.5, 0.7, "ratio", "of the scale-up link in the expert all-to-all"),
    "expert_network": Prior(0.5, 0.7, "ratio", "of the network in the expert all-to-all"),
    "expert_join": Prior(1.4, 0.2, "exponent", "joins the expert all-to-all and compute: 1 = nothing hidden"),
    "network": Prior(0.7, 0.5, "share", "of link and network in gathers and reductions of weights and gradients"),
    "overlap": Prior(4.0, 0.4, "exponent", "joins ZeRO-3 gathers, context rings and compute"),
    "dp_exposed": Prior(0.25, 0.5, "share", "of the gradient reduction that cannot hide behind the last micro-batch"),
    "launch_dense": Prior(1e-3, 0.5, "s", "host time per block and micro-batch, forward and backward"),
    "launch_expert": Prior(2e-3, 0.8, "s", "host time per expert layer and micro-batch, waited for: token counts"),
    "launch_held": Prior(1e-4, 0.7, "s", "the same per expert held: products of each are launched apart"),
    "launch_join": Prior(3.0, 0.4, "exponent", "joins launch_dense and device time: 1 = additive"),
    "straggler": Prior(0.006, 0.7, "ratio", "growth of the step per doubling of accelerators"),
    "step": Prior(0.01, 0.8, "s", "fixed per step: data, logging, scheduler"),
    "power": Prior(0.5, 0.7, "exponent", "of the sustained rate in W per peak FLOP/s, within the Blackwell parts"),
}
TPU = ("tpu-v3", "tpu-v4", "tpu-v5", "tpu-v6", "tpu-v7")
FAMILY = {"volta": ("volta",), "ampere": ("ampere",), "hopper": ("hopper",), "blackwell": ("blackwell",), "tpu": TPU}
# A family starts from the shared value times `ratio` and may differ from it by `width` (standard deviation in log).
# Ratios: largest measured matrix products over their mean, 0.8 (volta assumed). FlashAttention-2, which sharded stacks
# run, reaches 35 % of the H100's peak (arXiv 2407.08608, abstract), kernels made for it 55 to 60 % with backward.
DEVIATIONS = [
    *[("gemm_16", family, out.MATMUL.get(family, 0.85) / 0.8, 0.1) for family in FAMILY],
    ("attention", "ampere", 1.0, 0.25),
    ("attention", "hopper", 1.0, 0.25),
    ("attention", "blackwell", 1.0, 0.25),
    ("attention_sharded", "hopper", 0.6, 0.15),
    ("memory", "tpu", 1.0, 0.4),
]
ASSUMED = {
    "repeat": (1.0, "share", "any", "of a recomputed forward pass that runs again"),
    "latency": (1e-5, "s", "any", "per doubling of ranks and collective; small beside the other terms"),
    "link_per_memory": (0.125, "ratio", "any", "median of link over memory bandwidth where both are known"),
    "network_per_link": (0.11, "ratio", "any", "median of network over link bandwidth where both are known"),
    "weight_bytes": (2.0, "bytes", "any", "16-bit weights"),
    "gradient_bytes": (2.0, "bytes", "any", "16-bit gradients; 4 under fp32 accumulation"),
    "optimizer_bytes": (12.0, "bytes", "any", "fp32 copy and two Adam moments (Rajbhandari et al. 2020)"),
    "practice": (1.0, "ratio", "any", "set by the fit: median of measured over best searched step, same work"),
    "margin_bytes": (1e9, "bytes", "any", "context, communication buffers, fragmentation"),
}
XLA_REPEAT = 0.75  # dead code: the last product of a block, about a quarter of its forward FLOPs (1/3 of the FFN)
BLACKWELL_WATTS = 0.49e-12  # W s/FLOP: geometric mean of B200, GB200, B300, GB300 TDP over 16-bit peak
# Half-widths of the 90 % interval in log time: generations with rows, generations without.
WIDTHS = {"dense": (0.23, 0.33), "moe": (0.45, 0.56)}
# Errors inside a source go together: a source of n groups weighs TRUST x sqrt(n).
TRUST = 2.4
CONFIDENCE = {"practice": "measured", "link_per_memory": "measured", "network_per_link": "measured"}
CAPS = {"gemm_16": 0.97, "dp_exposed": 0.95}


class Data(NamedTuple):
    """Measured rows, and all their candidate layouts in one stack."""

    measured: Array
    family: Array  # index into FAMILY per row
    source: Array
    hardware: Array
    weight: Array
    owner: Array  # row of each candidate
    start: Array  # first candidate of each row
    shape: Shape
    machine: Machine
    layout: Layout
    run: Run
    moe: Array
    precision: Array
    group: list[tuple[str, str, str]]


def plain_calibration(**values: float) -> Calibration:
    """Constants before any fit: what candidates need to know about memory."""
    fields = {name: prior.start for name, prior in PRIORS.items()}
    fields |= {name: value[0] for name, value in ASSUMED.items()} | {"power_reference": 0.0} | values
    return Calibration(**fields)


def family_of(generation: str) -> str:
    """The family a generation is fitted with, or an empty string."""
    return next((name for name, members in FAMILY.items() if generation in members), "")


def load(catalog: Catalog) -> Data:
    """Rows of validation/ that the engine can take."""
    rows, cases, stacks = [], [], []
    for row in tr.read_rows(ROOT / MEASURED):
        try:
            todo = tr.case(row, catalog)
            layout = tr.candidates(todo, plain_calibration())
        except LlmcostError as error:
            print("skipped", row["id"], error.message)
            continue
        rows.append(row)
        cases.append(todo)
        stacks.append(np.array(layout))
    owner = np.repeat(np.arange(len(rows)), [s.shape[1] for s in stacks])
    group = [(r["source_group"], r["hardware_id"], r["model"]) for r in rows]
    count = Counter(group)
    kinds = Counter(source for source, _, _ in count)
    quality = np.array([0.5 if r["quality"] == "B" else 1.0 for r in rows])

    def column(values: Iterable[Any]) -> Array:
        return np.array(list(values), dtype=float)[owner]

    return Data(
        measured=np.array([float(r["measured_step_s"]) for r in rows]),
        family=np.array([list(FAMILY).index(family_of(c.generation)) for c in cases]),
        source=np.array([g[0] for g in group]),
        hardware=np.array([g[1] for g in group]),
        weight=TRUST * quality / np.array([count[g] * np.sqrt(kinds[g[0]]) for g in group]),
        owner=owner,
        start=np.searchsorted(owner, np.arange(len(rows))),
        shape=Shape(*[column(getattr(c.shape, f) for c in cases) for f in Shape._fields]),
        machine=Machine(*[column(getattr(c.machine, f) for c in cases) for f in Machine._fields]),
        layout=Layout(*np.concatenate(stacks, axis=1)),
        run=Run(*[column(getattr(c.run, f) for c in cases) for f in Run._fields]),
        moe=np.array([float(c.shape.n_experts) > 0 for c in cases]),
        precision=np.array([r["precision_id"] for r in rows]),
        group=group,
    )


def origin() -> tuple[Array, Array]:
    """Start and width of every fitted number, in log."""
    start = [np.log(p.start) for p in PRIORS.values()] + [np.log(d[2]) for d in DEVIATIONS]
    width = [p.width for p in PRIORS.values()] + [d[3] for d in DEVIATIONS]
    return np.array(start), np.array(width)


def constants(x: Array, families: Array) -> Calibration:
    """Calibration arrays, one value per entry of `families` (index into FAMILY; -1: none of them)."""
    names = list(FAMILY)
    values = {name: np.full(len(families), x[i]) for i, name in enumerate(PRIORS)}
    for j, (name, family, *_) in enumerate(DEVIATIONS):
        values[name] = values[name] + np.where(families == names.index(family), x[len(PRIORS) + j], 0.0)
    fields = {name: np.minimum(np.exp(v), CAPS.get(name, np.inf)) for name, v in values.items()}
    fields |= {name: np.full(len(families), value[0]) for name, value in ASSUMED.items()}
    fields["repeat"] = np.where(families == names.index("tpu"), XLA_REPEAT, 1.0)
    fields["power_reference"] = np.where(families == names.index("blackwell"), BLACKWELL_WATTS, 0.0)
    for name in ("expert_join", "overlap", "launch_join"):
        fields[name] = np.maximum(fields[name], 1.0)
    return Calibration(**fields)


def predicted(x: Array, data: Data) -> Array:
    """Seconds of the fastest candidate of every row."""
    cal = Calibration(*[np.asarray(v)[data.owner] for v in constants(x, data.family)])
    seconds = step(data.shape, data.machine, data.layout, data.run, cal).step_seconds
    return np.minimum.reduceat(seconds, data.start)


def fit(data: Data, use: Array, begin: Array | None = None) -> Array:
    """Weighted robust fit in log time with priors: near errors count square, far ones linearly."""
    start, width = origin()
    root = np.sqrt(np.where(use, data.weight, 0.0))
    scale = 0.12

    def residuals(x: Array) -> Array:
        error = np.log(predicted(x, data) / data.measured) / scale
        return np.concatenate([root * np.sign(error) * np.sqrt(2 * (np.sqrt(1 + error**2) - 1)), (x - start) / width])

    return least_squares(
        residuals, start if begin is None else begin, max_nfev=30, x_scale=width, ftol=1e-5, xtol=1e-5
    ).x


def left_out(data: Data, labels: Array, whole: Array) -> Array:
    """Log errors of rows predicted by a fit without their label."""
    errors = np.zeros(len(labels))
    for label in sorted(set(labels)):
        mine = labels == label
        errors[mine] = np.log(predicted(fit(data, ~mine, whole), data) / data.measured)[mine]
    return errors


def quantile(values: Array, weights: Array, at: float) -> float:
    """Weighted quantile, interpolated."""
    order = np.argsort(values)
    position = np.cumsum(weights[order]) - weights[order] / 2
    return float(np.interp(at, position / weights.sum(), values[order]))


def table(title: str, errors: Array, weights: Array, labels: Array) -> None:
    """Markdown table of absolute errors by label, rows alike and groups alike."""
    print(f"\n| {title} | rows | median % | mean % | median by group % | mean by group % | bias % |")
    print("|---|---|---|---|---|---|---|")
    for label in [*sorted(set(labels)), "all"]:
        mine = np.ones(len(errors), bool) if label == "all" else labels == label
        error, weight = errors[mine], weights[mine]
        size = 100 * np.abs(np.expm1(error))
        by_group = (quantile(size, weight, 0.5), float(np.average(size, weights=weight)))
        bias = 100 * np.expm1(np.average(error, weights=weight))
        print(
            f"| {label} | {mine.sum()} | {np.median(size):.1f} | {size.mean():.1f} | "
            f"{by_group[0]:.1f} | {by_group[1]:.1f} | {bias:+.1f} |"
        )


def left_out_rows(title: str, errors: Array, labels: Array, widths: Array) -> list[dict[str, Any]]:
    """Errors of rows that the fit did not see, and the share inside their 90 % range, for docs/accuracy.md."""
    rows = []
    for label in [*sorted(set(labels)), "all"]:
        some = np.ones(len(errors), bool) if label == "all" else labels == label
        mine = errors[some]
        size = 100 * np.abs(np.expm1(mine))
        bias = 100 * np.expm1(np.mean(mine))
        inside = 100 * np.mean(np.abs(mine) <= widths[some])
        numbers = {"median_ape_pct": np.median(size), "mape_pct": size.mean(), "bias_pct": bias}
        numbers |= {"coverage_90_pct": inside, "median_range_ratio": np.exp(2 * np.median(widths[some]))}
        rows.append({"left_out": title, "name": label, "n": len(mine)} | {k: f"{v:.1f}" for k, v in numbers.items()})
    return rows


def main() -> None:
    """Fit, report, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cv", action="store_true", help="leave-one-out tables")
    options = parser.parse_args()
    catalog = Catalog()
    data = load(catalog)
    best = fit(data, np.ones(len(data.measured), bool))
    errors = np.log(predicted(best, data) / data.measured)
    table("in sample, by source", errors, data.weight, data.source)
    table("in sample, by accelerator", errors, data.weight, data.hardware)
    table("in sample, by class", errors, data.weight, np.where(data.moe, "moe", "dense"))
    generations = np.array(list(FAMILY))[data.family]
    if options.cv:
        unseen: list[dict[str, Any]] = []
        for title, labels in (("source", data.source), ("accelerator", data.hardware), ("generation", generations)):
            missing = left_out(data, labels, best)
            table(f"left out: {title}", missing, data.weight, labels)
            # a machine of a generation that was fitted has the narrow range, a whole generation left out the wide one
            widths = np.array([WIDTHS[kind][title == "generation"] for kind in np.where(data.moe, "moe", "dense")])
            unseen += left_out_rows(title, missing, labels, widths)
            unseen += left_out_rows(f"{title}, by class", missing, np.where(data.moe, "moe", "dense"), widths)[:-1]
            table(f"left out: {title}, by class", missing, data.weight, np.where(data.moe, "moe", "dense"))
            for kind, mine in (("dense", ~data.moe), ("moe", data.moe)):
                wide = [quantile(np.abs(missing[mine]), w[mine], 0.9) for w in (data.weight, np.ones(len(missing)))]
                print(f"{kind}: 90 % of absolute log errors below {wide[0]:.3f} by group, {wide[1]:.3f} by row")
        out.write_left_out("training", unseen)
    out.write_calibration(rows_of(best, catalog))
    out.write_mfu(catalog)
    practice = out.practice(Catalog())
    out.write_calibration(rows_of(best, catalog, practice=practice))
    print(f"measured over searched step: {practice:.3f}")
    published = whole.load(Catalog())
    out.write_left_out("runs", whole.left_out(published))
    out.write_calibration(rows_of(best, catalog, practice=practice) + whole.rows_of(published))


def rows_of(x: Array, catalog: Catalog, practice: float = 1.0) -> list[dict[str, Any]]:
    """Every factor for any generation, then what the families of the fit have of their own."""
    link, network = out.known_links(catalog)
    values = {
        name: float(np.ravel(v)[0]) for name, v in zip(Calibration._fields, constants(x, np.array([-1])), strict=True)
    }
    values |= {"link_per_memory": link, "network_per_link": network, "practice": practice}
    rows = [out.factor(n, values[n], p.unit, "any", p.note, "measured") for n, p in PRIORS.items()]
    rows += [out.factor(n, values[n], a[1], "any", a[3], CONFIDENCE.get(n, "assumed")) for n, a in ASSUMED.items()]
    for name, family, *_ in DEVIATIONS:
        own = getattr(constants(x, np.array([list(FAMILY).index(family)])), name)[0]
        rows.append(
            out.factor(name, float(own), PRIORS[name].unit, list(FAMILY[family]), PRIORS[name].note, "measured")
        )
    reference = "W s/FLOP"
    rows.append(out.factor("power_reference", 0.0, reference, "any", "0: not used", "assumed"))
    rows.append(out.factor("power_reference", BLACKWELL_WATTS, reference, ["blackwell"], "geometric mean", "measured"))
    xla = "XLA drops the last product of a recomputed block, a third of its FFN: nothing reads it"
    rows.append(out.factor("repeat", XLA_REPEAT, "share", list(TPU), xla, "assumed"))
    rows += out.borrowed_rows(
        {family: float(np.ravel(constants(x, np.array([i])).gemm_16)[0]) for i, family in enumerate(FAMILY)}
    )
    fitted = [name for members in FAMILY.values() for name in members]
    for name, narrow, wide in (("step_dense", *WIDTHS["dense"]), ("step_moe", *WIDTHS["moe"])):
        note = "half-width of the 90 % interval in log time, from errors of sources left out"
        rows.append(out.factor(f"log_spread_{name}", wide, "log", "any", note + ", generations left out", "measured"))
        rows.append(out.factor(f"log_spread_{name}", narrow, "log", fitted, note, "measured"))
    return rows


if __name__ == "__main__":
    main()
