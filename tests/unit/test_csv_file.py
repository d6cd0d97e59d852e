"""Tables that a question names: plain numbers are read at once, everything else cell by cell, with the same result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from llmcost.errors import LlmcostError
from llmcost.estimate.asking import csv_file

LENGTH = ("a length", "a positive number of tokens", 1e9, False)
ROWS = [(100, 10), (2000, 300), (7, 1)]


@pytest.mark.parametrize(
    "text",
    [
        "isl,osl\n100,10\n2000,300\n7,1\n",
        "isl,osl\r\n100,10\r\n2000,300\r\n7,1\r\n",
        "\ufeffisl,osl\n100,10\n2000,300\n7,1",
        "osl,name,isl\n10,a,100\n300,b,2000\n1,c,7\n",
        'isl,osl\n"100","10"\n2000,300\n7,1\n',
        "ISL , osl\n 100 , 10 \n\n2000,300\n,\n7,1\n",
        "isl,osl\n1e2,1_0\n2_000,3e2\n7.0,1.0\n",
        "isl,osl,more\n100,10,x\n2000,300\n7,1,y,z\n",
    ],
)
def test_the_same_numbers(tmp_path: Path, text: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8", newline="")
    found = csv_file.numbers("--lengths", str(path), ("isl", "osl"), *LENGTH)
    assert np.array_equal(found, np.array(ROWS, dtype=float))


@pytest.mark.parametrize("cell", ["", "abc", "nan", "inf", "-1", "0", "1e10", "0x10", "١٢x", "1;2"])
def test_the_first_wrong_cell_is_named(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"isl,osl\n100,10\n{cell},5\nworse,5\n", encoding="utf-8")
    with pytest.raises(LlmcostError, match=r"line 3: .* is not a length"):
        csv_file.numbers("--lengths", str(path), ("isl", "osl"), *LENGTH)


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "no column"), ("isl,osl\n", "no rows"), ("isl,osl\n\n \n", "no rows"), ("isl\n5\n", "no column osl"),
     ("isl,osl\n\xff", "not a length")],
)  # fmt: skip
def test_what_is_no_table(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LlmcostError, match=said):
        csv_file.numbers("--lengths", str(path), ("isl", "osl"), *LENGTH)
