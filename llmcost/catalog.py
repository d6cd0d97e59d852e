"""Find, load, check and suggest presets: the user's folder first, then the shipped ones.

A preset is a TOML file `KIND/NAME.toml`; it answers to its file name and its aliases. Values are plain numbers in the
unit the key names or quantities with their own unit (`memory_bytes = "80 GB"`).
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast, get_args, get_origin

import msgspec

from llmcost import spec, units
from llmcost.errors import LlmcostError, did_you_mean, raise_all

T = TypeVar("T", bound=msgspec.Struct)

STRUCTS: dict[str, type[msgspec.Struct]] = {
    "hardware": spec.Accelerator,
    "models": spec.Model,
    "prices": spec.Provider,
    "regions": spec.Region,
}
KINDS = (*STRUCTS, "scenarios", "calibration")
SINGULAR = {
    "hardware": "hardware",
    "models": "model",
    "prices": "provider",
    "regions": "region",
    "scenarios": "scenario",
    "calibration": "calibration",
}
MAX_DATA_BYTES = 200_000_000  # a table of measurements
MAX_FILE_BYTES = 4_000_000  # a preset or scenario is a page of text; more is a mistake or an attack
_PRICE_BLOCK = re.compile(r"^\[\[prices\]\]\s*$", re.MULTILINE)
_DATES = re.compile(r"^date = (\d{4}-\d{2}-\d{2})", re.MULTILINE)
_ALIASES = re.compile(r"^aliases\s*=\s*\[(.*?)\]", re.MULTILINE | re.DOTALL)


class Found(NamedTuple):
    """A preset file: what it answers to, where it is, and whether the user put it there."""

    kind: str
    name: str
    path: Path
    user: bool

    @property
    def origin(self) -> str:
        """`preset:models/llama-3-70b`, or `user-preset:...`."""
        return f"{'user-preset' if self.user else 'preset'}:{self.kind}/{self.name}"


def shipped_folder(name: str = "presets") -> Path:
    """A data folder inside the installed package, or in the source checkout: `presets` or `validation`."""
    inside = Path(__file__).parent / name
    return inside if inside.is_dir() else Path(__file__).parent.parent / name


class Catalog:
    """Presets of the user's folders and the shipped folder; the first folder that has a name wins.

    Parameters
    ----------
    folders : list of Path
        The user's preset folders, in order; may be missing on disk.
    """

    def __init__(self, folders: list[Path] | None = None) -> None:
        self.user_folders = [Path(f) for f in folders or []]
        self._loaded: dict[tuple[str, str], Any] = {}
        self._files: dict[str, dict[str, Found]] = {}

    def _folders(self) -> Iterator[tuple[Path, bool]]:
        yield from ((f, True) for f in self.user_folders)
        yield shipped_folder(), False

    def files(self, kind: str) -> dict[str, Found]:
        """Every preset of a kind by file name, user presets hiding shipped ones of the same name."""
        if kind not in self._files:
            found: dict[str, Found] = {}
            for folder, user in self._folders():
                for stem, path in _stems(folder / kind).items():
                    found.setdefault(stem, Found(kind, stem, path, user))
            self._files[kind] = dict(sorted(found.items()))
        return self._files[kind]

    def find(self, kind: str, name: str) -> Found:
        """The preset of that name or alias, or a `.toml` path.

        Raises
        ------
        LlmcostError
            Unknown name (with the nearest ones), or missing file.
        """
        if is_path(name):
            path = Path(name)
            if not path.is_file():
                raise LlmcostError(f"no such file: {units.shown(name)}", f"llmcost presets list {kind}")
            return Found(kind, path.stem, path, True)
        files = self.files(kind)
        wanted = name.strip().lower()
        if wanted in files:
            return files[wanted]
        aliases = self.aliases(kind)
        if wanted in aliases:
            return files[aliases[wanted]]
        raise LlmcostError(
            f"unknown {SINGULAR[kind]} {units.shown(name)}",
            did_you_mean(wanted, [*files, *aliases]) or f"llmcost presets list {kind}",
        )

    def aliases(self, kind: str) -> dict[str, str]:
        """Alias to file name. Read as text, so that completion and look-up parse no TOML."""
        table: dict[str, str] = {}
        for found in self.files(kind).values():
            match = _ALIASES.search(found.path.read_text(encoding="utf-8", errors="replace")[:4000])
            if match:
                for alias in re.findall(r'"([^"]*)"', match.group(1)):
                    table.setdefault(alias, found.name)
        return table

    def load(self, struct: type[T], name: str) -> tuple[T, Found]:
        """The preset as a struct, with every finding of its file at once.

        Raises
        ------
        LlmcostError
            Unknown name, broken TOML, unknown keys, wrong types or impossible values; each names file and key.
        """
        kind = next(k for k, s in STRUCTS.items() if s is struct)
        found = self.find(kind, name)
        key = (kind, str(found.path))
        if key not in self._loaded:
            self._loaded[key] = decode(struct, read_toml(found.path), str(found.path.name))
        return self._loaded[key], found

    def quotes(self, name: str, hardware: str | None) -> list[spec.RentalPrice]:
        """Prices of a provider, of one accelerator or (None) of all.

        A price list is long and a question needs one accelerator of it: blocks that do not name it are not parsed,
        which halves the time of a command. `presets check` reads every line.
        """
        found = self.find("prices", name)
        text = found.path.read_text("utf-8", errors="replace")
        head, *blocks = _PRICE_BLOCK.split(text)
        if hardware is None or len(blocks) != text.count("[[prices]]"):
            return self.load(spec.Provider, name)[0].prices
        kept = [head, *(b for b in blocks if f'"{hardware}"' in b)]
        where = found.path.name
        return decode(spec.Provider, parse_toml("[[prices]]".join(kept).encode(), where), where).prices

    def table(self, name: str, table: str) -> list[dict[str, Any]]:
        """The rows of a table of a calibration preset, as parsed TOML."""
        found = self.find("calibration", name)
        key = ("calibration", str(found.path))
        if key not in self._loaded:
            self._loaded[key] = read_toml(found.path)
        return list(self._loaded[key].get(table, []))

    def factors(self, name: str) -> list[dict[str, Any]]:
        """The `[[factors]]` rows of a calibration preset."""
        return self.table(name, "factors")


def is_path(name: str) -> bool:
    """Whether a preset argument names a file: it holds a `/` or ends in `.toml`."""
    return "/" in name or name.endswith(".toml")


def _stems(folder: Path) -> dict[str, Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda e: e.name)
    except OSError:
        return {}
    return {e.name[:-5]: Path(e.path) for e in entries if e.name.endswith(".toml")}


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as a dict.

    Raises
    ------
    LlmcostError
        Missing or unreadable file, not UTF-8, or broken TOML (with the place).
    """
    shown = units.shown(str(path), 200)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise LlmcostError(f"{shown}: larger than {MAX_FILE_BYTES:,} bytes")
        return parse_toml(path.read_bytes(), shown)
    except FileNotFoundError:
        raise LlmcostError(f"no such file: {shown}") from None
    except OSError as error:
        raise LlmcostError(f"{shown}: {error.strerror or error}") from None


