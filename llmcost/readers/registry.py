"""Every format there is, and the one that a file is of."""

from __future__ import annotations

import pkgutil
from functools import cache, lru_cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

from llmcost.errors import LlmcostError
from llmcost.readers import bills, serving, traces, training
from llmcost.readers.content import Content
from llmcost.readers.rows import TRACE, Reader, Reading

PACKAGES = (traces, serving, training, bills)


@cache
def readers() -> tuple[Reader, ...]:
    """The `READER` of every module of the four packages and their folders, plain tables last."""
    found = [import_module(name).READER for package in PACKAGES for name in _formats(package)]
    return tuple(sorted(found, key=lambda reader: reader.rank))


def _formats(package: ModuleType) -> list[str]:
    """Modules of one format each, in the order of their own names, whichever folder they are in."""
    inside = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    named = {module.name: module.name.rpartition(".")[2] for module in inside if not module.ispkg}
    return sorted((name for name, own in named.items() if not own.startswith("_")), key=named.__getitem__)


def recognised(content: Content, kinds: tuple[str, ...] = ()) -> Reader | None:
    """The first format that the file is of, among those of the kinds wanted; None where it is of none."""
    wanted = [reader for reader in readers() if not kinds or reader.kind in kinds]
    return next((reader for reader in wanted if reader.recognises(content)), None)


def read(path: Path, kinds: tuple[str, ...] = ()) -> Reading:
    """What a file of measurements, requests or charges says.

    Parameters
    ----------
    path : Path
        The file, as the tool wrote it.
    kinds : tuple of str
        What is asked for (`serving`, `training`, `trace`, `bill`); anything where empty.

    Raises
    ------
    LlmcostError
        No such file, a format nobody here knows, a kind that was not asked for, or a file that is broken or cut off.
    """
    content = Content(path)
    reader = None
    try:
        reader = recognised(content, kinds)
        if reader is None and (inside := content.inside()) is not None:
            reader = recognised(inside, kinds)
            content = content if reader is None else inside
        if reader is None:
            raise _unknown(content, kinds)
        reading = reader.read(content)
    except LlmcostError as error:
        if error.hint:
            raise
        raise LlmcostError(error.message, _instead(reader, kinds), error.code) from None
    if not reading.rows:
        raise LlmcostError(f"{content.name}: a {reader.name} without a measurement in it", _instead(reader, kinds))
    return reading._replace(notes=(*reading.notes, *content.notes))


def _instead(reader: Reader | None, kinds: tuple[str, ...]) -> str:
    """What to give in place of a file that is broken, cut off or empty."""
    kind = reader.kind if reader is not None else kinds[0] if kinds else ""
    whole = f"give the whole file as {'the tool' if reader is None or reader.rank else reader.name} writes it"
    return f"{whole}, or {_TABLES[kind]}" if kind in _TABLES else whole


def log(path: Path) -> Reading:
    """A log of requests as read; a question that asks for its traffic and for its lengths reads the file once.

    Raises
    ------
    LlmcostError
        As `read`.
    """
    try:
        now = path.stat()
    except OSError:
        return _log(path, 0, 0)
    return _log(path, now.st_mtime_ns, now.st_size)


@lru_cache(maxsize=1)
def _log(path: Path, _changed: int, _size: int) -> Reading:
    return read(path, (TRACE,))


def _unknown(content: Content, kinds: tuple[str, ...]) -> LlmcostError:
    _ = content.documents  # broken JSON says so itself
    other = recognised(content)
    if other is not None and kinds:
        return LlmcostError(f"{content.name}: this is a {other.kind} file ({other.name})", COMMANDS[other.kind])
    known = ", ".join(sorted({reader.name for reader in readers() if not kinds or reader.kind in kinds}))
    return LlmcostError(f"{content.name}: not a file that is known here", f"read are: {known}")


_TABLES = {
    "serving": "a CSV with a heading such as concurrency,isl,osl,mean_ttft_ms,mean_tpot_ms",
    "trace": "a CSV with a heading such as timestamp,input_tokens,output_tokens",
    "bill": "a CSV with a heading such as date,amount,currency",
}
COMMANDS = {
    "serving": "llmcost validate serving --data FILE, or llmcost calibrate FILE",
    "training": "llmcost validate training --data FILE, or llmcost calibrate FILE",
    "trace": "llmcost trace FILE",
    "bill": "llmcost crossover SCENARIO --actuals FILE",
}
