"""The table that `llama-bench` prints, Markdown; the accelerators are named in the log above it alone.

Source: github ggml-org/llama.cpp tools/llama-bench/README.md.
"""

from __future__ import annotations

import re

from llmcost.errors import LlmcostError
from llmcost.readers import derive
from llmcost.readers.content import Content
from llmcost.readers.record import number_of
from llmcost.readers.rows import SERVING, Reader, Reading, ServingRow
from llmcost.readers.serving import _tables
from llmcost.readers.serving.llama_cpp import _llama

DEVICES = (
    re.compile(r"^\s*Device \d+: ([^,]+),"),  # CUDA and ROCm
    re.compile(r"^ggml_vulkan: \d+ = ([^|(]+)"),
    re.compile(r"^ggml_metal_\w+: GPU name:\s+(.+?)\s*$"),
)
TEST = re.compile(r"^(?:pp ?(\d+))?\s*\+?\s*(?:tg ?(\d+))?(?:\s*@ d(\d+))?$")
SIZES = {"KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30, "TiB": 2.0**40}


def recognises(content: Content) -> bool:
    """Whether such a table is anywhere in the text; that of llama-benchy has a time to the first response beside it."""
    found = [] if content.looks_like_json else _tables.found(content.lines, ("test", "t/s"))
    return any("ttfr (ms)" not in table.heads for table in found)


def read(content: Content) -> Reading:
    """Every test of every table.

    Raises
    ------
    LlmcostError
        A row cut off, or a test that is not one of the tool's.
    """
    rows = []
    for table in _tables.found(content.lines, ("test", "t/s")):
        names = [m[1].strip() for line in content.lines[: table.start] for d in DEVICES if (m := d.match(line))]
        for n, cells in table.rows(content.name):
            rows.append(derive.serving(_test(cells, f"{content.name}: line {n}", names)))
    return Reading(SERVING, READER.name, rows)


def _test(cells: dict[str, str], where: str, devices: list[str]) -> ServingRow:
    found, rate = TEST.match(cells["test"].strip()), number_of(cells["t/s"].partition(" ")[0])
    if not found or not (found[1] or found[2]) or not rate:
        raise LlmcostError(f"{where}: {cells['test']!r} at {cells['t/s']!r} is not a test such as pp512 at 251.1 ± 0.6")
    prompt, written, depth = (float(n or 0) for n in found.groups())
    row = _llama.row(prompt, written, depth, None, rate)
    params = number_of(cells.get("params", "").replace(" ", ""))
    amount, _, unit = cells.get("size", "").partition(" ")
    size = (number_of(amount) or 0.0) * SIZES.get(unit, 0.0) or None
    return row._replace(
        model=_llama.model(None, cells.get("model")),
        hardware=devices[0] if len(set(devices)) == 1 else None,
        gpus=float(len(devices)) or None,
        dtype=_llama.weights(cells.get("model"), size, params),
        params_total=params,
    )


READER = Reader("llama-bench table", SERVING, recognises, read)
