"""Bytes of a file as plain text: its encoding, its line ends, and what terminals and launchers put around a line."""

from __future__ import annotations

import codecs
import re

from llmcost.errors import LlmcostError
from llmcost.files import BOM
from llmcost.records import NamedTuple

MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}  # spreadsheets and PowerShell save "Unicode" so
UTF_8, WESTERN = "utf-8-sig", "cp1252"
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
CLOCK = r"\d\d:\d\d:\d\d"
# what a launcher writes before a line of another program, and nothing else begins with
LAUNCHERS = (
    rf"\d{{4}}-\d\d-\d\dT{CLOCK}(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d) (?:std(?:out|err) [FP] )?",  # docker, kubectl, CI
    r"\[(?:rank|default) ?\d+\]: ?",  # torchrun
    r"\[\d+,\d+\]<std(?:out|err)>: ?",  # mpirun --tag-output
    r"\[pod/[^\]\n]+\] ",  # kubectl --prefix
    r"\([\w .-]+?(?:,? [\w-]+=[^\s,)]+)+\) ",  # Ray, SkyPilot: (Worker pid=12, ip=10.0.0.1)
)
# the same, but other things begin so too: taken where nearly every line does
NUMBERED = (
    r" *\d+: ",  # srun --label
    rf"[A-Z][a-z]{{2}} [ \d]\d {CLOCK} (?:\S+ [^\s\[\]:]+(?:\[\d+\])?: )?",  # ts, journals
    r"[\w.-]+-\d+ +\| ",  # docker compose
)
NEARLY, NESTED = 0.9, 3
PREFIX = re.compile(rf"^(?:{'|'.join(LAUNCHERS)})+", re.MULTILINE)


class Decoded(NamedTuple):
    """Text, and the encoding that it was read in."""

    text: str
    encoding: str


def encoding_of(raw: bytes) -> str:
    """By the mark at the beginning; UTF-8 where there is none."""
    return MARKS.get(raw[:2], UTF_8)


def decoded(raw: bytes, name: str, whole: bool = True) -> Decoded:
    """The text, with line feeds alone as line ends: a carriage return, as progress bars write, ends a line too.

    Bytes that are no UTF-8 are those of a Windows program, unless they are no text at all.

    Raises
    ------
    LlmcostError
        No text.
    """
    encoding = encoding_of(raw)
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(raw, whole)  # a beginning may end inside a character
    except UnicodeDecodeError as error:
        if encoding != UTF_8 or b"\0" in raw:
            raise LlmcostError(f"{name}: not a text file (byte {error.start})", "save it as UTF-8") from None
        encoding = WESTERN
        text = raw.removeprefix(BOM).decode(encoding, errors="replace")
    if whole and "\0" in text:
        raise LlmcostError(f"{name}: not a text file", "save it as UTF-8")
    return Decoded(text.replace("\r\n", "\n").replace("\r", "\n"), encoding)


def prefixes(head: str) -> re.Pattern[str] | None:
    r"""What the lines of a text begin with that its program did not write; None where there is no such thing.

    >>> cleaned("0: a\n0: b", prefixes("0: a\n0: b\n")), prefixes("a\n0: b\n0: c\n")
    ('a\nb', None)
    >>> prefixes("0: a\nb\nc\n")  # of one line alone it may be the program's own
    """
    found = "".join(rf"(?:{known})?" for known in _seen(head))
    return re.compile(rf"^{found}", re.MULTILINE) if found else None


def _seen(head: str) -> list[str]:
    seen: list[str] = []
    for _ in range(NESTED):
        lines = [line for line in head.rpartition("\n")[0].split("\n") if line.strip()]  # the last may be cut
        known = next((p for p in NUMBERED if _nearly_all(p, lines)), None)
        if known is None and PREFIX.search(head):
            known = f"(?:{'|'.join(LAUNCHERS)})+"
        if known is None:
            break
        seen.append(known)
        head = re.sub(rf"^(?:{known})", "", head, flags=re.MULTILINE)
    return seen


def _nearly_all(pattern: str, lines: list[str]) -> bool:
    """Whether the first line and nearly all others begin so."""
    begin = re.compile(pattern)
    if len(lines) < 2 or not begin.match(lines[0]):
        return False
    return sum(begin.match(line) is not None for line in lines) >= NEARLY * len(lines)


def cleaned(text: str, prefix: re.Pattern[str] | None) -> str:
    """The text without colours and cursor movements of a terminal, and without prefixes of its lines."""
    if "\x1b" in text:
        text = ESCAPES.sub("", text)
    return prefix.sub("", text) if prefix is not None else text
