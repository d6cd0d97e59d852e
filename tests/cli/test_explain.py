"""`llmcost explain`: what a word of an answer means."""

from __future__ import annotations

import json

import pytest

from llmcost.caveats import CAVEATS
from tests.conftest import Cli


def test_a_code_is_explained_with_what_to_do(cli: Cli) -> None:
    run = cli("explain", "W015")
    assert run.code == 0
    assert run.out.startswith("W015  This training method was never measured\n")
    assert "What to do: Give a measured `--mfu`" in run.out


@pytest.mark.parametrize(
    ("word", "names"),
    [("w090", ["W090"]), ("1", ["exit-1"]), ("--tp", ["--tp", "tp"]), ("TPOT", ["--tpot", "tpot_seconds"])],
)
def test_words_as_people_type_them(word: str, names: list[str], cli: Cli) -> None:
    assert [entry["name"] for entry in json.loads(cli("explain", "--json", "--", word).out)] == names


def test_an_option_may_be_asked_for_as_it_is_typed(cli: Cli) -> None:
    assert "`--tpot 50ms`" in cli("explain", "--tpot").out


def test_without_a_word_every_warning_is_listed(cli: Cli) -> None:
    assert [line.split()[0] for line in cli("explain").out.splitlines()] == list(CAVEATS)


def test_an_unknown_word_gets_the_nearest(cli: Cli) -> None:
    run = cli("explain", "utilisation", "W998")
    assert run.code == 2
    assert "hint: did you mean 'utilization'" in run.err
    assert "nothing is known of 'W998'" in run.err


def test_warnings_name_the_command_that_explains_them(cli: Cli) -> None:
    asked = ["serve", "--params", "8B", "--hardware", "h100-sxm", "--isl", "500", "--osl", "100"]
    assert cli(*asked).err.splitlines()[-1] == "hint: llmcost explain W012"
    assert "llmcost explain" not in cli(*asked, "--json").err
    assert CAVEATS["W012"].why in cli(*asked, "--format", "html").out
