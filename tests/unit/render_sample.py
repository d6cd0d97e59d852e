"""Answers to render: made up, with every part that an answer can have, and one that is hostile."""

from __future__ import annotations

from typing import Any

from llmcost.result import CostRow, Estimate, Input, Range, Step, Warning

HOSTILE = "\x1b[31mred\x1b]0;t\x07\x9b2J\r\n\u202eevil\u200b[bold]x[/bold] <b>|`~*_ @me http://a.b $x$ {}\ud800"
FORMULA = "=cmd|' /C calc'!A0"


def train(**changes: Any) -> Estimate:
    """A training run."""
    fields: dict[str, Any] = {
        "command": "train",
        "headline": "Training a-model costs $84.2M ($68.0M to $104M).",
        "result": {
            "total_usd": 84.2e6, "gpu_hours": 33.68e6, "duration_seconds": 85.8 * 86400, "training_flops": 3.8e25,
            "mfu": 0.384, "hfu": None, "gpus": 16384, "tp": 8, "pp": 16, "dp": 128, "cp": 1,
            "cost_definition": "rental", "energy_kwh": 37.7e6, "co2e_kg": 13.9e6,
        },
        "ranges": {"total_usd": Range(68e6, 84.2e6, 104e6), "mfu": Range(0.33, 0.384, 0.44)},
        "breakdown": [
            CostRow("accelerator rental", 33.68e6, "GPU-hour", 2.5, 84.2e6),
            CostRow("storage", 1.2e6, "GB-month", 0.02, 24e3),
        ],
        "inputs": {
            "model": Input("a-model", "name", "flag"),
            "gpus": Input(16384, "count", "file:a.toml"),
            "price": Input(2.5, "USD/h", "default", "https://example.org/p", "2026-10-01", "measured", 2.0, 3.1),
            "pue": Input(1.2, "ratio", "default", "a survey", "2026-01-01", "assumed", 1.1, 1.4),
            "hardware": Input("h100-sxm", "name", "preset:hardware/h100-sxm", None, None, "vendor"),
        },
        "warnings": [
            Warning("W031", "the price is 120 days old", "llmcost presets show h100-sxm"),
            Warning("W001", "x"),
        ],
        "steps": [Step("training FLOPs", "6 x parameters x tokens", 3.8e25, "FLOP", "arXiv:2001.08361, section 2.1")],
        "presets": "2026-11-01",
    }  # fmt: skip
    return Estimate(**(fields | changes))


def crossover(basis: str = "usd", end: float = 600.0, band: bool = True, **changes: Any) -> Estimate:
    """Training of 150 M and 0.5 M a day of inference: they meet on day 300."""
    rows = []
    for i in range(61):
        day = end * i / 60
        row = {"day": day, f"training_{basis}": 150e6, f"inference_{basis}": 0.5e6 * day}
        if band:
            row |= {f"training_p5_{basis}": 120e6, f"training_p95_{basis}": 190e6}
            row |= {f"inference_p5_{basis}": 0.3e6 * day, f"inference_p95_{basis}": 0.8e6 * day}
        rows.append(row)
    fields: dict[str, Any] = {
        "command": "crossover",
        "headline": "Inference overtakes training on day 300 (month 10) after launch, at $150M.",
        "result": {
            "crossover_days": 300.0 if end >= 300 else None, "crossover_requests": 3e9, "status": "crosses",
            "probability_crossed": 0.97, "inference_share": 0.92, "carbon_crossover_days": None,
        },
        "ranges": {"crossover_days": Range(188.0, 300.0, None)},
        "arrays": {"curve": rows},
    }  # fmt: skip
    return Estimate(**(fields | changes))


def compare() -> Estimate:
    """Three alternatives, one of which does not fit."""
    shared = {"total_usd": None, "usd_per_mtok_output": 0.6, "tpot_seconds": 0.0312, "gpus": 192, "p5": 0.5, "p95": 0.7}
    rows: list[dict[str, Any]] = [
        {"name": "h200-sxm", "feasible": True, "ratio": 1.0, "usd_per_month": 410e3, **shared, "reason": None},
        {"name": "h100-sxm", "feasible": True, "ratio": 1.08, "usd_per_month": 443e3, **shared, "reason": None},
        {"name": "a100-80gb-sxm", "feasible": False, "ratio": None, "usd_per_month": None, "reason": "does not fit"},
    ]
    result: dict[str, Any] = {"name": "h200-sxm", "deciding": "usd_per_month", "count": 3}
    return Estimate(command="compare", headline="h200-sxm is cheapest.", result=result, arrays={"alternatives": rows})


def hostile() -> Estimate:
    """Every text of an answer from someone who means harm."""
    given = Input(HOSTILE, "name", f"file:{HOSTILE}", HOSTILE, HOSTILE, "assumed")
    return Estimate(
        command="train",
        headline=HOSTILE,
        result={"total_usd": 1.0, "cost_definition": HOSTILE, "reason": FORMULA},
        breakdown=[CostRow(HOSTILE, 1.0, HOSTILE, 2.0, 2.0), CostRow(FORMULA, 1.0, "-2+3", 2.0, 2.0)],
        inputs={HOSTILE: given, "model": Input(FORMULA, "name", "flag", source=FORMULA)},
        warnings=[Warning("W001", HOSTILE, HOSTILE)],
        steps=[Step(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE)],
        arrays={"rows": [{"name": HOSTILE, HOSTILE: HOSTILE, "source": HOSTILE}, {"name": FORMULA}]},
        presets=HOSTILE,
    )
