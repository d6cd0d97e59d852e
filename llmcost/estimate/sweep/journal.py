"""A file that is written part by part and may be interrupted at any time: its rows so far, and a journal of them.

Beside `grid.parquet` stand `grid.parquet.partial`, the rows so far, and `grid.parquet.journal`, a line of JSON for each
part of them. A part counts once its line is whole; what follows the last such part is cut off when the sweep goes on.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Self

import msgspec

from llmcost.errors import LlmcostError, of_system, shown
from llmcost.estimate.sweep import summary
from llmcost.estimate.sweep.columns import Column
from llmcost.estimate.sweep.formats import Format

VERSION = 1


class Journal:
    """The parts of one file, written in their order.

    Parameters
    ----------
    name : str
        The file to make.
    identity : str
        Of the question: a journal of another one is not gone on with.
    parts : int
        How many there are.
    restart : bool
        Whether to begin anew where an interrupted sweep of the same question could go on.

    Raises
    ------
    LlmcostError
        On entry: a journal of another question, another sweep at work, nowhere to write.
    """

    _data: IO[bytes]
    _lines: IO[bytes]
    _files: ExitStack

    def __init__(
        self,
        name: str,
        identity: str,
        parts: int,
        engine: str,
        style: Format,
        columns: Sequence[Column],
        restart: bool = False,
    ) -> None:
        self.path = Path(name).resolve()
        self.identity, self.parts, self.engine, self.style, self.restart = identity, parts, engine, style, restart
        self.done = 0
        self.state: summary.State | None = None
        self._start = style.start(columns)
        self._first = b""
        self._groups: list[bytes] = []

    @property
    def beside(self) -> tuple[Path, Path]:
        """The rows so far, and the journal."""
        return Path(f"{self.path}.partial"), Path(f"{self.path}.journal")

    def __enter__(self) -> Self:
        """Begin, or go on where an interrupted sweep stopped."""
        with ExitStack() as files:
            self._open(files)
            self._files = files.pop_all()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Let go of both files: what was written stays, unless the question has no answer."""
        self._files.close()
        if isinstance(error, LlmcostError):
            for path in self.beside:
                path.unlink(missing_ok=True)

    def _open(self, files: ExitStack) -> None:
        data, lines = self.beside
        if self.path.exists() and not self.path.is_file():
            raise LlmcostError(f"{shown(str(self.path), 200)} is not a regular file", "-o grid.parquet")
        try:
            self._lines = files.enter_context(lines.open("a+b"))
            self._lock()
            end = 0 if self.restart else self._read()
            self._data = files.enter_context(data.open("r+b" if data.exists() and end else "w+b"))
        except OSError as error:
            raise of_system(f"cannot write {shown(str(self.path), 200)}", error) from None
        if not self._whole(end):
            self.done, self.state, self._groups, end = 0, None, [], 0
        if not end:
            self._lines.truncate(0)
            self._line({"version": VERSION, "identity": self.identity, "parts": self.parts})
            self._data.write(self._start)
            end = len(self._start)
        self._data.seek(end)
        self._data.truncate()

    def _lock(self) -> None:
        try:
            import fcntl
        except ImportError:  # not there on Windows
            return
        try:
            fcntl.flock(self._lines, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise LlmcostError(f"another sweep is writing {shown(str(self.path), 200)}", "another name: -o") from None

    def _read(self) -> int:
        """Take over the parts of a journal; where the rows that it vouches for end, 0 where there is none."""
        self._lines.seek(0)
        head, *rest = self._lines.read().splitlines(keepends=True) or [b""]
        if not head.strip():
            return 0
        said = _decoded(head)
        if said.get("identity") != self.identity or said.get("parts") != self.parts:
            raise LlmcostError(
                f"{shown(self.beside[1].name, 200)} is of another sweep, or of another release",
                "--restart begins anew; another -o keeps both",
            )
        end, good = len(self._start), len(head)
        for line in rest:
            row = _decoded(line)
            if not line.endswith(b"\n") or row.get("part") != self.done:
                break
            end, good = int(row["end"]), good + len(line)
            self._take(row)
        self._lines.seek(good)
        self._lines.truncate()
        return end

    def _whole(self, end: int) -> bool:
        """Whether the rows are there that the journal vouches for."""
        self._data.seek(0, os.SEEK_END)
        return self._data.tell() >= end

    def _take(self, row: dict[str, Any]) -> None:
        footer = base64.b64decode(row["footer"])
        if not self.done:
            self._first = base64.b64decode(row["first"])
        self._groups.append(footer)
        self.state = summary.joined(self.state, row["state"], self.engine)
        self.done += 1

    def add(self, body: bytes, footer: bytes, state: summary.State) -> None:
        """The next part."""
        state = summary.fresh(self.state, state, self.engine)
        place = self._data.tell()
        self._data.write(body)
        self._data.flush()
        row = {
            "part": self.done,
            "end": self._data.tell(),
            "footer": _text(self.style.placed(footer, place, self.done)),
            "first": "" if self.done else _text(footer),
            "state": state,
        }
        self._line(row)
        self._take(row)

    def _line(self, row: dict[str, Any]) -> None:
        self._lines.seek(0, os.SEEK_END)
        self._lines.write(msgspec.json.encode(row) + b"\n")
        self._lines.flush()

    def finish(self, rows: int) -> int:
        """End the file and give it its name; its size [bytes]."""
        self._data.write(self.style.end(self._first, self._groups, rows))
        size = self._data.tell()
        self._files.close()
        data, lines = self.beside
        os.replace(data, self.path)
        lines.unlink(missing_ok=True)
        return size


def _decoded(line: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
