"""Console of Hugging Face's Trainer and of what is built on it (TRL, axolotl, Liger's callback, ms-swift, unsloth).

Source: https://huggingface.co/docs/transformers/main_classes/trainer; github linkedin/Liger-Kernel callback.py (MB),
axolotl-ai-cloud/axolotl (`(gib)`), modelscope/ms-swift (`memory(GiB)`, `train_speed(iter/s)`, also as
logging.jsonl). The bar's rate is steady, runtime over steps is not; tokens/s inside the run are of the job, at its end
of one process.
"""

from __future__ import annotations

import ast
import re

from llmcost.errors import LlmcostError
from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.record import Record
from llmcost.readers.rows import TRAINING, Reader, Reading, TrainingRow
from llmcost.readers.training import _steps
from llmcost.readers.training.huggingface import _clock, _trainer

DICT = re.compile(r"\{'\w.*")
BAR = re.compile(r"(\d+)/(\d+) \[?[\d:]+ ?<[^,\]]*, +([\d.]+) ?(s/it|it/s)")
MB, GIB = 1e6, 2.0**30
BANNER = {
    "total optimization steps": "steps", "total steps": "steps", "num gpus": "gpus",
    "instantaneous batch size per device": "micro", "batch size per device": "micro", "total batch size": "batch",
    "gradient accumulation steps": "times",
    "total train batch size (w. parallel, distributed & accumulation)": "batch",
}  # fmt: skip
SPEEDS = ("train_speed(s/it)", "train_speed(iter/s)")
MOST = 50  # lines that are looked at for recognition
METRIC = re.compile(r"^\s+(\w+)\s+=\s+(\S+)\s*$", re.MULTILINE)
SUMMARY = ("train_runtime", "train_samples_per_second", "train_steps_per_second")
OWN = ("tokens/train_per_sec_per_gpu",)  # of one accelerator
RATES = ("step_tokens_per_second", "train_tokens_per_second", "tokens_per_second")
ALLOCATED = (("total_peak_memory_allocated_MB", MB), ("step_peak_memory_allocated_MB", MB),
             ("memory/max_mem_allocated(gib)", GIB), ("memory/max_allocated (GiB)", GIB), ("memory(GiB)", GIB),
             ("memory/max_memory_allocated", 1.0))  # fmt: skip
RESERVED = (("total_peak_memory_reserved_MB", MB), ("memory/device_mem_reserved(gib)", GIB),
            ("memory/device_reserved (GiB)", GIB))  # fmt: skip


def recognises(content: Content) -> bool:
    """Whether the Trainer's lines are there."""
    if content.looks_like_json:
        return bool(content.records) and any(r.has(name) for r in content.records[:MOST] for name in SPEEDS)
    head = content.head
    marks = ("***** Running training *****", "***** train metrics *****", "Unsloth - 2x faster")
    return any(mark in head for mark in marks) or _logged(head)


def _logged(head: str) -> bool:
    return any(re.match(r"^\s*\{'(loss|train_runtime|train_loss|reward)': ", line) for line in head.splitlines())


def read(content: Content) -> Reading:
    """The run.

    Raises
    ------
    LlmcostError
        A line of figures that is cut off, or a log without any.
    """
    entries = _entries(content)
    row = _run(_banner(content.text), [*entries, *_table(content)], _bar(content.text), content.name)
    if not any((row.step_seconds, row.run_seconds, row.tokens_per_second, row.peak_allocated_bytes)):
        raise LlmcostError(f"{content.name}: neither a time, a rate nor a memory in it")
    return Reading(TRAINING, READER.name, [derive.training(row)])


def _entries(content: Content) -> list[Record]:
    """The dicts that the Trainer logs, as Python prints them or a line of JSON each."""
    if content.looks_like_json:
        return content.records
    found = []
    filled = [n for n, line in enumerate(content.lines, 1) if line.strip()]
    for n, line in enumerate(content.lines, 1):
        if not (text := DICT.search(line)):
            continue
        try:
            data = ast.literal_eval(text[0].rstrip().replace(": nan", ": None").replace(": inf", ": None"))
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            if n == filled[-1]:
                raise LlmcostError(f"{content.name}: line {n} is cut off") from None
            continue
        found += [Record(data, f"{content.name}: line {n}")] if isinstance(data, dict) else []
    return found


def _table(content: Content) -> list[Record]:
    """The summary that `log_metrics` prints below the mark, its runtime as a clock."""
    _, mark, text = content.text.partition("***** train metrics *****")
    said = dict(METRIC.findall(text.partition("*****")[0]))
    if not mark or "train_runtime" not in said:
        return []
    said["train_runtime"] = str(_clock.seconds(said["train_runtime"]) or "")
    return [Record({k: v for k, v in said.items() if k in SUMMARY}, f"{content.name}: train metrics")]


def _banner(text: str) -> Record:
    """What the banner counts: steps, batch, accelerators."""
    found = {}
    for part in re.split(r"[|\n]", text):
        said = re.search(r"([A-Z][\w .,&()]*?) = ([\d,]+)\s*$", part.strip())
        if said and said[1].strip().lower() in BANNER:
            found[BANNER[said[1].strip().lower()]] = said[2]
    return Record(found, "banner")


def _bar(text: str) -> tuple[float | None, float]:
    """Seconds of a step by the last state of the training's progress bar, and the steps done."""
    states = BAR.findall(text)
    if not states:
        return None, 0.0
    total = max(int(state[1]) for state in states)  # bars of an evaluation are shorter
    done, _, pace, unit = [state for state in states if int(state[1]) == total][-1]
    value = float(pace)
    return (value if unit == "s/it" else 1.0 / value if value else None), float(done)


def _run(banner: Record, entries: list[Record], bar: tuple[float | None, float], where: str) -> TrainingRow:
    ends = [e for e in entries if e.has("train_samples_per_second") or e.has("train_steps_per_second")]
    steps = banner.measured("steps")
    row = _trainer.row(ends[-1] if ends else Record({}, where), steps)
    inside = [e for e in entries if e not in ends]
    rates = [v for e in inside if (v := e.measured(*RATES))]
    seconds, done = bar
    basis = f"rate of the progress bar at step {done:.0f}" if seconds else None
    if seconds is None:
        paces = [v for e in inside if (v := _pace(e))]
        found = _steps.steady(paces)
        seconds, basis = found.value, found.basis
    return row._replace(
        gpus=banner.measured("gpus"),
        micro_batch=banner.measured("micro"),
        accumulation=banner.measured("times"),
        global_batch=banner.measured("batch") or row.global_batch,
        step_seconds=seconds,
        step_basis=basis,
        tokens=row.tokens or max((e.number("num_input_tokens_seen") or 0.0 for e in entries), default=0.0) or None,
        tokens_per_second=_steps.steady(rates).value,
        tokens_per_second_per_gpu=_steps.steady([v for e in inside if (v := e.measured(*OWN))]).value,
        peak_allocated_bytes=_peak(inside, ALLOCATED),
        peak_reserved_bytes=_peak(inside, RESERVED),
    )


def _pace(entry: Record) -> float | None:
    """Seconds of a step that ms-swift states."""
    own, rate = (entry.measured(name) for name in SPEEDS)
    return own or (1.0 / rate if rate else None)


def _peak(entries: list[Record], names: tuple[tuple[str, float], ...]) -> float | None:
    return max((v for e in entries for name, scale in names if (v := e.measured(name, scale=scale))), default=None)


READER = Reader("Trainer console", TRAINING, recognises, read)