def parse_toml(raw: bytes, where: str) -> dict[str, Any]:
    """TOML text as a dict; errors name `where`."""
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise LlmcostError(f"{where}: not UTF-8 text (byte {error.start})") from None
    except tomllib.TOMLDecodeError as error:
        raise LlmcostError(f"{where}: broken TOML: {units.shown(str(error), 120)}") from None
    except (RecursionError, ValueError) as error:
        raise LlmcostError(f"{where}: cannot be read as TOML: {units.shown(str(error), 120)}") from None


@cache
def _fields(struct: type) -> dict[str, msgspec.structs.FieldInfo]:
    return {f.name: f for f in msgspec.structs.fields(struct)}


def decode(struct: type[T], data: dict[str, Any], where: str) -> T:
    """A TOML table as a struct; all findings at once, each with file and key."""
    findings: list[LlmcostError] = []
    value = _decode(struct, data, where, findings)
    raise_all(findings)
    return cast(T, value)


def _decode(struct: type, data: dict[str, Any], where: str, findings: list[LlmcostError]) -> Any:
    fields = _fields(struct)
    values: dict[str, Any] = {}
    before = len(findings)
    for key, raw in data.items():
        if key not in fields:
            findings.append(LlmcostError(f"{where}: unknown key {units.shown(key)}", did_you_mean(key, fields)))
            continue
        values[key] = _decode_value(fields[key].type, raw, f"{where}: {key}", findings)
    for name, field in fields.items():
        if field.required and name not in data:
            findings.append(LlmcostError(f"{where}: missing key {name!r}"))
    return struct(**values) if len(findings) == before else None


