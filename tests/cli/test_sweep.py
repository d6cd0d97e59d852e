"""`sweep`: every point as its own command answers it, whatever is varied, interrupted or written."""

from __future__ import annotations

import csv
import math
import multiprocessing
import random
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from llmcost.catalog import Catalog
from llmcost.errors import LlmcostError
from llmcost.estimate.sweep import answer as answers
from llmcost.estimate.sweep import grid as grids
from llmcost.estimate.sweep import places, sweep
from llmcost.estimate.sweep.work import Made, Work, here
from llmcost.scenario import resolve
from tests.conftest import Cli, schema

BASE = "--model llama-3.1-8b --hardware h100-sxm"
QUESTIONS = [
    ("serve", f"{BASE}", "isl=100..8000:7 osl=10..2000:5 price=1..5/h:3"),
    ("serve", f"{BASE} --tp 1", "batch=1..300:9 isl=100..30k:5:log osl=500"),
    ("serve", f"{BASE} --isl 1000 --osl 500", "requests=1k..10M/day:9:log utilization=20%..80%:4"),
    ("serve", f"{BASE} --osl 500 --requests 1M/day", "cache_hit=0%,30%,90% isl=1k..30k:4"),
    ("serve", "--model llama-3.1-70b --osl 500", "hardware=h100-sxm,l4,t4 dtype=bf16,int4 isl=1k..100k:5"),
    ("serve", "--params 14B --hardware l4 --tp 1 --osl 300", "isl=1k..60k:8 dtype=fp8,int4"),  # tight: less sure to fit
    ("serve", "--model llama-3.1-405b --hardware a100-sxm", "isl=100..90k:6 osl=10..900:3 pp=1,2"),  # no default TPOT
    ("serve", f"{BASE} --isl 1000 --osl 500 --length-spread 1.0", "batch=8..64:3 price=1..5/h:2"),
    ("serve", f"{BASE} --isl 1000 --osl 500 --ttft-p95 1s", "requests=1k..1M/day:3 price=1..5/h:2"),
    ("serve", f"{BASE} --osl 500 --technique speculation", "isl=1000,4000"),
    ("serve", f"{BASE} --isl 1000 --osl 500 --gpus 16 --requests 2M/day", "utilization=5%..90%:9"),
    ("train", "--model llama-3.1-8b --hardware h100-sxm", "gpus=64,512 tokens=1T..5T:3 price=1..4/h:3"),
    ("train", "--model llama-3.1-8b --hardware h100-sxm --mfu 40%", "tokens=1T..5T:4 goodput=80%..99%:3"),
    ("crossover", f"{BASE} --train-cost 1M --isl 1000 --osl 500", "requests=1k..10M/day:9:log price=1..5/h:3"),
    ("fit", "--model llama-3.1-70b --osl 500", "hardware=l4,h100-sxm gpus=1,4 isl=1k..90k:3"),
    ("fit", "--model llama-3.1-70b --hardware h100-sxm --batch 9", "isl=1..90k:9:log osl=9..9k:3"),  # on ever more
]  # fmt: skip


