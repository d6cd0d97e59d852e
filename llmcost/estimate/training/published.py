"""What is published beside an estimate: of the same run, by its maker or someone else, and of runs like it."""

from __future__ import annotations

import re

from llmcost import units
from llmcost.catalog import source_of
from llmcost.engine.numeric.spread import median
from llmcost.engine.training import campaign
from llmcost.estimate.asking.subject import Chip
from llmcost.estimate.training.plan import Run
from llmcost.keys.methods import DEFAULT
from llmcost.result import Range, Scalar

SAME_TOKENS = 0.02  # of the published ones: closer than this is the published run
SAME_MEMORY = 0.12  # "80 GB" are 80 GiB or 10^9 bytes
CERTAIN = ("vendor", "measured")
MAKERS = ("nvidia", "google", "amd")


def beside(run: Run, gpu_hours: float) -> dict[str, Scalar]:
    """The published GPU-hours of the run that is asked about, and their ratio to the estimate; nothing of others.

    The ratio is of the same accelerator alone: hours of different ones cannot be compared.
    """
    preset = run.model.preset if run.model is not None else None
    tokens = run.question.numbers.get("tokens")
    if (
        preset is None
        or run.hours_given
        or run.method.name != DEFAULT
        or tokens is None
        or "epochs" in run.question.numbers
    ):
        return {}
    if preset.training_gpu_hours is None or preset.training_tokens is None:
        return {}
    if abs(median(tokens) / preset.training_tokens - 1.0) > SAME_TOKENS:
        return {}
    source = source_of(preset, "training_gpu_hours")
    by = preset.developer if source and source.confidence in CERTAIN and preset.developer else "third-party"
    hours = float(preset.training_gpu_hours)
    text = f"{units.format('count', hours)} GPU-hours"
    if run.device is None or not same_machine(preset.training_hardware, run.device):
        on = f" on {preset.training_hardware}" if preset.training_hardware else ""
        return {"published": f"{text}{on} ({by})", "published_gpu_hours": hours}
    ratio = hours / gpu_hours
    told = f"{text} ({by}), {ratio:.1f} x this estimate"
    return {"published": told, "published_gpu_hours": hours, "published_over_estimate": ratio}


def like_it(run: Run, compute_gpu_hours: float) -> Range | None:
    """Accelerator-hours that published runs of this kind have billed for such steps; None for other methods [h]."""
    tokens = run.question.numbers.get("tokens")
    known = run.model is not None and run.device is not None and tokens is not None
    if not known or run.hours_given or run.method.name != DEFAULT or run.question.scenario.has("overhead", "goodput"):
        return None
    assert run.model is not None
    assert run.device is not None
    assert tokens is not None
    active, generation = float(run.model.shape.params_active), run.device.preset.generation
    released = run.model.preset.release_date if run.model.preset is not None else None
    early = campaign.is_early(released, generation, active, median(tokens))
    like = campaign.Like(run.device.machine, generation, active, median(tokens), early)
    return Range(*campaign.billed(run.question.catalog.factors("training"), like, compute_gpu_hours))


def same_machine(text: str | None, device: Chip) -> bool:
    """Whether a run on `text` ran on this accelerator: `2048x H800`, `A100-80GB`, `NVIDIA H100 SXM5 80GB`, `TPU v4`."""
    if not text or "," in text:
        return False
    words = re.findall(r"[a-z0-9]+", re.sub(r"^\d+x\s", "", text.lower()))
    named = [word for word in words if word not in MAKERS]
    sizes = [int(word.removesuffix("gb")) for word in words if re.fullmatch(r"\d+gb", word)]
    own = device.found.name.split("-")
    if named[: 2 if own[0] == "tpu" else 1] != own[: 2 if own[0] == "tpu" else 1]:
        return False
    held = float(device.preset.memory_bytes or 0.0) / 1e9
    return all(abs(held / size - 1.0) < SAME_MEMORY for size in sizes)
