"""Whatever is typed or read: an answer that keeps its schema, or one clear refusal; never a bug, never a NaN.

The suite draws a few of these; `make fuzz` draws 20 x as many, with fresh seeds.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import currently_in_test_context, given, note
from hypothesis import strategies as st

from llmcost.cli import main
from llmcost.keys import COMPARE, CROSSOVER, FIT, KEYS, Key, all_keys
from llmcost.keys.memory import FITTING
from tests.conftest import ROOT, examples, schema

FEW = examples(2)
SUBJECTS = {
    "train": ["--model llama-3.1-8b --hardware h100-sxm --tokens 1T --gpus 64", "--gpu-hours 1M --hardware h100-sxm", "pretrain-8b"],
    "serve": [
        "--model llama-3.1-8b --hardware h100-sxm --isl 1000 --osl 300", "chat-70b --requests 1M/day",
        "--model mixtral-8x7b --hardware a100-sxm --isl 500 --osl 100 --requests 100k/day --commitment owned",
    ],
    "crossover": [
        "--train-cost 1M --cost-per-request 0.01 --requests 1M/day", "llama-3.1-70b-chat",
        "--train-cost 1M --train-energy 1GWh --model llama-3.1-8b --hardware l40s --isl 500 --osl 100 --requests 100k/day",
    ],
    "compare": [
        "--model llama-3.1-8b --isl 500 --osl 100 --requests 100k/day --vary hardware=h100-sxm,l40s",
        "chat-70b --against api:openai/gpt-4o", "--train-cost 1M --cost-per-request 0.01 --vary requests=1M/day,2M/day",
    ],
    "fit": ["--model llama-3.1-8b --hardware rtx-4090", "--model mixtral-8x7b --hardware h100-sxm --gpus 2 --isl 4000 --osl 200"],
}  # fmt: skip
TRAFFIC = ["", "--growth 5%/mo", "--growth -3%/mo", "--added-requests 10k/day", "--ceiling 3M/day --adoption-midpoint 12mo",
           "--discount 8%/y", "--price-decline 20%/y", "--retrain-every 6mo", "--payments 50%@0mo,50%@6mo", "--served 1M",
           "--peak-to-average 2x --scaling autoscale", "--efficiency-gain 10%/y", "--horizon 30d"]  # fmt: skip
SUPPLY = ["", "--commitment owned", "--commitment electricity", "--commitment spot", "--commitment 3-year",
          "--commitment mix --reserved-price 1/h", "--api openai/gpt-4o", "--cost-per-request 0.002",
          "--energy-per-request 3Wh", "--tokens-per-second 2000/s", "--price 2/h"]  # fmt: skip
ODD = ["", " ", "0", "-1", "1", "1e-300", "1e300", "nan", "inf", "none", "1..2", "2..1", "0..0", "50%", "101%", "1.5", "8x7B",
       "70GB", "5m", "2026-02-30", "a,b", "=1+1", "\u202e", "\ufffe", "\U000e0041", "'", '"', "[x]", "../..", "1/0", "9" * 400]  # fmt: skip


def ran(words: list[str]) -> tuple[int, str, str]:
    """A command in this process: its code and what it wrote."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = int(main(words))
    return code, out.getvalue(), err.getvalue()


def checked(words: list[str]) -> int:
    """A command that answers or refuses; its code."""
    code, out, err = ran(words)
    if currently_in_test_context():
        note(f"llmcost {' '.join(map(repr, words))}\n{err[-2000:]}")
    assert code in (0, 1, 2), err
    assert "Traceback" not in err
    if code == 2:
        assert out == ""
        assert err.startswith("error: ")
        return code
    assert out or code == 1
    if "--json" in words and out:

        def refuse(word: str) -> None:
            raise AssertionError(f"{word} in JSON")

        document = json.loads(out, parse_constant=refuse)
        schema(words[0]).validate(document)
        assert all(ord(c) < 0xE0000 and c not in "\u202e\ufffe" for c in out)
        for name, of in document.get("ranges", {}).items():
            known = [of[q] for q in ("p5", "p50", "p95") if of[q] is not None]
            assert known == sorted(known), name
    return code


