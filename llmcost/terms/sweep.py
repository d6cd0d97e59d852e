"""What a sweep says."""

from __future__ import annotations

from llmcost.terms.term import Term

TERMS = (
    Term("engine", "engine", "text", "The command that a sweep answers at every point: serve, train, crossover or fit", short={"sweep": 10}),
    Term("points", "points", "whole", "Points of the grid of a sweep", "points", short={"sweep": 20}),
    Term("feasible_points", "feasible", "whole", "Points of it that are feasible", "points", short={"sweep": 30}),
    Term("file_name", "file", "text", "The file that holds them", short={"sweep": 40}),
    Term("file_bytes", "its size", "bytes", "Size of the file", short={"sweep": 50}),
    Term("column", "column", "text", "A column of the file"),
    Term("least", "least", "count", "The least value of any feasible point, in the unit of the column"),
    Term("most", "most", "count", "The largest one"),
)  # fmt: skip