def _decode_value(annotation: Any, raw: Any, where: str, findings: list[LlmcostError]) -> Any:
    """One value: nested structs by their own fields, quantities through `units`, the rest through msgspec."""
    inner, kind = unwrapped(annotation)
    if get_origin(inner) is list and isinstance(raw, list) and _is_struct(get_args(inner)[0]):
        item = get_args(inner)[0]
        return [_decode_item(item, entry, f"{where}[{i + 1}]", findings) for i, entry in enumerate(raw)]
    if _is_struct(inner):
        return _decode_item(inner, raw, where, findings)
    try:
        if kind is not None and isinstance(raw, str):
            raw = units.parse(kind, raw)
            raw = int(raw) if kind == "whole" else raw
        return msgspec.convert(raw, annotation)
    except msgspec.ValidationError as error:
        findings.append(LlmcostError(f"{where}: {_plain(error)}, got {units.shown(raw)}"))
    except LlmcostError as error:
        findings.append(units.at(where, error))
    return None


def _decode_item(struct: type, raw: Any, where: str, findings: list[LlmcostError]) -> Any:
    if isinstance(raw, dict):
        return _decode(struct, raw, where, findings)
    findings.append(LlmcostError(f"{where}: expected a table, got {units.shown(raw)}"))
    return None


def _plain(error: msgspec.ValidationError) -> str:
    text = str(error).replace("`", "'")
    return text[:1].lower() + text[1:]


def _is_struct(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, msgspec.Struct)


@cache
def unwrapped(annotation: Any) -> tuple[Any, str | None]:
    """The type without `| None` and Annotated, and the quantity kind its Meta names."""
    kind = None
    for _ in range(4):
        meta = getattr(annotation, "__metadata__", None)
        if meta is not None:
            extra = getattr(meta[0], "extra", None) or {}
            kind = kind or extra.get("kind")
            annotation = annotation.__origin__
            continue
        options = [a for a in get_args(annotation) if a is not type(None)]
        if type(None) in get_args(annotation) and len(options) == 1:
            annotation = options[0]
            continue
        break
    return annotation, kind


def source_of(preset: Any, key: str) -> spec.Source | None:
    """The source that covers a key: the one that names it, else the one that names none."""
    return source_for(getattr(preset, "sources", []), key)


def source_for(sources: list[spec.Source], key: str) -> spec.Source | None:
    """The source that covers a key, of a list of them."""
    named = next((s for s in sources if key in s.keys), None)
    return named or next((s for s in sources if not s.keys), None)


def presets_date(catalog: Catalog) -> str:
    """The newest date in the shipped prices and calibrations: the presets' identity in every answer."""
    shipped = [f for kind in ("prices", "calibration") for f in catalog.files(kind).values() if not f.user]
    return max((date for f in shipped for date in _DATES.findall(f.path.read_text("utf-8"))), default="")