def usual(key: Key) -> st.SearchStrategy[str]:
    """Values of a key that its help shows, and neighbours of them."""
    if key.choices:
        return st.sampled_from(key.choices)
    examples_ = [word for word in key.help.rpartition(": ")[2].split(", ") if word and " " not in word]
    by_kind = {
        "whole": ["1", "8", "3", "4096"], "count": ["1", "70B", "1000", "0.5"], "share": ["1%", "50%", "99%", "0"],
        "ratio": ["0.5", "1", "2x", "10"], "seconds": ["1s", "30d", "12mo", "50ms"], "usd": ["1", "1M", "0.01"],
        "per_day": ["1/day", "1M/day", "10/s"], "usd_per_hour": ["1/h", "2.5/h"], "usd_per_request": ["0.01", "1e-6"],
        "models": ["llama-3.1-8b", "deepseek-v3", "mixtral-8x7b"], "hardware": ["h100-sxm", "l4", "mi300x", "tpu-v5e"],
        "regions": ["us-east", "germany"], "frameworks": ["vllm", "megatron"], "date": ["2026-06-01"],
        "techniques": ["fp8-kv", "prefix-cache=50%", "speculation", "batch-tier=50%", "response-cache=20%", "int4"],
    }  # fmt: skip
    return st.sampled_from([*examples_, *by_kind.get(key.kind, ["1", "10"])])


def value(key: Key) -> st.SearchStrategy[str]:
    """Mostly usual, sometimes odd."""
    return st.one_of(usual(key), usual(key), usual(key), st.sampled_from(ODD))


def keys_of(command: str) -> list[Key]:
    if command == FIT:
        return [key for key in KEYS.values() if key.name in FITTING]
    kind = CROSSOVER if command == COMPARE else command
    return [key for key in all_keys().values() if kind in key.commands and key.kind != "file"]


@st.composite
def lines(draw: st.DrawFn) -> list[str]:
    """A command line: a question that has an answer, and options laid over it."""
    command = draw(st.sampled_from(sorted(SUBJECTS)))
    words = [command, *draw(st.sampled_from(SUBJECTS[command])).split()]
    for key in draw(st.lists(st.sampled_from(keys_of(command)), max_size=3, unique_by=lambda k: k.name)):
        if key.option not in words:
            words.append(f"{key.option}={draw(value(key))}")
    fewer = [] if command == FIT or any("--samples" in word for word in words) else ["--samples", "20"]
    return [*words, *fewer, *draw(st.sampled_from([["--json"], ["--json"], ["--explain"], ["--format", "markdown"]]))]


@examples(8)
@given(lines())
def test_any_command_line(words: list[str]) -> None:
    checked(words)


CROSSED = sorted(
    name for name, key in KEYS.items() if key.ranged or key.kind in ("whole", "count", "share", "ratio", "seconds")
)


@FEW
@given(st.sampled_from(CROSSED), st.sampled_from(SUBJECTS["compare"]), st.sampled_from(TRAFFIC), st.sampled_from(SUPPLY),
       st.data())  # fmt: skip
def test_every_key_crosses_or_says_why_not(
    name: str, subject: str, traffic: str, supply: str, data: st.DataObject
) -> None:
    span = data.draw(st.sampled_from(["", "", "=1..10", "=10%..90%", "=1/h..5/h", "=1/day..1M/day"]))
    checked(["compare", *subject.split(), *traffic.split(), *supply.split(), "--cross", f"{name}{span}",
             *(["--samples", "20", "--json"])])  # fmt: skip


@FEW
@given(st.sampled_from(["traffic", "price", "params", "gpus"]), st.sampled_from(["1d", "12mo", "9y", "200y", "0d"]),
       st.sampled_from(SUBJECTS["crossover"] + SUBJECTS["train"]), st.sampled_from(TRAFFIC), st.sampled_from(SUPPLY))  # fmt: skip
def test_everything_solves_or_says_why_not(what: str, at: str, subject: str, traffic: str, supply: str) -> None:
    command = "train" if subject in SUBJECTS["train"] else "crossover"
    words = [
        *subject.split(),
        *traffic.split(),
        *supply.split(),
        "--solve",
        what,
        "--at",
        at,
        "--samples",
        "20",
        "--json",
    ]
    checked([command, *words])


