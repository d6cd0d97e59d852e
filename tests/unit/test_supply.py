"""Oldest versions by hand, and the shell that is looked at."""

from __future__ import annotations

import yaml

from scripts.supply import WORKFLOWS, constraints, steps


def test_the_oldest_series_of_each_requirement() -> None:
    optional = {"dev": ["numpy>=2", "pytest-xdist>=3.6"], "dask": ["distributed>=2024.1"], "hf": ["torch>=2.6"]}
    project = {"dependencies": ["numpy>=1.26", "typer>=0.28,<0.29"], "optional-dependencies": optional}
    assert constraints(project) == ["distributed==2024.1.*", "numpy==2.*", "pytest-xdist==3.6.*", "typer==0.28.*"]


def test_every_line_of_shell_is_looked_at() -> None:
    for path in WORKFLOWS:
        text = path.read_text("utf-8")
        found = list(steps(yaml.safe_load(text)))
        assert len(found) == text.count("run: "), path.name
        assert all(lines.strip() for _, lines in found)