def rows(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return found


def words(text: str, varied: str) -> list[str]:
    return [*text.split(), *(word for one in varied.split() for word in ("--vary", one))]


@pytest.mark.parametrize(("engine", "text", "varied"), QUESTIONS, ids=lambda value: str(value)[:40])
def test_a_row_is_what_the_command_answers(cli: Cli, tmp_path: Path, engine: str, text: str, varied: str) -> None:
    path = tmp_path / "grid.parquet"
    done = cli("sweep", *words(text, varied), "--engine", engine, "-o", str(path), "--json")
    assert done.code == 0, done.err
    schema("sweep").validate(done.json)
    points = rows(path)
    keys = [axis.name for axis in grids.axes(varied.split())]
    assert len(points) == math.prod(len(axis.values) for axis in grids.axes(varied.split()))
    assert len({tuple(point[key] for key in keys) for point in points}) == len(points)
    assert done.json["result"]["feasible_points"] == sum(point["feasible"] for point in points)
    compared = 0
    for point in random.Random(1).sample(points, min(8, len(points))):
        said = {key: "/".join([repr(point[key]), *{"price": ["h"], "requests": ["day"]}.get(key, [])])
                if isinstance(point[key], float) else point[key] for key in keys}  # fmt: skip
        options = [word for key, value in said.items() for word in (f"--{key.replace('_', '-')}", str(value))]
        one = cli(engine, *text.split(), *options, "--samples", "2", "--json") if engine != "fit" else (
            cli(engine, *text.split(), *options, "--json")
        )  # fmt: skip
        assert one.code == (0 if point["feasible"] else 1), (said, one.err, point["reason"])
        if not point["feasible"]:
            continue
        for name, value in one.json["result"].items():
            mine = point.get(f"answer_{name}", point.get(name))
            if name in point and isinstance(value, int | float) and not isinstance(value, bool) and mine is not None:
                assert mine == pytest.approx(value, rel=1e-9), (said, name)
                compared += 1
    assert compared > 4


def test_numbers_between_the_ends() -> None:
    # By hand: 8 values from 1 to 256 by equal ratios are 1, 2.2, 4.9, 10.8, 23.8, 52.5, 115.9, 256, which count whole.
    (axis,) = grids.axes(["batch=1..256:8:log"])
    assert list(axis.values) == [1, 2, 5, 11, 24, 53, 116, 256]
    (axis,) = grids.axes(["gpus=1..4:7"])  # 1, 1.5, 2, 2.5, ...: each whole number once
    assert list(axis.values) == [1, 2, 3, 4]
    (axis,) = grids.axes(["price=1..2/h:5"])
    assert list(axis.values) == [1.0, 1.25, 1.5, 1.75, 2.0]


@pytest.mark.parametrize("shape", [(), (5,), (3, 4), (2, 3, 50), (40, 3)])
@pytest.mark.parametrize("cells", [1, 2, 7])
def test_parts_are_every_row_once(monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], cells: int) -> None:
    monkeypatch.setattr(grids, "ROWS", 16)
    names = ["isl", "osl", "price"]
    arrays = tuple(
        grids.axes([f"{n}=1..{s}{'/h' if n == 'price' else ''}:{s}"])[0] for n, s in zip(names, shape, strict=False)
    )
    planned = tuple(grids.axes([f"gpus={','.join(str(i + 1) for i in range(cells))}"])) if cells > 1 else ()
    grid = grids.Grid(planned, arrays, grids.ROWS)
    seen: list[int] = []
    for part in grid.every():
        assert part.rows <= 16
        assert part.first == len(seen)
        seen += range(part.first, part.first + part.rows)
    assert seen == list(range(grid.rows))


def _asked(path: Path, **more: Any) -> Any:
    scenario = resolve({"model": "llama-3.1-8b", "hardware": "h100-sxm", "tp": "1"})
    vary = ["isl=100..8000:20", "osl=10..500:10", "batch=1..40:10"]
    return sweep(scenario, Catalog([]), vary, str(path), **more)


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_an_interrupted_sweep_goes_on_and_leaves_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setattr(grids, "ROWS", 256)
    whole, cut = tmp_path / f"whole.{ending}", tmp_path / f"cut.{ending}"
    answer = _asked(whole)

    def breaking(work: Work, start: int) -> Iterator[Made]:
        for number, made in enumerate(here(work, start)):
            if number == 3:
                raise KeyboardInterrupt
            yield made

    with pytest.raises(KeyboardInterrupt):
        _asked(cut, maker=breaking)
    journal = Path(f"{cut}.journal")
    with journal.open("ab") as file:
        file.write(b'{"part": 3, "end": 99')  # a line that was being written
    with Path(f"{cut}.partial").open("ab") as file:
        file.write(b"and half a part")
    told: list[tuple[int, int, int]] = []
    again = _asked(cut, told=lambda *at: told.append(at))
    assert told[0] == (600, 2000, 600)
    assert cut.read_bytes() == whole.read_bytes()
    assert again.arrays == answer.arrays
    assert not journal.exists()


def test_a_journal_of_another_question_is_not_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "grid.csv"
    Path(f"{path}.journal").write_text('{"version": 1, "identity": "other", "parts": 8}\n')
    with pytest.raises(LlmcostError, match="another sweep"):
        _asked(path)
    _asked(path, restart=True)
    assert path.exists()


def test_rows_of_two_versions_never_stand_in_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A preset of one's own that changes, or the code, makes it another question."""
    (tmp_path / "mine" / "models").mkdir(parents=True)
    preset = tmp_path / "mine" / "models" / "small.toml"
    preset.write_text('title = "small"\n')
    before = answers._program(Catalog([tmp_path / "mine"]))
    assert answers._program(Catalog([tmp_path / "mine"])) == before
    preset.write_text('title = "Small"\n')
    changed = answers._program(Catalog([tmp_path / "mine"]))
    monkeypatch.setattr(answers, "PACKAGE", tmp_path)
    assert len({before, changed, answers._program(Catalog([tmp_path / "mine"]))}) == 3


