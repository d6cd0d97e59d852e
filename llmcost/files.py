"""Files that are read: where shipped data is, and TOML.

Shipped presets are parsed ahead when the package is built or installed, because a command reads some thirty of them.
What was parsed counts only while the text is the one it was parsed from: an edited preset is parsed as it stands.
"""

from __future__ import annotations

import os
import re
import zlib
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from llmcost.errors import LlmcostError, nearest, of_system, plainly, shown

MAX_DATA_BYTES = 200_000_000  # a table of measurements
MAX_FILE_BYTES = 4_000_000  # a preset or scenario is a page of text; more is a mistake or an attack
BOM = b"\xef\xbb\xbf"
MOST_NAMES = 1000  # of a folder, looked at for a name that is near
A_LINE = 'a line is: key = 3, or key = "text in quotes"; llmcost init writes a scenario that runs'
MOST_PARTS = 32  # of a dotted key: the parser's memory grows with their square
_PART = r"""(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')"""
_DOTTED = re.compile(rf"(?<![A-Za-z0-9_.-]){_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{{MOST_PARTS}}}")
PARSED = "parsed.msgpack"  # beside the preset folders: KIND/FILE -> length and CRC of the text, the parsed table


def shipped_folder(name: str = "presets") -> Path:
    """A data folder inside the installed package, or in the source checkout: `presets` or `validation`."""
    inside = Path(__file__).parent / name
    return inside if inside.is_dir() else Path(__file__).parent.parent / name


def presets_in(folder: Path) -> dict[str, str]:
    """The TOML files of a folder by name; none where there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name[:-5]: entry.path for entry in entries if entry.name.endswith(".toml")}
    except OSError:
        return {}


def read_bytes(path: Path, most: int = MAX_FILE_BYTES) -> bytes:
    """A file, or a pipe, of at most `most` bytes.

    Raises
    ------
    LlmcostError
        Missing, unreadable or too large.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(most + 1)
    except FileNotFoundError:
        raise LlmcostError(f"no such file: {_where(path)}", beside(path)) from None
    except (OSError, ValueError) as error:
        raise of_system(_where(path), error) from None
    if len(raw) > most:
        raise LlmcostError(f"{_where(path)}: larger than {most:,} bytes", "is it the file that was meant? cut it if so")
    return raw


def beside(path: Path) -> str:
    """A file of the same folder whose name is near."""
    try:
        with os.scandir(path.parent) as entries:
            names = [entry.name for entry in islice(entries, MOST_NAMES)]
    except OSError:
        return ""
    near = nearest(path.name, names, 2)
    return f"did you mean {' or '.join(_where(path.parent / name) for name in near)}?" if near else ""


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as a dict; dates are text where the file was parsed ahead.

    Raises
    ------
    LlmcostError
        Missing or unreadable file, not UTF-8, or broken TOML (with the place).
    """
    raw = read_bytes(path)
    length, crc, table = _parsed().get(_key(path), (-1, 0, b""))
    if (length, crc) != (len(raw), zlib.crc32(raw)):
        return parse_toml(raw, _where(path))
    import msgspec

    parsed: dict[str, Any] = msgspec.msgpack.decode(table)
    return parsed


def _where(path: Path) -> str:
    return shown(str(path), 200)


def parse_toml(raw: bytes, where: str) -> dict[str, Any]:
    """TOML text as a dict; errors name `where`."""
    import tomllib

    try:
        text = raw.decode("utf-8-sig")
        long = _DOTTED.search(text)
        if long is not None:
            line = text.count("\n", 0, long.start()) + 1
            raise LlmcostError(
                f"{where}: line {line}: a key of more than {MOST_PARTS} parts: {shown(long[0], 40)}", A_LINE
            )
        return tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise LlmcostError(f"{where}: not UTF-8 text (byte {error.start})", "save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise LlmcostError(f"{where}: broken TOML: {plainly(str(error))}", A_LINE) from None
    except (RecursionError, ValueError) as error:
        raise LlmcostError(f"{where}: cannot be read as TOML: {plainly(str(error))}", A_LINE) from None


def json_of(text: str | bytes) -> Any:
    """JSON text as Python values: what is nested beyond any use is broken JSON like any other.

    Raises
    ------
    ValueError
        Broken, or nested too deeply.

    >>> json_of('{"isl": [1000]}')
    {'isl': [1000]}
    >>> json_of("[" * 100_000)
    Traceback (most recent call last):
    ValueError: nested too deeply
    """
    import json

    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def parse_ahead(folder: Path) -> None:
    """Parse every preset of a folder into its `parsed.msgpack`; what is broken is left for its reader to report."""
    import msgspec

    entries = {}
    for path in sorted(folder.glob("*/*.toml")):
        raw = path.read_bytes()
        try:
            entries[_key(path)] = (len(raw), zlib.crc32(raw), msgspec.msgpack.encode(parse_toml(raw, path.name)))
        except LlmcostError:
            continue
    (folder / PARSED).write_bytes(msgspec.msgpack.encode(entries))


def _key(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


@cache
def _parsed() -> dict[str, tuple[int, int, bytes]]:
    """What was parsed ahead; nothing in a checkout that was never installed."""
    import msgspec

    try:
        return msgspec.msgpack.decode((shipped_folder() / PARSED).read_bytes(), type=dict[str, tuple[int, int, bytes]])
    except (OSError, msgspec.DecodeError):
        return {}
