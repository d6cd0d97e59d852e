"""Every format reads its case: figures in base units, a cut file and a wrong type refused in one line.

A case is a TOML file beside this one: `file` and `content` in the tool's published format with numbers of our own,
what its rows must say, and `[[refused]]`: a replacement that makes it wrong, and what the message says.
"""

from __future__ import annotations

import gzip
import tomllib
from pathlib import Path
from typing import Any

import pytest

from llmcost.errors import LlmcostError
from llmcost.readers.fill import filled
from llmcost.readers.registry import read, readers

FOLDER = Path(__file__).parent
CASES = {path.stem: tomllib.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.toml"))}
REFUSALS = [(name, n) for name, case in CASES.items() for n in range(len(case.get("refused", [])))]


def written(folder: Path, case: dict[str, Any], text: str | None = None) -> Path:
    path = folder / str(case["file"])
    path.write_text(case["content"] if text is None else text, encoding="utf-8")
    return path


def _read(case: dict[str, Any], folder: Path, text: str) -> None:
    read(written(folder, case, text), (case["kind"],))


@pytest.mark.parametrize("name", CASES)
def test_a_file_says_what_it_says(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    reading = read(written(tmp_path, case), (case["kind"],))
    assert (reading.kind, reading.format) == (case["kind"], case["format"])
    assert len(reading.rows) == case.get("rows", len(case["row"]))
    for row, wanted in zip(reading.rows, case["row"], strict=False):
        for field, value in wanted.items():
            got = getattr(row, field)
            if value == "not stated":
                assert got is None, field
            elif isinstance(value, int | float | list):
                assert got == pytest.approx(value, rel=1e-6), field
            elif field == "notes":
                assert value in " | ".join(got)
            else:
                assert got == value, field


@pytest.mark.parametrize("name", [n for n, case in CASES.items() if not case.get("survives")])
def test_a_file_that_is_cut_off_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    text = case["content"].rstrip()
    with pytest.raises(LlmcostError) as caught:
        _read(case, tmp_path, text[: case.get("cut", len(text) * 6 // 10)])
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(("name", "n"), REFUSALS, ids=lambda x: str(x))
def test_a_wrong_value_is_refused_with_its_place(name: str, n: int, tmp_path: Path) -> None:
    case = CASES[name]
    old, new = case["refused"][n]["replace"]
    assert old in case["content"]
    with pytest.raises(LlmcostError) as caught:
        _read(case, tmp_path, case["content"].replace(old, new))
    assert case["refused"][n]["says"] in caught.value.message
    assert case["file"] in caught.value.message


LOGS = [name for name, case in CASES.items() if Path(case["file"]).suffix in (".log", ".txt")]
WORN = {  # what terminals and launchers put around the lines of a log
    "colours": lambda line: f"\x1b[32m{line}\x1b[0m", "clock": lambda line: f"2026-01-02T03:04:05.678Z stdout F {line}",
    "label": lambda line: f" 3: {line}", "rank": lambda line: f"[rank0]:{line}",
    "worker": lambda line: f"(Worker pid=12, ip=10.0.0.1) {line}", "bar": lambda line: f"\r 50%|##   | 5/10\r{line}",
    "windows": lambda line: f"{line}\r",
}  # fmt: skip


@pytest.mark.parametrize("worn", WORN)
def test_a_log_of_a_launcher_says_the_same(worn: str, tmp_path: Path) -> None:
    for name in LOGS:
        case = CASES[name]
        if worn == "bar" and "|--" in case["content"] + case["file"].replace("mlperf_log_summary", "|--"):
            continue  # a table has no bar between its heading and its rule
        plain = read(written(tmp_path, case), (case["kind"],))
        lines = "\n".join(WORN[worn](line) if line else "" for line in case["content"].split("\n"))
        path = tmp_path / case["file"]
        path.write_bytes(lines.encode())
        assert read(path, (case["kind"],)).rows == plain.rows, name


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_a_file_of_a_windows_program_is_read(encoding: str, tmp_path: Path) -> None:
    text = "id,concurrency,isl,osl,mean_ttft_ms,mean_tpot_ms\nMünchen,16,1024,512,100.5,15.25\n"
    path = tmp_path / "runs.csv"
    path.write_bytes(text.encode(encoding))
    reading = read(path, ("serving",))
    assert reading.rows[0].ttft_seconds == pytest.approx(0.1005)
    assert reading.rows[0].name == "München"
    assert any("Windows-1252" in note for note in reading.notes) == (encoding == "cp1252")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("name", ["trace_plain", "trace_mooncake"])
def test_a_log_of_requests_in_any_encoding(name: str, encoding: str, tmp_path: Path) -> None:
    case = CASES[name]
    plain = read(written(tmp_path, case), (case["kind"],)).rows[0]
    path = tmp_path / case["file"]
    path.write_bytes(f"\n{case['content']}".encode(encoding))
    again = read(path, (case["kind"],)).rows[0]
    assert (again.total, list(again.isl)) == (plain.total, list(plain.isl))


@pytest.mark.parametrize(("name", "text"), [("aiperf_csv", "9000.00"), ("plain_csv", "org/m"), ("trace_plain", "bob")])
def test_a_byte_that_is_no_text_behind_a_byte_order_mark_changes_no_heading(
    name: str, text: str, tmp_path: Path
) -> None:
    """The beginning, by which a file is recognised, is decoded as the whole is."""
    case = CASES[name]
    plain = read(written(tmp_path, case), (case["kind"],))
    (tmp_path / case["file"]).write_bytes(b"\xef\xbb\xbf" + case["content"].encode().replace(text.encode(), b"\xff", 1))
    assert len(read(tmp_path / case["file"], (case["kind"],)).rows) == len(plain.rows)


@pytest.mark.parametrize("name", ["trace_plain", "trace_mooncake", "bill_focus", "vllm_json", "megatron"])
def test_a_file_that_is_packed_is_read_or_refused_where_it_is_cut(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    plain = read(written(tmp_path, case), (case["kind"],))
    packed = tmp_path / f"{case['file']}.gz"
    packed.write_bytes(gzip.compress(case["content"].encode()))
    assert repr(read(packed, (case["kind"],)).rows) == repr(plain.rows)
    packed.write_bytes(packed.read_bytes()[:-12])
    with pytest.raises(LlmcostError, match=r"gz: packed by gzip, and cut off"):
        read(packed, (case["kind"],))


@pytest.mark.parametrize(
    ("name", "said", "osl", "rate"),
    [
        ("vllm_throughput", {"isl": 512.0}, 128.0, 1600.0),  # 640 tokens a request at 12.5/s
        ("vllm_throughput", {"osl": 128.0}, 128.0, 1600.0),
        ("vllm_latency", {"osl": 128.0, "concurrency": 32.0}, 128.0, 1638.4),  # 32 x 128 / 2.5 s
    ],
)
def test_lengths_that_are_said_give_the_rate_of_the_answers(
    name: str, said: dict[str, float], osl: float, rate: float, tmp_path: Path
) -> None:
    row = filled(read(written(tmp_path, CASES[name])), said).rows[0]
    assert (row.osl, row.output_tokens_per_second) == (pytest.approx(osl), pytest.approx(rate))


def test_every_format_has_a_case() -> None:
    assert {reader.name for reader in readers()} == {case["format"] for case in CASES.values()}


def test_no_case_is_of_two_formats(tmp_path: Path) -> None:
    from llmcost.readers.content import Content

    for case in CASES.values():
        content = Content(written(tmp_path, case))
        own = [reader for reader in readers() if reader.rank == 0 and reader.kind == case["kind"]]
        several = [reader.name for reader in own if reader.recognises(content)]
        assert len(several) <= 1, several


@pytest.mark.parametrize("text", ["", "\n \n", "hello\n", "a,b\n1,2\n", "[]", "{}", "[1, 2]", '{"a": 1}'])
def test_other_files_are_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LlmcostError):
        read(path)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "odd.bin"
    path.write_bytes(bytes(range(256)) * 40)
    with pytest.raises(LlmcostError):
        read(path)
