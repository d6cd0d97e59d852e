"""Large grids in several processes or on a dask scheduler: the same answer, the same refusals."""

from __future__ import annotations

import sys

import pytest

from tests.conftest import Cli

GRID = (
    "compare", "--model", "llama-3.1-8b", "--isl", "1000", "--osl", "500", "--vary", "hardware=h100-sxm,mi300x",
    "--vary", "dtype=fp8,bf16", "--json",
)  # fmt: skip


def test_processes_give_the_same_bytes(cli: Cli) -> None:
    assert cli(*GRID, "--workers", "2").out == cli(*GRID).out


def test_a_refusal_comes_back_from_a_process_as_it_is(cli: Cli) -> None:
    wrong = ("compare", "--model", "llama-3.1-8b", "--isl", "1000", "--osl", "500", "--vary", "hardware=h100-sxm,h1000")
    here, there = cli(*wrong), cli(*wrong, "--workers", "2")
    assert (there.code, there.err) == (here.code, here.err)
    assert there.code == 2


def test_an_option_without_effect_is_refused_there_too(cli: Cli) -> None:
    run = cli(*GRID, "--workers", "2", "--spares", "1")
    assert run.code == 2
    assert "--spares" in run.err


@pytest.mark.parametrize("where", ["0", "-1", "1.5", "9999", "here", "http://host:8786"])
def test_neither_a_number_nor_an_address(cli: Cli, where: str) -> None:
    run = cli(*GRID, f"--workers={where}")
    assert run.code == 2
    assert run.err.startswith("error: --workers: ")
    assert run.out == ""


def test_an_address_needs_the_extra(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    run = cli(*GRID, "--workers", "tcp://127.0.0.1:8786")
    assert run.code == 2
    assert "needs dask" in run.err
    assert "extra 'dask'" in run.err
