"""What can be validated: the shipped rows of each subject, their figures, and how reports group them."""

from __future__ import annotations

from llmcost.records import NamedTuple


class Subject(NamedTuple):
    """The shipped file, the columns with a measurement, the groups of the report."""

    file: str
    quantities: dict[str, str]  # quantity -> column of the measurement
    scale: dict[str, float]  # quantity -> factor from the column's unit to the quantity's
    groups: dict[str, str]  # name of the grouping -> background column


SUBJECTS = {
    "training": Subject(
        "training_measured.csv",
        {"step_seconds": "measured_step_s"},
        {},
        {"source": "source_group", "hardware": "hardware_id", "precision": "precision_id", "method": "method"},
    ),
    "serving": Subject(
        "serving_measured.csv",
        {"tpot": "tpot_ms", "ttft": "ttft_ms", "output_tokens_per_s": "output_tokens_per_s"},
        {"tpot": 1e-3, "ttft": 1e-3},
        {"source": "source_group", "hardware": "hardware_id", "model": "model_id", "framework": "framework_id"},
    ),
    "runs": Subject(
        "training_runs.csv",
        {"gpu_hours": "gpu_hours"},
        {},
        {"hardware": "hardware_id", "provenance": "provenance", "hours": "hours"},
    ),
}
TRAINED = ("training_measured.csv", "training_finetune.csv")  # steps of pre-training, and of fine-tuning
MEMORY, MEMORY_FILES = "memory", ("memory_serving.csv", "memory_training.csv", "memory_finetune.csv")
UNITS = {"step_seconds": "s", "tpot": "s", "ttft": "s", "output_tokens_per_s": "1/s", "gpu_hours": "GPU-hours",
         "kv_tokens": "tokens", "peak_bytes": "bytes", "weight_bytes": "bytes"}  # fmt: skip
