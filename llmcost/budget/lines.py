"""Where a key stands in a TOML file: `tomllib` gives values without lines, and a report needs both."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right

Path = tuple[str | int, ...]

_SKIPPED = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_PART = r"""(?:[A-Za-z0-9_-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*')"""
_KEY = re.compile(rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*")
_ONE_PART = re.compile(_PART)
# One string, or the rest of a plain value. A closing delimiter of three quotes may have two more in front of it.
_SCALAR = re.compile(
    r'"""(?:\\[\s\S]|[^\\])*?"""(?:"{0,2})' r"|'''[\s\S]*?'''(?:'{0,2})" r'|"(?:\\.|[^"\\\n])*"' r"|'[^'\n]*'"
    r"|[^,\]}#\n]+"
)  # fmt: skip


def key_lines(text: str) -> dict[Path, int]:
    r"""The line, from 1, of every key and array element of a TOML text that `tomllib` accepts.

    A path holds keys and the indices of arrays; a key that a header or a dotted key makes has the line of its first
    mention.

    >>> found = key_lines('title = "x"\n[[budget]]\n"max_total_usd" = { warn = 1, fail = 2 }  # ours\n')
    >>> found["budget", 0], found["budget", 0, "max_total_usd", "fail"]
    (2, 3)
    """
    return _Scan(text.replace("\r\n", "\n")).document()


class _Scan:
    """One pass over a text known to be well formed, so that only its shape is looked at."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.starts = [0, *(found.end() for found in re.finditer("\n", text))]
        self.found: dict[Path, int] = {}
        self.last: dict[Path, int] = {}  # index of the newest element of each array of tables

    def document(self) -> dict[Path, int]:
        table: Path = ()
        while self.more():
            if self.text.startswith("[[", self.at):
                table = self.header(2)
            elif self.text.startswith("[", self.at):
                table = self.header(1)
            else:
                self.pair(table)
        return self.found

    def more(self) -> bool:
        """Whether anything follows the blanks and comments here."""
        skipped = _SKIPPED.match(self.text, self.at)
        self.at = skipped.end() if skipped else self.at
        return self.at < len(self.text)

    def header(self, brackets: int) -> Path:
        """`[table]` or `[[array of tables]]`: the path that the following keys are under."""
        start = self.at
        self.at += brackets
        self.more()
        parts = self.key()
        self.more()
        self.at += brackets
        path: Path = ()
        for part in parts[:-1]:
            path = self.into((*path, part), start)
        path = (*path, parts[-1])
        if brackets == 1:
            return self.into(path, start)
        self.note(path, start)
        self.last[path] = self.last.get(path, -1) + 1
        return self.note((*path, self.last[path]), start)

    def into(self, path: Path, start: int) -> Path:
        """A table on the way: the newest element where it is an array of tables."""
        self.note(path, start)
        return (*path, self.last[path]) if path in self.last else path

    def pair(self, table: Path) -> None:
        """`key = value`, dotted keys included."""
        start = self.at
        path = table
        for part in self.key():
            path = self.note((*path, part), start)
        self.more()
        self.at += 1  # the equals sign
        self.more()
        self.value(path)

    def value(self, path: Path) -> None:
        opening = self.text[self.at]
        if opening in "[{":
            self.at += 1
            self.items(path, opening)
            return
        scalar = _SCALAR.match(self.text, self.at)
        self.at = scalar.end() if scalar else len(self.text)

    def items(self, path: Path, opening: str) -> None:
        """The inside of an array or of an inline table, and its closing bracket."""
        index = 0
        while self.more() and self.text[self.at] not in "]}":
            if opening == "{":
                self.pair(path)
            else:
                self.value(self.note((*path, index), self.at))
            index += 1
            if self.more() and self.text[self.at] == ",":
                self.at += 1
        self.at += 1

    def key(self) -> list[str]:
        whole = _KEY.match(self.text, self.at)
        assert whole is not None
        self.at = whole.end()
        return [_spelled(part) for part in _ONE_PART.findall(whole.group())]

    def note(self, path: Path, start: int) -> Path:
        self.found.setdefault(path, bisect_right(self.starts, start))
        return path


def _spelled(part: str) -> str:
    """A part of a key without its quotes and escapes."""
    return next(iter(tomllib.loads(f"{part} = 0"))) if part[0] in "\"'" else part