def test_csv_and_parquet_hold_the_same(tmp_path: Path) -> None:
    _asked(tmp_path / "a.csv")
    _asked(tmp_path / "a.parquet")
    with (tmp_path / "a.csv").open() as file:
        read = list(csv.DictReader(file))
    for one, other in zip(read, rows(tmp_path / "a.parquet"), strict=True):
        for name, value in other.items():
            said = one[name]
            assert said == ("" if value is None else str(value).lower() if isinstance(value, bool) else str(value))


def test_the_front_is_what_no_point_beats(tmp_path: Path) -> None:
    answer = _asked(tmp_path / "a.parquet")
    points = [p for p in rows(tmp_path / "a.parquet") if p["feasible"]]
    for at in answer.arrays["front"]:
        for point in points:
            better = (
                point["usd_per_mtok_output"] < at["usd_per_mtok_output"] and point["tpot_seconds"] < at["tpot_seconds"]
            )
            assert not better
    assert answer.result["usd_per_mtok_output"] == min(p["usd_per_mtok_output"] for p in points)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("--vary isl=1..2:2", "missing --output"),
        ("--vary isl=1..2 -o x.csv", "expected a..b:N"),
        ("--vary isl=5..2:4 -o x.csv", "not below"),
        ("--vary isl=1..2:1 -o x.csv", "from 2"),
        ("--vary osl=1..9:3 --vary osl=1,2 -o x.csv", "given twice"),
        ("--vary osl=1,1 -o x.csv", "given twice"),
        ("--vary model=a..b:3 -o x.csv", "no number"),
        ("--vary cache_hit=0..0.5:3:log -o x.csv", "above zero"),
        ("--vary nothing=1..2:3 -o x.csv", "unknown key"),
        ("--vary isl=1..9:3 -o x.txt", "neither .parquet nor .csv"),
        ("-o x.csv", "nothing varies"),
        ("--vary isl=1..9:3 -o x.csv --engine bad", "is not one of"),
        ("--vary isl=1..9:3 -o x.csv --columns nothing", "is no column"),
        ("--vary isl=1..9:3 --osl 5 -o x.csv --tokens 1T", "--tokens has no effect"),
        ("--vary tokens=1T..2T:3 --osl 5 --isl 5 -o x.csv", "--vary tokens has no effect"),
        ("--vary isl=1..9000000:9000000 --vary osl=1..9000000:9000000 -o x.csv", "points: at most"),
    ],
)  # fmt: skip
def test_refusals(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str) -> None:
    monkeypatch.chdir(tmp_path)
    done = cli("sweep", *BASE.split(), *text.split())
    assert done.code == 2
    assert said in done.err
    assert list(tmp_path.iterdir()) == []


def test_nothing_feasible_is_a_no(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    done = cli("sweep", *words("--model llama-3.1-405b --hardware t4 --osl 9 --gpus 1", "isl=1..9:3"), "-o", str(path))
    assert (done.code, path.exists()) == (1, False)
    assert "none of 3 points is feasible" in done.err


def test_processes_leave_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grids, "ROWS", 256)
    _asked(tmp_path / "one.csv")
    _asked(tmp_path / "two.csv", maker=places.place("2", ""))
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


def test_a_process_that_is_killed_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grids, "ROWS", 256)
    _asked(tmp_path / "one.csv")

    def killing(work: Work, start: int) -> Iterator[Made]:
        for number, made in enumerate(places.processes(2, work, start)):
            assert signal.getsignal(signal.SIGPIPE) == signal.SIG_IGN  # else a write to the killed one is our end
            if number == 2:
                multiprocessing.active_children()[0].kill()
            yield made

    before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # as the command line has it
    try:
        _asked(tmp_path / "two.csv", maker=killing)
        assert signal.getsignal(signal.SIGPIPE) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGPIPE, before)
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