READ: dict[str, tuple[str, Callable[[str], list[str]]]] = {
    "scenario": ("examples/ci/pretrain.toml", lambda f: ["train", f, "--json", "--samples", "20"]),
    "budget": ("", lambda f: ["check", f, "--json"]),
    "rows": ("validation/training_runs.csv", lambda f: ["validate", "runs", "--data", f, "--json"]),
    "serving": ("", lambda f: ["validate", "serving", "--data", f, "--json"]),
    "lengths": (
        "",
        lambda f: ["serve", *SUBJECTS["serve"][0].split()[:4], "--lengths", f, "--samples", "20", "--json"],
    ),
    "hourly": ("", lambda f: ["serve", *SUBJECTS["serve"][1].split(), "--hourly", f, "--samples", "20", "--json"]),
    "traffic": ("", lambda f: ["crossover", *SUBJECTS["crossover"][0].split()[:4], "--traffic", f, "--json"]),
    "trace": ("", lambda f: ["trace", f, "--json"]),
    "bill": (
        "",
        lambda f: ["crossover", *SUBJECTS["crossover"][0].split(), "--actuals", f, "--samples", "20", "--json"],
    ),
    "model": ("", lambda f: ["fit", "--model", f, "--hardware", "h100-sxm", "--json"]),
}
TEXTS = {
    "serving": "model_id,hardware_id,n_gpus,tp,isl_eff,osl_eff,concurrency_or_batch,tpot_ms\nllama-3.1-8b,h100-sxm,1,1,1000,200,16,12\n",
    "lengths": "isl,osl\n1000,200\n300,50\n8000,900\n",
    "hourly": "requests\n" + "\n".join(str(100 + i * 7) for i in range(24)),
    "traffic": "day,requests\n0,100000\n30,250000\n90,900000\n",
    "bill": "date,cost_usd,requests\n2026-01-01,10,1000\n2026-02-01,12,1200\n",
    "trace": "timestamp_s,isl,osl\n0,100,10\n9,900,90\n14,50,3\n",
    "model": 'title = "Mine"\nn_layers = 32\nd_model = 4096\nn_heads = 32\nn_kv_heads = 8\nd_head = 128\nd_ff = 14336\nvocab_size = 128256\n'
    'native_dtype = "bf16"\n[[sources]]\naddress = "https://example.com/card"\ndate = 2026-01-01\nconfidence = "vendor"\n',
    "budget": 'title = "Ours"\ncurrency = "EUR=1.08"\ntrain_cost = "15M"\ncost_per_request = 0.05\nrequests = "1M/day"\n'
    'samples = 20\n[[budget]]\nname = "grant"\nowner = "research"\nexpires = 2030-01-01\nreason = "2026"\n'
    'max_crossover_days = { warn = 3000, fail = 4000 }\n'
    'min_crossover_days = { fail = 30, at = "p95" }\n[[budget]]\nscenario = "batch-8b"\non = "serve"\nmax_gpus = 900\n',
}  # fmt: skip


@st.composite
def broken(draw: st.DrawFn, raw: bytes) -> bytes:
    """A file cut off, with a piece changed, or with a cell or value of another type."""
    kind = draw(st.integers(0, 4))
    at = draw(st.integers(0, max(len(raw) - 1, 0)))
    if kind == 0:
        return raw[:at]
    if kind == 1:
        return raw[:at] + draw(st.binary(max_size=6)) + raw[at + draw(st.integers(0, 40)) :]
    pieces = raw.split(b"\n")
    place = draw(st.integers(0, len(pieces) - 1))
    odd = draw(st.sampled_from([x.encode("utf-8", "surrogatepass") for x in ODD]))
    if kind == 2:
        cells = pieces[place].split(b",")
        cells[draw(st.integers(0, len(cells) - 1))] = odd
        pieces[place] = b",".join(cells)
    elif kind == 3:
        name, equal, _ = pieces[place].partition(b"=")
        pieces[place] = (
            name + equal + draw(st.sampled_from([b"1", b'"x"', b"[]", b"{}", b"true", b"[[1]]", b"nan", odd]))
        )
    else:
        pieces[place : place + 1] = [pieces[place]] * draw(st.integers(0, 3))
    return b"\n".join(pieces)


@pytest.mark.parametrize("name", sorted(READ))
@examples(3)
@given(data=st.data())
def test_any_file(name: str, data: st.DataObject) -> None:
    changed = data.draw(broken(whole(name)))
    note(repr(changed))
    read_back(name, changed)


@pytest.mark.parametrize("name", sorted(READ))
@pytest.mark.parametrize("content", [b"[" * 3000, b"day,cost_usd\n1," + b"9" * 200_000], ids=["nested", "long cell"])
def test_what_is_nested_or_long_beyond_any_use_is_refused(name: str, content: bytes) -> None:
    assert read_back(name, content) == 2


@pytest.mark.parametrize("name", sorted(READ))
def test_what_is_broken_here_is_answered_as_it_stands(name: str) -> None:
    assert read_back(name, whole(name)) == 0


def whole(name: str) -> bytes:
    """A file as it is before it is broken; of a long table the first rows."""
    if name in TEXTS:
        return TEXTS[name].encode()
    raw = (ROOT / READ[name][0]).read_bytes()
    return b"\n".join(raw.split(b"\n")[:3]) if name == "rows" else raw


def read_back(name: str, content: bytes) -> int:
    suffix = ".toml" if name in ("scenario", "budget", "model") else ".csv"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, f"x{suffix}")
        file.write_bytes(content)
        return checked(READ[name][1](os.fspath(file)))