@contextmanager
def listening(says: bytes) -> Iterator[str]:
    """Somebody at an address, who is no scheduler."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()

        def answer() -> None:
            with suppress(OSError):
                one, _ = server.accept()
                with one:
                    one.sendall(says)

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


def test_who_is_no_scheduler(cli: Cli, tmp_path: Path) -> None:
    words = ("sweep", *BASE.split(), "--osl", "9", "--vary", "isl=1..9:3", "-o", str(tmp_path / "x.csv"))
    with listening(b"SSH-2.0-OpenSSH_9.6\r\n") as address:
        done = cli(*words, "--scheduler", address)
    assert (done.code, "no Dask scheduler" in done.err, "hint: dask scheduler" in done.err) == (2, True, True)
    done = cli(*words, "--scheduler", address)  # nobody any more
    assert (done.code, "nothing listens there" in done.err) == (2, True)
    for text in ("http://host:1", "tcp://[::1", "tcp://"):
        assert cli(*words, "--scheduler", text).code == 2
    assert cli(*words, "--scheduler", address, "--workers", "2").code == 2
    assert cli(*words, "--workers", "none").code == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("most", [37, 1 << 17])
@pytest.mark.parametrize(
    ("varied", "wide", "high"),
    [
        ("isl=100..8000:300 batch=1,8,64", 100, 3),  # three rows share a place; a line for each batch
        ("isl=100..8000:30 osl=10..500:40 price=1..5/h:2", 40, 24),  # a map of the cheapest price
        ("dtype=bf16,fp8 isl=100..8000:9 tp=1,2", 9, 2),  # lines with ranges over the other key
        ("hardware=h100-sxm,h200-sxm dtype=bf16,fp8", 2, 1),  # names alone
    ],
)
def test_the_picture_shows_the_cheapest_row_of_each_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, varied: str, wide: int, high: int
) -> None:
    monkeypatch.setattr(grids, "ROWS", most)
    said = {"model": "llama-3.1-8b", "isl": "1000", "osl": "100", "hardware": "h100-sxm"}
    vary = varied.split()
    scenario = resolve({k: v for k, v in said.items() if not any(one.startswith(f"{k}=") for one in vary)})
    answer = sweep(scenario, Catalog([]), vary, str(tmp_path / "grid.parquet"))
    (seen,) = answer.arrays["places"]
    axes = {axis.name: [str(v) if isinstance(v, str) else float(v) for v in axis.values] for axis in grids.axes(vary)}
    groups: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for row in rows(tmp_path / "grid.parquet"):
        x, y = (axes[key].index(row[key]) * size // len(axes[key]) if key else 0
                for key, size in ((seen["across"], wide), (seen["up"], high)))  # fmt: skip
        if row["feasible"]:
            groups.setdefault((x, y), []).append(row)
    assert len(groups) > 1
    assert (len(seen["xs"]), len(seen["ys"]) or 1) == (wide, high)
    for (x, y), mine in groups.items():
        best = min(mine, key=lambda row: float(row["usd_per_mtok_output"]))
        for name in ("usd_per_mtok_output", "tpot_seconds", "ttft_seconds"):
            figure, told = seen["figures"][name], [row[name] for row in mine]
            assert figure["values"][y][x] == best[name]
            if high <= 6 and len(groups) < sum(map(len, groups.values())):
                assert (figure["least"][y][x], figure["most"][y][x]) == (min(told), max(told))
    blank = sum(v is None for row in seen["figures"]["tpot_seconds"]["values"] for v in row)
    assert blank == wide * high - len(groups)


def test_the_page_of_a_sweep_has_a_chart_for_each_figure(cli: Cli, tmp_path: Path) -> None:
    asked = ("sweep", *words(f"{BASE} --tp 1", "isl=100..8000:9 osl=10..2000:9"), "-o", tmp_path / "grid.csv")
    page = cli(*asked, "--format", "html", "--plot", tmp_path / "grid.svg").out
    assert page.count('type="radio"') == page.count("<figure class=") > 5
    assert page.count(" checked>") == 1
    assert "<script>" not in page
    assert len(page.encode()) < 150_000
    assert (tmp_path / "grid.svg").read_bytes().startswith(b"<?xml")
    assert "places" not in cli(*asked, "--restart", "--json").out


def test_an_option_without_effect_is_refused_before_the_points_are_told(cli: Cli, tmp_path: Path) -> None:
    given = [*BASE.split(), "--isl", "9", "--osl", "9", "--vary", "price=1/h,2/h", "--vary", "dtype=fp8,bf16"]
    run = cli("sweep", *given, "--served", "1M", "-o", str(tmp_path / "x.csv"))
    assert [line.partition(":")[0] for line in run.err.splitlines()] == ["error", "hint"], run.err
